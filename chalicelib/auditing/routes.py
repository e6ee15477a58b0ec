"""Asking over HTTP for an audit of counters."""

from pydantic import BaseModel, model_validator

from chalicelib import ids
from chalicelib.auditing.job import AUDIT
from chalicelib.capture_sets import service as capture_sets
from chalicelib.deployments import service as deployments
from chalicelib.errors import NotFound
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects


class AuditMake(Body):
    """Of which deployment or capture set, or of all the project; with `repair` what has drifted is mended."""

    deployment: str | None = None
    collection: str | None = None
    repair: bool = False

    @model_validator(mode="after")
    def _says_it_once(self) -> "AuditMake":
        if self.deployment is not None and self.collection is not None:
            raise ValueError("send either 'deployment' or 'collection'")
        return self


class Started(BaseModel):
    """The job that was started: /jobs/{job_id} says how far it is."""

    job_id: str
    project_id: str


def audit(ask: Ask) -> Started:
    """POST: starts recounting everything from the facts."""
    body: AuditMake = ask.body
    project = projects.find(ids.check("project", ask.path["project_id"]))
    if body.deployment is not None:
        deployments.find_in(project.id, body.deployment)
    if body.collection is not None and capture_sets.find(body.collection).project_id != project.id:
        raise NotFound(f"There is no capture set with the id {body.collection!r} in this project.")
    config = {"set_id": body.collection, "repair": body.repair}
    job = jobs(ask.settings).start(Start(AUDIT.key, project.id, body.deployment, config))
    return Started(job_id=job.id, project_id=job.project_id)


ROUTES = (
    Route(
        "POST", "/api/v2/projects/{project_id}/counts/audit", audit, body=AuditMake, status=202, open=False
    ),
)
