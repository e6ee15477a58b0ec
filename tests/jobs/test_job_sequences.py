"""No sequence of late, duplicate and reordered messages, cancels, retries, watches and deaths revives a job
that has finished, loses a step of it, or counts one twice.

First on plain values: the rules are the real ones, put together as working.py and service.py do, the row is
one in memory, and between any two requests of anybody, anybody else may come. Then the code itself on a real
table, where others come, or death does, just before any of its requests.
"""

import os
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import cast

from desk import Desk, pieces_of, running
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule, run_state_machine_as_test
from world import Killed, a_project

from chalicelib.aws.table import Row
from chalicelib.errors import Conflict
from chalicelib.jobs import rules
from chalicelib.jobs.rules import FINAL, LEASE, SILENCE, STEP, TRIES, Job
from chalicelib.jobs.stages import Param, Stage, at, with_value

EXAMPLES = int(os.environ.get("NIGHTJAR_JOB_EXAMPLES", "300"))
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
PIECES = 5
STAGES = (Stage("Do", "do", params=(Param("Done", "done", 0),)), Stage("Tell", "tell"))
LATER = LEASE + SILENCE + STEP

Requests = Generator[None, None, None]
"""Somebody at work: between two of its requests it rests, and may never wake."""

Taken = Generator[None, None, Job | None]


@dataclass
class Shelf:
    """One job in memory, changed as the table changes it; and what is asked of every change."""

    job: Job
    pieces: set[int] = field(default_factory=set)

    def change(self, before: Job, after: Job, *, by_retry: bool = False) -> Job | None:
        if self.job.stamp != before.stamp:
            return None
        self._check(self.job, after, by_retry)
        self.job = replace(after, stamp=f"{int(self.job.stamp) + 1}")
        return self.job

    def _check(self, before: Job, after: Job, by_retry: bool) -> None:
        if before.status in FINAL:
            assert by_retry, f"a job that was {before.status} became {after.status} by itself"
            assert before.status != "SUCCESS"
        if before.status == "CANCELING":
            assert after.status in ("CANCELING", "REVOKED", "SUCCESS")
        assert after.step in (before.step, before.step + 1)
        had, done = (cast("int", job.stages[0].value("done")) for job in (before, after))
        assert done == (PIECES if after.status == "SUCCESS" else after.cursor or 0)
        assert done >= had or by_retry
        assert self.pieces >= set(range(done))
        assert (after.progress == 1) == (after.status == "SUCCESS")


