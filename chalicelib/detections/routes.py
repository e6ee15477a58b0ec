"""What algorithms say of captures, over HTTP."""

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.aws import clock
from chalicelib.captures.asked import seen as capture_seen
from chalicelib.detections import answering, importing, service, store
from chalicelib.detections.schemas import (
    AT_ONCE,
    BatchAnswer,
    BatchBody,
    CaptureResults,
    LookedAnswer,
    ResultsBody,
    SavedAnswer,
)
from chalicelib.errors import Invalid
from chalicelib.http.routing import Answer, Ask, Route
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import jobs
from chalicelib.projects import service as projects


def of_capture(ask: Ask) -> LookedAnswer:
    """GET: what was found on a capture. Three requests, four where taxa are named."""
    capture, _ = capture_seen(ask)
    return answering.looked(capture, store.present(capture.id).results)


def save(ask: Ask) -> SavedAnswer:
    """POST: takes what was found on one capture. The same again changes nothing."""
    capture, _ = capture_seen(ask)
    body: ResultsBody = ask.body
    told = CaptureResults(capture_id=capture.id, **dict(body))
    [outcome] = service.save(capture.project_id, [told], clock.now())
    if outcome.error:
        raise Invalid(f"This cannot be taken: {outcome.error}", {"detections": outcome.error})
    return _answer(outcome)


def save_many(ask: Ask) -> Answer:
    """POST: takes what was found on captures of a project: at once, 200, or by a job, 202, if they are
    many."""
    project = projects.find(ids.check("project", ask.path["project_id"]))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    body: BatchBody = ask.body
    for each in body.algorithms:
        algorithms.ensure(each.algorithm(clock.now()), each.told(), with_taxa=each.taxa)
    count = len(body.captures)
    if count > AT_ONCE:
        start = Start(importing.KEY, project.id, None, {"key": importing.keep(body)})
        return Answer(BatchAnswer(captures_count=count, job_id=jobs(ask.settings).start(start).id), 202)
    outcomes = service.save(project.id, body.captures, clock.now())
    failed = sum(each.error is not None for each in outcomes)
    return Answer(
        BatchAnswer(
            captures_count=count,
            saved_count=count - failed,
            error_count=failed,
            results=[_answer(each) for each in outcomes],
        )
    )


def _answer(outcome: service.Outcome) -> SavedAnswer:
    return SavedAnswer(
        capture_id=outcome.capture_id,
        status="error" if outcome.error else "saved",
        written=outcome.written,
        removed=outcome.removed,
        error=outcome.error,
    )


ROUTES = (
    Route("GET", "/api/v2/captures/{capture_id}/detections", of_capture),
    Route("POST", "/api/v2/captures/{capture_id}/detections", save, body=ResultsBody, open=False),
    Route("POST", "/api/v2/projects/{project_id}/results", save_many, body=BatchBody, open=False),
)
