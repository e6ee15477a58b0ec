"""Sixteen threads upon one job, in a real table: one does the work, the others find that it is being done."""

import threading
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from desk import PIECEWISE, Desk, PieceRow, Pieces, running
from world import a_deployment, a_project

from chalicelib.errors import Conflict
from chalicelib.jobs import logs
from chalicelib.jobs.job_type import Report, TimeIsUp
from chalicelib.jobs.rules import Job

THREADS = 16
PIECES = 12


def _count(config: Pieces, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    """Adds one to each piece, so that work that is done twice is seen."""
    at = cursor or 0
    while at < config.pieces:
        PieceRow(f"PIECES#{report.job_id}", f"{at:04}").update([PieceRow.times.add(1)])
        at += 1
        report.count("do", "done")
        report.progress("do", at / config.pieces)
        if time_is_up():
            return at
    return None


COUNTING = replace(PIECEWISE, key="counting", step=_count)


@pytest.fixture
def desk(real_table: str) -> Desk:
    return Desk(more=(COUNTING,))


def all_at_once(call: Callable[[], object], threads: int = THREADS) -> Counter[str]:
    """Has so many threads do the same at the same moment; how often it passed, how often it was refused."""
    together = threading.Barrier(threads)

    def one() -> str:
        together.wait()
        try:
            call()
        except Conflict as error:
            return type(error).__name__
        return "done"

    with ThreadPoolExecutor(threads) as pool:
        return Counter(each.result() for each in [pool.submit(one) for _ in range(threads)])


def times(job: Job) -> list[int]:
    """How often each piece of a job was done."""
    return [int(row.times) for row in PieceRow.query(f"PIECES#{job.id}", consistent_read=True)]


def test_of_sixteen_workers_with_one_message_one_does_the_work(desk: Desk) -> None:
    job = desk.start(a_project(), PIECES, type_key="counting")
    message = desk.queue.pop()
    assert all_at_once(lambda: desk.hand(message)) == {"done": THREADS}
    assert times(job) == [1] * desk.pieces
    assert (desk.job(job.id).step, desk.job(job.id).tries) == (1, 0)
    assert desk.queue == [{"job": job.id, "step": 1}]


def test_a_whole_job_of_which_every_message_comes_sixteen_times_is_done_once(desk: Desk) -> None:
    job = desk.start(a_project(), PIECES, type_key="counting")
    seen: list[Mapping[str, Any]] = []
    while desk.queue:
        assert len(desk.queue) == 1
        seen.append(desk.queue.pop())
        all_at_once(lambda: desk.hand(seen[-1]))
    _is_done_once(desk, job)
    assert [each["step"] for each in seen] == list(range(PIECES // desk.pieces + 1))


def test_sixteen_workers_with_messages_of_all_steps_at_any_time_do_each_step_once(desk: Desk) -> None:
    """Late and early ones, and those of steps that are never to come."""
    job = desk.start(a_project(), PIECES, type_key="counting")
    desk.queue.clear()
    steps = range(PIECES // desk.pieces + 3)

    def worker() -> None:
        for _ in range(3):
            for step in steps:
                desk.hand({"job": job.id, "step": step})

    all_at_once(worker)
    while not desk.job(job.id).is_final:  # none is lost for the one who comes after
        desk.hand({"job": job.id, "step": desk.job(job.id).step})
    _is_done_once(desk, job)


def test_sixteen_watches_ask_after_a_silent_job_once(desk: Desk) -> None:
    job = desk.start(a_project(), PIECES, type_key="counting")
    desk.turn()
    desk.queue.clear()
    for resent in range(1, 4):
        desk.later()
        all_at_once(desk.working.overdue)
        assert (desk.job(job.id).resent, len(desk.queue)) == (resent, 1)
        desk.queue.clear()
    desk.ahead *= 2
    all_at_once(desk.working.overdue)
    assert desk.job(job.id).status == "FAILURE"
    assert [line.level for line in logs.newest(job.id, 9)] == ["ERROR"]


@pytest.mark.parametrize("verb", ["run", "retry"])
def test_what_sixteen_people_ask_for_at_once_is_done_once(desk: Desk, verb: str) -> None:
    job = desk.start(a_project(), PIECES, type_key="counting", now=False)
    calls = {"run": lambda: desk.jobs.run(job.id), "retry": lambda: desk.jobs.retry(job.id, resume=True)}
    if verb == "retry":
        desk.jobs.cancel(job.id)
    assert all_at_once(calls[verb]) == {"done": 1, "Conflict": THREADS - 1}
    assert (len(desk.queue), running()) == (1, [job.id])
    desk.drain()
    _is_done_once(desk, job)


def test_of_sixteen_who_start_a_job_of_one_slot_one_does(desk: Desk) -> None:
    project = a_project()
    place = a_deployment(project).id
    start = lambda: desk.start(project, 3, type_key="alone", deployment_id=place)  # noqa: E731
    assert all_at_once(start) == {"done": 1, "Conflict": THREADS - 1}
    assert len(running()) == len(desk.queue) == 1


def test_who_cancels_while_fifteen_work_stops_it_and_nothing_is_done_twice(desk: Desk) -> None:
    """Whatever the cancelling meets, the job ends, and goes on later with what is left."""
    project = a_project()
    for _ in range(5):
        job = desk.start(project, PIECES, type_key="counting")
        message = desk.queue.pop()
        turns = iter(range(THREADS))

        def one(job: Job = job, message: Any = message, turns: Any = turns) -> None:
            if next(turns) == 7:
                desk.jobs.cancel(job.id)
            else:
                desk.hand(message)

        assert all_at_once(one) == {"done": THREADS}
        stopped = desk.job(job.id)
        assert (stopped.status, running()) == ("REVOKED", [])
        assert times(job) == [1] * stopped.stages[0].value("done")  # type: ignore[operator]
        desk.drain()
        assert desk.job(job.id) == stopped
        desk.jobs.retry(job.id, resume=True)
        desk.drain()
        _is_done_once(desk, job)


def _is_done_once(desk: Desk, job: Job) -> None:
    done = desk.job(job.id)
    assert (done.status, done.progress, done.stages[0].value("done")) == ("SUCCESS", 1, PIECES)
    assert times(job) == [1] * PIECES
    assert running() == []
