"""Objects in the photos bucket become captures: the handler, on real engines."""

import io
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from bucket import PHOTOS, THUMBNAILS, capture_in, ingest, photograph
from events import TEST_MESSAGE, object_created
from meter import Meter
from PIL import Image
from world import Killed, Reaper, World, a_deployment, a_project, standing

from chalicelib import ids
from chalicelib.aws.table import Row
from chalicelib.captures import store as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture, Facts
from chalicelib.deployments import service as deployments
from chalicelib.ingest import store as unassigned
from chalicelib.projects import service as projects
from chalicelib.sessions.grouping import Rule, group
from localstack.embedded.engines import Engine


@pytest.fixture
def drop(s3: Any) -> Callable[..., str]:
    """Puts an object and returns its notification."""

    def dropped(key: str, data: bytes) -> str:
        version = s3.put_object(Bucket=PHOTOS, Key=key, Body=data)["ETag"].strip('"')
        return object_created(PHOTOS, key, version, len(data))

    return dropped


def test_a_photograph_becomes_a_capture_with_its_eager_thumbnails(table: str, s3: Any, drop: Any) -> None:
    deployment = a_deployment(a_project())
    name = "card 1/100MEDIA/cam+1_20260609_213000.jpg"
    data = photograph(1500, 1000, exif={0x0112: 6})
    assert ingest(drop(f"photos/{deployment.id}/{name}", data)) == {"batchItemFailures": []}

    capture = capture_in(deployment, name)
    assert capture.timestamp == datetime(2026, 6, 9, 21, 30)
    facts = capture.facts
    assert (facts.filename, facts.size, facts.state) == (name, len(data), "ready")
    assert (facts.width, facts.height, facts.orientation) == (1000, 1500, 6)
    assert facts.timestamp_source == "filename"
    assert facts.version == s3.head_object(Bucket=PHOTOS, Key=facts.key)["ETag"].strip('"')
    assert facts.sha256 is not None
    assert len(facts.sha256) == 64
    assert set(capture.thumbnails) == {"small", "medium"}
    for label, width in (("small", 240), ("medium", 1000)):
        thumbnail = capture.thumbnails[label]
        blob = s3.get_object(Bucket=THUMBNAILS, Key=thumbnail.key)
        assert blob["ContentType"] == "image/jpeg"
        assert "immutable" in blob["CacheControl"]
        drawn = Image.open(io.BytesIO(blob["Body"].read()))
        assert drawn.size == (thumbnail.width, thumbnail.height) == (width, width * 3 // 2)
        assert not drawn.getexif()


def test_the_same_object_twice_is_one_capture_and_the_second_time_one_read(table: str, drop: Any) -> None:
    deployment = a_deployment(a_project())
    body = drop(f"photos/{deployment.id}/20260609_213000.jpg", photograph())
    ingest(body)
    before = capture_in(deployment, "20260609_213000.jpg")
    with Meter() as meter:
        assert ingest(body, body) == {"batchItemFailures": []}
    assert dict(meter.requests) == {"BatchGetItem": 2}
    assert capture_in(deployment, "20260609_213000.jpg") == before


def test_a_replaced_object_is_read_anew_under_the_same_id(table: str, drop: Any) -> None:
    deployment = a_deployment(a_project())
    key = f"photos/{deployment.id}/20260609_213000.jpg"
    first = drop(key, photograph(64, 48))
    ingest(first)
    ingest(drop(key, photograph(96, 48)), first)
    capture = capture_in(deployment, "20260609_213000.jpg")
    assert capture.facts.width == 96
    assert capture.thumbnails["small"].source_version == capture.facts.version


def test_a_late_event_of_an_older_version_only_looks(table: str, s3: Any, drop: Any) -> None:
    deployment = a_deployment(a_project())
    key = f"photos/{deployment.id}/20260609_213000.jpg"
    old, new = drop(key, photograph(64, 48)), drop(key, photograph(96, 48))
    ingest(new)
    with Meter() as meter:
        assert ingest(old) == {"batchItemFailures": []}
    assert dict(meter.requests) == {"BatchGetItem": 1, "GetItem": 2}


@pytest.mark.parametrize("is_known", [False, True])
def test_a_replacement_that_another_worker_overtakes_comes_again(
    real_table: str, drop: Any, is_known: bool
) -> None:
    deployment = a_deployment(a_project())
    key = f"photos/{deployment.id}/20260609_213000.jpg"
    if is_known:
        ingest(drop(key, photograph(32, 24)))
    drop(key, photograph(64, 48))
    newer: list[str] = []

    def overtaken(**_: Any) -> None:
        # While the newer version's worker is about to write, the older version's worker writes.
        events.unregister("before-call.dynamodb.TransactWriteItems", overtaken)
        row = captures.row_of(stale)
        row.save()

    capture_id = ids.capture_id(deployment.id, PHOTOS, key)
    at = datetime(2026, 6, 9, 21, 30)
    older = facts_of(key, "an older version")
    stale = Capture(capture_id, deployment.project_id, at, 0, older, stamp="0055AED6DCD90280")
    newer.append(drop(key, photograph(96, 48)))
    events = Row._get_connection().connection.client.meta.events
    events.register("before-call.dynamodb.TransactWriteItems", overtaken)
    assert ingest(*newer) == {"batchItemFailures": [{"itemIdentifier": "message-0"}]}
    assert ingest(*newer) == {"batchItemFailures": []}
    assert capture_in(deployment, "20260609_213000.jpg").facts.width == 96


def facts_of(key: str, version: str) -> Facts:
    now = datetime.now(UTC)
    filename = key.rpartition("/")[2]
    return Facts(key=key, filename=filename, version=version, size=1, last_modified=now, state="ready")


def test_a_deployment_of_this_very_moment_is_known(table: str, drop: Any) -> None:
    deployment = a_deployment(a_project())
    with Meter() as meter:
        ingest(drop(f"photos/{deployment.id}/20260609_213000.jpg", photograph()))
    assert meter.requests["BatchGetItem"] == 1
    with Meter() as meter:
        ingest(drop("photos/daaaaaaaaaa/20260609_213000.jpg", photograph()))
    assert dict(meter.requests) == {"BatchGetItem": 2, "UpdateItem": 1}


def test_time_comes_from_exif_where_the_name_has_none(table: str, drop: Any) -> None:
    deployment = a_deployment(a_project())
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9003] = "2025:07:01 23:59:58"
    file = io.BytesIO()
    Image.new("RGB", (32, 24)).save(file, "JPEG", exif=exif)
    ingest(
        drop(f"photos/{deployment.id}/IMG_0001.JPG", file.getvalue()),
        drop(f"photos/{deployment.id}/IMG_0002.JPG", photograph()),
    )
    dated, undated = capture_in(deployment, "IMG_0001.JPG"), capture_in(deployment, "IMG_0002.JPG")
    assert (dated.timestamp, dated.facts.timestamp_source) == (datetime(2025, 7, 1, 23, 59, 58), "exif")
    assert undated.timestamp is None
    assert undated.facts.undated_reason


