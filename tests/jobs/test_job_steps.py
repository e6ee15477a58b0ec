"""Jobs at work in a real table: steps, messages that come twice, workers that die, cancelling, undoing."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from desk import Desk, Headsman, PieceRow, pieces_of, running
from meter import Meter
from world import Killed, a_deployment, a_project

from chalicelib.aws.table import Row
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.jobs import logs, store
from chalicelib.jobs.rules import LEASE, RESENDS, SILENCE, TRIES, advanced


def test_a_job_is_done_step_by_step_and_tells_how_far_it_is(table: str) -> None:
    desk, project = Desk(), a_project()
    job = desk.start(project, 5)
    assert (job.status, job.progress, running()) == ("PENDING", 0, [job.id])
    desk.turn()
    half = desk.job(job.id)
    assert (half.status, half.step, half.cursor) == ("STARTED", 1, 2)
    assert half.stages[0].value("done") == 2
    assert half.progress == pytest.approx(0.2)
    assert desk.queue == [{"job": job.id, "step": 1}]
    desk.drain()
    done = desk.job(job.id)
    assert (done.status, done.progress, done.stages[0].value("done")) == ("SUCCESS", 1, 5)
    assert done.finished_at
    assert [stage.status for stage in done.stages] == ["SUCCESS", "SUCCESS"]
    assert len(pieces_of(job)) == 5
    assert (running(), [line.message for line in logs.newest(job.id, 9)]) == ([], ["Finished."])


def test_messages_that_come_twice_or_late_do_nothing(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 5)
    first = desk.queue[0]
    desk.turn()
    desk.hand(first)
    assert (desk.job(job.id).step, len(desk.queue)) == (1, 1)
    desk.drain()
    done = desk.job(job.id)
    desk.hand(first)
    desk.hand({"job": job.id, "step": done.step})
    desk.hand({"job": "jaaaaaaaaaa", "step": 0})
    assert (desk.job(job.id), desk.queue) == (done, [])


def test_one_message_handed_to_eight_workers_is_worked_on_by_one(real_table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 40)
    message = desk.queue.pop()
    with ThreadPoolExecutor(8) as threads:
        for worker in [threads.submit(desk.hand, message) for _ in range(8)]:
            worker.result()
    assert (desk.job(job.id).step, pieces_of(job), len(desk.queue)) == (1, ["0000", "0001"], 1)


@pytest.mark.parametrize("afterwards", [False, True])
def test_a_worker_that_dies_at_any_request_leaves_nothing_undone_and_nothing_done_twice(
    real_table: str, afterwards: bool
) -> None:
    project = a_project()
    for turn in range(100):
        desk = Desk()
        job = desk.start(project, 3)
        died = False
        with Headsman(turn, afterwards) as headsman:
            while desk.queue:
                message = desk.queue.pop(0)
                try:
                    desk.hand(message)
                except Killed:
                    died = True
                    headsman.revive()
                    desk.hand(message)  # the queue hands it out again, before the lease is over
        for _ in range(3):
            desk.later()
            desk.drain()
        done = desk.job(job.id)
        assert (done.status, done.progress, done.cursor) == ("SUCCESS", 1, None), turn
        assert done.stages[0].value("done") == 3
        assert [(row.sk, row.times) for row in PieceRow.query(f"PIECES#{job.id}")] == [
            ("0000", 1),
            ("0001", 1),
            ("0002", 1),
        ]
        assert len(logs.newest(job.id, 9)) == 1
        assert running() == []
        if not died:
            assert turn == 9  # two steps of three requests each, and one for each of three pieces
            return
    raise AssertionError("it was killed a hundred times")


def test_a_worker_whose_message_was_not_sent_is_followed_by_the_watch(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 3)
    desk.turn()
    desk.queue.clear()
    assert desk.working.overdue() == 0
    assert desk.later() == 1
    assert desk.queue == [{"job": job.id, "step": 1}]
    desk.drain()
    assert desk.job(job.id).status == "SUCCESS"


def test_a_queue_that_is_down_fails_no_start(table: str) -> None:
    desk = Desk()

    def down(message: object) -> None:
        raise ConnectionError

    object.__setattr__(desk.jobs, "send", down)
    job = desk.start(a_project(), 3)
    object.__setattr__(desk.jobs, "send", desk._send)
    desk.later()
    desk.drain()
    assert desk.job(job.id).status == "SUCCESS"


def test_the_watch_sends_a_lost_step_again_three_times_and_then_gives_the_job_up(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 3)
    desk.turn()
    for resent in range(1, RESENDS + 1):
        desk.queue.clear()
        assert desk.later() == 1
        assert desk.job(job.id).resent == resent
        assert len(desk.queue) == 1
        assert desk.working.overdue() == 0  # it has only just been asked after
    desk.later()
    lost = desk.job(job.id)
    assert lost.status == "FAILURE"
    assert lost.reason == "no sign of life for 36 min at step 2 of stage 'Do the pieces'"
    assert lost.stages[0].status == "FAILURE"
    assert lost.stages[0].progress == pytest.approx(2 / 3)
    assert running() == []
    assert [line.level for line in logs.newest(job.id, 9)] == ["ERROR"]
    desk.hand(desk.queue[-1])
    assert desk.job(job.id) == lost


def test_what_nobody_has_begun_is_sent_again_and_never_given_up(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 3)
    for _ in range(2 * RESENDS):
        desk.queue.clear()
        assert desk.later(timedelta(hours=2)) == 1
    desk.drain()
    assert desk.job(job.id).status == "SUCCESS"


def test_a_job_is_not_asked_after_while_a_worker_is_on_it(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 3)
    with Headsman(3), pytest.raises(Killed):
        desk.turn()
    assert desk.job(job.id).worker
    assert desk.later(LEASE - timedelta(seconds=5)) == 0
    assert desk.later(SILENCE) == 1


def test_whoever_knows_that_all_workers_are_gone_has_jobs_gone_on_with_at_once(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 3)
    with Headsman(3), pytest.raises(Killed):
        desk.turn()
    desk.queue.clear()
    assert desk.working.take_up() == 1
    desk.drain()
    assert (desk.job(job.id).status, len(pieces_of(job))) == ("SUCCESS", 3)
    assert desk.working.take_up() == 0


def test_a_worker_that_was_overtaken_writes_nothing(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 5)
    claimed = desk.working._claimed(job.id, 0)
    assert claimed
    desk.later()
    desk.turn()
    there = desk.job(job.id)
    late = desk.working._held(claimed, lambda current: store.job_of(store._row(current)), [])
    assert (late, desk.job(job.id)) == (None, there)


def test_a_message_that_comes_again_during_its_step_finds_it_taken(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 5)
    message = desk.queue.pop()
    workers = []

    def time_is_up() -> bool:
        workers.append(desk.job(job.id).worker)
        desk.hand(message)
        return len(workers) == 2

    desk.working.step(job.id, 0, time_is_up)
    assert len(set(workers)) == 1
    assert (desk.job(job.id).stages[0].value("done"), len(desk.queue)) == (2, 1)


def test_of_two_workers_on_one_step_the_later_one_moves_the_job_on(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 5)
    slow = desk.working._claimed(job.id, 0)
    desk.ahead += LEASE + timedelta(seconds=1)
    quick = desk.working._claimed(job.id, 0)
    assert slow
    assert quick
    assert desk.working._held(slow, lambda now: advanced(now, 9, now.stages, desk.jobs.now()), []) is None
    assert desk.job(job.id) == quick
    assert desk.working._held(quick, lambda now: advanced(now, 2, now.stages, desk.jobs.now()), [])
    assert desk.job(job.id).cursor == 2


def test_a_write_whose_answer_was_lost_on_the_way_counts_as_done(table: str) -> None:
    """The client sends it a second time by itself, and must not take its own write for another's."""
    desk = Desk()
    job = desk.start(a_project(), 5)
    asked: list[str] = []

    def again(**_: object) -> float | None:
        asked.append("once more")
        return 0.0 if len(asked) % 2 else None

    events = Row._get_connection().connection.client.meta.events
    events.register_first("needs-retry.dynamodb.PutItem", again)
    try:
        desk.turn()
    finally:
        events.unregister("needs-retry.dynamodb.PutItem", again)
    assert len(asked) >= 8
    assert (desk.job(job.id).step, desk.queue) == (1, [{"job": job.id, "step": 1}])


