"""The same photographs three times over, in any order, and settlers that die: the end is always the same."""

import random
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from world import Killed, Reaper, World, a_capture, a_deployment, a_project, standing

from chalicelib.aws.clock import now
from chalicelib.captures import store as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture
from chalicelib.deployments import service as deployments
from chalicelib.projects import service as projects
from chalicelib.sessions.grouping import Rule, group
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner
from localstack.embedded.engines import Engine

START = datetime(2026, 6, 9, 20)


class Clock:
    """A clock that can be put forward, so that the leases of the dead expire."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_dies_on_the_way_sessions_and_counts_equal_a_recount(
    real_table: str, dynamodb_local: Engine, seed: int
) -> None:
    chance, clock = random.Random(seed), Clock()
    world = World(dynamodb_local.url, now=clock)
    project = a_project()
    stations = [a_deployment(project), a_deployment(project, session_time_gap_seconds=3600)]
    wanted = [
        a_capture(
            chance.choice(stations), START + timedelta(minutes=chance.randrange(60 * 24 * 6)), f"{n}.jpg"
        )
        for n in range(500)
    ]
    deliveries = wanted * 3
    chance.shuffle(deliveries)
    written: list[bool] = []
    with Reaper(chance, share=0.03) as reaper:
        for at in range(0, len(deliveries), 30):
            reaper.share = 0.0
            written += [captures.add(capture) for capture in deliveries[at : at + 30]]
            records = world.records()
            again = records + chance.sample(records, k=len(records) // 2)
            chance.shuffle(again)
            reaper.share = 0.03
            _until_accepted(world, again, reaper)
        assert reaper.kills > 10
        reaper.share = 0.0
        # What the dead left behind is only found by the watch, once their leases are over.
        for _ in range(5):
            clock.ahead += timedelta(minutes=2)
            world.settling.overdue()
            world.drain()

    assert sum(written) == len({capture.id for capture in wanted}) == 500
    for station, gap in zip(stations, (2, 1), strict=True):
        truth = group(timeline.taken(station.id), Rule(gap=timedelta(hours=gap)))
        assert [(s.start, s.end, s.captures_count) for s in standing(station)] == [
            (i.start, i.end, i.captures_count) for i in truth
        ]
        counts = deployments.find(station.id, consistent=True).counts
        mine = [capture for capture in wanted if capture.deployment_id == station.id]
        assert counts.captures_count == len(mine)
        assert counts.sessions_count == len(truth)
        assert counts.first_timestamp == min(capture.timestamp for capture in mine if capture.timestamp)
        assert counts.last_timestamp == max(capture.timestamp for capture in mine if capture.timestamp)
    whole = projects.find(project.id)
    assert whole.counts.captures_count == 500
    assert whole.counts.sessions_count == sum(len(standing(station)) for station in stations)


def _until_accepted(world: World, records: list, reaper: Reaper) -> None:  # type: ignore[type-arg]
    """Lambda sends a batch again until the handler lives to return."""
    for _ in range(200):
        try:
            world.deliver(records)
        except Killed:
            reaper.revive()
            continue
        reaper.revive()
        return
    raise AssertionError("the batch was never accepted")


def test_settlers_side_by_side_neither_lose_nor_count_twice(real_table: str, dynamodb_local: Engine) -> None:
    chance = random.Random(7)
    world = World(dynamodb_local.url)
    project = a_project()
    station = a_deployment(project)
    wanted = [
        a_capture(station, START + timedelta(minutes=chance.randrange(60 * 24 * 3)), f"{n}.jpg")
        for n in range(160)
    ]
    world.records()

    def arrive(captures_of_one: list[Capture]) -> None:
        for capture in captures_of_one:
            captures.add(capture)
            at = {"S": timeline.position(capture)}
            keys = {"pk": {"S": f"DEPLOYMENT#{station.id}"}, "sk": {"S": f"CAPTURE#{capture.id}"}}
            world.deliver([{"dynamodb": {"Keys": keys, "NewImage": {"at": at}}}])

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(arrive, wanted[lane::8]) for lane in range(8)]:
            done.result()

    # Nothing was left for the watch: whoever lost the lease was seen by whoever held it.
    assert [owner for owner in _marked() if owner.kind == "DEPLOYMENT"] == []
    truth = group(timeline.taken(station.id), Rule())
    assert [(s.start, s.end, s.captures_count) for s in standing(station)] == [
        (i.start, i.end, i.captures_count) for i in truth
    ]
    counts = deployments.find(station.id, consistent=True).counts
    assert (counts.captures_count, counts.sessions_count) == (160, len(truth))


def _marked() -> list[Owner]:
    return marks.older_than(now() + timedelta(days=1), 100)
