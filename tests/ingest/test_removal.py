"""Objects that are replaced and removed: events in any order, handlers killed at any write."""

from typing import Any

import pytest
from bucket import PHOTOS, THUMBNAILS, Bucket, capture_in, ingest, photograph, watch
from events import object_created, object_removed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from meter import Meter
from world import Assassin, Killed, World, a_deployment, a_project, standing

from chalicelib.aws import clock, keys
from chalicelib.captures import store
from chalicelib.captures.tidying import Tidying, UntidyRow
from chalicelib.captures.timeline import Span, page
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.ingest import store as unassigned
from chalicelib.thumbnails.rules import Shelf
from localstack.embedded.engines import Engine

NAME = "20260609_213000.jpg"


def kept(deployment: Deployment) -> dict[str, str]:
    """What the table says is in the bucket: name and version."""
    captures = page(Span(deployment.project_id, deployment.id), "timestamp", 1000)
    return {capture.facts.filename: capture.facts.version for capture in captures}


def pointed_to(deployment: Deployment) -> set[str]:
    captures = page(Span(deployment.project_id, deployment.id), "timestamp", 1000)
    return {one.key for capture in captures for one in capture.thumbnails.values()}


def leftovers() -> list[str]:
    """What the watch has still to clear up after."""
    return [row.pk for row in UntidyRow.query(keys.UNTIDY, index_name=keys.BY_OWNER)]


def test_a_removed_object_takes_its_capture_and_thumbnails_along(bucket: Bucket) -> None:
    ingest(bucket.put(NAME, photograph()), bucket.put("other_20260609_213100.jpg", photograph(shade=9)))
    capture = capture_in(bucket.deployment, NAME)
    assert len(bucket.blobs()) == 4
    removed = bucket.remove(NAME)
    with Meter() as meter:
        assert ingest(removed) == {"batchItemFailures": []}
    assert meter.total == 9
    assert store.get(capture.id) is None
    assert kept(bucket.deployment) == bucket.versions()
    assert bucket.blobs() == pointed_to(bucket.deployment)
    assert len(bucket.blobs()) == 2
    assert leftovers() == []
    with Meter() as meter:
        assert ingest(removed) == {"batchItemFailures": []}
    assert dict(meter.requests) == {"BatchGetItem": 1}


def test_a_late_created_after_a_removed_does_not_bring_it_back(bucket: Bucket) -> None:
    created = bucket.put(NAME, photograph())
    removed = bucket.remove(NAME)
    assert ingest(removed, created, removed, created) == {"batchItemFailures": []}
    assert kept(bucket.deployment) == {}
    assert bucket.blobs() == set()


def test_a_removed_object_that_came_again_is_there(bucket: Bucket) -> None:
    events = [bucket.put(NAME, photograph()), bucket.remove(NAME), bucket.put(NAME, photograph())]
    ingest(*events)
    ingest(*reversed(events))
    assert kept(bucket.deployment) == bucket.versions()
    assert bucket.blobs() == pointed_to(bucket.deployment)


def test_a_replaced_photograph_leaves_no_thumbnail_behind(bucket: Bucket) -> None:
    ingest(bucket.put(NAME, photograph()))
    before = bucket.blobs()
    ingest(bucket.put(NAME, photograph(shade=7)))
    assert len(bucket.blobs()) == 2
    assert not bucket.blobs() & before
    assert bucket.blobs() == pointed_to(bucket.deployment)
    assert leftovers() == []


def test_blobs_that_could_not_be_deleted_are_deleted_by_the_watch(bucket: Bucket) -> None:
    from chalicelib.aws import objects

    def unwilling(**_: Any) -> None:
        raise ConnectionError("the storage is away")

    ingest(bucket.put(NAME, photograph()))
    events = objects._client().meta.events
    events.register("before-call.s3.DeleteObjects", unwilling)
    assert ingest(bucket.remove(NAME)) == {"batchItemFailures": []}
    assert len(bucket.blobs()) == 2
    assert Tidying(Shelf(THUMBNAILS), clock.now).overdue() == 0  # not yet: whoever removed it may be at it
    assert watch() == 1
    assert len(bucket.blobs()) == 2
    assert watch() == 0  # it has gone to the end of the line
    events.unregister("before-call.s3.DeleteObjects", unwilling)
    assert watch(20) == 1
    assert bucket.blobs() == set()
    assert watch(30) == 0


def test_the_removal_of_an_unassigned_object_takes_it_off_the_list(bucket: Bucket) -> None:
    for key in ("photos/daaaaaaaaaa/x.jpg", "photos/loose.jpg"):
        bucket.s3.put_object(Bucket=PHOTOS, Key=key, Body=b"x")
        ingest(object_created(PHOTOS, key, "v1"))
        assert len(unassigned.listed(10, None)[0]) == 1
        ingest(object_removed(PHOTOS, key))
        assert unassigned.listed(10, None)[0] == []


def test_the_same_bytes_put_again_only_move_the_stamp(bucket: Bucket) -> None:
    ingest(bucket.put(NAME, photograph()))
    before = capture_in(bucket.deployment, NAME)
    with Meter() as meter:
        ingest(bucket.put(NAME, photograph()))
    assert dict(meter.requests) == {"BatchGetItem": 1, "UpdateItem": 1}
    after = capture_in(bucket.deployment, NAME)
    assert after.stamp > before.stamp
    assert after.thumbnails == before.thumbnails