@pytest.mark.parametrize("data", [b"", b"<html>404</html>", b"\xff\xd8", photograph()[:200]])
def test_what_is_no_photograph_is_kept_and_says_why(table: str, drop: Any, data: bytes) -> None:
    deployment = a_deployment(a_project())
    good = drop(f"photos/{deployment.id}/20260609_213100.jpg", photograph())
    bad = drop(f"photos/{deployment.id}/20260609_213000.jpg", data)
    assert ingest(bad, good) == {"batchItemFailures": []}
    capture = capture_in(deployment, "20260609_213000.jpg")
    assert capture.facts.state == "unreadable"
    assert capture.facts.reason
    assert capture.timestamp == datetime(2026, 6, 9, 21, 30)
    assert capture_in(deployment, "20260609_213100.jpg").facts.state == "ready"


def test_a_photograph_that_was_cut_off_in_its_header_still_tells_its_time(table: str, drop: Any) -> None:
    deployment = a_deployment(a_project())
    whole = photograph(exif={0x0132: "2025:07:01 23:59:58"})
    cut = whole[: whole.index(b"\xff\xdb")]
    ingest(drop(f"photos/{deployment.id}/IMG_0001.JPG", cut))
    capture = capture_in(deployment, "IMG_0001.JPG")
    assert (capture.facts.state, capture.timestamp) == ("unreadable", datetime(2025, 7, 1, 23, 59, 58))


