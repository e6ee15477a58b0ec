"""Jobs on many thumbnails, over HTTP."""

from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, Field, StringConstraints, model_validator

from chalicelib.captures import regeneration
from chalicelib.captures.regeneration import MOST_NAMED, REGENERATE, Regenerate
from chalicelib.captures.sweeping import SWEEP
from chalicelib.deployments import service as deployments
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects

_Text = Annotated[str, StringConstraints(max_length=100)]


class RegenerateMany(Body):
    """Which labels, of which captures: those of these ids, or those of a deployment, or of all the project;
    of these only those taken `from` … `to`, both inclusive, by the camera's wall clock."""

    labels: Annotated[list[_Text], Field(min_length=1, max_length=100)] | None = None
    force: bool = False
    capture_ids: Annotated[list[_Text], Field(min_length=1, max_length=MOST_NAMED)] | None = None
    deployment: str | None = None
    start: datetime | None = Field(default=None, alias="from")
    end: datetime | None = Field(default=None, alias="to")

    @model_validator(mode="after")
    def _says_it_once(self) -> "RegenerateMany":
        if self.capture_ids is not None and (self.deployment or self.start or self.end):
            raise ValueError("send either 'capture_ids', or any of 'deployment', 'from' and 'to'")
        return self


class SweepMany(Body):
    """Of which deployment, or of all the project; with `dry_run` all is only counted."""

    deployment: str | None = None
    dry_run: bool = False


class Started(BaseModel):
    """The job that was started: /jobs/{job_id} says how far it is."""

    job_id: str
    project_id: str


def regenerate(ask: Ask) -> Started:
    """POST: starts rendering the thumbnails of many captures."""
    body: RegenerateMany = ask.body
    project_id, deployment_id = _place(ask, body.deployment)
    wanted = body.model_dump(exclude={"deployment"}, by_alias=False)
    regeneration.check(Regenerate.model_construct(**wanted), project_id)
    return _started(ask, Start(REGENERATE.key, project_id, deployment_id, wanted))


def sweep(ask: Ask) -> Started:
    """POST: starts comparing captures and blobs, and mending both."""
    body: SweepMany = ask.body
    project_id, deployment_id = _place(ask, body.deployment)
    return _started(ask, Start(SWEEP.key, project_id, deployment_id, {"dry_run": body.dry_run}))


def _place(ask: Ask, deployment_id: str | None) -> tuple[str, str | None]:
    project = projects.find(ask.path["project_id"])
    if deployment_id is None:
        return project.id, None
    return project.id, deployments.find_in(project.id, deployment_id).id


def _started(ask: Ask, start: Start) -> Started:
    job = jobs(ask.settings).start(start)
    return Started(job_id=job.id, project_id=job.project_id)


_PATH = "/api/v2/projects/{project_id}/thumbnails"

ROUTES = (
    Route("POST", f"{_PATH}/regenerate", regenerate, body=RegenerateMany, status=202, open=False),
    Route("POST", f"{_PATH}/sweep", sweep, body=SweepMany, status=202, open=False),
)
