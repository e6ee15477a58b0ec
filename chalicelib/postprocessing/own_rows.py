"""What a task is to see of a capture, and what becomes of the capture's rows by what it proposes. Pure.

A task judges a capture as if it had never been there before: what it proposed earlier, and what was made from
that, is hidden from it. What it proposes now then takes the place of what it proposed earlier: the same rows
stay, others are written, and those that it does not propose any more go. So running it again with the same
config writes nothing, and a lower threshold takes back what a higher one has flagged.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from chalicelib.detections.merging import Change
from chalicelib.detections.rules import Classification, Results, resting_on, same
from chalicelib.occurrences.rules import determined

Own = Callable[[Classification], bool]
"""Whether a run replaces a classification: the same task has proposed it earlier."""


def seen_by(there: Results, own: Own) -> Results:
    """What a task is to see: without what it proposed itself, and what was made from that."""
    mine = {each.id for each in there.classifications if own(each)}
    if not mine:
        return there
    hidden = mine | resting_on(mine, there.classifications)
    return replace(there, classifications=_without(there.classifications, hidden))


def changed_by(
    there: Results, wanted: Sequence[Classification], own: Own, noted: Iterable[Classification] = ()
) -> Change:
    """What is to be written and deleted so that of the task's own rows those wanted are there, and no others.

    What was made from a row that goes, or that says something else from now on, has lost its ground and goes
    as well. A row that is there already may refer to its vectors wherever they lie. `noted` is what had to
    make room when the same was begun before, and not ended: what of that is still there goes, too, though
    what it was made from may have gone already.
    """
    known = {each.id: each for each in there.classifications}
    put = [each for each in wanted if not _is_there(each, known.get(each.id))]
    kept = {each.id for each in wanted}
    gone = {each.id for each in there.classifications if own(each)} - kept
    altered = {each.id for each in put if each.id in known and _name(each) != _name(known[each.id])}
    gone |= {each.id for each in noted if known.get(each.id) == each} - kept
    gone |= resting_on(gone | altered, there.classifications)
    return Change(put=tuple(put), drop=tuple(sorted(gone - kept)))


def after(there: Results, change: Change) -> Results:
    """What is there once a change of classifications was carried out."""
    put = tuple(each for each in change.put if isinstance(each, Classification))
    left = _without(there.classifications, {*change.drop, *(each.id for each in put)})
    return replace(there, classifications=(*left, *put))


def before(there: Results, job_id: str, taken: Iterable[Classification]) -> Results:
    """What was there before a job came, which has noted what had to make room."""
    taken = tuple(taken)
    replaced = {each.id for each in taken}
    left = (each for each in there.classifications if each.job != job_id and each.id not in replaced)
    return replace(there, classifications=(*left, *taken))


@dataclass(frozen=True, slots=True)
class Counted:
    """How many rows differ between two states of a capture, and how many occurrences go by another name, or
    by another score."""

    rows_written: int = 0
    rows_removed: int = 0
    occurrences_updated: int = 0


def counted(old: Results, new: Results, settled: Collection[str]) -> Counted:
    """What differs. `settled` are the detections that go by a name a person gave, whatever algorithms say."""
    was = {each.id: each for each in old.classifications}
    now = {each.id: each for each in new.classifications}
    written = [each for each in now.values() if each.id not in was or not same(each, was[each.id])]
    removed = [each for each in was.values() if each.id not in now]
    boxes = {each.id for each in new.detections if each.box}
    touched = {each.detection_id for each in (*written, *removed)} & boxes - set(settled)
    updated = sum(_shown(old, each) != _shown(new, each) for each in touched)
    return Counted(len(written), len(removed), updated)


def _shown(results: Results, detection_id: str) -> tuple[str, float] | None:
    said = [each for each in results.classifications if each.detection_id == detection_id]
    found = determined(said, ())
    return (found.taxon_id, found.score) if found else None


def _is_there(wanted: Classification, known: Classification | None) -> bool:
    if known is None or (wanted.vectors is None) != (known.vectors is None):
        return False
    return same(replace(wanted, vectors=known.vectors), known)


def _name(each: Classification) -> tuple[str | None, float | None]:
    return each.taxon_id, each.score


def _without(rows: Iterable[Classification], gone: Collection[str]) -> tuple[Classification, ...]:
    return tuple(each for each in rows if each.id not in gone)
