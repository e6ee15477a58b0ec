"""Reading photographs again that could not be opened."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from api import Api
from bucket import Bucket, capture_in, ingest, photograph
from desk import Desk
from world import a_deployment, a_project

from chalicelib.aws import queues
from chalicelib.captures import store
from chalicelib.captures.rules import Capture, Seen, following
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import TYPES

NAMES = [f"{n:02}_20260609_2130{n:02}.jpg" for n in range(5)]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to queues: the network's end of it, not ours."""
    bodies: list[str] = []

    class Sqs:
        def send_message_batch(self, QueueUrl: str, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
            bodies.extend(each["MessageBody"] for each in Entries)
            return {}

    monkeypatch.setattr(queues, "_client", Sqs)
    return bodies


def misread(bucket: Bucket, name: str) -> Capture:
    """A good photograph that an earlier version of the service could not open."""
    ingest(bucket.put(name, photograph(shade=int(name[:2]) * 40)))
    before = capture_in(bucket.deployment, name)
    facts = replace(before.facts, state="unreadable", reason="an old fault of ours")
    after = replace(before, facts=facts, thumbnails={}, stamp=following(before.stamp))
    assert store.write(Seen(before, before.stamp), after)
    return after


@pytest.fixture
def bucket(table: str, s3: Any) -> Bucket:
    return Bucket(s3, a_deployment(a_project()))


def test_one_is_read_again(bucket: Bucket, api: Api, sent: list[str]) -> None:
    capture = misread(bucket, NAMES[0])
    assert api.send("POST", f"/captures/{capture.id}/retry", {}) == (202, {"queued": 1})
    assert ingest(*sent) == {"batchItemFailures": []}
    again = capture_in(bucket.deployment, NAMES[0])
    assert (again.facts.state, again.facts.reason) == ("ready", None)
    assert bucket.blobs() == {one.key for one in again.thumbnails.values()}
    assert api.get(f"/captures?project_id={capture.project_id}&state=unreadable")[1]["count"] == 0
    assert ingest(*sent, *sent) == {"batchItemFailures": []}


def test_all_of_a_project_are_asked_for_as_a_job(
    bucket: Bucket, api: Api, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.ingest import again

    monkeypatch.setattr(again, "_PAGE", 2)
    project_id = bucket.deployment.project_id
    for name in NAMES:
        misread(bucket, name)
    status, told = api.send("POST", "/captures/retry", {"project_id": project_id})
    assert status == 202
    assert api.get(f"/jobs/{told['job_id']}")[1]["job_type"]["key"] == "read_again"
    desk = Desk(pieces=1)
    desk.jobs = replace(desk.jobs, types=TYPES)
    desk.working = replace(desk.working, jobs=desk.jobs)
    job = desk.jobs.start(Start("read_again", project_id, bucket.deployment.id, {}))
    desk.drain()
    assert desk.job(job.id).stages[0].value("asked") == 5
    assert ingest(*sent) == {"batchItemFailures": []}
    assert {capture_in(bucket.deployment, name).facts.state for name in NAMES} == {"ready"}


def test_all_of_a_station_are_read_again_by_its_present_sources(
    bucket: Bucket, api: Api, sent: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from chalicelib.ingest import again

    monkeypatch.setattr(again, "_PAGE", 2)
    exif = {0x0132: "2020:01:02 03:04:05"}
    ingest(*(bucket.put(name, photograph(shade=40 * n, exif=exif)) for n, name in enumerate(NAMES)))
    deployment = bucket.deployment
    api.send("PATCH", f"/deployments/{deployment.id}", {"timestamp_sources": ["exif"]})
    desk = Desk(pieces=1)
    desk.jobs = replace(desk.jobs, types=TYPES)
    desk.working = replace(desk.working, jobs=desk.jobs)
    body = {"project_id": deployment.project_id, "deployment_id": deployment.id, "all": True}
    status, told = api.send("POST", "/captures/retry", body)
    assert status == 202
    desk.queue.append({"job": told["job_id"], "step": 0})
    desk.drain()
    assert desk.job(told["job_id"]).stages[0].value("asked") == 5
    assert ingest(*sent) == {"batchItemFailures": []}
    captures = [capture_in(deployment, name) for name in NAMES]
    assert {each.timestamp for each in captures} == {datetime(2020, 1, 2, 3, 4, 5)}
    assert {each.facts.timestamp_source for each in captures} == {"exif"}


def test_a_capture_that_went_meanwhile_is_let_go(bucket: Bucket, api: Api, sent: list[str]) -> None:
    capture = misread(bucket, NAMES[0])
    api.send("POST", "/captures/retry", {"capture_ids": [capture.id, capture.id]})
    removed = bucket.remove(NAMES[0])
    assert len(sent) == 1
    assert ingest(*sent, removed, *sent) == {"batchItemFailures": []}
    assert store.get(capture.id) is None
    assert bucket.blobs() == set()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"capture_ids": []}, 400),
        ({"capture_ids": ["daaaaaaaaaa-aaaaaaaaaaaaaaaa"]}, 404),
        ({"capture_ids": ["../x"]}, 404),
        ({"project_id": "paaaaaaaaaa"}, 404),
        ({"deployment_id": "daaaaaaaaaa"}, 400),
        ({"all": True}, 400),
    ],
)
def test_what_is_not_there_is_not_asked_for(
    table: str, api: Api, sent: list[str], body: dict[str, Any], status: int
) -> None:
    assert api.send("POST", "/captures/retry", body)[0] == status
    assert api.send("POST", "/captures/daaaaaaaaaa-aaaaaaaaaaaaaaaa/retry", {})[0] == 404
    assert api.send("POST", "/captures/retry", body, {"X": "y"})[0] == 401
    assert sent == []
