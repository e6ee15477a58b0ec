"""What a job is, its states, and what may follow upon what. Pure.

A change is a function from a job to the job that follows; whether it may follow is read from one table.
The store writes it only if the job is still the one that was read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from chalicelib.errors import Conflict
from chalicelib.jobs.stages import Stage, closed, done, opened, overall

Status = Literal["CREATED", "PENDING", "STARTED", "RETRY", "CANCELING", "SUCCESS", "FAILURE", "REVOKED"]
Event = Literal["enqueue", "claim", "advance", "finish", "fail", "cancel", "revoke", "retry"]

TRANSITIONS: Mapping[Event, Mapping[Status, Status]] = {
    "enqueue": {"CREATED": "PENDING"},
    "claim": {"PENDING": "STARTED", "RETRY": "STARTED", "STARTED": "STARTED"},
    "advance": {"STARTED": "STARTED"},
    # A worker that was done before it saw that it should stop is done.
    "finish": {"STARTED": "SUCCESS", "CANCELING": "SUCCESS"},
    "fail": {"PENDING": "FAILURE", "RETRY": "FAILURE", "STARTED": "FAILURE"},
    "cancel": {"CREATED": "REVOKED", "PENDING": "REVOKED", "RETRY": "REVOKED", "STARTED": "CANCELING"},
    "revoke": {"CANCELING": "REVOKED"},
    "retry": {"FAILURE": "RETRY", "REVOKED": "RETRY"},
}
"""By what happens: from which state into which. What is not here does not happen."""

STATUSES: tuple[Status, ...] = (
    "CREATED", "PENDING", "STARTED", "RETRY", "CANCELING", "SUCCESS", "FAILURE", "REVOKED",
)  # fmt: skip
FINAL: frozenset[Status] = frozenset({"SUCCESS", "FAILURE", "REVOKED"})
RUNNING: frozenset[Status] = frozenset({"PENDING", "STARTED", "RETRY", "CANCELING"})
"""Queued or being worked on: what the watch looks at."""

STEP = timedelta(seconds=10)
"""The longest a step works before it makes room for those of other jobs. So long a job may wait for its turn,
for each other one that runs; so long it takes to be cancelled, and between two tellings of how far it is."""

LEASE = timedelta(minutes=4)
"""For which a step is its worker's alone: many times a step's time. A longer one may be done twice at once,
which its idempotence bears, and only one of the two moves the job on."""

SILENCE = timedelta(minutes=5)
"""Without a sign of life for so long, a job's message is taken for lost. Longer than a lease."""

RESENDS = 3
"""How often a step's message is sent again before its job is given up."""

TRIES = 4
"""How often a step is tried that fails by a fault of ours."""


@dataclass(frozen=True, slots=True)
class Job:
    """Long work cut into steps. `step` counts them, `cursor` is where the next begins (JSON of its type).

    `slot`: of the jobs with one slot only one is queued or running at a time; its own id unless the type says
    otherwise. `heartbeat` is a worker's last sign of life, `sent_at` when a message was last sent to one;
    `tries` and `resent` are of the present step. `stamp` is new with every write.
    """

    id: str
    project_id: str
    type_key: str
    name: str
    slot: str
    config: Mapping[str, Any]
    stages: tuple[Stage, ...]
    created_at: datetime
    updated_at: datetime
    deployment_id: str | None = None
    status: Status = "CREATED"
    step: int = 0
    cursor: Any = None
    started_at: datetime | None = None
    started_from: float = 0.0
    finished_at: datetime | None = None
    heartbeat: datetime | None = None
    sent_at: datetime | None = None
    worker: str | None = None
    leased_until: datetime | None = None
    tries: int = 0
    resent: int = 0
    reason: str | None = None
    undoes: str | None = None
    undone_by: str | None = None
    stamp: str = ""

    @property
    def is_final(self) -> bool:
        """Whether nothing more happens to it by itself."""
        return self.status in FINAL

    @property
    def is_running(self) -> bool:
        """Whether it is queued or being worked on."""
        return self.status in RUNNING

    @property
    def progress(self) -> float:
        """How much of it is done, 0 to 1: the mean of its stages, and 1 only when it has succeeded."""
        return overall(self.stages, is_finished=self.status == "SUCCESS")

    def is_leased(self, now: datetime) -> bool:
        """Whether a worker is on its present step."""
        return self.leased_until is not None and self.leased_until > now


def moved(job: Job, event: Event, now: datetime) -> Job:
    """The job after what happened. Raises Conflict where that cannot happen to it."""
    status = TRANSITIONS[event].get(job.status)
    if status is None:
        raise Conflict(f"The job is {job.status}: it cannot {event} now.")
    after = replace(job, status=status, updated_at=now)
    if status == "SUCCESS" or status == "FAILURE" or status == "REVOKED":
        return replace(after, stages=closed(job.stages, status), finished_at=now, leased_until=None)
    return after


def enqueued(job: Job, now: datetime) -> Job:
    """A job that was only made, queued."""
    return replace(moved(job, "enqueue", now), sent_at=now)


