"""A type of job: regrouping the sessions of a deployment, or of all of a project's, where all is marked.

Whoever changes a rule, or asks for it expressly, marks; the stream's handler starts the job, or the watch.
The job settles until no mark is left, a budget's worth at a time, so that anyone can see it happen. Where the
default filters of a project have changed, it counts the project's capture sets anew, too.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.aws import clock, table
from chalicelib.captures import timeline
from chalicelib.deployments import reading
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict, NotFound
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Jobs, Start
from chalicelib.jobs.stages import Param, Stage
from chalicelib.projects import tallies
from chalicelib.sessions.effects import Effect
from chalicelib.sessions.rules import unusable
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Budget, Settling

KEY = "regroup_events"
STAGE = "regroup_events"
"""The key of its stage, in jobs of other types, too."""
_PAUSE = 0.5
_PATIENCE = 20
"""So many pauses for another settler, which may have a lease for a minute; then the next step waits on."""


class Regroup(BaseModel):
    """`beside`: another regroup of the same was at work already when this one was asked for."""

    model_config = ConfigDict(extra="forbid")

    beside: bool = False


def ask(jobs: Jobs, project_id: str, deployment_id: str | None) -> Job:
    """Marks a deployment, or all of a project's, and starts the job that regroups. One request for each
    deployment, and those of starting a job."""
    settling = Settling(jobs.now)
    for each in [deployment_id] if deployment_id else _of_project(project_id):
        settling.mark_all(Owner("DEPLOYMENT", each))
    start = Start(KEY, project_id, deployment_id, {})
    try:
        return jobs.start(start)
    except Conflict:
        return jobs.start(Start(KEY, project_id, deployment_id, {"beside": True}))


def ensure(jobs: Jobs, owner: Owner) -> None:
    """Sees to it that a job regroups what is marked of a deployment, or of a project's deployments: starts
    one unless there is one. About three requests."""
    if owner.kind == "PROJECT":
        project_id, deployment_id = owner.id, None
    else:
        try:
            project_id, deployment_id = deployments.find(owner.id).project_id, owner.id
        except NotFound:
            return
        if jobs.is_taken(_slot(project_id, None, {}) or ""):
            return
    try:
        jobs.start(Start(KEY, project_id, deployment_id, {}))
    except Conflict:
        return  # it is at work: it goes on until no mark is left


@dataclass(frozen=True, slots=True)
class Regrouping:
    """What regrouping needs from outside: the time, and waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def step(self, config: Regroup, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        """Settles one deployment after the other until nothing is marked, or the time is up."""
        if config.beside:
            report.log("WARNING", "Another regroup is in progress; what was asked for here is done by it.")
            return None
        if cursor is None:
            cursor = _begin(report)
        left: list[str] = cursor["left"]
        while left:
            state = self._settle(left[0], report, time_is_up)
            if state == "done":
                left = left[1:] or _marked(report)
                report.progress(STAGE, max(0.99 * (1 - len(left) / cursor["total"]), 0.0))
            if left and (state == "busy" or time_is_up()):
                return {**cursor, "left": left}
        state = "done" if report.deployment_id else self._sets(report, time_is_up)
        if state != "done":
            return {**cursor, "left": left}
        _conclude(_deployments(report), report)
        return None

    def _sets(self, report: Report, time_is_up: TimeIsUp) -> str:
        settling, pauses = Settling(self.now), 0
        while (state := settling.count_sets(report.project_id, time_is_up)) == "busy" and pauses < _PATIENCE:
            pauses += 1
            self.sleep(_PAUSE)
        return state

    def _settle(self, deployment_id: str, report: Report, time_is_up: TimeIsUp) -> str:
        settling, pauses = Settling(self.now), 0
        while True:
            budget: Budget = settling.budget(Owner("DEPLOYMENT", deployment_id))
            _count(budget.effect, report)
            if budget.state == "busy":
                pauses += 1
                self.sleep(_PAUSE)
            if budget.state == "done" or time_is_up() or pauses == _PATIENCE:
                return budget.state


def _begin(report: Report) -> dict[str, Any]:
    left, before = _deployments(report), 0
    for each in _all(left):
        before += each.counts.sessions_count
        for warning in unusable(each.rule_settings, each.inherited.rule):
            report.log("WARNING", f"{each.name}: {warning}")
    report.set(STAGE, "events_before", before)
    return {"left": left, "total": len(left)}


def _count(effect: Effect, report: Report) -> None:
    for key, counted in _COUNTED.items():
        report.count(STAGE, key, getattr(effect, counted))


def _conclude(deployment_ids: Sequence[str], report: Report) -> None:
    """Tells how the deployments stand. A recount of dated captures shows whether any is in no session."""
    for each in _all(deployment_ids):
        counts = each.counts
        dated = timeline.dated_count(each.id)
        report.count(STAGE, "events_after", counts.sessions_count)
        report.count(STAGE, "captures_missing_timestamp", counts.undated_count)
        report.count(
            STAGE, "ungrouped_captures", max(0, dated + counts.undated_count - counts.captures_count)
        )


def _deployments(report: Report) -> list[str]:
    return [report.deployment_id] if report.deployment_id else list(_of_project(report.project_id))


def _marked(report: Report) -> list[str]:
    """Those of the job's deployments that are marked by now: some may have been since it passed them. One
    request for each."""
    return [each for each in _deployments(report) if marks.of_owner(Owner("DEPLOYMENT", each))]


def _all(deployment_ids: Sequence[str]) -> list[Deployment]:
    found = table.get_many(map(reading.wanted, deployment_ids), consistent=True)
    return [each for known in deployment_ids if (each := reading.among(found, known))]


def _of_project(project_id: str) -> Iterator[str]:
    return (tally.deployment_id for tally in tallies.tallies_of(project_id))


def _slot(project_id: str, deployment_id: str | None, config: Mapping[str, Any]) -> str | None:
    return None if config.get("beside") else f"REGROUP#{deployment_id or project_id}"


_COUNTED = {
    "captures_grouped": "captures",
    "events_created": "created",
    "events_touched": "touched",
    "empty_events_deleted": "deleted",
    "events_unchanged": "unchanged",
    "duplicate_timestamps": "duplicate_timestamps",
    "events_over_24_hours": "long",
    "events_starting_by_day": "by_day",
    "events_of_one_capture": "of_one_capture",
}
_PARAMS = (
    Param("Captures grouped", "captures_grouped", 0),
    Param("Events before", "events_before", 0),
    Param("Events after", "events_after", 0),
    Param("Events created", "events_created", 0),
    Param("Events touched", "events_touched", 0),
    Param("Events unchanged", "events_unchanged", 0),
    Param("Empty events deleted", "empty_events_deleted", 0),
    Param("Duplicate timestamps", "duplicate_timestamps", 0),
    Param("Ungrouped captures", "ungrouped_captures", 0),
    Param("Captures missing timestamp", "captures_missing_timestamp", 0),
    Param("Events over 24 hours", "events_over_24_hours", 0),
    Param("Events starting by day", "events_starting_by_day", 0),
    Param("Events of one capture", "events_of_one_capture", 0),
)


def regroup_with(now: Callable[[], datetime], sleep: Callable[[float], None]) -> JobType[Regroup]:
    """The type of job, with the time and a way to wait."""
    return JobType(
        key=KEY,
        label="Regroup sessions",
        config=Regroup,
        stages=(Stage("Regroup sessions", STAGE, params=_PARAMS),),
        step=Regrouping(now, sleep).step,
        slot=_slot,
    )


REGROUP = regroup_with(clock.now, time.sleep)
