"""Working: one step of one job, claimed, done, and written in one go; then the next is asked for.

1. Claim: whoever has the message for the present step takes it by a conditional write. A message that comes
   twice finds the step taken, or done, and ends.
2. Work until the time is up.
3. Write step, cursor, progress and heartbeat together, if the claim still holds: whoever was overtaken
   writes nothing.
4. Send the next message. A crash before that is found by the watch.
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.jobs import logs, rules, store
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.logs import Line
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Jobs

log = logging.getLogger("nightjar")

_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Working:
    """What a worker and the watch do to jobs."""

    jobs: Jobs

    def step(self, job_id: str, step: int, time_is_up: TimeIsUp) -> None:
        """Does a step of a job; nothing for a message that is out of date. Three requests beside the step's
        own, and one of the queue.

        Raises whatever the step raised, so that the message comes again, unless the job has ended by it.
        """
        job = self._claimed(job_id, step)
        if job is None:
            return
        known = self.jobs.types.get(job.type_key)
        report = Report(
            job.id,
            job.project_id,
            job.deployment_id,
            job.tries > 1,
            job.stages,
            lambda level, message: logs.add(job.id, self.jobs.line(level, message)),
        )
        try:
            cursor = _work(known, job, report, time_is_up)
        except (Invalid, NotFound) as error:
            self._fail(job, error.detail)
        except Exception as fault:
            log.exception("%s of %s failed", rules.place(job), job.id)
            if not self._lost(job, fault):
                raise
        else:
            self._go_on(job, report, cursor)

    def overdue(self) -> int:
        """Asks after queued and running jobs that show no sign of life; returns how many those were."""
        now, running = self.jobs.now(), list(store.running())
        silent = [job for job in running if rules.is_silent(job, now, len(running))]
        for job in silent:
            try:
                self._rouse(job)
            except Exception:  # the others must not pay for it; the watch comes again
                log.exception("could not ask after %s", job.id)
        return len(silent)

    def take_up(self) -> int:
        """Sends the messages of all queued and running jobs again, though workers seem to be on them: for
        whoever knows that there are none, as after a start. Returns how many those were."""
        taken_up = 0
        for job in store.running():
            written = store.change(job, rules.released(job, self.jobs.now()))
            if written:
                self.jobs.post(written)
                taken_up += 1
        return taken_up

    def _claimed(self, job_id: str, step: int) -> Job | None:
        """The job with its step taken; None if there is nothing to be done for this message."""
        for _ in range(_ROUNDS):
            now = self.jobs.now()
            job = store.get(job_id)
            if job is None or job.step != step or not job.is_running or job.is_leased(now):
                return None
            if job.status == "CANCELING":
                self._revoke(job)
                return None
            taken = store.change(job, rules.claimed(job, secrets.token_hex(8), now))
            if taken:
                return taken
        return None

    def _go_on(self, job: Job, report: Report, cursor: Any) -> None:
        def after(current: Job) -> Job:
            if cursor is None:
                return rules.finished(current, report.stages, self.jobs.now())
            return rules.advanced(current, cursor, report.stages, self.jobs.now())

        lines = [self.jobs.line("INFO", "Finished.")] if cursor is None else []
        written = self._held(job, after, lines)
        if written:
            self.jobs.post(written)

    def _fail(self, job: Job, reason: str) -> None:
        line = self.jobs.line("ERROR", reason)
        # As of the last step: what this one counted is counted again should the job go on from there.
        self._held(job, lambda now: rules.failed(now, reason, job.stages, self.jobs.now()), [line])

    def _lost(self, job: Job, fault: Exception) -> bool:
        """Takes note of a try that was lost by a fault of ours; True if it was the last one. What the fault
        says stays in our own log: a job may be seen by anyone."""
        what = f"{rules.place(job)} failed by a fault of ours ({type(fault).__name__})"
        if job.tries >= rules.TRIES:
            self._fail(job, f"{what}, {job.tries} times.")
            return True
        line = self.jobs.line("ERROR", f"{what}; it is tried again.")
        self._held(job, lambda current: rules.released(current, self.jobs.now()), [line])
        return False

    def _held(self, job: Job, after: Callable[[Job], Job], lines: Sequence[Line]) -> Job | None:
        """Writes what became of a job whose step this worker has taken; None if another has it by now. People
        may have changed the job meanwhile: then it follows from what they made of it."""
        current: Job | None = job
        for _ in range(_ROUNDS):
            if (
                current is None
                or current.worker != job.worker
                or current.step != job.step
                or current.is_final
            ):
                return None
            written = store.change(current, after(current), lines)
            if written:
                return written
            current = store.get(job.id)
        raise Conflict(f"{job.id} keeps changing.")

    def _revoke(self, job: Job) -> None:
        now = self.jobs.now()
        store.change(job, rules.moved(job, "revoke", now), [self.jobs.line("INFO", "Cancelled.")])

    def _rouse(self, job: Job) -> None:
        now = self.jobs.now()
        if job.status == "CANCELING":
            self._revoke(job)
        elif job.heartbeat and job.resent >= rules.RESENDS:
            reason = rules.silence(job, now)
            store.change(job, rules.failed(job, reason, job.stages, now), [self.jobs.line("ERROR", reason)])
        else:
            written = store.change(job, rules.resent(job, now))
            if written:
                self.jobs.post(written)


def _work(known: JobType[Any] | None, job: Job, report: Report, time_is_up: TimeIsUp) -> Any:
    if known is None:
        raise Invalid(f"There is no type of job {job.type_key!r} any more.")
    return known.step(known.config.model_validate(job.config), job.cursor, report, time_is_up)
