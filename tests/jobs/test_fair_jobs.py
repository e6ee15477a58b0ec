"""Long jobs leave room for short ones, and a long line is no reason to give anybody up: counted in steps,
through one queue and one worker (docs/decisions/0012-fair-jobs.md)."""

import json
from collections import Counter
from collections.abc import Iterator

import boto3
import pytest
from desk import Desk, running
from world import a_project

from chalicelib.aws import batches
from chalicelib.jobs import rules
from chalicelib.jobs.rules import STEP, Job
from localstack.embedded.engines import Engine
from localstack.embedded.invocation import Event, Function
from localstack.embedded.pumps import QueuePump
from localstack.embedded.resources import Queue

BACKFILLS = 10
FOR_EVER = 9999


class OneWorker:
    """The jobs queue as `make run` has it: on the engine, with the pump that hands its messages to `work` one
    at a time. `steps` counts what was handed out, by job."""

    def __init__(self, engine: Engine, name: str) -> None:
        self.sqs = boto3.client("sqs", endpoint_url=engine.url)
        url = self.sqs.create_queue(QueueName=name)["QueueUrl"]
        self.queue = Queue(name, url, f"arn:aws:sqs:us-east-1:123456789012:{name}")
        self.pump = QueuePump(self.sqs, self.queue, Function("work", self._work), batch=1)
        self.steps: Counter[str] = Counter()
        self.desk = Desk(pieces=1)
        object.__setattr__(self.desk.jobs, "send", self._send)

    def until_it_ends(self, job: Job) -> int:
        """Hands messages out until a job has ended; says how many steps were done till then."""
        before = self.steps.total()
        while not self.desk.job(job.id).is_final:
            self.pump.turn()
        return self.steps.total() - before

    def turns(self, count: int) -> None:
        for _ in range(count):
            self.pump.turn()

    def _send(self, message: object) -> None:
        self.sqs.send_message(QueueUrl=self.queue.url, MessageBody=json.dumps(message))

    def _work(self, event: Event, _: object) -> object:
        return batches.each_message(event, self._step)

    def _step(self, body: str) -> None:
        message = json.loads(body)
        self.steps[message["job"]] += 1
        self.desk.hand(message)


@pytest.fixture
def worker(real_table: str, moto_server: Engine) -> Iterator[OneWorker]:
    made = OneWorker(moto_server, "fair-jobs")
    yield made
    made.sqs.delete_queue(QueueUrl=made.queue.url)


@pytest.mark.parametrize("pieces", [1, 3])
def test_a_short_job_is_done_after_one_step_of_each_long_one_for_each_of_its_own(
    worker: OneWorker, pieces: int
) -> None:
    project = a_project()
    long = [worker.desk.start(project, FOR_EVER) for _ in range(BACKFILLS)]
    worker.turns(BACKFILLS + 3)
    short = worker.desk.start(project, pieces)
    own = pieces + 1  # its last step finds that there is no piece left
    assert worker.until_it_ends(short) == own * (BACKFILLS + 1)
    assert worker.steps[short.id] == own
    of_the_long = [worker.steps[each.id] for each in long]
    assert max(of_the_long) - min(of_the_long) <= 1


def test_short_jobs_that_come_together_share_with_the_long_ones(worker: OneWorker) -> None:
    project = a_project()
    for _ in range(BACKFILLS):
        worker.desk.start(project, FOR_EVER)
    short = [worker.desk.start(project, 1) for _ in range(4)]
    steps = sum(worker.until_it_ends(each) for each in short)
    assert steps == 2 * (BACKFILLS + 4)


def test_a_job_that_was_cancelled_or_lost_takes_no_turn_of_others(worker: OneWorker) -> None:
    project = a_project()
    long = [worker.desk.start(project, FOR_EVER) for _ in range(BACKFILLS)]
    worker.turns(BACKFILLS)
    for each in long[1:]:
        worker.desk.jobs.cancel(each.id)
    short = worker.desk.start(project, 1)
    worker.until_it_ends(short)
    assert [worker.desk.job(each.id).step for each in long] == [3] + [1] * (BACKFILLS - 1)


def test_a_line_longer_than_the_silence_of_the_dead_fails_nobody(real_table: str) -> None:
    """Sixty jobs whose steps take their full time, one worker, and the watch every minute."""
    jobs = 60
    assert jobs * STEP > rules.SILENCE
    desk, project = Desk(pieces=1), a_project()
    made = [desk.start(project, FOR_EVER) for _ in range(jobs)]
    asked_after = 0
    for turn in range(4 * jobs):
        desk.turn()
        desk.ahead += STEP
        if turn % 6 == 0:
            asked_after += desk.working.overdue()
    assert asked_after == 0
    assert len(running()) == len(desk.queue) == jobs
    assert {desk.job(each.id).step for each in made} == {4}