def test_what_a_step_says_is_in_the_log_at_once(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), config={"pieces": 2, "fault": "talk"})
    desk.turn()
    assert [(each.level, each.message) for each in logs.newest(job.id, 9)] == [("WARNING", "One is missing.")]


def test_who_cancels_at_the_very_moment_of_a_claim_need_not_wait_for_the_watch(table: str) -> None:
    desk = Desk()
    job = desk.start(a_project(), 5)
    desk.turn()
    events = Row._get_connection().connection.client.meta.events

    def strike(**_: object) -> None:
        events.unregister("before-call.dynamodb.PutItem", strike)
        desk.jobs.cancel(job.id)

    events.register_first("before-call.dynamodb.PutItem", strike)
    desk.turn()
    assert desk.job(job.id).status == "REVOKED"


class TestFaults:
    def test_what_cannot_be_done_ends_the_job_with_its_reason(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), config={"pieces": 3, "fault": "invalid"})
        desk.turn()
        ended = desk.job(job.id)
        assert (ended.status, ended.reason) == ("FAILURE", "There is nothing to be done with that.")
        assert (desk.queue, running()) == ([], [])

    def test_a_fault_of_ours_is_tried_again_and_then_told_without_its_insides(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), config={"pieces": 3, "fault": "fault"})
        desk.turn()
        assert desk.job(job.id).status == "STARTED"
        desk.drain()
        ended = desk.job(job.id)
        told = "step 1 of stage 'Do the pieces' failed by a fault of ours (ZeroDivisionError)"
        assert (ended.status, ended.reason) == ("FAILURE", f"{told}, {TRIES} times.")
        lines = [line.message for line in reversed(logs.newest(job.id, 9))]
        assert lines == [*[f"{told}; it is tried again."] * (TRIES - 1), f"{told}, {TRIES} times."]
        assert pieces_of(job) == ["0000"]

    def test_a_type_that_is_no_more_ends_its_jobs(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project())
        object.__setattr__(desk.jobs, "types", {})
        desk.turn()
        assert desk.job(job.id).reason == "There is no type of job 'pieces' any more."


