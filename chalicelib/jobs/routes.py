"""Jobs over HTTP."""

import re

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Forbidden, Invalid, NotFound
from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs import listing, logs
from chalicelib.jobs.rules import STATUSES, Job
from chalicelib.jobs.schemas import JobAnswer, JobDetail, JobMake, JobRetry
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import TYPES, jobs
from chalicelib.projects import reading as projects
from chalicelib.projects.rules import Project

_CURSOR = re.compile(r"JOB#\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z#j[a-z2-7]{10}", re.ASCII)

_LOGS = 100
_MOST_LOGS = 5000


def listed(ask: Ask) -> dict[str, object]:
    """GET: the jobs of a project, the newest first; `status=`, `deployment=`, `job_type_key=` pick some out.
    Four requests, three with filters."""
    project_id = ids.check("project", ask.required("project_id"))
    wanted, after = _filters(ask), paging.cursor_of(ask, _CURSOR)
    found = listing.page(project_id, wanted, paging.limit_of(ask), after)
    project, places = _around(ask, project_id, {job.deployment_id for job in found.jobs})
    results = [_answer(job, project, places.get(job.deployment_id or ""), ask) for job in found.jobs]
    return paging.page(ask, "/jobs", results, found.count, found.position)


def detail(ask: Ask) -> JobDetail:
    """GET: one job, with the last `logs_limit` lines of its log. Three requests."""
    limit = ask.number("logs_limit", _LOGS, 1, _MOST_LOGS)
    job, project, deployment = _seen(ask)
    return JobDetail.with_logs(_answer(job, project, deployment, ask), logs.newest(job.id, limit))


def make(ask: Ask) -> JobAnswer:
    """POST: makes a job of a type that may be started so."""
    body: JobMake = ask.body
    room = jobs(ask.settings)
    if not room.type_of(body.job_type_key).is_startable:
        raise Forbidden(f"Jobs of the type {body.job_type_key!r} are not started by themselves.")
    ids.check("project", body.project_id)
    if body.deployment_id is not None:
        ids.check("deployment", body.deployment_id)
    project, places = _around(ask, body.project_id, {body.deployment_id})
    if body.deployment_id is not None and body.deployment_id not in places:
        raise NotFound(f"There is no deployment with the id {body.deployment_id!r} in this project.")
    start = Start(
        body.job_type_key, project.id, body.deployment_id, body.params, body.name, now=body.start_now
    )
    return _answer(room.start(start), project, places.get(body.deployment_id or ""), ask)


def run(ask: Ask) -> JobAnswer:
    """POST: queues a job that was made without being started."""
    job, project, deployment = _seen(ask)
    return _answer(jobs(ask.settings).run(job.id), project, deployment, ask)


def cancel(ask: Ask) -> JobAnswer:
    """POST: stops a job, at the end of the step that is under way at the latest."""
    job, project, deployment = _seen(ask)
    return _answer(jobs(ask.settings).cancel(job.id), project, deployment, ask)


def retry(ask: Ask) -> JobAnswer:
    """POST: queues a job that failed or was cancelled once more."""
    body: JobRetry = ask.body
    job, project, deployment = _seen(ask)
    return _answer(jobs(ask.settings).retry(job.id, resume=body.resume), project, deployment, ask)


def undo(ask: Ask) -> JobAnswer:
    """POST: starts the job that undoes this one; answers that. Only where its type can be undone, and
    once."""
    job, project, deployment = _seen(ask)
    known = TYPES.get(job.type_key)
    if known is None or known.undo is None:
        why = f"jobs of the type {job.type_key!r} cannot be undone"
        raise Invalid(f"This job is to stay: {why}.", {"job_type_key": why})
    return _answer(jobs(ask.settings).undo(job.id), project, deployment, ask)


def _seen(ask: Ask) -> tuple[Job, Project, Deployment | None]:
    """The job, its project and its deployment, if whoever asks may see it. Two requests."""
    job = jobs(ask.settings).find(ask.path["job_id"])
    rows = table.get_many(
        [projects.wanted(job.project_id), *map(deployments.wanted, filter(None, [job.deployment_id]))]
    )
    project = projects.among(rows, job.project_id)
    what = f"job with the id {job.id!r}"
    if project is None:
        raise NotFound(f"There is no {what}.")
    ask.principal.must_see(what, draft=project.draft)
    return job, project, deployments.among(rows, job.deployment_id) if job.deployment_id else None


def _around(
    ask: Ask, project_id: str, deployment_ids: set[str | None]
) -> tuple[Project, dict[str, Deployment]]:
    """A project, if whoever asks may see it, and those of the deployments that are its own. One request."""
    places = sorted(each for each in deployment_ids if each)
    rows = table.get_many([projects.wanted(project_id), *map(deployments.wanted, places)])
    project = projects.among(rows, project_id)
    if project is None:
        raise NotFound(f"There is no project with the id {project_id!r}.")
    ask.principal.must_see(f"project with the id {project_id!r}", draft=project.draft)
    found = (deployments.among(rows, each) for each in places)
    return project, {each.id: each for each in found if each and each.project_id == project_id}


def _answer(job: Job, project: Project, deployment: Deployment | None, ask: Ask) -> JobAnswer:
    known = TYPES.get(job.type_key)
    return JobAnswer.of(job, known.label if known else job.type_key, project, deployment, ask)


def _filters(ask: Ask) -> dict[str, str]:
    wanted = {
        "status": ask.query.get("status"),
        "type_key": ask.query.get("job_type_key"),
        "deployment_id": ask.query.get("deployment"),
    }
    if wanted["status"] and wanted["status"] not in STATUSES:
        raise Invalid("There is no such status of a job.", {"status": f"one of {', '.join(STATUSES)}"})
    if wanted["deployment_id"]:
        ids.check("deployment", wanted["deployment_id"])
    return {name: value for name, value in wanted.items() if value}


ROUTES = (
    Route("GET", "/api/v2/jobs", listed),
    Route("POST", "/api/v2/jobs", make, body=JobMake, status=201, open=False),
    Route("GET", "/api/v2/jobs/{job_id}", detail),
    Route("POST", "/api/v2/jobs/{job_id}/run", run, open=False),
    Route("POST", "/api/v2/jobs/{job_id}/cancel", cancel, open=False),
    Route("POST", "/api/v2/jobs/{job_id}/retry", retry, body=JobRetry, open=False),
    Route("POST", "/api/v2/jobs/{job_id}/undo", undo, status=201, open=False),
)
