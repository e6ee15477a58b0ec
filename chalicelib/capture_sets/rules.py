"""What a capture set is: captures of a project, chosen by a method. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

LIVE = "rule"
STARRED = "starred"
MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class CaptureSet:
    """Captures of a project under one name. `kwargs` are those of its `method`.

    Its members are those of one `generation`. While it is populated anew, the next ones gather under
    `populating`, and nobody sees them before they are complete. One that is `leaving` is being deleted.
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
    """A capture of a set: where it stands in its deployment's timeline, and its stamp as of then."""

    capture_id: str
    at: str
    stamp: str


def segment_of(at: str) -> str | None:
    """The segment of a set in which a place in time is counted, which is what all places in it begin with: a
    day, or a part of a deployment's undated captures by their ids; None for hidden ones, which count nowhere.
    """
    if at.startswith("CAPTURE#"):
        return at[: len("CAPTURE#2026-06-09")]
    if at.startswith("UNDATED#"):
        return at[: at.index("-") + 3]
    return None
