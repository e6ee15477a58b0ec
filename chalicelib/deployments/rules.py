"""What a deployment is: a camera at a place. Pure."""

from dataclasses import dataclass
from datetime import datetime

from chalicelib.captures.timestamps import SOURCES
from chalicelib.counts import NONE, Counts
from chalicelib.findings.rules import USUAL, Filters
from chalicelib.projects.rules import Duplicates
from chalicelib.sessions.rules import NOTHING_SET, Rule, RuleSettings, rule_of


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a deployment takes over from its project. Copied onto it, so that serving a thumbnail or
    settling a night reads the deployment alone; settling keeps the copies true."""

    draft: bool = False
    rule: RuleSettings = NOTHING_SET
    duplicates: Duplicates = "flag"
    filters: Filters = USUAL


@dataclass(frozen=True, slots=True)
class Deployment:
    """A camera at a place. What it says of the rule of sessions is its own; None leaves it to the project.

    `timestamp_sources` are asked for a photograph's time in their order; what is not among them is not
    asked. `camera_observes_dst` says that the camera's clock follows the summer time of `timezone`; else it
    shows standard time all year. `clock_offset_seconds` says by how much the camera's clock is ahead of the
    station's local time, behind it where negative. The last two serve to tell UTC in exports; they do not
    change stored timestamps, which are what the camera showed.

    `data_source` is where its photographs may be taken from: of that source the folder `data_source_subdir`,
    and there the keys in which `data_source_regex` finds something; None for all. How many photographs were
    there, and of how many bytes, is as of the sync at `data_source_last_checked`.
    """

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
    session_max_duration_seconds: int | None = None
    session_cut_time: str | None = None
    timestamp_sources: tuple[str, ...] = SOURCES
    camera_observes_dst: bool = False
    clock_offset_seconds: int = 0
    data_source: str | None = None
    data_source_subdir: str | None = None
    data_source_regex: str | None = None
    data_source_total_files: int = 0
    data_source_total_size: int = 0
    data_source_last_checked: datetime | None = None
    inherited: Inherited = Inherited()
    counts: Counts = NONE

    @property
    def rule_settings(self) -> RuleSettings:
        """What it says of the rule of sessions."""
        return RuleSettings(
            self.session_time_gap_seconds, self.session_max_duration_seconds, self.session_cut_time
        )

    @property
    def rule(self) -> Rule:
        """The rule of its sessions."""
        return rule_of(self.rule_settings, self.inherited.rule)
