"""What a project is. Pure."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from chalicelib.counts import NONE, Counts
from chalicelib.findings.rules import USUAL, Filters
from chalicelib.sessions.rules import RuleSettings

Duplicates = Literal["flag", "hide", "keep"]


@dataclass(frozen=True, slots=True)
class Project:
    """Deployments under one name. A draft is seen by its members only.

    `duplicates` is what becomes of photographs whose very bytes are in the project already under another
    name: they say so ("flag"), are in no session and no count either ("hide"), or are as any other ("keep").
    What `filters` leave out is in no list and no count, unless expressly asked for.
    """

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    draft: bool = False
    session_time_gap_seconds: int | None = None
    session_max_duration_seconds: int | None = None
    session_cut_time: str | None = None
    duplicates: Duplicates = "flag"
    filters: Filters = USUAL
    deployments_count: int = 0
    counts: Counts = NONE

    @property
    def rule_settings(self) -> RuleSettings:
        """What it says of the rule of sessions."""
        return RuleSettings(
            self.session_time_gap_seconds, self.session_max_duration_seconds, self.session_cut_time
        )
