"""The same photographs three times over, in any order, and settlers that die: the end is always the same."""

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from world import Killed, Reaper, World, a_capture, a_deployment, a_project, add_captures, standing

from chalicelib.aws import stream
from chalicelib.aws.clock import now
from chalicelib.aws.table import Row
from chalicelib.captures import store as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture, Seen
from chalicelib.deployments import service as deployments
from chalicelib.deployments import settled
from chalicelib.deployments.rules import Deployment
from chalicelib.projects import service as projects
from chalicelib.sessions.grouping import Rule, group
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner, Touched
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
            written += [captures.write(Seen(), capture) for capture in deliveries[at : at + 30]]
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
            captures.write(Seen(), capture)
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


def test_a_change_too_large_for_one_transaction_survives_a_death_between_two(
    real_table: str, dynamodb_local: Engine
) -> None:
    """An hourly camera is cut at the cap; one earlier photograph moves every cut of two hundred days."""
    clock = Clock()
    world = World(dynamodb_local.url, now=clock)
    station = a_deployment(a_project())
    add_captures(station, [START + timedelta(hours=hour) for hour in range(200 * 25)])
    world.drain(batch=2000)
    captures.write(Seen(), a_capture(station, START - timedelta(minutes=30)))
    written = Transactions(die_before=2)
    with written, pytest.raises(Killed):
        world.drain()
    assert written.seen == 2
    for _ in range(4):
        clock.ahead += timedelta(minutes=2)
        world.settling.overdue()
        world.drain()
    truth = group(timeline.taken(station.id), Rule())
    assert len(truth) == 201
    assert [(s.start, s.end, s.captures_count) for s in standing(station)] == [
        (i.start, i.end, i.captures_count) for i in truth
    ]
    assert deployments.find(station.id, consistent=True).counts.captures_count == 5001
    assert _marked() == []


class Transactions:
    """Kills whoever asks for the transaction of that number, and all it asks for afterwards."""

    def __init__(self, die_before: int) -> None:
        self.seen, self._last = 0, die_before

    def __enter__(self) -> None:
        self._events = Row._get_connection().connection.client.meta.events
        self._events.register_first("before-call.dynamodb", self._strike)

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-call.dynamodb", self._strike)

    def _strike(self, event_name: str, **_: object) -> None:
        self.seen += event_name.endswith("TransactWriteItems") and self.seen < self._last
        if self.seen >= self._last:
            raise Killed


def test_a_rule_that_changes_while_a_settler_begins_is_not_lost(
    real_table: str, dynamodb_local: Engine
) -> None:
    world = World(dynamodb_local.url)
    station = a_deployment(a_project())
    add_captures(station, [START, START + timedelta(hours=3)])
    world.drain()
    events = Row._get_connection().connection.client.meta.events

    def change_the_rule(**_: object) -> None:
        """Right after a settler has taken its lease, and has so read the old rule."""
        events.unregister("after-call.dynamodb.UpdateItem", change_the_rule)
        seen = deployments.find(station.id, consistent=True)
        changed = replace(seen, session_time_gap_seconds=4 * 3600)
        deployments.change(changed, seen.updated_at, now())
        World(dynamodb_local.url).settling.changes(stream.changes({"Records": world.records()}))

    marks.put(_all_of(station), now())
    events.register("after-call.dynamodb.UpdateItem", change_the_rule)
    world.settling.budget(Owner("DEPLOYMENT", station.id))
    assert [mark.part for mark in marks.of_owner(Owner("DEPLOYMENT", station.id))] == ["ALL"]
    world.settling.budget(Owner("DEPLOYMENT", station.id))
    assert len(standing(station)) == 1


def test_a_settler_that_slept_past_its_lease_removes_no_mark(real_table: str, dynamodb_local: Engine) -> None:
    clock = Clock()
    world = World(dynamodb_local.url, now=clock)
    station = a_deployment(a_project())
    add_captures(station, [START])
    world.drain()
    marks.put(_all_of(station), clock())
    owner = Owner("DEPLOYMENT", station.id)
    events = Row._get_connection().connection.client.meta.events

    def oversleep(**_: object) -> None:
        """Between the lease and the first look at the timeline, another takes the lease over."""
        events.unregister("before-call.dynamodb.Query", oversleep)
        clock.ahead += timedelta(minutes=2)
        assert settled.take_lease(station.id, clock)

    def after_the_marks(**_: object) -> None:
        events.unregister("after-call.dynamodb.UpdateItem", after_the_marks)
        events.register("before-call.dynamodb.Query", oversleep)

    events.register("after-call.dynamodb.UpdateItem", after_the_marks)
    world.settling.budget(owner)
    assert [mark.part for mark in marks.of_owner(owner)] == ["ALL"]


def _all_of(station: Deployment) -> Touched:
    touched = Touched()
    touched.everything(Owner("DEPLOYMENT", station.id))
    return touched


def test_an_owner_with_very_many_marks_hides_no_other(real_table: str, dynamodb_local: Engine) -> None:
    clock = Clock()
    world = World(dynamodb_local.url, now=clock)
    station = a_deployment(a_project())
    touched = Touched()
    for day in range(150):
        touched.capture(
            Owner("DEPLOYMENT", "dgone222222"), f"CAPTURE#{START + timedelta(days=day):%FT%T}.000#c"
        )
    marks.put(touched, clock())
    add_captures(station, [START])
    marks.put(_all_of(station), clock())
    clock.ahead += timedelta(minutes=5)
    assert world.settling.overdue() == 2
    world.drain()
    assert len(standing(station)) == 1
