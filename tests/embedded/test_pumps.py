"""The pumps treat functions as AWS's event source mappings do, on real engines."""

import json
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from localstack.embedded.clients import Clients
from localstack.embedded.delivery import Record
from localstack.embedded.invocation import Event, Function
from localstack.embedded.pump import Pump
from localstack.embedded.pumps import QueuePump, SchedulePump, StreamPump
from localstack.embedded.quiet import wait_until_quiet
from localstack.embedded.resources import Queue, make_queue
from localstack.embedded.stream_records import failure_message


@contextmanager
def running(*pumps: Pump) -> Iterator[None]:
    for pump in pumps:
        pump.start()
    try:
        yield
    finally:
        for pump in pumps:
            pump.stop()


def eventually(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


def bodies(clients: Clients, queue: Queue) -> list[str]:
    answer = clients.sqs.receive_message(QueueUrl=queue.url, MaxNumberOfMessages=10, VisibilityTimeout=0)
    return sorted(message["Body"] for message in answer.get("Messages", []))


@pytest.fixture
def dead(clients: Clients, unique: str) -> Queue:
    return make_queue(clients, f"{unique}-dead", {})


@pytest.fixture
def queue(clients: Clients, unique: str, dead: Queue) -> Queue:
    redrive = {"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2}
    return make_queue(clients, unique, {"VisibilityTimeout": 300, "RedrivePolicy": redrive})


@pytest.fixture
def stream(clients: Clients, unique: str) -> str:
    """The stream of a table that has the test's name."""
    made = clients.dynamodb.create_table(
        TableName=unique,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[
            {"AttributeName": "pk", "AttributeType": "S"},
            {"AttributeName": "sk", "AttributeType": "S"},
        ],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
    )
    return made["TableDescription"]["LatestStreamArn"]


def put(clients: Clients, table: str, pk: str, sk: int | str, **more: Any) -> None:
    clients.dynamodb.put_item(TableName=table, Item={"pk": {"S": pk}, "sk": {"S": str(sk)}, **more})


def key(record: Record) -> tuple[str, str]:
    keys = record["dynamodb"]["Keys"]
    return keys["pk"]["S"], keys["sk"]["S"]


def never(record: Record, _shard: str, _tries: int) -> None:
    raise AssertionError(f"given up: {record}")


# --- queues


def test_poison_ends_in_the_dead_letters_and_the_good_behind_it_pass(
    clients: Clients, queue: Queue, dead: Queue
) -> None:
    handled: list[str] = []

    def handler(event: Event, _context: Any) -> Any:
        failures = []
        for record in event["Records"]:
            if record["body"] == "poison":
                failures.append({"itemIdentifier": record["messageId"]})
            else:
                handled.append(record["body"])
        return {"batchItemFailures": failures}

    for body in ("one", "poison", "two", "three"):
        clients.sqs.send_message(QueueUrl=queue.url, MessageBody=body)
    pump = QueuePump(clients.sqs, queue, Function("f", handler), retry_seconds=0)
    with running(pump):
        eventually(lambda: bodies(clients, dead) == ["poison"])
        eventually(pump.empty)
    assert sorted(handled) == ["one", "three", "two"]


@pytest.mark.parametrize(
    "answer", [RuntimeError("down"), {"batchItemFailures": [{"itemIdentifier": "nobody's"}]}]
)
def test_a_batch_comes_again_when_the_function_raises_or_talks_nonsense(
    clients: Clients, queue: Queue, answer: Any
) -> None:
    calls: list[Event] = []

    def handler(event: Event, _context: Any) -> Any:
        calls.append(event)
        if len(calls) == 1:
            if isinstance(answer, Exception):
                raise answer
            return answer
        return None

    clients.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    pump = QueuePump(clients.sqs, queue, Function("f", handler), retry_seconds=0)
    with running(pump):
        eventually(lambda: len(calls) == 2)
        eventually(pump.empty)
    first, second = (call["Records"][0] for call in calls)
    assert first["messageId"] == second["messageId"]
    assert second["attributes"]["ApproximateReceiveCount"] == "2"
    assert second["eventSourceARN"] == queue.arn


def test_stopping_lets_the_running_handler_finish_and_takes_nothing_new(
    clients: Clients, queue: Queue
) -> None:
    began, finished = threading.Event(), threading.Event()

    def handler(_event: Event, context: Any) -> None:
        assert 0 < context.get_remaining_time_in_millis() <= 60_000
        began.set()
        time.sleep(0.5)
        finished.set()

    clients.sqs.send_message(QueueUrl=queue.url, MessageBody="x")
    pump = QueuePump(clients.sqs, queue, Function("f", handler), workers=2)
    pump.start()
    assert began.wait(10)
    start = time.monotonic()
    pump.stop()
    assert finished.is_set()
    assert time.monotonic() - start < 3
    assert pump.empty()


# --- streams


def test_poison_record_is_given_up_and_the_others_pass(
    clients: Clients, unique: str, stream: str, dead: Queue
) -> None:
    handled: list[tuple[str, str]] = []

    def handler(event: Event, _context: Any) -> None:
        keys = [key(record) for record in event["Records"]]
        if ("a", "3") in keys:
            raise RuntimeError("poison")
        handled.extend(keys)

    def give_up(record: Record, shard: str, tries: int) -> None:
        body = failure_message(record, shard, "settle", tries)
        clients.sqs.send_message(QueueUrl=dead.url, MessageBody=body)

    for number in range(8):
        put(clients, unique, "a", number)
    with running(StreamPump(clients.streams, stream, Function("settle", handler), give_up, retries=1)):
        eventually(lambda: len(handled) == 7)
    assert handled == [("a", str(number)) for number in range(8) if number != 3]
    [body] = bodies(clients, dead)
    message = json.loads(body)
    assert message["requestContext"]["approximateInvokeCount"] == 2
    assert message["DDBStreamBatchInfo"]["batchSize"] == 1
    assert [key(record) for record in message["payload"]["Records"]] == [("a", "3")]


def test_a_named_record_is_tried_again_with_what_stands_behind_it(
    clients: Clients, unique: str, stream: str
) -> None:
    calls: list[list[str]] = []

    def handler(event: Event, _context: Any) -> Any:
        calls.append([key(record)[1] for record in event["Records"]])
        if len(calls) == 1:
            return {
                "batchItemFailures": [
                    {"itemIdentifier": event["Records"][place]["dynamodb"]["SequenceNumber"]}
                    for place in (4, 2)
                ]
            }
        return {"batchItemFailures": []}

    for number in range(6):
        put(clients, unique, "a", number)
    with running(StreamPump(clients.streams, stream, Function("f", handler), never)):
        eventually(lambda: sum(map(len, calls)) >= 10)
    assert calls == [["0", "1", "2", "3", "4", "5"], ["2"], ["3", "4", "5"]]


def test_lanes_keep_the_order_of_each_partition_and_run_beside_each_other(
    clients: Clients, unique: str, stream: str
) -> None:
    order: dict[str, list[int]] = defaultdict(list)
    at_once: list[int] = []
    busy: set[str] = set()
    lock = threading.Lock()

    def handler(event: Event, _context: Any) -> None:
        partitions = {key(record)[0] for record in event["Records"]}
        with lock:
            assert not partitions & busy
            busy.update(partitions)
            at_once.append(len(busy))
        time.sleep(0.01)
        for record in event["Records"]:
            order[key(record)[0]].append(int(record["dynamodb"]["NewImage"]["n"]["N"]))
        with lock:
            busy.difference_update(partitions)

    def write(pk: str) -> None:
        for number in range(40):
            put(clients, unique, pk, "x", n={"N": str(number)})

    names = [f"p{number}" for number in range(8)]
    writers = [threading.Thread(target=write, args=(name,)) for name in names]
    with running(StreamPump(clients.streams, stream, Function("f", handler), never, lanes=4)):
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        eventually(lambda: sum(map(len, order.values())) == 320)
    assert dict(order) == {name: list(range(40)) for name in names}
    assert max(at_once) > 1


def test_the_next_run_goes_on_where_this_one_ended(
    clients: Clients, unique: str, stream: str, tmp_path: Path
) -> None:
    seen: list[str] = []

    def handler(event: Event, _context: Any) -> None:
        seen.extend(key(record)[1] for record in event["Records"])

    for name in ("one", "two"):
        put(clients, unique, "a", name)
        place = tmp_path / "stream.json"
        pump = StreamPump(clients.streams, stream, Function("f", handler), never, place=place)
        with running(pump):
            eventually(lambda: seen[-1:] == [name])  # noqa: B023 - called before the next turn
            wait_until_quiet([], [pump], [], 5)
    assert seen == ["one", "two"]


def test_binary_values_and_times_become_json(clients: Clients, unique: str, stream: str) -> None:
    seen: list[Record] = []

    def handler(event: Event, _context: Any) -> None:
        seen.extend(json.loads(json.dumps(event))["Records"])

    put(clients, unique, "a", "b", raw={"B": b"\x00\xff"}, several={"BS": [b"x"]})
    with running(StreamPump(clients.streams, stream, Function("f", handler), never)):
        eventually(lambda: bool(seen))
    change = seen[0]["dynamodb"]
    assert change["NewImage"]["raw"] == {"B": "AP8="}
    assert change["NewImage"]["several"] == {"BS": ["eA=="]}
    assert isinstance(change["ApproximateCreationDateTime"], float)
    assert seen[0]["awsRegion"] == "us-east-1"


# --- schedules, quiet


def test_a_schedule_calls_at_once_and_goes_on_after_a_failure() -> None:
    events: list[Event] = []

    def handler(event: Event, _context: Any) -> None:
        events.append(event)
        raise RuntimeError("once more")

    with running(SchedulePump(Function("watch", handler), 0.2)):
        eventually(lambda: len(events) >= 3)
    assert events[0]["detail-type"] == "Scheduled Event"


def test_quiet_means_all_the_way_through(clients: Clients, unique: str, stream: str, queue: Queue) -> None:
    """A message leads to a row, the row to another message, and that to a last row."""

    def work(event: Event, _context: Any) -> None:
        for record in event["Records"]:
            time.sleep(0.05)
            put(clients, unique, "row", record["body"])

    def settle(event: Event, _context: Any) -> None:
        for record in event["Records"]:
            left = int(key(record)[1]) - 1
            if left >= 0:
                clients.sqs.send_message(QueueUrl=queue.url, MessageBody=str(left))

    queues = [QueuePump(clients.sqs, queue, Function("work", work))]
    streams = [StreamPump(clients.streams, stream, Function("settle", settle), never)]
    with running(*queues, *streams):
        clients.sqs.send_message(QueueUrl=queue.url, MessageBody="5")
        with pytest.raises(TimeoutError, match="Not quiet after"):
            wait_until_quiet(queues, streams, [], 0.05)
        wait_until_quiet(queues, streams, [], 20)
        assert clients.dynamodb.scan(TableName=unique)["Count"] == 6
