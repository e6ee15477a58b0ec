"""Reading photographs again, over HTTP."""

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from chalicelib.deployments import service as deployments
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask, Route
from chalicelib.ingest import again
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects

Ids = Annotated[list[Annotated[str, StringConstraints(max_length=100)]], Field(min_length=1, max_length=1000)]


class Retry(Body):
    """Which photographs: those of these ids; or those of a project, or of one of its deployments, that
    cannot be opened, or `all` of them, so that a changed `timestamp_sources` counts for them, too."""

    capture_ids: Ids | None = None
    project_id: str | None = None
    deployment_id: str | None = None
    all: bool = False

    @model_validator(mode="after")
    def _one_of_both(self) -> "Retry":
        if (self.capture_ids is None) == (self.project_id is None):
            raise ValueError("send either 'capture_ids' or 'project_id'")
        if self.project_id is None and (self.deployment_id is not None or self.all):
            raise ValueError("'deployment_id' and 'all' need the 'project_id', too")
        return self


def one(ask: Ask) -> dict[str, int]:
    """POST: has one photograph read again."""
    return {"queued": again.ask([ask.path["capture_id"]], ask.settings.ingest_queue_url)}


def many(ask: Ask) -> dict[str, object]:
    """POST: has many read again; more than can be named as a job."""
    body: Retry = ask.body
    if body.capture_ids is not None:
        return {"queued": again.ask(body.capture_ids, ask.settings.ingest_queue_url)}
    project = projects.find(body.project_id or "")
    if body.deployment_id is not None:
        deployments.find_in(project.id, body.deployment_id)
    start = Start(again.READ_AGAIN.key, project.id, body.deployment_id, {"all": body.all})
    job = jobs(ask.settings).start(start)
    return {"job_id": job.id, "project_id": project.id}


ROUTES = (
    Route("POST", "/api/v2/captures/{capture_id}/retry", one, status=202, open=False),
    Route("POST", "/api/v2/captures/retry", many, body=Retry, status=202, open=False),
)
