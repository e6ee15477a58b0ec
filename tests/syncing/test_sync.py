"""Syncing a deployment with a bucket that is not ours: what is there becomes captures, once, whatever comes
in between."""

from collections import Counter
from datetime import datetime

import pytest
from foreign import BUCKET, KEY_ID, SECRET, MakeSource
from meter import Meter
from station import NIGHT, Station, told
from world import standing

from chalicelib.deployments import service as deployments
from chalicelib.syncing import store
from localstack.embedded.engines import Engine


def test_what_is_there_becomes_captures_and_sessions(station: Station) -> None:
    station.put(*NIGHT, "elsewhere/20240601213000.jpg")
    job = station.sync()
    assert job.status == "SUCCESS", job.reason
    assert told(job) == {"total_files": 6, "new": 6}
    assert station.keys() == sorted(NIGHT)
    capture = station.capture(NIGHT[0])
    assert capture
    assert capture.timestamp == datetime(2024, 6, 1, 21, 30)
    assert (capture.facts.state, capture.facts.filename, capture.facts.width) == (
        "unread",
        "edge/20240601213000.jpg",
        None,
    )
    assert [each.captures_count for each in standing(station.deployment)] == [3, 3]
    now = deployments.find(station.deployment.id, consistent=True)
    assert (now.counts.sessions_count, now.counts.captures_count) == (2, 6)
    assert (now.data_source_total_files, now.data_source_total_size) == (6, 6 * len(b"a photograph"))
    assert now.data_source_last_checked


def test_two_more_nights_are_two_more_sessions(station: Station) -> None:
    station.put(*NIGHT)
    station.sync()
    station.put(*[f"moths/edge/2024060{day}{hour}0000.jpg" for day in (3, 4) for hour in range(12, 21, 2)])
    job = station.sync()
    assert told(job) == {"total_files": 16, "new": 10, "unchanged": 6}
    now = deployments.find(station.deployment.id, consistent=True)
    assert now.counts.sessions_count == len(standing(station.deployment)) > 2


def test_an_unchanged_bucket_costs_its_listing_and_writes_nothing_about_captures(station: Station) -> None:
    station.put(*NIGHT)
    station.sync()
    before = {each: station.capture(each) for each in NIGHT}
    job = station.start()
    with Meter() as meter:
        station.desk.drain()
    assert told(station.desk.job(job.id)) == {"total_files": 6, "unchanged": 6}
    assert {each: station.capture(each) for each in NIGHT} == before
    # The job's own: claimed, two steps, finished; and the time of the check on the deployment.
    assert meter.requests["BatchWriteItem"] == 0
    assert meter.requests["PutItem"] + meter.requests["TransactWriteItems"] <= 8
    assert meter.requests["UpdateItem"] == 1
    assert meter.requests["Query"] == 1


def test_what_changed_is_out_of_date_and_what_people_said_of_it_stays(station: Station) -> None:
    station.put(*NIGHT)
    station.sync()
    first = station.capture(NIGHT[0])
    assert first
    station.api.send("PATCH", f"/captures/{first.id}", {"timestamp": "2024-06-01T20:00:00"})
    station.put(NIGHT[0], body=b"another photograph")
    job = station.sync()
    assert told(job) == {"total_files": 6, "changed": 1, "unchanged": 5}
    again = station.capture(NIGHT[0])
    assert again
    assert again.facts.version != first.facts.version
    assert again.facts.size == len(b"another photograph")
    assert again.timestamp == datetime(2024, 6, 1, 20, 0)
    assert told(station.sync()) == {"total_files": 6, "unchanged": 6}


def test_what_is_left_out_is_told_with_the_reason_and_undated_is_kept(station: Station) -> None:
    station.put("moths/notes.txt", "moths/", "moths/trap.jpg", NIGHT[0])
    station.put("moths/20240601120000.jpg", body=b"")
    job = station.sync()
    assert told(job) == {"total_files": 2, "new": 2, "skipped": 3, "undated": 1}
    lines = {each["object"]: (each["outcome"], each["reason"]) for each in station.report(job)}
    assert lines == {
        f"s3://{BUCKET}/moths/": ("skipped", "folder"),
        f"s3://{BUCKET}/moths/20240601120000.jpg": ("skipped", "empty"),
        f"s3://{BUCKET}/{NIGHT[0]}": ("new", ""),
        f"s3://{BUCKET}/moths/notes.txt": ("skipped", "no_image"),
        f"s3://{BUCKET}/moths/trap.jpg": ("new", ""),
    }
    undated = station.capture("moths/trap.jpg")
    assert undated
    assert undated.timestamp is None
    assert undated.facts.undated_reason
    assert undated.facts.undated_reason.endswith("its EXIF has not been read yet")


