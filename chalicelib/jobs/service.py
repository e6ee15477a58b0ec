"""The verbs of jobs: start, run, cancel, retry, undo. Each is one conditional write, and a message where
there is something to do; should the message not be sent, the watch sends it.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn

from pydantic import ValidationError

from chalicelib import ids
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.jobs import rules, store
from chalicelib.jobs.job_type import JobType, Level
from chalicelib.jobs.logs import Line
from chalicelib.jobs.rules import Job

log = logging.getLogger("nightjar")

_ROUNDS = 6
"""How often a change is tried while others change the same job."""

MOST_AT_ONCE = 50
"""Each job is two rows of a transaction, which takes a hundred."""


@dataclass(frozen=True, slots=True)
class Start:
    """A job to be made: its type, of what, and how. Without `now` it waits until it is run."""

    type_key: str
    project_id: str
    deployment_id: str | None
    config: Mapping[str, Any]
    name: str | None = None
    now: bool = True


@dataclass(frozen=True, slots=True)
class Jobs:
    """What jobs need from outside: the types there are, the time, and a way to send a message to `work`."""

    types: Mapping[str, JobType[Any]]
    now: Callable[[], datetime]
    send: Callable[[Mapping[str, Any]], None]

    def start(self, start: Start) -> Job:
        """Makes a job and queues it. One request of the table, one of the queue.

        Raises Invalid for a config its type does not know, Conflict while another has its slot.
        """
        job = self._made(start)
        written = store.change(None, rules.enqueued(job, job.created_at) if start.now else job)
        if written is None:
            self._refuse(job, store.holder(job.slot))
        self.post(written)
        return written

    def start_all(self, starts: Sequence[Start]) -> list[Job]:
        """Makes up to `MOST_AT_ONCE` jobs and queues them, all or none. One request of the table, one of the
        queue for each.

        Raises Invalid for a config its type does not know, Conflict while another has the slot of one.
        """
        made = [self._made(each) for each in starts]
        queued = [rules.enqueued(job, job.created_at) for job in made]
        if not store.add(queued):
            for job in queued:
                self._refuse_if_taken(job)
            raise Conflict("Others are starting the same; try again in a moment.")
        for job in queued:
            self.post(job)
        return queued

    def run(self, job_id: str) -> Job:
        """Queues a job that was made without being started. Raises Conflict for any other."""
        return self._changed(job_id, lambda job: rules.enqueued(job, self.now()))

    def cancel(self, job_id: str) -> Job:
        """Stops a job: at once where no worker can be on it, else within a step. Raises Conflict if it has
        ended."""
        return self._changed(job_id, lambda job: rules.cancelled(job, self.now()))

    def retry(self, job_id: str, *, resume: bool) -> Job:
        """Queues a job that failed or was cancelled again: where it stopped, or from its beginning. Raises
        Conflict for any other."""

        def retried(job: Job) -> Job:
            fresh = None if resume else self.type_of(job.type_key).stages
            return rules.retried(job, fresh, self.now())

        return self._changed(job_id, retried)

    def undo(self, job_id: str) -> Job:
        """Starts the job that undoes a job, once. Raises Conflict if it cannot be undone, or not yet, or is
        undone already."""
        for _ in range(_ROUNDS):
            job = self.find(job_id)
            undo = self.type_of(job.type_key).undo
            if undo is None:
                raise Conflict("A job of this type cannot be undone.")
            type_key, config = undo(job)
            name = f"Undo of {job.name}"
            new = self._made(Start(type_key, job.project_id, job.deployment_id, config, name), job.id)
            new = rules.enqueued(new, new.created_at)
            if store.change(job, rules.undone(job, new.id, self.now()), new=new):
                self.post(new)
                return new
            self._refuse_if_taken(new)
        raise Conflict("The job keeps changing; try again in a moment.")

    def is_taken(self, slot: str) -> bool:
        """Whether a job is queued or running that has that slot. One request."""
        return store.holder(slot) is not None

    def find(self, job_id: str) -> Job:
        """The job of that id. Raises NotFound."""
        job = store.get(ids.check("job", job_id))
        if job is None:
            raise NotFound(f"There is no job with the id {job_id!r}.")
        return job

    def type_of(self, key: str) -> JobType[Any]:
        """The type of that key. Raises Invalid."""
        known = self.types.get(key)
        if known is None:
            raise Invalid(f"There is no type of job {key[:80]!r}.", {"job_type_key": "unknown"})
        return known

    def line(self, level: Level, message: str) -> Line:
        """A line for a job's log, of now."""
        return Line(self.now(), level, message)

    def post(self, job: Job) -> None:
        """Sends a queued job's message. What could not be sent is found by the watch."""
        if not job.is_running:
            return
        try:
            self.send({"job": job.id, "step": job.step})
        except Exception:  # the job is written: it must not be started again for this
            log.exception("the message of %s could not be sent; the watch will send it", job.id)

    def _made(self, start: Start, undoes: str | None = None) -> Job:
        known, now, job_id = self.type_of(start.type_key), self.now(), ids.new_job_id()
        try:
            config = known.checked(start.config, start.deployment_id)
        except ValidationError as error:
            fields = {".".join(map(str, each["loc"])) or "params": each["msg"] for each in error.errors()}
            raise Invalid("These params do not fit the type of job.", fields) from error
        slot = known.slot(start.project_id, start.deployment_id, config) if known.slot else None
        return Job(
            id=job_id,
            project_id=start.project_id,
            deployment_id=start.deployment_id,
            type_key=known.key,
            name=start.name or known.label,
            slot=slot or job_id,
            config=config,
            stages=known.stages,
            created_at=now,
            updated_at=now,
            undoes=undoes,
        )

    def _changed(self, job_id: str, change: Callable[[Job], Job]) -> Job:
        for _ in range(_ROUNDS):
            job = self.find(job_id)
            after = change(job)
            if after is job:
                return job
            written = store.change(job, after)
            if written is not None:
                if not job.is_running:
                    self.post(written)
                return written
            if not job.is_running:
                self._refuse_if_taken(after)
        raise Conflict("The job keeps changing; try again in a moment.")

    def _refuse_if_taken(self, job: Job) -> None:
        other = store.holder(job.slot)
        if other not in (None, job.id):
            self._refuse(job, other)

    def _refuse(self, job: Job, other: str | None) -> NoReturn:
        raise Conflict(f"{job.name} has to wait: the job {other or 'before it'} is at work on the same.")
