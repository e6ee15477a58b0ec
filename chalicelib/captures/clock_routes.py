"""Shifting a deployment's clock over HTTP."""

from datetime import datetime, timedelta

from pydantic import BaseModel, Field, model_validator

from chalicelib.captures.clock_shift import SHIFT
from chalicelib.deployments.asked import seen
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs


class Scope(Body):
    """Which captures, by their timestamps as they are now; both ends inclusive, each may be left out."""

    start: datetime | None = None
    end: datetime | None = None


class ClockShift(Body):
    """By how much: `seconds`, or `from` and `to`: the clock showed `from` when it was `to` in truth."""

    seconds: int | None = Field(default=None, strict=True)
    shown: datetime | None = Field(default=None, alias="from")
    truth: datetime | None = Field(default=None, alias="to")
    scope: Scope = Scope()

    @model_validator(mode="after")
    def _says_it_once(self) -> "ClockShift":
        pair = (self.shown, self.truth)
        if any(pair) != all(pair) or any(pair) == (self.seconds is not None):
            raise ValueError("send either 'seconds', or both 'from' and 'to'")
        if any(each and each.tzinfo for each in pair):
            raise ValueError("a camera's wall clock has no zone: send it like '2026-06-09T21:30:00'")
        return self

    def by(self) -> int:
        """By how many seconds."""
        if self.shown is not None and self.truth is not None:
            return round((self.truth - self.shown) / timedelta(seconds=1))
        return self.seconds or 0


class ClockShiftAnswer(BaseModel):
    """The job that shifts."""

    job_id: str
    deployment_id: str
    project_id: str
    seconds: int


def shift(ask: Ask) -> ClockShiftAnswer:
    """POST: starts shifting the clock of a deployment's captures."""
    body: ClockShift = ask.body
    deployment = seen(ask, consistent=True)
    config = {"seconds": body.by(), "start": body.scope.start, "end": body.scope.end}
    job = jobs(ask.settings).start(Start(SHIFT.key, deployment.project_id, deployment.id, config))
    return ClockShiftAnswer(
        job_id=job.id, deployment_id=deployment.id, project_id=job.project_id, seconds=body.by()
    )


ROUTES = (
    Route(
        "POST",
        "/api/v2/deployments/{deployment_id}/shift-clock",
        shift,
        body=ClockShift,
        status=202,
        open=False,
    ),
)