class Sequences(RuleBasedStateMachine):
    """A job of five pieces of work, and whoever has to do with it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOW
        job = Job("j", "p", "t", "T", "j", {}, STAGES, NOW, NOW, stamp="0")
        self.shelf = Shelf(rules.enqueued(job, NOW))
        self.sent = [0]  # every message there ever was
        self.queue = [0]
        self.at_work: list[Requests] = []

    # What may happen.

    @precondition(lambda self: self.queue)
    @rule(which=st.integers(0, 50), is_faulty=st.booleans())
    def a_message_comes(self, which: int, is_faulty: bool) -> None:
        message = self.queue.pop(which % len(self.queue))
        self.at_work.append(self._work(message, is_faulty=is_faulty))

    @rule(which=st.integers(0, 50))
    def a_message_comes_again(self, which: int) -> None:
        self.at_work.append(self._work(self.sent[which % len(self.sent)]))

    @precondition(lambda self: self.queue)
    @rule(which=st.integers(0, 50))
    def a_message_is_lost(self, which: int) -> None:
        self.queue.pop(which % len(self.queue))

    @rule()
    def somebody_cancels(self) -> None:
        self.at_work.append(self._ask(lambda job: rules.cancelled(job, self.now), by_retry=False))

    @rule(anew=st.booleans())
    def somebody_retries(self, anew: bool) -> None:
        fresh = STAGES if anew else None
        self.at_work.append(self._ask(lambda job: rules.retried(job, fresh, self.now), by_retry=True))

    @rule()
    def the_watch_comes(self) -> None:
        self.at_work.append(self._watch())

    @precondition(lambda self: self.at_work)
    @rule(which=st.integers(0, 50), requests=st.integers(1, 8))
    def somebody_goes_on(self, which: int, requests: int) -> None:
        one = self.at_work[which % len(self.at_work)]
        for _ in range(requests):
            if not self._wakes(one):
                return

    @precondition(lambda self: self.at_work)
    @rule(which=st.integers(0, 50))
    def somebody_dies(self, which: int) -> None:
        self.at_work.pop(which % len(self.at_work)).close()

    @rule(wait=st.sampled_from([timedelta(seconds=1), LEASE, LATER, 4 * LATER]))
    def time_passes(self, wait: timedelta) -> None:
        self.now += wait

    # How it must end.

    def teardown(self) -> None:
        """Whoever is at work sleeps, and all messages are lost: the job ends all the same."""
        self.queue.clear()
        self._carry_on()
        if self.shelf.job.status != "SUCCESS":
            self._all_of(self._ask(lambda job: rules.retried(job, None, self.now), by_retry=True))
            self._carry_on()
        done = self.shelf.job
        assert (done.status, done.stages[0].value("done"), self.shelf.pieces) == (
            "SUCCESS",
            PIECES,
            set(range(PIECES)),
        )
        for one in [*self.at_work, *map(self._work, self.sent), self._watch()]:
            self._all_of(one)
        assert self.shelf.job == done

    def _carry_on(self) -> None:
        for _ in range(4 * PIECES):
            if self.shelf.job.is_final:
                return
            self.now += 16 * LATER
            self._all_of(self._watch())
            while self.queue:
                self._all_of(self._work(self.queue.pop(0)))
        raise AssertionError(f"it waits for ever: {self.shelf.job}")

    def _wakes(self, one: Requests) -> bool:
        try:
            next(one)
        except StopIteration:
            self.at_work.remove(one)
            return False
        return True

    def _all_of(self, one: Requests) -> None:
        for _ in one:
            pass

    # Who has to do with it, request by request.

    def _work(self, step: int, *, is_faulty: bool = False) -> Requests:
        yield
        taken = yield from self._claimed(step)
        if taken is None:
            return
        if is_faulty:
            yield from self._fail(taken)
            return
        stages, place = taken.stages, taken.cursor or 0
        for _ in range(2):
            yield
            if place < PIECES:
                self.shelf.pieces.add(place)
                place += 1
        stages = (at(with_value(stages[0], "done", place), place / PIECES), stages[1])
        if place == PIECES:
            yield from self._held(taken, lambda job: rules.finished(job, stages, self.now))
        else:
            yield from self._held(taken, lambda job: rules.advanced(job, place, stages, self.now))

    def _fail(self, taken: Job) -> Requests:
        if taken.tries >= TRIES:
            yield from self._held(taken, lambda job: rules.failed(job, "a fault", taken.stages, self.now))
        else:
            yield from self._held(taken, lambda job: rules.released(job, self.now), is_sent=False)
            self.queue.append(taken.step)  # the queue hands it out again

    def _claimed(self, step: int) -> Taken:
        while True:
            job = self.shelf.job
            yield
            if job.step != step or not job.is_running or job.is_leased(self.now):
                return None
            if job.status == "CANCELING":
                self.shelf.change(job, rules.moved(job, "revoke", self.now))
                return None
            taken = self.shelf.change(job, rules.claimed(job, f"w{self.shelf.job.stamp}", self.now))
            if taken:
                return taken

    def _held(self, taken: Job, after: Callable[[Job], Job], *, is_sent: bool = True) -> Requests:
        job = taken
        while job.worker == taken.worker and job.step == taken.step and not job.is_final:
            yield
            written = self.shelf.change(job, after(job))
            if written:
                yield
                if is_sent:
                    self._post(written)
                return
            job = self.shelf.job

    def _ask(self, change: Callable[[Job], Job], *, by_retry: bool) -> Requests:
        while True:
            job = self.shelf.job
            yield
            try:
                after = change(job)
            except Conflict:
                return
            written = self.shelf.change(job, after, by_retry=by_retry)
            if written:
                yield
                if by_retry:
                    self._post(written)
                return

    def _watch(self) -> Requests:
        job = self.shelf.job
        yield
        if not rules.is_silent(job, self.now, 1):
            return
        if job.status == "CANCELING":
            self.shelf.change(job, rules.moved(job, "revoke", self.now))
        elif job.heartbeat and job.resent >= rules.RESENDS:
            self.shelf.change(job, rules.failed(job, "silence", job.stages, self.now))
        else:
            written = self.shelf.change(job, rules.resent(job, self.now))
            yield
            if written:
                self._post(written)

    def _post(self, job: Job) -> None:
        if job.is_running:
            self.sent.append(job.step)
            self.queue.append(job.step)


TestSequences = Sequences.TestCase
TestSequences.settings = settings(max_examples=EXAMPLES, stateful_step_count=60, deadline=None)


class Intruder:
    """Lets others come in just before the requests of the table that have these numbers."""

    def __init__(self, coming: dict[int, Callable[[], None]]) -> None:
        self._coming = coming
        self._requests = 0
        self._is_inside = False

    def __enter__(self) -> "Intruder":
        self._events = Row._get_connection().connection.client.meta.events
        self._events.register_first("before-call.dynamodb", self._before)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-call.dynamodb", self._before)

    def _before(self, **_: object) -> None:
        if self._is_inside:
            return
        self._requests += 1
        come = self._coming.pop(self._requests, None)
        if come:
            self._is_inside = True
            try:
                come()
            finally:
                self._is_inside = False


COMING = ("message", "message", "message", "late message", "cancel", "resume", "anew", "much later")
VISITING = ("cancel", "cancel", "resume", "anew", "late message", "much later", "overtaken", "death")
visits = st.lists(st.tuples(st.integers(1, 6), st.sampled_from(VISITING)), min_size=1, max_size=2)


class RealSequences(RuleBasedStateMachine):
    """The same with the code itself and a real table."""

    def __init__(self) -> None:
        super().__init__()
        self.desk = Desk()
        self.project = a_project()
        self.id = self.desk.start(self.project, PIECES).id
        self.done: list[Job] = []
        self.retries = 0
        self.seen = self.desk.job(self.id), self.retries

    @rule(what=st.sampled_from(COMING), others=visits)
    def somebody_comes(self, what: str, others: list[tuple[int, str]]) -> None:
        coming = {number: self._visit(each) for number, each in others}
        with suppress(Killed), Intruder(coming):
            self._visit(what)()
        self._check()

    @precondition(lambda self: self.seen[0].status == "SUCCESS")
    @rule()
    def another_job(self) -> None:
        self.done.append(self.seen[0])
        self.id = self.desk.start(self.project, PIECES).id
        self.seen = self.desk.job(self.id), self.retries

    @precondition(lambda self: self.desk.queue)
    @rule()
    def messages_are_lost(self) -> None:
        self.desk.queue.clear()

    def teardown(self) -> None:
        self.desk.queue.clear()
        self._carry_on()
        if self.desk.job(self.id).status != "SUCCESS":
            self.desk.jobs.retry(self.id, resume=True)
            self._carry_on()
        done = self.desk.job(self.id)
        assert (done.status, done.stages[0].value("done"), len(pieces_of(done))) == (
            "SUCCESS",
            PIECES,
            PIECES,
        )
        for step in range(done.step + 2):
            self.desk.hand({"job": self.id, "step": step})
        assert self.desk.later() == 0
        assert (self.desk.job(self.id), self.id in running()) == (done, False)
        assert [self.desk.job(each.id) for each in self.done] == self.done

    def _carry_on(self) -> None:
        for _ in range(4):
            self.desk.later(16 * LATER)
            self.desk.drain()
            if self.desk.job(self.id).is_final:
                return
        raise AssertionError(f"it waits for ever: {self.desk.job(self.id)}")

    def _visit(self, what: str) -> Callable[[], None]:
        return cast("Callable[[], None]", getattr(self, f"_{what.replace(' ', '_')}"))

    def _message(self) -> None:
        if self.desk.queue:
            self.desk.turn()

    def _late_message(self) -> None:
        """Those of the step before, and of the present one, whether it is under way or not."""
        step = self.desk.job(self.id).step
        for each in (step - 1, step):
            self.desk.hand({"job": self.id, "step": each})

    def _cancel(self) -> None:
        with suppress(Conflict):
            self.desk.jobs.cancel(self.id)

    def _resume(self) -> None:
        self._retry(resume=True)

    def _anew(self) -> None:
        self._retry(resume=False)

    def _retry(self, *, resume: bool) -> None:
        self.retries += 1
        with suppress(Conflict):
            self.desk.jobs.retry(self.id, resume=resume)

    def _much_later(self) -> None:
        self.desk.later(LATER)

    def _overtaken(self) -> None:
        """By others, who come when the claim is over, and do a step or two."""
        self.desk.later(LATER)
        for _ in range(2):
            self._late_message()

    def _death(self) -> None:
        raise Killed

    def _check(self) -> None:
        before, retries = self.seen
        job = self.desk.job(self.id)
        if before.status == "SUCCESS" or (before.is_final and retries == self.retries):
            assert job == before
        had, done = (cast("int", each.stages[0].value("done")) for each in (before, job))
        assert done >= had or retries != self.retries
        assert done == (PIECES if job.status == "SUCCESS" else job.cursor or 0)
        assert len(pieces_of(job)) >= done
        assert (job.progress == 1) == (job.status == "SUCCESS")
        assert (self.id in running()) == job.is_running
        self.seen = job, self.retries


def test_the_same_on_a_real_table(real_table: str) -> None:
    once = settings(
        max_examples=max(EXAMPLES // 12, 1),
        stateful_step_count=16,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    run_state_machine_as_test(RealSequences, settings=once)
