"""What becomes of what is there of a capture when algorithms say more of it. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.detections.rules import (
    Box,
    Classification,
    Detection,
    Results,
    box_id,
    classification_id,
    marker_id,
    resting_on,
    same,
)


@dataclass(frozen=True, slots=True)
class SaidName:
    """What an algorithm takes a detection for; `vectors` is the place of its scores and logits."""

    algorithm: str
    taxon_id: str | None
    label: str | None
    score: float | None
    is_last: bool = True
    vectors: str | None = None


@dataclass(frozen=True, slots=True)
class SaidBox:
    """A box that an algorithm drew, and what it, or others, take it for. Without a box, it is the detection
    of that id, which is there."""

    algorithm: str
    box: Box | None
    score: float | None
    names: tuple[SaidName, ...] = ()
    source_id: str = ""
    detection_id: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of one capture: which algorithms have looked at it, and the boxes. With `anew`, what these
    algorithms said before, and do not say now, is taken back, but for what people have named."""

    looked: tuple[str, ...]
    boxes: tuple[SaidBox, ...] = ()
    anew: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be written, and deleted: ids of detections and classifications. The markers are written
    last: whoever sees one can rely on the rest."""

    put: tuple[Detection | Classification, ...] = ()
    markers: tuple[Detection, ...] = ()
    drop: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.put or self.markers or self.drop)


class UnknownDetection(ValueError):
    """What is said is of a detection that is not there; its text is the id."""


def change(
    capture_id: str, there: Results, named: Iterable[str], said: Said, now: datetime, job: str | None
) -> Change:
    """What is to be done so that what is there, and what is said, are both so. What says the same as what is
    there is not written again. `named` are the detections that people have named.

    Raises UnknownDetection.
    """
    wanted = _wanted(capture_id, there, said, now, job)
    known: dict[str, Detection | Classification] = {each.id: each for each in there.detections}
    known |= {each.id: each for each in there.classifications}
    put = [each for each in wanted if each.id not in known or not same(each, known[each.id])]
    drop = _taken_back(there, wanted, set(named), said.looked) if said.anew else set[str]()
    # What was made from another saying than the present one has lost its ground.
    drop |= resting_on({each.id for each in put if each.id in known} | drop, there.classifications)
    drop -= {each.id for each in wanted}
    kept = [*wanted, *(each for each in there.detections if each.id not in drop)]
    boxed = {each.algorithm for each in kept if isinstance(each, Detection) and each.box}
    spoken = boxed | {each.algorithm for each in wanted if isinstance(each, Classification)}
    markers = [
        Detection(marker_id(capture_id, each), each, None, None, now, job=job)
        for each in dict.fromkeys(said.looked)
        if each not in spoken
    ]
    drop |= {each.id for each in there.detections if each.box is None and each.algorithm in boxed}
    return Change(tuple(put), tuple(each for each in markers if each.id not in known), tuple(sorted(drop)))


def _wanted(
    capture_id: str, there: Results, said: Said, now: datetime, job: str | None
) -> list[Detection | Classification]:
    known = {each.id for each in there.detections if each.box}
    wanted: dict[str, Detection | Classification] = {}
    for each in said.boxes:
        if each.box:
            detection_id = box_id(capture_id, each.algorithm, each.box, each.source_id)
            wanted[detection_id] = Detection(
                detection_id, each.algorithm, each.box, each.score, now, each.source_id, job
            )
        else:
            detection_id = each.detection_id or ""
            if detection_id not in known:
                raise UnknownDetection(detection_id)
        for name in each.names:
            made = _classification(detection_id, name, now, job)
            wanted[made.id] = made
    return list(wanted.values())


def _classification(detection_id: str, name: SaidName, now: datetime, job: str | None) -> Classification:
    return Classification(
        id=classification_id(detection_id, name.algorithm),
        algorithm=name.algorithm,
        taxon_id=name.taxon_id,
        label=name.label,
        score=name.score,
        created_at=now,
        is_last=name.is_last,
        vectors=name.vectors,
        job=job,
    )


def _taken_back(
    there: Results, wanted: Sequence[Detection | Classification], named: set[str], looked: Iterable[str]
) -> set[str]:
    """The ids of what those algorithms said before, and do not now; with a detection go all its names."""
    said, algorithms = {each.id for each in wanted}, set(looked)
    gone = {
        each.id
        for each in there.detections
        if each.algorithm in algorithms and each.box and each.id not in said | named
    }
    names = {
        each.id
        for each in there.classifications
        if each.detection_id in gone or (each.algorithm in algorithms and not each.replaces)
    }
    return gone | (names - said)


def without_job(results: Results, job: str) -> Change:
    """What is to be deleted so that a job has said nothing: what it wrote, and what others made from that."""
    gone = {each.id for each in results.detections if each.job == job}
    gone |= {each.id for each in results.classifications if each.job == job}
    gone |= {each.id for each in results.classifications if each.detection_id in gone}
    gone |= resting_on(gone, results.classifications)
    return Change(drop=tuple(sorted(gone)))
