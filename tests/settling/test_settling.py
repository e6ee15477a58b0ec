"""Derived rows on real engines: after the stream drains, they equal their recomputation from facts."""

from datetime import datetime, timedelta

import pytest
from meter import Meter
from world import World, a_capture, a_deployment, a_project, add_captures, night, standing

from chalicelib.captures import store as captures
from chalicelib.captures.rules import Seen
from chalicelib.deployments import service as deployments
from chalicelib.projects import service as projects
from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)


@pytest.fixture
def world(table: str, engine: Engine) -> World:
    return World(engine.url)


def test_photographs_of_two_nights_become_two_sessions_and_are_counted(world: World) -> None:
    project = a_project()
    deployment = a_deployment(project)
    add_captures(deployment, [*night(EVENING, 30), *night(EVENING + timedelta(days=1), 20), None])
    world.drain()

    first, second = standing(deployment)
    assert (first.start, first.end, first.captures_count) == (EVENING, datetime(2026, 6, 10, 2, 20), 30)
    assert (second.start, second.captures_count) == (datetime(2026, 6, 10, 21, 30), 20)
    counts = deployments.find(deployment.id).counts
    assert (counts.captures_count, counts.sessions_count, counts.undated_count) == (51, 2, 1)
    assert (counts.first_timestamp, counts.last_timestamp) == (EVENING, datetime(2026, 6, 11, 0, 40))
    found = projects.find(project.id)
    assert found.counts == counts
    assert found.deployments_count == 1


def test_a_late_photograph_bridges_two_sessions_and_the_larger_one_keeps_its_id(world: World) -> None:
    deployment = a_deployment(a_project())
    add_captures(deployment, [*night(EVENING, 3), *night(EVENING + timedelta(hours=3), 6)])
    world.drain()
    small, large = standing(deployment)

    captures.write(Seen(), a_capture(deployment, EVENING + timedelta(hours=1, minutes=30)))
    world.drain()

    [only] = standing(deployment)
    assert only.id == large.id
    assert only.captures_count == 10
    assert small.id != only.id
    assert deployments.find(deployment.id).counts.sessions_count == 1


def test_a_changed_gap_regroups_the_deployment_as_deferred_work(world: World) -> None:
    project = a_project()
    deployment = a_deployment(project)
    add_captures(deployment, [*night(EVENING, 5), *night(EVENING + timedelta(hours=3), 5)])
    world.drain()
    assert len(standing(deployment)) == 2

    seen = deployments.find(deployment.id)
    deployments.change(_with_gap(seen, 4 * 3600), seen.updated_at, world.now())
    world.drain()
    assert [session.captures_count for session in standing(deployment)] == [10]


def test_a_changed_gap_of_the_project_reaches_every_deployment_without_a_gap_of_its_own(world: World) -> None:
    project = a_project()
    follows, own = a_deployment(project), a_deployment(project, session_time_gap_seconds=1800)
    for deployment in (follows, own):
        add_captures(deployment, [*night(EVENING, 5), *night(EVENING + timedelta(hours=3), 5)])
    world.drain()
    seen = projects.find(project.id)
    projects.change(_with_gap(seen, 5 * 3600), seen.updated_at, world.now())
    world.drain()
    assert len(standing(follows)) == 1
    assert len(standing(own)) == 2
    assert projects.find(project.id).counts.sessions_count == 3


def test_a_draft_is_known_on_its_deployments_before_the_change_is_answered(world: World) -> None:
    project = a_project()
    deployment = a_deployment(project)
    seen = projects.find(project.id)
    from dataclasses import replace

    projects.change(replace(seen, draft=True), seen.updated_at, world.now())
    assert deployments.find(deployment.id).inherited.draft is True


def test_settling_what_is_settled_writes_nothing(world: World) -> None:
    deployment = a_deployment(a_project())
    add_captures(deployment, night(EVENING, 40))
    records = world.records()
    world.deliver(records)
    world.drain()
    before = deployments.find(deployment.id, consistent=True), standing(deployment)
    world.deliver(records)
    assert (deployments.find(deployment.id, consistent=True), standing(deployment)) == before
    assert not [record for record in world.records() if "SESSION#" in str(record["dynamodb"]["Keys"])]


def _with_gap(value, seconds: int):  # type: ignore[no-untyped-def]
    from dataclasses import replace

    return replace(value, session_time_gap_seconds=seconds)


def test_one_more_capture_costs_the_same_in_a_small_and_in_a_large_deployment(
    young_engine: Engine,
) -> None:
    costs = {}
    for size in (100, 20_000):
        world = World(young_engine.url)
        deployment = a_deployment(a_project())
        # A hundred captures a night, so that only the number of nights differs.
        nights = [night(EVENING + timedelta(days=day), 100, minutes=4) for day in range(size // 100)]
        add_captures(deployment, [moment for one in nights for moment in one])
        world.drain(batch=1000)
        assert deployments.find(deployment.id).counts.captures_count == size

        captures.write(Seen(), a_capture(deployment, nights[len(nights) // 2][50] + timedelta(minutes=1)))
        with Meter() as meter:
            world.drain()
        assert deployments.find(deployment.id).counts.captures_count == size + 1
        costs[size] = meter.total

    # One of them asks whether any capture set follows the project, one what was found that night.
    assert costs[100] == costs[20_000] == 18
