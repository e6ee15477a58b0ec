"""What a capture set is: captures of a project, chosen by a method. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.findings.rules import NOTHING, Filters, Findings, Found, Lineage, found, total

LIVE = "rule"
STARRED = "starred"
MANUAL = "manual"
DETECTIONS_ONLY = "detections_only"


@dataclass(frozen=True, slots=True)
class CaptureSet:
    """Captures of a project under one name. `kwargs` are those of its `method`.

    Its members are those of one `generation`. While it is populated anew, the next ones gather under
    `populating`, and nobody sees them before they are complete. One that is `leaving` is being deleted.
    `found` are its counts of findings by key, and `filters` those by which they were counted.
    """

    id: str
    project_id: str
    name: str
    method: str
    created_at: datetime
    updated_at: datetime
    generation: str
    description: str = ""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    populating: str | None = None
    populated_at: datetime | None = None
    captures_count: int = 0
    found: Mapping[str, int] = field(default_factory=dict)
    taxa_count: int = 0
    filters: Filters | None = None
    leaving: bool = False

    @property
    def is_live(self) -> bool:
        """Whether it follows the project's captures: it has all that pass its filters, at any time."""
        return self.method == LIVE

    @property
    def dataset_type(self) -> str:
        """Whether people put its members together, or a method does."""
        return "curated" if self.method in (STARRED, MANUAL) else "sampling"

    @property
    def generations(self) -> tuple[str, ...]:
        """Those of which there may be members."""
        return (self.generation, self.populating) if self.populating else (self.generation,)


@dataclass(frozen=True, slots=True)
class Member:
    """A capture of a set: where it stands in its deployment's timeline, and its stamp as of then; what was
    found on it, and the version of that."""

    capture_id: str
    at: str
    stamp: str
    findings: Findings | None = None
    version: int = 0

    @property
    def counts(self) -> bool:
        """Whether it is counted: hidden captures are not."""
        return is_counted(self.at)


@dataclass(frozen=True, slots=True)
class Tally:
    """What members come to: how many they are, and what was found on them."""

    captures_count: int = 0
    found: Found = NOTHING

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.captures_count + other.captures_count, self.found + other.found)

    def __sub__(self, other: "Tally") -> "Tally":
        return Tally(self.captures_count - other.captures_count, self.found - other.found)


def segment_of(capture_id: str) -> str:
    """The segment of a set in which a capture is counted, which is what the ids in it begin with: about a
    thousandth of a deployment."""
    return capture_id[: capture_id.index("-") + 3]


def is_counted(at: str) -> bool:
    """Whether a capture that stands there in time is counted: hidden ones are not."""
    return not at.startswith("HIDDEN#")


def tally(members: Iterable[Member], filters: Filters, lineage: Lineage) -> Tally:
    """What members come to, by a project's default filters."""
    counted = [each for each in members if each.counts]
    return Tally(
        len(counted), total(found(each.findings, filters, lineage) for each in counted if each.findings)
    )
