"""Post-processing over HTTP: which tasks there are, and starting one over scopes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, Field

from chalicelib.aws import table
from chalicelib.aws.keys import Key
from chalicelib.deployments import reading as deployments
from chalicelib.errors import Invalid, NotFound
from chalicelib.http.fields import Body
from chalicelib.http.routing import Ask, Route
from chalicelib.jobs.rules import Job
from chalicelib.jobs.schemas import JobAnswer
from chalicelib.jobs.service import MOST_AT_ONCE, Start
from chalicelib.jobs.types import TYPES, jobs
from chalicelib.postprocessing import scopes
from chalicelib.postprocessing.contract import TASKS, Kind, Task, task_of
from chalicelib.postprocessing.job import KEY, check_kind
from chalicelib.postprocessing.knowledge import Known
from chalicelib.postprocessing.scopes import Place, Scope
from chalicelib.projects import reading as projects


class RunBody(Body):
    """Which task, how it is told to, and over what: one job for each scope. With `project_id`, all of these
    must be that project's."""

    task: Annotated[str, Field(max_length=100)]
    config: dict[str, Any] = Field(default_factory=dict)
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=MOST_AT_ONCE)]
    project_id: Annotated[str, Field(max_length=100)] | None = None


class TaskAnswer(BaseModel):
    """A task: `config_schema` is the JSON Schema of its config, `scopes` the fields by which one may be
    named."""

    key: str
    name: str
    description: str
    config_schema: dict[str, Any]
    scopes: list[Kind]


class TasksAnswer(BaseModel):
    """All tasks, by key."""

    count: int
    results: list[TaskAnswer]


class StartedAnswer(BaseModel):
    """The jobs that were started, in the order of their scopes."""

    jobs: list[JobAnswer]


def tasks(ask: Ask) -> TasksAnswer:  # noqa: ARG001
    """GET: the tasks there are. No request."""
    results = [
        TaskAnswer(
            key=key,
            name=each.name,
            description=each.description,
            config_schema=each.config.model_json_schema(),
            scopes=list(each.scopes),
        )
        for key, each in sorted(TASKS.items())
    ]
    return TasksAnswer(count=len(results), results=results)


def run(ask: Ask) -> StartedAnswer:
    """POST: starts a job for each scope, all of them or none. One request or two for each scope, a few for
    what the task looks up, and two more."""
    body: RunBody = ask.body
    task = _task(body)
    places = _places(body, task)
    rows = _around(ask, places)
    for project_id in {each.project_id for each in places}:
        try:
            task.output(Known(project_id))
        except Invalid as error:
            raise _of_config(error) from error
    started = jobs(ask.settings).start_all([_start(body, task, each) for each in places])
    answers = zip(started, places, strict=True)
    return StartedAnswer(jobs=[_answer(job, each, rows, ask) for job, each in answers])


def _task(body: RunBody) -> Task[Any]:
    try:
        return task_of(body.task, body.config)
    except Invalid as error:
        raise (error if "task" in error.fields else _of_config(error)) from error


def _of_config(error: Invalid) -> Invalid:
    return Invalid(error.detail, {f"config.{name}": why for name, why in error.fields.items()})


def _places(body: RunBody, task: Task[Any]) -> list[Place]:
    """What the scopes are.

    Raises Invalid for one that does not fit the task, or comes twice; NotFound for one that is not there, or
    another project's.
    """
    for number, each in enumerate(body.scopes):
        check_kind(task, each, f"scopes.{number}")
        if each in body.scopes[:number]:
            why = "it is there twice"
            raise Invalid(f"A scope is run over once: {each.id!r} {why}.", {f"scopes.{number}": why})
    places = []
    for number, each in enumerate(body.scopes):
        try:
            found = scopes.place(each)
        except NotFound as error:
            raise NotFound(f"scopes.{number}: {error.detail}") from error
        if body.project_id not in (None, found.project_id):
            raise NotFound(f"scopes.{number}: There is no {each.kind} {each.id!r} in this project.")
        places.append(found)
    return places


def _around(ask: Ask, places: Sequence[Place]) -> Mapping[Key, Any]:
    """The rows of their projects and deployments. One request. Raises NotFound for a project that whoever
    asks may not see."""
    project_ids = {each.project_id for each in places}
    deployment_ids = {each.deployment_id for each in places if each.deployment_id}
    wanted = [*map(projects.wanted, project_ids), *map(deployments.wanted, deployment_ids)]
    rows = table.get_many(wanted)
    for project_id in project_ids:
        project, what = projects.among(rows, project_id), f"project with the id {project_id!r}"
        if project is None:
            raise NotFound(f"There is no {what}.")
        ask.principal.must_see(what, draft=project.draft)
    return rows


def _start(body: RunBody, task: Task[Any], each: Place) -> Start:
    params = {"task": task.key, "config": body.config, "scope": {each.kind: each.id}}
    return Start(KEY, each.project_id, each.deployment_id, params, f"{task.name}: {each.name}"[:80])


def _answer(job: Job, each: Place, rows: Mapping[Key, Any], ask: Ask) -> JobAnswer:
    project = projects.among(rows, each.project_id)
    assert project  # noqa: S101  (else nothing was started)
    deployment = deployments.among(rows, each.deployment_id) if each.deployment_id else None
    return JobAnswer.of(job, TYPES[KEY].label, project, deployment, ask)


ROUTES = (
    Route("GET", "/api/v2/postprocessing/tasks", tasks),
    Route("POST", "/api/v2/postprocessing/run", run, body=RunBody, status=202, open=False),
)
