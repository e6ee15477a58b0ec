"""Syncing over HTTP."""

from concurrent.futures import ThreadPoolExecutor

from pydantic import BaseModel

from chalicelib.deployments import service as deployments
from chalicelib.deployments.asked import seen
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict, NotFound
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects
from chalicelib.syncing import job as sync
from chalicelib.syncing import report
from chalicelib.syncing.rules import Policy

_AT_ONCE = 8


class SyncAsk(Body):
    """What is done with captures whose objects are no longer there: they are kept as they are, marked as
    missing, or deleted."""

    missing: Policy = "keep"


class AllAnswer(BaseModel):
    """The jobs that were started; `running` are deployments that are being synced already."""

    project_id: str
    queued: int
    job_ids: list[str]
    running: list[str]


class ReportAnswer(BaseModel):
    """Where a report is to be had, for `expires_in` seconds."""

    url: str
    expires_in: int


def one(ask: Ask) -> dict[str, str]:
    """POST: has a deployment synced with its data source, as a job."""
    deployment = seen(ask, consistent=True)
    sync.require_source(deployment)
    job_id = _start(ask, deployment)
    return {"job_id": job_id, "deployment_id": deployment.id, "project_id": deployment.project_id}


def all_of_project(ask: Ask) -> AllAnswer:
    """POST: has all of a project's deployments synced that have a data source, one job for each."""
    project = projects.find(ask.required("project_id"))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)

    def started(deployment: Deployment) -> str | None:
        try:
            return _start(ask, deployment)
        except Conflict:
            return None

    connected = [each for each in deployments.of_project(project.id) if each.data_source]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        outcomes = list(zip(connected, pool.map(started, connected), strict=True))
    job_ids = [job_id for _, job_id in outcomes if job_id]
    running = [deployment.id for deployment, job_id in outcomes if not job_id]
    return AllAnswer(project_id=project.id, queued=len(job_ids), job_ids=job_ids, running=running)


def report_of(ask: Ask) -> ReportAnswer:
    """GET: where the report of a job is to be had, if it has any. One request of the table, one of S3."""
    job = jobs(ask.settings).find(ask.path["job_id"])
    url = report.url(job.id, ask.settings) if job.type_key == sync.KEY else None
    if url is None:
        raise NotFound("This job has no report, or not yet: a sync has one when all is listed.")
    return ReportAnswer(url=url, expires_in=ask.settings.url_lifetime)


def _start(ask: Ask, deployment: Deployment) -> str:
    body: SyncAsk = ask.body
    start = Start(sync.KEY, deployment.project_id, deployment.id, body.model_dump())
    return jobs(ask.settings).start(start).id


ROUTES = (
    Route("POST", "/api/v2/deployments/sync-all", all_of_project, body=SyncAsk, status=202, open=False),
    Route("POST", "/api/v2/deployments/{deployment_id}/sync", one, body=SyncAsk, status=202, open=False),
    Route("GET", "/api/v2/jobs/{job_id}/report", report_of, open=False),
)
