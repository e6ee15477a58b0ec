"""What a project is. Pure."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.counts import NONE, Counts


@dataclass(frozen=True, slots=True)
class Project:
    """Deployments under one name. A draft is seen by its members only."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    draft: bool = False
    session_time_gap_seconds: int | None = None
    deployments_count: int = 0
    counts: Counts = NONE
