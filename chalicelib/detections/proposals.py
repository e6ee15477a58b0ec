"""Writing what a job proposes beside what is there of captures, and undoing all that a job did.

What has to make room is not lost: it is kept with the note that the job has written of the capture, and from
there undoing puts it back. Blobs of vectors that it refers to are kept as well, as long as the capture is.
"""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from chalicelib.detections import merging, store, vectors
from chalicelib.detections.merging import Change
from chalicelib.detections.rules import Classification, Results, resting_on
from chalicelib.detections.store import Present, present, written_by
from chalicelib.detections.vectors import Packed

__all__ = ["Present", "Proposed", "Taken", "Undone", "present", "taken", "undo", "write", "written_by"]

_AT_ONCE = 8
_PIECE = 25
"""So many rows one request takes."""

V = TypeVar("V")

Taken = dict[str, tuple[Classification, ...]]
"""By capture: what had to make room for what a job wrote."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """What a job is to do to a capture: `there` is what it was decided by, `blob` what new rows refer to."""

    capture_id: str
    there: Results
    change: Change
    blob: Packed | None = None


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing did to a capture: how many rows were deleted, how many of these were of other jobs, made
    from those of this one, and how many were put back."""

    removed: int = 0
    dependents: int = 0
    restored: int = 0


def taken(job_id: str, capture_ids: Iterable[str]) -> Taken:
    """Of those captures the ones that a job has noted. One request per hundred."""
    found = store.noted((job_id, each) for each in capture_ids)
    return {capture_id: rows for (_, capture_id), rows in found.items()}


def write(job_id: str, proposed: Sequence[Proposed], pool: ThreadPoolExecutor) -> None:
    """Carries out what a job is to do to captures; repeated, it ends what was begun. First the notes, then
    blobs, then new rows, then what goes. One request per hundred captures, one per 25; one of S3 for each
    that has a blob; and one per 25 rows.

    Raises Invalid if too much of one capture would have to be kept, before anything of it is written.
    """
    already = taken(job_id, [each.capture_id for each in proposed])
    notes = {each.capture_id: _kept(job_id, each, already.get(each.capture_id, ())) for each in proposed}
    store.note_taken(job_id, notes)
    list(pool.map(vectors.keep, (each.blob for each in proposed if each.blob)))
    puts = [row for each in proposed for row in each.change.put]
    list(pool.map(store.keep, _pieces(puts)))
    drops = [row_id for each in proposed for row_id in each.change.drop]
    list(pool.map(store.drop, _pieces(drops)))


def _kept(job_id: str, each: Proposed, already: Sequence[Classification]) -> list[Classification]:
    """What makes room, as it was before the job came: what it noted first counts."""
    known = {row.id for row in already}
    leaving = {*each.change.drop, *(row.id for row in each.change.put)} - known
    return [*already, *(row for row in each.there.classifications if row.id in leaving and row.job != job_id)]


def _pieces(values: Sequence[V]) -> list[Sequence[V]]:
    return [values[at : at + _PIECE] for at in range(0, len(values), _PIECE)]


def undo(job_id: str, capture_ids: Sequence[str]) -> list[Undone]:
    """Undoes what a job did to captures, and forgets it: what it wrote is deleted, with what was made from
    that; what had to make room comes back, unless the job that wrote that is undone itself, or what it was
    made from has gone. Repeated, it ends what was begun.

    Two requests per hundred captures, one per 25; and for each one, one per 25 rows, and one of S3 if vectors
    go.
    """
    kept = taken(job_id, capture_ids)
    authors = {(row.job, capture) for capture, rows in kept.items() for row in rows if row.job}
    standing = set(store.noted(authors)) if authors else set()

    def one(capture_id: str) -> Undone:
        back = [row for row in kept.get(capture_id, ()) if not row.job or (row.job, capture_id) in standing]
        return _undo(capture_id, job_id, back)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        undone = list(pool.map(one, capture_ids))
    store.forget_written(job_id, capture_ids)
    return undone


def _undo(capture_id: str, job_id: str, back: Sequence[Classification]) -> Undone:
    there = store.present(capture_id).results
    change = without(there, job_id, back)
    store.keep(change.put)
    store.drop(change.drop)
    vectors.forget(there, change)
    gone = {*change.drop, *(each.id for each in change.put)}
    removed = [each.job for each in there.detections if each.id in gone]
    removed += [each.job for each in there.classifications if each.id in gone]
    return Undone(len(removed), sum(each != job_id for each in removed), len(change.put))


def without(there: Results, job_id: str, back: Iterable[Classification]) -> Change:
    """What is to be done so that a job has said nothing, and what had to make room for it is there: unless
    what that was made from has gone, or was written anew since, and so may say something else."""
    known = {each.id for each in there.classifications}
    # Who began this before, and did not end it, may have left what was made from what is gone.
    lost = {each for row in there.classifications for each in row.replaces} - known
    gone = {*merging.without_job(there, job_id).drop, *resting_on(lost, there.classifications)}
    boxes = {each.id for each in there.detections} - gone
    written = {each.id: each.created_at for each in there.classifications if each.id not in gone}
    waiting = [each for each in back if each.detection_id in boxes and each.id not in written]
    put: list[Classification] = []
    while able := [each for each in waiting if _has_ground(each, written)]:
        put += able
        written |= {each.id: each.created_at for each in able}
        waiting = [each for each in waiting if each.id not in written]
    restored = {each.id for each in put}
    return Change(put=tuple(put), drop=tuple(sorted(gone - restored)))


def _has_ground(row: Classification, written: Mapping[str, datetime]) -> bool:
    return all(each in written and written[each] <= row.created_at for each in row.replaces)