def test_every_file_of_the_test_data_ends_in_a_clear_state(real_table: str, drop: Any, data: Any) -> None:
    deployment = a_deployment(a_project())
    folders = ("dates", "exif", "orientation", "bad", "cameratrap", "moth")
    paths = [path for folder in folders for path in sorted((data / folder).rglob("*")) if path.is_file()]
    assert len(paths) > 150
    for path in paths:
        name = path.relative_to(data).as_posix()
        event = drop(f"photos/{deployment.id}/{name}", path.read_bytes())
        assert ingest(event) == {"batchItemFailures": []}, name
        capture = capture_in(deployment, name)
        facts = capture.facts
        assert (facts.state == "ready") == (facts.reason is None) == (set(capture.thumbnails) == EAGER), name
        assert (capture.timestamp is None) == (facts.undated_reason is not None), name


EAGER = {"small", "medium"}


@pytest.mark.parametrize(
    "key",
    ["photos/daaaaaaaaaa/x.jpg", "photos/loose.jpg", "photos/", "photos/../x/y.jpg", "photos/DEPLOYMENT#x/y"],
)
def test_an_object_of_no_known_deployment_is_kept_and_listed(table: str, drop: Any, key: str) -> None:
    body = drop(key, photograph())
    assert ingest(body, body) == {"batchItemFailures": []}
    [kept], _ = unassigned.listed(10, None)
    assert (kept.bucket, kept.key) == (PHOTOS, key)
    assert kept.reason


def test_an_object_that_is_gone_is_no_failure(table: str, s3: Any, drop: Any) -> None:
    deployment = a_deployment(a_project())
    body = drop(f"photos/{deployment.id}/20260609_213000.jpg", photograph())
    s3.delete_object(Bucket=PHOTOS, Key=f"photos/{deployment.id}/20260609_213000.jpg")
    assert ingest(body) == {"batchItemFailures": []}
    assert list(timeline.taken(deployment.id)) == []


def test_poison_fails_alone_and_a_test_message_is_no_poison(table: str, drop: Any) -> None:
    deployment = a_deployment(a_project())
    good = drop(f"photos/{deployment.id}/20260609_213000.jpg", photograph())
    told = ingest(
        "no json", TEST_MESSAGE, good, json.dumps({"Records": [{"eventName": "ObjectCreated:Put"}]})
    )
    assert told == {"batchItemFailures": [{"itemIdentifier": "message-0"}, {"itemIdentifier": "message-3"}]}
    assert capture_in(deployment, "20260609_213000.jpg")


def test_every_awkward_name_becomes_a_capture_of_that_name(table: str, drop: Any, data: Any) -> None:
    deployment = a_deployment(a_project())
    names = json.loads((data / "awkward_names.json").read_text())
    ingest(*[drop(f"photos/{deployment.id}/{name}", photograph()) for name in names])
    assert {capture_in(deployment, name).facts.filename for name in names} == set(names)


def test_five_hundred_uploads_three_times_shuffled_with_settlers_dying(
    real_table: str, dynamodb_local: Engine, drop: Any
) -> None:
    chance = random.Random(2026)
    ahead = [timedelta()]
    world = World(dynamodb_local.url, now=lambda: datetime.now().astimezone() + ahead[0])
    project = a_project()
    deployment = a_deployment(project)
    start = datetime(2026, 6, 9, 20)
    moments = [start + timedelta(minutes=chance.randrange(60 * 24 * 5), seconds=n % 60) for n in range(500)]
    bodies = [
        drop(f"photos/{deployment.id}/{n}-cam_{moment:%Y%m%d_%H%M%S}.jpg", photograph(32, 24, n))
        for n, moment in enumerate(moments)
    ] * 3
    chance.shuffle(bodies)
    with Reaper(chance, share=0.0) as reaper:
        for at in range(0, len(bodies), 50):
            reaper.share = 0.0
            assert ingest(*bodies[at : at + 50]) == {"batchItemFailures": []}
            records = world.records() * 2
            chance.shuffle(records)
            reaper.share = 0.05
            for _ in range(100):
                try:
                    world.deliver(records)
                    break
                except Killed:
                    reaper.revive()
            reaper.revive()
        reaper.share = 0.0
        assert reaper.kills >= 5
        for _ in range(4):
            ahead[0] += timedelta(minutes=2)
            world.settling.overdue()
            world.drain()

    taken = list(timeline.taken(deployment.id))
    assert sorted(moment for moment, _ in taken) == sorted(moments)
    truth = group(taken, Rule())
    assert [(each.start, each.end, each.captures_count) for each in standing(deployment)] == [
        (each.start, each.end, each.captures_count) for each in truth
    ]
    counts = deployments.find(deployment.id, consistent=True).counts
    assert (counts.captures_count, counts.sessions_count) == (500, len(truth))
    assert projects.find(project.id).counts == counts