def claimed(job: Job, worker: str, now: datetime) -> Job:
    """The job with its present step taken by a worker."""
    is_first = job.started_at is None
    return replace(
        moved(job, "claim", now),
        started_at=now if is_first else job.started_at,
        started_from=job.progress if is_first else job.started_from,
        heartbeat=now,
        worker=worker,
        leased_until=now + LEASE,
        tries=job.tries + 1,
    )


def advanced(job: Job, cursor: Any, stages: tuple[Stage, ...], now: datetime) -> Job:
    """The job after a step that leaves more to do; REVOKED there if it was to be cancelled."""
    after = replace(
        job,
        step=job.step + 1,
        cursor=cursor,
        stages=stages,
        heartbeat=now,
        sent_at=now,
        leased_until=None,
        tries=0,
        resent=0,
    )
    return moved(after, "revoke" if job.status == "CANCELING" else "advance", now)


def finished(job: Job, stages: tuple[Stage, ...], now: datetime) -> Job:
    """The job after its last step."""
    return moved(replace(job, cursor=None, stages=done(stages), heartbeat=now), "finish", now)


def failed(job: Job, reason: str, stages: tuple[Stage, ...], now: datetime) -> Job:
    """The job, given up; REVOKED if it was to be cancelled anyway."""
    event: Event = "revoke" if job.status == "CANCELING" else "fail"
    return replace(moved(replace(job, stages=stages), event, now), reason=reason[:1000])


def released(job: Job, now: datetime) -> Job:
    """The job with its step given back, to be tried again."""
    return replace(job, leased_until=None, updated_at=now)


def cancelled(job: Job, now: datetime) -> Job:
    """The job, stopped; where a worker may be on it, told to stop. Itself if it was told already."""
    told = job if job.status == "CANCELING" else moved(job, "cancel", now)
    return told if told.status != "CANCELING" or job.is_leased(now) else moved(told, "revoke", now)


def retried(job: Job, fresh: tuple[Stage, ...] | None, now: datetime) -> Job:
    """The job, queued once more: where it stopped, or from the beginning with `fresh` stages.

    Raises Conflict while it has not ended, if it succeeded, and once it is undone. The step moves on, so that
    no message of before is heeded; it counts as tried: what was cut off may have been done in part.
    """
    if job.undone_by:
        raise Conflict(f"The job was undone by {job.undone_by}; start a new one.")
    return replace(
        moved(job, "retry", now),
        step=job.step + 1,
        cursor=None if fresh else job.cursor,
        stages=fresh or opened(job.stages),
        started_at=None,
        finished_at=None,
        heartbeat=None,
        sent_at=now,
        worker=None,
        reason=None,
        tries=1,
        resent=0,
    )


def undone(job: Job, by: str, now: datetime) -> Job:
    """The job with the note that another undoes it. Raises Conflict unless it has ended, and only once."""
    if job.undone_by:
        raise Conflict(f"The job is undone already, by {job.undone_by}.")
    if not job.is_final:
        raise Conflict(f"The job is {job.status}: it can be undone when it has ended.")
    return replace(job, undone_by=by, updated_at=now)


def resent(job: Job, now: datetime) -> Job:
    """The job with its message sent again."""
    return replace(job, sent_at=now, resent=job.resent + 1)


def is_silent(job: Job, now: datetime, running: int) -> bool:
    """Whether a queued or running job has shown no sign of life for too long, of so many that run.

    One whose message was sent since its last sign of life waits in line, for as long as all others take for a
    step each: it must not be taken for lost, and given up, only because they are many. One that nobody has
    begun is never given up, so it is asked after ever more seldom.
    """
    if not job.is_running or job.is_leased(now):
        return False
    alive, sent = job.heartbeat or job.created_at, job.sent_at or job.created_at
    patience = SILENCE if job.heartbeat else SILENCE * 2 ** min(job.resent, 4)
    if sent >= alive:
        patience += STEP * running
    return now - max(alive, sent) > patience


def silence(job: Job, now: datetime) -> str:
    """Why a silent job is given up."""
    minutes = int((now - (job.heartbeat or job.created_at)).total_seconds() // 60)
    return f"no sign of life for {minutes} min at {place(job)}"


def place(job: Job) -> str:
    """Where a job stands, in words: its step, from 1, and the stage that is not done."""
    stage = next((each.name for each in job.stages if each.progress < 1), None)
    return f"step {job.step + 1}" + (f" of stage {stage!r}" if stage else "")


def pace(job: Job) -> tuple[float | None, int | None]:
    """How much is done in a second (of 1), and how many seconds are left; None where nobody can tell."""
    if job.started_at is None or job.heartbeat is None:
        return None, None
    seconds = (job.heartbeat - job.started_at).total_seconds()
    gained = job.progress - job.started_from
    if seconds <= 0 or gained <= 0:
        return None, None
    rate = gained / seconds
    return rate, None if job.is_final else round((1 - job.progress) / rate)


def status_label(job: Job) -> str:
    """A job's state as people read it."""
    if job.status in ("CREATED", "PENDING"):
        return "Waiting to start"
    if job.status in ("STARTED", "RETRY", "SUCCESS"):
        return f"{job.progress:.0%} complete"
    return job.status.capitalize()
