"""The same bytes under another name."""

import threading
from typing import Any

import pytest
from bucket import Bucket, capture_in, ingest, photograph, watch
from meter import Meter
from world import World, a_deployment, a_project, standing

from chalicelib.deployments import service as deployments
from localstack.embedded.engines import Engine

FIRST, SECOND, THIRD = (f"{n}_20260609_21300{n}.jpg" for n in range(3))


@pytest.fixture
def bucket(table: str, s3: Any) -> Bucket:
    return Bucket(s3, a_deployment(a_project()))


def test_the_second_that_comes_is_the_copy_and_both_are_kept(bucket: Bucket) -> None:
    ingest(bucket.put(FIRST, photograph()))
    with Meter() as meter:
        ingest(bucket.put(SECOND, photograph()))
    assert meter.total == 5
    first, second = capture_in(bucket.deployment, FIRST), capture_in(bucket.deployment, SECOND)
    assert first.duplicate_of is None
    assert second.duplicate_of == first.id
    assert not second.hidden
    assert set(second.thumbnails) == {"small", "medium"}


def test_copies_are_found_in_all_of_a_project_and_not_beyond(bucket: Bucket) -> None:
    project = a_project()
    here, there = (Bucket(bucket.s3, a_deployment(project)) for _ in range(2))
    ingest(bucket.put(FIRST, photograph()), here.put(FIRST, photograph()), there.put(FIRST, photograph()))
    assert capture_in(bucket.deployment, FIRST).duplicate_of is None
    assert capture_in(here.deployment, FIRST).duplicate_of is None
    assert capture_in(there.deployment, FIRST).duplicate_of == capture_in(here.deployment, FIRST).id


def test_what_cannot_be_opened_is_nobodys_copy(bucket: Bucket) -> None:
    ingest(*(bucket.put(name, b"") for name in (FIRST, SECOND)))
    assert capture_in(bucket.deployment, SECOND).duplicate_of is None


def test_the_next_copy_takes_the_place_of_an_original_that_goes(bucket: Bucket) -> None:
    for name in (FIRST, SECOND, THIRD):
        ingest(bucket.put(name, photograph()))
    ingest(bucket.remove(FIRST))
    second, third = capture_in(bucket.deployment, SECOND), capture_in(bucket.deployment, THIRD)
    assert second.duplicate_of is None
    assert third.duplicate_of == second.id
    ingest(bucket.put(SECOND, photograph(shade=8)))
    assert capture_in(bucket.deployment, THIRD).duplicate_of is None
    ingest(bucket.put(FIRST, photograph()))
    assert capture_in(bucket.deployment, FIRST).duplicate_of == third.id


def test_a_copy_that_gets_other_bytes_is_none_any_more(bucket: Bucket) -> None:
    ingest(bucket.put(FIRST, photograph()))
    ingest(bucket.put(SECOND, photograph()))
    ingest(bucket.put(SECOND, photograph(shade=8)))
    assert capture_in(bucket.deployment, SECOND).duplicate_of is None
    ingest(bucket.remove(FIRST))
    assert capture_in(bucket.deployment, SECOND).duplicate_of is None


def test_hidden_copies_are_in_no_session_and_no_count(
    real_table: str, s3: Any, dynamodb_local: Engine
) -> None:
    world = World(dynamodb_local.url)
    bucket = Bucket(s3, a_deployment(a_project(duplicates="hide")))
    for name in (FIRST, SECOND, "10.jpg"):
        ingest(bucket.put(name, photograph()))
    world.drain()
    assert capture_in(bucket.deployment, SECOND).hidden
    assert capture_in(bucket.deployment, SECOND).timestamp is not None
    assert capture_in(bucket.deployment, "10.jpg").timestamp is None
    [session] = standing(bucket.deployment)
    assert session.captures_count == 1
    counts = deployments.find(bucket.deployment.id, consistent=True).counts
    assert (counts.captures_count, counts.undated_count) == (1, 0)

    ingest(bucket.remove(FIRST))
    world.drain()
    second = capture_in(bucket.deployment, SECOND)
    assert (second.hidden, second.duplicate_of) == (False, None)
    [session] = standing(bucket.deployment)
    assert session.first_capture_id == second.id


@pytest.mark.parametrize("removing", [False, True])
def test_of_many_that_come_at_once_one_is_the_original(real_table: str, s3: Any, removing: bool) -> None:
    bucket = Bucket(s3, a_deployment(a_project()))
    names = [f"{n}_20260609_2130{n:02}.jpg" for n in range(12)]
    events = [[bucket.put(name, photograph())] for name in names]
    ingest(*events[0])
    if removing:
        events[0] = [bucket.remove(names[0])]
    threads = [threading.Thread(target=until_done, args=(each,)) for each in events]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if removing:
        for _ in range(5):
            watch()
    captures = [capture_in(bucket.deployment, name) for name in names[removing:]]
    [original] = [each for each in captures if each.duplicate_of is None]
    assert {each.duplicate_of for each in captures if each != original} == {original.id}


def until_done(bodies: list[str]) -> None:
    while ingest(*bodies)["batchItemFailures"]:
        pass
