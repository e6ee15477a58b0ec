"""What could not be processed is kept, listed with the reason, and put back: handler, watch and API, on real
engines."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from api import AUTHORISED, Api
from bucket import PHOTOS, capture_in, photograph
from events import object_created
from meter import Meter
from world import Killed, a_deployment, a_project

from app import ingest, watch
from chalicelib import settings, wiring
from chalicelib.aws import queues
from chalicelib.aws.table import Row
from chalicelib.errors import StorageFault
from chalicelib.failures import service, store
from chalicelib.failures.rules import NO_ANSWER, SILENCE, Failure, reason_of
from chalicelib.failures.schemas import object_of
from localstack.embedded.engines import Engine
from localstack.embedded.queue_pump import sqs_event
from localstack.embedded.schedule_pump import scheduled_event

NOW = datetime(2026, 6, 9, 22, tzinfo=UTC)
TRIES = 3
ELSEWHERE = "a-bucket-that-is-made-later"


@dataclass
class Line:
    """The ingest queue and its dead letters, and what lies in them."""

    sqs: Any
    url: str
    dead_url: str

    def send(self, *bodies: str) -> None:
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def deliver(self) -> dict[str, int]:
        """Hands out what waits, as Lambda does; how often each that failed was handed out by now."""
        messages = self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageSystemAttributeNames=["All"]
        ).get("Messages", [])
        told = ingest(sqs_event(messages, "arn:aws:sqs:us-east-1:123456789012:ingest"), None)
        failed = {each["itemIdentifier"] for each in told["batchItemFailures"]}
        for each in messages:
            if each["MessageId"] not in failed:
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=each["ReceiptHandle"])
        return {
            each["Body"]: int(each["Attributes"]["ApproximateReceiveCount"])
            for each in messages
            if each["MessageId"] in failed
        }

    def give_up(self, *bodies: str) -> None:
        """Puts messages on the dead letters, as if the function had never answered."""
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.dead_url, MessageBody=body)

    def waiting(self, url: str | None = None) -> list[str]:
        """What lies in the queue; taken from it."""
        found: list[str] = []
        while messages := self.sqs.receive_message(QueueUrl=url or self.url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for each in messages:
                self.sqs.delete_message(QueueUrl=url or self.url, ReceiptHandle=each["ReceiptHandle"])
                found.append(each["Body"])
        return sorted(found)


@pytest.fixture
def line(moto_server: Engine) -> Iterator[Line]:
    """Both queues, empty. What fails is there again at once, and dead after so many tries."""
    queues._client.cache_clear()
    sqs = boto3.client("sqs", endpoint_url=moto_server.url)
    names = [
        url.rpartition("/")[2]
        for url in (settings.settings().ingest_dead_letters_url, settings.settings().ingest_queue_url)
    ]
    dead_url = sqs.create_queue(QueueName=names[0], Attributes={"VisibilityTimeout": "0"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": TRIES})
    url = sqs.create_queue(
        QueueName=names[1], Attributes={"VisibilityTimeout": "0", "RedrivePolicy": redrive}
    )["QueueUrl"]
    yield Line(sqs, url, dead_url)
    for each in (url, dead_url):
        sqs.delete_queue(QueueUrl=each)


def watches() -> None:
    watch(scheduled_event("watch", NOW), None)


def kept() -> list[Failure]:
    return store.listed(100, None, datetime.now(UTC))[0]


def listed(api: Api) -> list[dict[str, Any]]:
    status, page = api.get("/ingest/failures?limit=100", **AUTHORISED)
    assert (status, page["count"], page["next"]) == (200, len(page["results"]), None)
    return list(page["results"])


def replay(api: Api, **body: Any) -> tuple[int, Any]:
    return api.send("POST", "/ingest/failures/replay", body)


@pytest.fixture
def breaking() -> Iterator[Callable[[Any, str, Callable[..., Any]], None]]:
    """Has something happen at the requests of a client that an event names, once each."""
    undo: list[Callable[[], None]] = []

    def at(client: Any, event: str, happens: Callable[..., Any]) -> None:
        def once(**named: Any) -> Any:
            client.meta.events.unregister(event, once)
            return happens(**named)

        client.meta.events.register_first(event, once)
        undo.append(lambda: client.meta.events.unregister(event, once))

    yield at
    for each in undo:
        each()


def test_poison_fails_alone_is_listed_given_up_put_back_and_passes(
    table: str, s3: Any, line: Line, api: Api
) -> None:
    deployment = a_deployment(a_project())
    key = f"photos/{deployment.id}/Gruß 1_20260609_213000.jpg"
    poison, garbage = object_created(ELSEWHERE, key, "v1"), "no json {"
    data = photograph()
    good_key = f"photos/{deployment.id}/good_20260609_213000.jpg"
    version = s3.put_object(Bucket=PHOTOS, Key=good_key, Body=data)["ETag"].strip('"')
    line.send(poison, object_created(PHOTOS, good_key, version, len(data)), garbage)

    assert line.deliver() == {poison: 1, garbage: 1}
    assert capture_in(deployment, "good_20260609_213000.jpg")
    first, second = listed(api)
    assert (first["bucket"], first["key"], first["state"], first["tries"]) == (ELSEWHERE, key, "retrying", 1)
    assert "NoSuchBucket" in first["reason"]
    assert first["body"] == poison
    assert (second["bucket"], second["key"], second["body"]) == (None, None, garbage)
    assert second["reason"].startswith("JSONDecodeError: Expecting value")
    assert replay(api, all=True) == (200, {"replayed": 0, "left": 2})

    assert line.deliver() == {poison: 2, garbage: 2}
    assert line.deliver() == {poison: TRIES, garbage: TRIES}
    assert line.deliver() == {}
    [told, _] = listed(api)
    assert (told["tries"], told["first_at"], told["state"]) == (TRIES, first["first_at"], "retrying")
    assert told["last_at"] > first["last_at"]

    watches()
    assert line.waiting(line.dead_url) == []
    [dead, _] = listed(api)
    assert {**dead, "state": "retrying", "last_at": told["last_at"]} == told
    assert dead["state"] == "given_up"

    s3.create_bucket(Bucket=ELSEWHERE)
    try:
        s3.put_object(Bucket=ELSEWHERE, Key=key, Body=data)
        assert replay(api, ids=[dead["id"]]) == (200, {"replayed": 1, "left": 0})
        assert [each["body"] for each in listed(api)] == [garbage]
        assert line.deliver() == {}
    finally:
        s3.delete_object(Bucket=ELSEWHERE, Key=key)
        s3.delete_bucket(Bucket=ELSEWHERE)
    assert [each["body"] for each in listed(api)] == [garbage]

    assert replay(api, all=True) == (200, {"replayed": 1, "left": 0})
    assert listed(api) == []
    assert line.deliver() == {garbage: 1}
    [again] = listed(api)
    assert (again["state"], again["tries"]) == ("retrying", 1)


def test_success_on_a_later_try_removes_the_failure_and_a_first_success_costs_nothing(
    table: str, s3: Any, line: Line
) -> None:
    deployment = a_deployment(a_project())
    key = f"photos/{deployment.id}/20260609_213000.jpg"
    passing = object_created(PHOTOS, key, s3.put_object(Bucket=PHOTOS, Key=key, Body=photograph())["ETag"])
    line.send(passing)
    line.deliver()
    line.send(passing)
    with Meter() as meter:
        assert line.deliver() == {}
    assert dict(meter.requests) == {"BatchGetItem": 1}

    line.send(object_created(ELSEWHERE, key, "v1"))
    with Meter() as meter:
        line.deliver()
    assert meter.requests["UpdateItem"] == 1
    s3.create_bucket(Bucket=ELSEWHERE)
    try:
        with Meter() as meter:
            assert line.deliver() == {}
    finally:
        s3.delete_bucket(Bucket=ELSEWHERE)
    assert meter.requests["DeleteItem"] == 1
    assert kept() == []


def test_a_failure_that_cannot_be_forgotten_comes_again(table: str, line: Line, breaking: Any) -> None:
    nothing = json.dumps({"Event": "s3:TestEvent"})
    store.note(nothing, "throttled", 1, NOW)
    line.send(nothing)
    line.sqs.receive_message(QueueUrl=line.url)
    breaking(Row._get_connection().connection.client, "before-call.dynamodb.DeleteItem", _fault)
    assert line.deliver() == {nothing: 2}
    assert line.deliver() == {}
    assert kept() == []


def test_what_cannot_even_be_noted_fails_all_the_same(table: str, line: Line, breaking: Any) -> None:
    line.send("no json", "no json either")
    breaking(Row._get_connection().connection.client, "before-call.dynamodb.UpdateItem", _fault)
    assert set(line.deliver()) == {"no json", "no json either"}
    assert len(kept()) == 1
    line.deliver()
    assert len(kept()) == 2


def test_a_dead_letter_without_a_failure_says_that_the_function_never_answered(
    table: str, line: Line
) -> None:
    line.give_up("one")
    store.note("two", "throttled", 4, NOW)
    line.give_up("two")
    assert wiring.failing().collect() == 2
    told = {each.body: (each.state, each.reason, each.tries) for each in kept()}
    assert told == {"one": ("given_up", NO_ANSWER, 1), "two": ("given_up", "throttled", 4)}


def test_no_dead_letters_cost_one_request(table: str, line: Line) -> None:
    asked: list[str] = []
    queues._client().meta.events.register("before-send.sqs", lambda event_name, **_: asked.append(event_name))
    with Meter() as meter:
        assert wiring.failing().collect() == 0
    assert (asked, meter.total) == (["before-send.sqs.ReceiveMessage"], 0)


def test_many_dead_letters_are_kept_each(table: str, line: Line) -> None:
    bodies = [f"poison {number}" for number in range(34)]
    line.give_up(*bodies)
    assert wiring.failing().collect() == 34
    assert {each.body for each in kept()} == set(bodies)
    assert line.waiting(line.dead_url) == []


def test_a_crash_between_keeping_and_deleting_leaves_one_failure(
    table: str, line: Line, breaking: Any
) -> None:
    line.give_up("poison")
    breaking(queues._client(), "before-call.sqs.DeleteMessageBatch", _killed)
    with pytest.raises(Killed):
        wiring.failing().collect()
    [before] = kept()
    assert wiring.failing().collect() == 1
    [after] = kept()
    assert (after.id, after.first_at, after.tries) == (before.id, before.first_at, before.tries)
    assert line.waiting(line.dead_url) == []


def test_a_dead_letter_that_cannot_be_kept_stays_and_the_others_do_not_wait_for_it(
    table: str, line: Line, breaking: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "ROUNDS", 1)
    line.give_up("one", "two", "three")
    breaking(Row._get_connection().connection.client, "before-call.dynamodb.UpdateItem", _fault)
    with pytest.raises(ConnectionError):
        wiring.failing().collect()
    assert len(kept()) == 2
    wiring.failing().collect()
    assert {each.body for each in kept()} == {"one", "two", "three"}


def test_a_dead_letter_that_cannot_be_deleted_is_told_and_comes_again(
    table: str, line: Line, breaking: Any
) -> None:
    line.give_up("poison")
    breaking(queues._client(), "after-call.sqs.DeleteMessageBatch", _partly_failed)
    with pytest.raises(StorageFault, match="not today"):
        wiring.failing().collect()
    assert len(kept()) == 1


def test_a_message_of_200_kb_is_kept_and_put_back_whole(table: str, line: Line, api: Api) -> None:
    bodies = sorted(sign * 200_000 for sign in "abc")
    line.send(bodies[0])
    line.deliver()
    [told] = listed(api)
    assert told["body"] == "a" * 2000
    line.waiting()
    line.give_up(*bodies)
    wiring.failing().collect()
    assert replay(api, all=True) == (200, {"replayed": 3, "left": 0})
    assert line.waiting() == bodies


def test_what_changes_while_it_is_put_back_stays(table: str, line: Line, api: Api, breaking: Any) -> None:
    store.give_up("no json", 5, NOW)

    def quick(**_: Any) -> None:
        assert line.deliver() == {"no json": 1}

    breaking(Row._get_connection().connection.client, "before-call.dynamodb.DeleteItem", quick)
    assert replay(api, all=True) == (200, {"replayed": 1, "left": 0})
    [told] = listed(api)
    assert (told["state"], told["tries"]) == ("retrying", 1)


def test_a_crash_between_putting_back_and_forgetting_puts_back_twice(
    table: str, line: Line, api: Api, breaking: Any
) -> None:
    store.give_up("poison", 5, NOW)
    breaking(Row._get_connection().connection.client, "before-call.dynamodb.DeleteItem", _killed)
    with pytest.raises(Killed):
        wiring.failing().replay_all()
    assert replay(api, all=True) == (200, {"replayed": 1, "left": 0})
    assert line.waiting() == ["poison", "poison"]
    assert listed(api) == []


def test_what_the_queue_will_not_take_stays(table: str, line: Line, api: Api, breaking: Any) -> None:
    store.give_up("poison", 5, NOW)
    breaking(queues._client(), "after-call.sqs.SendMessageBatch", _partly_failed)
    status, told = replay(api, all=True)
    assert (status, told["detail"]) == (503, "The queue would not take a message: not today.")
    assert len(listed(api)) == 1


def test_all_is_put_back_call_by_call_past_what_is_still_tried(
    table: str, line: Line, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST", 4)
    monkeypatch.setattr(service, "PIECE", 2)
    for number in range(9):
        store.give_up(f"dead {number}", 5, NOW + timedelta(seconds=number))
    for number in range(3):
        store.note(f"tried {number}", "busy", 1, NOW + timedelta(seconds=number))
        store.note(f"tried {number}", "busy", 2, datetime.now(UTC))
    counts = []
    while not counts or counts[-1][0]:
        _, told = replay(api, all=True)
        counts.append((told["replayed"], told["left"]))
    assert all(sent <= 5 for sent, _ in counts)
    assert [sent + left for sent, left in counts] == [12, *(left for _, left in counts[:-1])]
    assert counts[-1] == (0, 3)
    assert line.waiting() == [f"dead {number}" for number in range(9)]
    assert {each["state"] for each in listed(api)} == {"retrying"}


def test_what_nothing_was_heard_of_for_long_is_given_up(table: str, line: Line, api: Api) -> None:
    lost, late = datetime.now(UTC) - SILENCE - timedelta(minutes=1), datetime.now(UTC) - SILENCE / 2
    store.note("lost with its queue", "busy", 1, lost)
    store.note("about to come again", "busy", 1, late)
    ids = {each["state"]: each["id"] for each in listed(api)}
    assert replay(api, ids=list(ids.values())) == (200, {"replayed": 1, "left": 1})
    assert line.waiting() == ["lost with its queue"]
    assert [each["id"] for each in listed(api)] == [ids["retrying"]]


def test_failures_come_in_pages_the_oldest_first(table: str, line: Line, api: Api) -> None:
    bodies = [f"poison {number}" for number in range(7)]
    for number, body in enumerate(bodies):
        store.give_up(body, 5, NOW + timedelta(seconds=number))
    store.give_up(bodies[0], 5, NOW + timedelta(minutes=1))
    seen, path = [], "/ingest/failures?limit=3"
    while path:
        status, page = api.get(path, **AUTHORISED)
        assert (status, page["count"]) == (200, 7)
        seen += [each["body"] for each in page["results"]]
        path = page["next"] and page["next"].removeprefix("http://nightjar.test/api/v2")
    assert seen == bodies
    assert api.get("/ingest/failures?cursor=abc", **AUTHORISED)[0] == 400


def test_only_those_with_a_token_see_and_replay_failures(table: str, line: Line, api: Api) -> None:
    store.give_up("poison", 5, NOW)
    stranger = {"Authorization": "Token unknown"}
    assert api.get("/ingest/failures")[0] == 401
    assert api.get("/ingest/failures", **stranger)[0] == 401
    for headers in ({"X-Nobody": ""}, stranger):
        assert api.send("POST", "/ingest/failures/replay", {"all": True}, headers)[0] == 401
    assert line.waiting() == []


def test_an_unknown_failure_is_named_and_nothing_is_put_back(table: str, line: Line, api: Api) -> None:
    store.give_up("poison", 5, NOW)
    [known] = kept()
    status, told = replay(api, ids=[known.id, "b" * 24, "c" * 24])
    assert (status, told["detail"]) == (
        404,
        f"There is no failure {'b' * 24!r}. It may have passed meanwhile.",
    )
    assert line.waiting() == []
    assert replay(api, ids=[known.id, known.id]) == (200, {"replayed": 1, "left": 0})
    assert line.waiting() == ["poison"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"ids": []},
        {"ids": ["a"] * 1001},
        {"ids": "a"},
        {"ids": [1]},
        {"ids": ["\ud800"]},
        {"ids": ["x" * 101]},
        {"all": False},
        {"all": True, "ids": ["a"]},
        {"everything": True},
    ],
)
def test_a_replay_of_nothing_in_particular_is_refused(api: Api, body: dict[str, Any]) -> None:
    assert replay(api, **body)[0] == 400


@pytest.mark.parametrize(
    ("body", "named"),
    [
        (object_created("b", "photos/d/ä b+c\n.jpg", "v"), ("b", "photos/d/ä b+c\n.jpg")),
        (object_created("b", "photos/d/x.jpg", "v").replace("x.jpg", "\\ud800.jpg"), ("b", "photos/d/?.jpg")),
        (json.dumps({"read_again": "d1-x"}), (None, None)),
        (json.dumps({"Records": [{"eventName": "ObjectCreated:Put"}]}), (None, None)),
        (object_created("b", "k", "v").replace('"name": "b"', '"name": 5'), (None, None)),
        *[
            (text, (None, None))
            for text in ("", "no json", "5", "null", "[[", "[" * 200_000, '{"Records": 1}')
        ],
    ],
)
def test_the_object_is_named_wherever_there_is_one(body: str, named: tuple[str | None, str | None]) -> None:
    assert object_of(body) == named


def test_reasons_are_for_people() -> None:
    assert reason_of(StorageFault("not today")) == "not today"
    assert reason_of(KeyError("s3")) == "KeyError: 's3'"
    assert reason_of(ValueError("\ud800")) == "ValueError: ?"
    assert len(reason_of(ValueError("x" * 5000))) == 1000


def _fault(**_: Any) -> None:
    raise ConnectionError


def _killed(**_: Any) -> None:
    raise Killed


def _partly_failed(parsed: dict[str, Any], **_: Any) -> None:
    parsed["Failed"] = [{"Id": "0", "Message": "not today", "Code": "x", "SenderFault": False}]