@pytest.mark.parametrize(
    ("policy", "marked", "left"), [("keep", False, 6), ("mark", True, 6), ("delete", False, 5)]
)
def test_what_is_missing_is_kept_marked_or_deleted(
    station: Station, policy: str, marked: bool, left: int
) -> None:
    station.put(*NIGHT)
    station.sync()
    station.take(NIGHT[2])
    job = station.sync(policy)
    done = {"keep": {}, "mark": {"marked": 1}, "delete": {"deleted": 1}}[policy]
    assert told(job) == {"total_files": 5, "unchanged": 5, "missing": 1, **done}
    assert len(station.keys()) == left
    gone = station.capture(NIGHT[2])
    assert bool(gone and gone.facts.missing_since) == marked
    [line] = [each for each in station.report(job) if each["outcome"] == "missing"]
    assert line["object"].endswith(NIGHT[2])
    assert sum(each.captures_count for each in standing(station.deployment)) == left
    station.put(NIGHT[2])
    back = station.sync(policy)
    returned = station.capture(NIGHT[2])
    assert returned
    assert returned.facts.missing_since is None
    assert len(station.keys()) == 6
    expected = {"keep": {}, "mark": {"changed": 1}, "delete": {"new": 1}}[policy]
    assert {key: value for key, value in told(back).items() if key in ("new", "changed")} in (
        expected,
        {"changed": 1},
    )
    assert sum(each.captures_count for each in standing(station.deployment)) == 6


def test_an_empty_bucket_deletes_nothing(station: Station) -> None:
    station.put(*NIGHT)
    station.sync()
    station.take(*NIGHT)
    job = station.sync("delete")
    assert told(job) == {"missing": 6}
    assert len(station.keys()) == 6


def test_another_source_deletes_nothing_of_the_first(
    station: Station, make: MakeSource, moto_server: Engine
) -> None:
    station.put(*NIGHT)
    station.sync()
    other = make(endpoint_url=moto_server.url, access_key=KEY_ID, secret_key=SECRET, prefix="moths")
    station.take(NIGHT[0])
    status, _ = station.api.send(
        "PATCH", f"/deployments/{station.deployment.id}", {"data_source": other["id"]}
    )
    assert status == 200
    job = station.sync("delete")
    assert told(job) == {"total_files": 5, "changed": 5, "missing": 1}
    assert len(station.keys()) == 6
    moved = station.capture(NIGHT[1])
    assert moved
    assert moved.facts.source == other["id"]


def test_names_that_are_awkward_are_told_apart(station: Station) -> None:
    names = [
        "moths/\u00e9.jpg",
        "moths/e\u0301.jpg",
        "moths/a+b c%20.jpg",
        "moths/\U0001f41b.jpg",
        "moths/\ufb01.jpg",
    ]
    names += [
        "moths/CAPTURE#d.jpg",
        "moths/SYNCED#.jpg",
        "moths/=cmd.jpg",
        'moths/"quoted".jpg',
        "moths/Z.JPG",
    ]
    station.put(*names)
    assert told(station.sync())["new"] == len(names)
    assert told(station.sync()) == {"total_files": len(names), "unchanged": len(names)}
    assert station.keys() == sorted(names)


@pytest.mark.usefixtures("small_pages")
def test_a_step_goes_on_where_the_last_one_ended(station: Station) -> None:
    many = [f"moths/{number:05}-20240601213000.jpg" for number in range(130)]
    for each in many:
        station.put(each)
    station.desk.pieces = 1
    job = station.sync()
    assert told(job) == {"total_files": 130, "new": 130}
    assert len(list(store.known(station.deployment.id, "", None))) == 130
    assert Counter(each["outcome"] for each in station.report(job)) == {"new": 130}
    assert told(station.sync()) == {"total_files": 130, "unchanged": 130}
