"""What an occurrence is, and by what it is named. Pure.

An occurrence is one animal where and when it was seen: for now each box on a photograph is one, under the
same id. Its determination follows from what people and algorithms said, all of it, every time anew: whatever
is taken back gives way to what remains.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib import ids
from chalicelib.detections.rules import Classification, Detection, Results, terminal
from chalicelib.findings.rules import Findings, findings_of

CERTAIN = 1.0
"""The score of what a person says."""


@dataclass(frozen=True, slots=True)
class Identification:
    """What a person takes an occurrence for; a comment only, where there is no taxon. `agreed_with` is the
    identification or the classification that it says Yes to."""

    id: str
    user: str
    taxon_id: str | None
    created_at: datetime
    comment: str = ""
    withdrawn: bool = False
    agreed_with: str | None = None

    @property
    def occurrence_id(self) -> str:
        """The occurrence it is of, which its id names."""
        return ids.detection_of(self.id)


@dataclass(frozen=True, slots=True)
class Determination:
    """The name an occurrence goes by, with its score from 0 to 1, and the identification or classification
    that says so."""

    taxon_id: str
    score: float
    by: str
    source: Literal["person", "algorithm"]


@dataclass(frozen=True, slots=True)
class Occurrence:
    """An occurrence as it stands; None for a determination nobody has made."""

    id: str
    project_id: str
    determination: Determination | None

    @property
    def capture_id(self) -> str:
        """The capture it is on, which its id names."""
        return ids.capture_of(self.id)


def determined(
    classifications: Sequence[Classification], identifications: Iterable[Identification]
) -> Determination | None:
    """The determination that follows from all that was said of one occurrence.

    People outrank algorithms, the latest of them the others; what was withdrawn, and mere comments, do not
    count. Of algorithms the terminal ones outrank those that others have replaced; then the higher score
    counts, the later of equal ones, and at last the id, so that it is always the same.
    """
    people = [each for each in identifications if each.taxon_id and not each.withdrawn]
    if people:
        latest = max(people, key=lambda each: (each.created_at, each.id))
        return Determination(latest.taxon_id or "", CERTAIN, latest.id, "person")
    named = [each for each in classifications if each.taxon_id and each.score is not None]
    if not named:
        return None
    last = {each.id for each in terminal(classifications)}
    best = max(named, key=lambda each: (each.id in last, each.score, each.created_at, each.id))
    return Determination(best.taxon_id or "", best.score or 0.0, best.id, "algorithm")


@dataclass(frozen=True, slots=True)
class Derived:
    """What follows from the facts of one capture: its occurrences in the order of their ids, and its
    findings, None while nobody has looked at it."""

    occurrences: tuple[Occurrence, ...] = ()
    findings: Findings | None = None


def derived(project_id: str, results: Results, identifications: Iterable[Identification]) -> Derived:
    """What follows from the facts of a capture of that project. What speaks of a detection that is not there
    is passed over."""
    if not results.detections:
        return Derived()
    said, meant = _by_detection(results.classifications), _by_occurrence(identifications)
    occurrences = tuple(
        Occurrence(each.id, project_id, determined(said.get(each.id, []), meant.get(each.id, [])))
        for each in sorted(_boxed(results.detections), key=lambda each: each.id)
    )
    named = [
        (each.determination.taxon_id, each.determination.score) for each in occurrences if each.determination
    ]
    looked = {each.algorithm for each in results.detections}
    looked |= {each.algorithm for each in results.classifications}
    return Derived(occurrences, findings_of(len(occurrences), named, looked))


def _boxed(detections: Iterable[Detection]) -> list[Detection]:
    return [each for each in detections if each.box]


def _by_detection(classifications: Iterable[Classification]) -> dict[str, list[Classification]]:
    grouped: dict[str, list[Classification]] = {}
    for each in classifications:
        grouped.setdefault(each.detection_id, []).append(each)
    return grouped


def _by_occurrence(identifications: Iterable[Identification]) -> dict[str, list[Identification]]:
    grouped: dict[str, list[Identification]] = {}
    for each in identifications:
        grouped.setdefault(each.occurrence_id, []).append(each)
    return grouped