class TestCancelling:
    def test_a_job_that_waits_is_cancelled_at_once(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project())
        assert desk.jobs.cancel(job.id).status == "REVOKED"
        assert running() == []
        desk.drain()
        assert (desk.job(job.id).status, pieces_of(job)) == ("REVOKED", [])

    def test_between_two_steps_it_stops_at_once(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project())
        desk.turn()
        assert desk.jobs.cancel(job.id).status == "REVOKED"
        desk.turn()
        stopped = desk.job(job.id)
        assert (stopped.status, stopped.stages[0].status, stopped.cursor) == ("REVOKED", "REVOKED", 2)
        assert (len(pieces_of(job)), desk.queue, running()) == (2, [], [])
        with pytest.raises(Conflict):
            desk.jobs.cancel(job.id)

    def test_during_a_step_it_stops_at_its_end_and_keeps_what_was_done(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 5)
        asked = iter([False, True])

        def time_is_up() -> bool:
            if not next(asked):
                desk.jobs.cancel(job.id)
                return False
            return True

        desk.working.step(job.id, 0, time_is_up)
        stopped = desk.job(job.id)
        assert (stopped.status, stopped.cursor, stopped.stages[0].value("done")) == ("REVOKED", 2, 2)
        assert running() == []

    def test_a_job_whose_worker_died_is_cancelled_by_the_watch(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project())
        with Headsman(3), pytest.raises(Killed):
            desk.turn()
        assert desk.jobs.cancel(job.id).status == "CANCELING"
        assert desk.jobs.cancel(job.id).status == "CANCELING"
        desk.later()
        assert (desk.job(job.id).status, running()) == ("REVOKED", [])


class TestRetrying:
    def test_it_goes_on_where_it_stopped(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 5)
        desk.turn()
        desk.jobs.cancel(job.id)
        desk.drain()
        again = desk.jobs.retry(job.id, resume=True)
        assert (again.status, again.cursor, again.finished_at) == ("RETRY", 2, None)
        assert again.progress == pytest.approx(0.2)
        desk.drain()
        assert (desk.job(job.id).status, desk.job(job.id).stages[0].value("done")) == ("SUCCESS", 5)

    def test_what_the_watch_has_given_up_goes_on_where_it_stopped(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 5)
        desk.turn()
        while not desk.job(job.id).is_final:
            desk.queue.clear()
            assert desk.later() == 1
        assert desk.job(job.id).status == "FAILURE"
        again = desk.jobs.retry(job.id, resume=True)
        assert (again.cursor, again.reason, again.resent) == (2, None, 0)
        desk.drain()
        assert (desk.job(job.id).status, desk.job(job.id).stages[0].value("done")) == ("SUCCESS", 5)

    def test_or_begins_anew(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 5)
        desk.turn()
        desk.jobs.cancel(job.id)
        desk.drain()
        again = desk.jobs.retry(job.id, resume=False)
        assert (again.cursor, again.progress, again.stages[0].value("done")) == (None, 0, 0)
        assert again.step > 1
        desk.drain()
        assert desk.job(job.id).stages[0].value("done") == 5

    def test_not_while_it_runs_nor_once_it_has_succeeded(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 3)
        for _ in range(3):
            with pytest.raises(Conflict):
                desk.jobs.retry(job.id, resume=True)
            if desk.queue:
                desk.turn()

    def test_messages_of_before_are_not_heeded(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 5)
        stale = dict(desk.queue[0])
        desk.jobs.cancel(job.id)
        desk.jobs.retry(job.id, resume=False)
        desk.hand(stale)
        assert desk.job(job.id).status == "RETRY"