def test_sessions_and_counts_follow_removals(real_bucket: Bucket, dynamodb_local: Engine) -> None:
    world, deployment = World(dynamodb_local.url), real_bucket.deployment
    names = ["20260609_213000.jpg", "20260609_214000.jpg", "20260610_213000.jpg", "undated.jpg"]
    ingest(*[real_bucket.put(name, photograph(shade=n)) for n, name in enumerate(names)])
    world.drain()
    assert len(standing(deployment)) == 2
    ingest(*[real_bucket.remove(name) for name in names[1:]])
    world.drain()
    [session] = standing(deployment)
    assert session.captures_count == 1
    counts = deployments.find(deployment.id, consistent=True).counts
    assert (counts.captures_count, counts.sessions_count, counts.undated_count) == (1, 1, 0)


# Events of three names, of which two hold the same bytes now and then, in any order and repetition.
NAMES = ("a_20260609_213000.jpg", "b_20260609_213100.jpg", "c.jpg")
DATA = [photograph(32, 24, shade) for shade in (10, 20)] + [b"<html>", b""]
CHANGES = st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from([None, *range(len(DATA))])), max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    changes=CHANGES,
    chance=st.randoms(use_true_random=False),
    storage=st.sampled_from(["S3", "LocalStack", "moto"]),
)
def test_any_order_of_events_ends_in_the_state_of_the_bucket(
    real_table: str, s3: Any, changes: list[tuple[str, int | None]], chance: Any, storage: Any
) -> None:
    bucket = Bucket(s3, a_deployment(a_project()), storage)
    waiting: list[str] = []
    for name, data in changes:
        waiting.append(bucket.remove(name) if data is None else bucket.put(name, DATA[data]))
        if chance.random() < 0.3:  # some events are heard of while the bucket still changes
            deliver_some(waiting, chance)
    again = list(waiting)
    while waiting:
        deliver_some(waiting, chance)
    chance.shuffle(again)
    assert ingest(*again) == {"batchItemFailures": []}
    watch()
    assert_true(bucket)


def deliver_some(waiting: list[str], chance: Any) -> None:
    chance.shuffle(waiting)
    count = chance.randint(1, max(1, len(waiting)))
    batch, waiting[:] = waiting[:count], waiting[count:]
    failed = ingest(*batch)["batchItemFailures"]
    waiting += [batch[int(each["itemIdentifier"].rpartition("-")[2])] for each in failed]


def assert_true(bucket: Bucket) -> None:
    """The table says what the bucket holds, no blob is without a capture, and of equal bytes one is first."""
    deployment = bucket.deployment
    assert kept(deployment) == bucket.versions()
    assert bucket.blobs() == pointed_to(deployment)
    assert leftovers() == []
    captures = page(Span(deployment.project_id, deployment.id), "timestamp", 1000)
    originals = {each.facts.sha256: each.id for each in captures if each.duplicate_of is None}
    for capture in captures:
        if capture.facts.state == "ready":
            assert capture.duplicate_of in (None, originals[capture.facts.sha256])
    ready = [each for each in captures if each.facts.state == "ready"]
    assert len({each.facts.sha256 for each in ready}) == len([e for e in ready if e.duplicate_of is None])


Change = tuple[str, int | None]

SCENES: dict[str, tuple[Change, ...]] = {
    "a new photograph": ((NAME, 0),),
    "a photograph that is replaced": ((NAME, 0), (NAME, 1)),
    "a photograph that is removed": ((NAME, 0), (NAME, None)),
    "an unreadable one": ((NAME, 2),),
    "an unreadable one that is sent again": ((NAME, 2), (NAME, 1)),
    "an unreadable one that is removed": ((NAME, 2), (NAME, None)),
    "a copy": (("first.jpg", 0), (NAME, 0)),
    "an original of two copies is removed": (
        *(("first.jpg", 0), (NAME, 0), ("third.jpg", 0)),
        ("first.jpg", None),
    ),
    "an original of a copy is replaced": (("first.jpg", 0), (NAME, 0), ("first.jpg", 1)),
    "a copy becomes another photograph": (("first.jpg", 0), (NAME, 0), (NAME, 1)),
    "a copy is removed": (("first.jpg", 0), (NAME, 0), (NAME, None)),
}
MEANWHILE: dict[str, tuple[Change, ...]] = {
    "a new photograph": ((NAME, None), (NAME, 1)),
    "a photograph that is replaced": ((NAME, None), (NAME, 0)),
    "an original of two copies is removed": ((NAME, None), ("first.jpg", 0)),
    "an original of a copy is replaced": ((NAME, None), ("first.jpg", 0)),
}


def play(bucket: Bucket, scene: str, meanwhile: Change | None, assassin: Assassin) -> None:
    """A scene, the last change handled by a process that may be killed. Before its successor handles it
    again, one more thing may happen, and be handled."""

    def change(to: Change) -> str:
        name, data = to
        return bucket.remove(name) if data is None else bucket.put(name, DATA[data])

    *before, last = SCENES[scene]
    for each in before:
        ingest(change(each))
    event = change(last)
    with assassin:
        try:
            ingest(event)
        except Killed:
            assassin.revive()
            if meanwhile:
                assert ingest(change(meanwhile)) == {"batchItemFailures": []}
            assert ingest(event) == {"batchItemFailures": []}
    watch()
    assert_true(bucket)


@pytest.mark.parametrize(
    ("scene", "meanwhile"),
    [(scene, change) for scene in SCENES for change in (None, *MEANWHILE.get(scene, ()))],
)
def test_a_handler_killed_at_any_write_and_called_again_ends_the_same(
    real_table: str, s3: Any, scene: str, meanwhile: Change | None
) -> None:
    counting = Assassin()
    play(Bucket(s3, a_deployment(a_project())), scene, meanwhile, counting)
    assert counting.writes >= 1
    for turn in range(counting.writes):
        for afterwards in (False, True):
            assassin = Assassin(turn, afterwards)
            play(Bucket(s3, a_deployment(a_project())), scene, meanwhile, assassin)
            assert assassin.kills == 1
