"""Regrouping over HTTP: asking for it, and looking at what it would do."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError

from chalicelib import ids
from chalicelib.deployments.asked import seen
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Invalid
from chalicelib.http.fields import CapSeconds, CutTime, GapSeconds
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects
from chalicelib.sessions.grouping import Session
from chalicelib.sessions.preview import Changed, Preview, preview
from chalicelib.sessions.rules import RuleSettings, rule_of
from chalicelib.settling import regrouping

_RULE: dict[str, TypeAdapter[Any]] = {
    "gap": TypeAdapter(GapSeconds),
    "max_duration": TypeAdapter(CapSeconds),
    "cut_time": TypeAdapter(CutTime),
}


class RuleAnswer(BaseModel):
    """The rule of sessions. `max_duration_seconds` and `cut_time`: null if nothing is cut for that."""

    gap_seconds: int
    max_duration_seconds: int | None
    cut_time: str | None


class SessionBeforeOrAfter(BaseModel):
    """A session as it stands, or as it would: then without an id if it would be new."""

    id: str | None
    start: datetime
    end: datetime
    captures_count: int

    @classmethod
    def of(cls, session: Session | None) -> "SessionBeforeOrAfter | None":
        """How such a session is answered."""
        if session is None:
            return None
        known = None if session.id.startswith("new-") else session.id
        return cls(id=known, start=session.start, end=session.end, captures_count=session.captures_count)


class ChangeAnswer(BaseModel):
    """One session that would change."""

    before: SessionBeforeOrAfter | None
    after: SessionBeforeOrAfter | None

    @classmethod
    def of(cls, change: Changed) -> "ChangeAnswer":
        """How a change is answered."""
        return cls(before=SessionBeforeOrAfter.of(change.before), after=SessionBeforeOrAfter.of(change.after))


class PreviewAnswer(BaseModel):
    """What a regroup would do; nothing is written. `looked_at_until` is null if all was looked at."""

    deployment_id: str
    rule: RuleAnswer
    events_before: int
    events_after: int
    events_created: int
    events_touched: int
    events_unchanged: int
    empty_events_deleted: int
    captures_grouped: int
    duplicate_timestamps: int
    events_over_24_hours: int
    events_starting_by_day: int
    events_of_one_capture: int
    looked_at_until: datetime | None
    changes: list[ChangeAnswer]

    @classmethod
    def of(cls, deployment: Deployment, found: Preview) -> "PreviewAnswer":
        """How a preview is answered."""
        rule, effect = found.rule, found.effect
        return cls(
            deployment_id=deployment.id,
            rule=RuleAnswer(
                gap_seconds=int(rule.gap.total_seconds()),
                max_duration_seconds=int(rule.cap.total_seconds()) if rule.cap else None,
                cut_time=rule.cut.isoformat(timespec="minutes") if rule.cut else None,
            ),
            events_before=found.sessions_before,
            events_after=found.sessions_after,
            events_created=effect.created,
            events_touched=effect.touched,
            events_unchanged=effect.unchanged,
            empty_events_deleted=effect.deleted,
            captures_grouped=effect.captures,
            duplicate_timestamps=effect.duplicate_timestamps,
            events_over_24_hours=effect.long,
            events_starting_by_day=effect.by_day,
            events_of_one_capture=effect.of_one_capture,
            looked_at_until=found.until,
            changes=[ChangeAnswer.of(each) for each in found.changes],
        )


def of_deployment(ask: Ask) -> dict[str, str]:
    """POST: has the sessions of a deployment grouped anew, as a job."""
    deployment = seen(ask)
    job = regrouping.ask(jobs(ask.settings), deployment.project_id, deployment.id)
    return {"job_id": job.id, "deployment_id": deployment.id, "project_id": deployment.project_id}


def of_project(ask: Ask) -> dict[str, str]:
    """POST: has the sessions of all of a project's deployments grouped anew, as one job."""
    project = projects.find(ids.check("project", ask.path["project_id"]))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    job = regrouping.ask(jobs(ask.settings), project.id, None)
    return {"job_id": job.id, "project_id": project.id}


def look(ask: Ask) -> PreviewAnswer:
    """GET: what a regroup would do, by the present rule or with another `gap`, `max_duration`, `cut_time`."""
    deployment = seen(ask)
    wanted = RuleSettings(_sent(ask, "gap"), _sent(ask, "max_duration"), _sent(ask, "cut_time"))
    rule = rule_of(wanted, deployment.rule_settings, deployment.inherited.rule)
    return PreviewAnswer.of(deployment, preview(deployment, rule))


def _sent(ask: Ask, name: str) -> Any:
    text = ask.query.get(name)
    if not text:
        return None
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text
    try:
        return _RULE[name].validate_python(value)
    except ValidationError as error:
        why = error.errors()[0]["msg"]
        raise Invalid(f"The parameter {name!r} cannot be used: {why}.", {name: why}) from error


ROUTES = (
    Route(
        "POST",
        "/api/v2/deployments/{deployment_id}/regroup-sessions",
        of_deployment,
        status=202,
        open=False,
    ),
    Route("GET", "/api/v2/deployments/{deployment_id}/regroup-sessions/preview", look, open=False),
    Route("POST", "/api/v2/projects/{project_id}/regroup-sessions", of_project, status=202, open=False),
)