class TestUndoing:
    def test_a_finished_job_is_undone_by_another_once(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 3, name="Mine")
        with pytest.raises(Conflict, match="when it has ended"):
            desk.jobs.undo(job.id)
        desk.drain()
        undoing = desk.jobs.undo(job.id)
        assert (undoing.type_key, undoing.undoes, undoing.name) == ("unpieces", job.id, "Undo of Mine")
        assert desk.job(job.id).undone_by == undoing.id
        with pytest.raises(Conflict, match="undone already"):
            desk.jobs.undo(job.id)
        desk.drain()
        with pytest.raises(Conflict, match="cannot be undone"):
            desk.jobs.undo(undoing.id)

    def test_what_was_undone_is_not_retried(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 3)
        desk.jobs.cancel(job.id)
        desk.jobs.undo(job.id)
        with pytest.raises(Conflict, match="was undone"):
            desk.jobs.retry(job.id, resume=True)

    def test_two_at_once_make_one_job(self, real_table: str) -> None:
        desk, project = Desk(), a_project()
        for _ in range(5):
            job = desk.start(project, 1)
            desk.drain()
            with ThreadPoolExecutor(6) as threads:
                tries = [threads.submit(desk.jobs.undo, job.id) for _ in range(6)]
            outcomes = Counter(type(each.exception()) for each in tries)
            assert outcomes == {type(None): 1, Conflict: 5}
            assert running() == [desk.job(job.id).undone_by]
            desk.drain()


class TestStarting:
    def test_a_job_may_wait_until_it_is_run(self, table: str) -> None:
        desk = Desk()
        job = desk.start(a_project(), 3, now=False)
        assert (job.status, desk.queue, running()) == ("CREATED", [], [])
        assert desk.later() == 0
        assert desk.jobs.run(job.id).status == "PENDING"
        with pytest.raises(Conflict):
            desk.jobs.run(job.id)
        desk.drain()
        assert desk.job(job.id).status == "SUCCESS"

    def test_of_one_slot_only_one_runs_at_a_time(self, table: str) -> None:
        desk, project = Desk(), a_project()
        place, other = a_deployment(project).id, a_deployment(project).id
        first = desk.start(project, 3, type_key="alone", deployment_id=place)
        with pytest.raises(Conflict, match=first.id):
            desk.start(project, 3, type_key="alone", deployment_id=place)
        waiting = desk.start(project, 3, type_key="alone", deployment_id=place, now=False)
        with pytest.raises(Conflict, match=first.id):
            desk.jobs.run(waiting.id)
        desk.jobs.cancel(waiting.id)
        assert store.holder(first.slot) == first.id
        elsewhere = desk.start(project, 3, type_key="alone", deployment_id=other)
        desk.drain()
        desk.jobs.retry(waiting.id, resume=True)
        desk.drain()
        assert {desk.job(each.id).status for each in (first, waiting, elsewhere)} == {"SUCCESS"}

    def test_a_config_its_type_does_not_know_is_refused(self, table: str) -> None:
        desk, project = Desk(), a_project()
        with pytest.raises(Invalid) as refused:
            desk.start(project, config={"pieces": 3, "colour": "red"})
        assert "colour" in refused.value.fields
        with pytest.raises(Invalid):
            desk.start(project, type_key="unheard_of")
        with pytest.raises(NotFound):
            desk.job("jaaaaaaaaaa")


def test_what_it_costs(real_table: str) -> None:
    desk, project = Desk(pieces=1), a_project()
    with Meter() as meter:
        job = desk.start(project, 2)
    assert dict(meter.requests) == {"TransactWriteItems": 1}
    with Meter() as meter:
        desk.turn()
    # Read, claim, advance; and the piece of work itself.
    assert dict(meter.requests) == {"GetItem": 1, "PutItem": 3}
    with Meter() as meter:
        desk.hand({"job": job.id, "step": 0})
    assert dict(meter.requests) == {"GetItem": 1}
    desk.turn()
    with Meter() as meter:
        desk.turn()
    assert dict(meter.requests) == {"GetItem": 1, "PutItem": 1, "TransactWriteItems": 1}
    for _ in range(5):
        desk.start(project, 2)
    with Meter() as meter:
        desk.working.overdue()
    assert dict(meter.requests) == {"Query": 1, "BatchGetItem": 1}
