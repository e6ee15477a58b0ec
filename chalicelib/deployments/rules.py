"""What a deployment is: a camera at a place. Pure."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.counts import NONE, Counts


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a deployment takes over from its project. Copied onto it, so that serving a thumbnail or
    settling a night reads the deployment alone; settling keeps the copies true."""

    draft: bool = False
    session_time_gap_seconds: int | None = None


@dataclass(frozen=True, slots=True)
class Deployment:
    """A camera at a place. `session_time_gap_seconds` is its own; None leaves it to the project."""

    id: str
    project_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    latitude: float | None = None
    longitude: float | None = None
    timezone: str = "UTC"
    session_time_gap_seconds: int | None = None
    inherited: Inherited = Inherited()
    counts: Counts = NONE
