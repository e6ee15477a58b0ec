"""What is counted of a deployment and of a project, and how counts add up. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from chalicelib.findings.rules import Found
from chalicelib.findings.rules import total as total_of


@dataclass(frozen=True, slots=True)
class Counts:
    """Cached counts. `captures_count` includes the undated; first and last are of the dated ones. `found` are
    the counts of findings by key (see `findings.rules`), those of undated captures included."""

    captures_count: int = 0
    sessions_count: int = 0
    undated_count: int = 0
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    found: Mapping[str, int] = field(default_factory=dict)
    taxa_count: int = 0


NONE = Counts()
"""The counts of what has nothing yet."""


def total(parts: Iterable[Counts]) -> Counts:
    """The counts of a whole from those of its parts, but for its taxa, which are no sum."""
    parts = list(parts)
    firsts = [part.first_timestamp for part in parts if part.first_timestamp]
    lasts = [part.last_timestamp for part in parts if part.last_timestamp]
    return Counts(
        captures_count=sum(part.captures_count for part in parts),
        sessions_count=sum(part.sessions_count for part in parts),
        undated_count=sum(part.undated_count for part in parts),
        first_timestamp=min(firsts, default=None),
        last_timestamp=max(lasts, default=None),
        found=total_of(Found(part.found) for part in parts).counts,
    )
