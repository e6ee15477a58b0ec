"""Jobs as they are sent and answered."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from chalicelib.deployments.rules import Deployment
from chalicelib.http.fields import Body, Name
from chalicelib.http.routing import Ask
from chalicelib.jobs import rules
from chalicelib.jobs.logs import Line
from chalicelib.jobs.rules import Job
from chalicelib.jobs.stages import Stage, Value
from chalicelib.projects.rules import Project


class JobMake(Body):
    """A new job. `params` are those of its type; without `start_now` it waits until it is run."""

    job_type_key: str
    project_id: str
    deployment_id: str | None = None
    name: Name | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    start_now: bool = False


class JobRetry(Body):
    """Whether a job goes on where it stopped, or begins anew."""

    resume: bool = True


class Reference(BaseModel):
    """Something else, by its id."""

    id: str
    name: str | None
    details: str


class TypeAnswer(BaseModel):
    """A type of job."""

    name: str
    key: str


class ParamAnswer(BaseModel):
    """What a stage tells."""

    name: str
    key: str
    value: Value


class StageAnswer(BaseModel):
    """A stage."""

    key: str
    name: str
    status: str
    progress: float
    params: list[ParamAnswer]

    @classmethod
    def of(cls, stage: Stage) -> "StageAnswer":
        """How a stage is answered."""
        return cls.model_validate(asdict(stage))


class SummaryAnswer(BaseModel):
    """How far a job is as a whole."""

    status: str
    progress: float
    status_label: str


class ProgressAnswer(BaseModel):
    """How far a job is."""

    summary: SummaryAnswer
    stages: list[StageAnswer]


class LogsAnswer(BaseModel):
    """A job's log, the newest line first; `stderr` has the errors among them."""

    stdout: list[str]
    stderr: list[str]

    @classmethod
    def of(cls, lines: list[Line]) -> "LogsAnswer":
        """How a log is answered."""
        told = [f"[{line.at:%Y-%m-%d %H:%M:%S}] {line.level} {line.message}" for line in lines]
        return cls(stdout=told, stderr=[line.message for line in lines if line.level == "ERROR"])


class JobAnswer(BaseModel):
    """A job. `params` are what it was started with, `result` what its stages counted in the end; `rate` is
    the share of the whole done in a second."""

    id: str
    details: str
    name: str
    project: Reference
    deployment: Reference | None
    job_type: TypeAnswer
    status: str
    progress: ProgressAnswer
    params: dict[str, Any]
    result: dict[str, Value] | None
    reason: str | None
    rate: float | None
    remaining_seconds: int | None
    undoes: str | None
    undone_by: str | None
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    heartbeat: datetime | None

    @classmethod
    def of(
        cls, job: Job, label: str, project: Project, deployment: Deployment | None, ask: Ask
    ) -> "JobAnswer":
        """How a job is answered. `label` is its type's."""
        return cls(**_values(job, label, project, deployment, ask))


class JobDetail(JobAnswer):
    """A job with its log."""

    logs: LogsAnswer

    @classmethod
    def with_logs(cls, answer: JobAnswer, lines: list[Line]) -> "JobDetail":
        """A job's answer with its log."""
        return cls(**dict(answer), logs=LogsAnswer.of(lines))


def _values(
    job: Job, label: str, project: Project, deployment: Deployment | None, ask: Ask
) -> dict[str, Any]:
    rate, remaining = rules.pace(job)
    summary = SummaryAnswer(status=job.status, progress=job.progress, status_label=rules.status_label(job))
    place = job.deployment_id
    return {
        "id": job.id,
        "details": ask.url(f"/jobs/{job.id}"),
        "name": job.name,
        "project": Reference(id=project.id, name=project.name, details=ask.url(f"/projects/{project.id}")),
        "deployment": Reference(
            id=place, name=deployment.name if deployment else None, details=ask.url(f"/deployments/{place}")
        )
        if place
        else None,
        "job_type": TypeAnswer(name=label, key=job.type_key),
        "status": job.status,
        "progress": ProgressAnswer(summary=summary, stages=[StageAnswer.of(each) for each in job.stages]),
        "params": dict(job.config),
        "result": {each.key: each.value for stage in job.stages for each in stage.params}
        if job.status == "SUCCESS"
        else None,
        "reason": job.reason,
        "rate": rate,
        "remaining_seconds": remaining,
        "undoes": job.undoes,
        "undone_by": job.undone_by,
        "created_at": job.created_at,
        "updated_at": job.updated_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "heartbeat": job.heartbeat,
    }
