"""The verbs of detections: save what algorithms say of captures.

What is said is written beside what is there, in the capture's own partition, and nothing else: what follows
from it is settled from the table's stream.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime

from chalicelib import ids
from chalicelib.captures import reading as captures
from chalicelib.captures.rules import Capture
from chalicelib.detections import merging, resolving, store, vectors
from chalicelib.detections.frames import BoxError, placed
from chalicelib.detections.merging import Change, Said, SaidBox, SaidName, UnknownDetection
from chalicelib.detections.resolving import Names
from chalicelib.detections.schemas import BoxBody, CaptureResults, ResultsBody
from chalicelib.detections.vectors import Vectors
from chalicelib.errors import NightjarError

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the results of one capture: how many rows were written and deleted, or why none."""

    capture_id: str
    written: int = 0
    removed: int = 0
    error: str | None = None


def save(
    project_id: str, results: Sequence[CaptureResults], now: datetime, job: str | None = None
) -> list[Outcome]:
    """Writes what algorithms say of captures of a project, in the order they were sent. One request per
    hundred captures, those of looking up names; and for each capture one, one more per 25 rows that are new,
    and one of S3 where there are scores by category. Nothing is written of what is there already.

    What cannot be taken of one capture keeps no other from it. Raises Invalid if algorithms or taxa that are
    named are not there.
    """
    names = resolving.names(results)
    wanted = dict.fromkeys(each.capture_id for each in results)
    known = captures.whole(each for each in wanted if ids.is_one("capture", each))
    if job:
        store.note_written(job, [each for each in known if known[each].project_id == project_id])
    by_capture: dict[str, list[int]] = {}
    for number, each in enumerate(results):
        by_capture.setdefault(each.capture_id, []).append(number)
    outcomes: dict[int, Outcome] = {}

    def one(capture_id: str) -> None:  # what is said twice of one capture is taken one after the other
        capture = known.get(capture_id)
        for number in by_capture[capture_id]:
            if capture is None or capture.project_id != project_id:
                outcomes[number] = Outcome(capture_id, error="There is no such capture in the project.")
            else:
                outcomes[number] = _tried(capture, results[number], names, now, job)

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(one, by_capture))
    return [outcomes[number] for number in range(len(results))]


def _tried(capture: Capture, body: ResultsBody, names: Names, now: datetime, job: str | None) -> Outcome:
    try:
        change = _save(capture, body, names, now, job)
    except (BoxError, UnknownDetection, NightjarError) as error:
        return Outcome(capture.id, error=_told(error))
    return Outcome(capture.id, len(change.put) + len(change.markers), len(change.drop))


def _told(error: Exception) -> str:
    if isinstance(error, UnknownDetection):
        return f"There is no detection with the id {str(error)[:100]!r} on this capture."
    return str(error)


def _save(capture: Capture, body: ResultsBody, names: Names, now: datetime, job: str | None) -> Change:
    there = store.present(capture.id)
    said, blob = _said(capture, body, names)
    change = merging.change(capture.id, there.results, there.named, said, now, job)
    if blob and change.put:
        vectors.keep(blob)
    # What goes, goes first: who is cut off after writing would not know again what has lost its ground.
    store.drop(change.drop)
    store.keep(change.put)
    store.keep(change.markers)
    vectors.forget(there.results, change)
    return change


def _said(capture: Capture, body: ResultsBody, names: Names) -> tuple[Said, vectors.Packed | None]:
    told = [name for box in body.detections for name in box.classifications]
    blob = vectors.packed(capture.id, [_vectors(each.scores, each.logits) for each in told])
    references = iter(blob.references if blob else [None] * len(told))
    boxes = []
    for box in body.detections:
        said = []
        for name in box.classifications:
            taxon_id, label = names.of(name)
            reference = next(references)
            said.append(SaidName(name.algorithm, taxon_id, label, name.score, name.terminal, reference))
        boxes.append(_box(capture, body, box, tuple(said)))
    return Said((body.algorithm,), tuple(boxes), body.replace), blob


def _box(capture: Capture, body: ResultsBody, box: BoxBody, said: tuple[SaidName, ...]) -> SaidBox:
    facts = capture.facts
    size = (facts.width, facts.height) if facts.width and facts.height else None
    corners = placed(box.bbox, body.frame, body.unit, size, facts.orientation) if box.bbox else None
    algorithm = box.algorithm or body.algorithm
    return SaidBox(algorithm, corners, box.score, said, box.source_id, box.detection_id)


def _vectors(scores: list[float] | None, logits: list[float] | None) -> Vectors:
    return Vectors(tuple(scores) if scores else None, tuple(logits) if logits else None)
