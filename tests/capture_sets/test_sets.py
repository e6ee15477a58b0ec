"""Capture sets: who is in them, how many, and that both stay true whatever befalls the captures."""

import random
from datetime import datetime, timedelta
from typing import Any

import pytest
from api import TOKEN, Api
from desk import Desk
from meter import Meter
from world import Assassin, World, a_deployment, a_project, add_captures, night

from chalicelib import ids
from chalicelib.capture_sets import members as member_rows
from chalicelib.capture_sets import segments as segment_rows
from chalicelib.capture_sets import service, store
from chalicelib.capture_sets.clearing import DELETE
from chalicelib.capture_sets.populating import POPULATE, populate_with
from chalicelib.capture_sets.rules import CaptureSet, segment_of
from chalicelib.captures import reading
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.captures.rules import Capture
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict, NotFound
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Start
from chalicelib.projects.rules import Project
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner, Touched
from chalicelib.settling.service import Settling
from chalicelib.thumbnails.rules import Shelf
from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)
DAY = timedelta(days=1)
NIGHTS = [*night(EVENING, 10, 1), *night(EVENING + DAY, 10, 1)]


class Room:
    """A project with two nights of captures, and what works on its sets."""

    def __init__(self, endpoint: str) -> None:
        self.world = World(endpoint)
        self.desk = Desk()
        self.desk.add(populate_with(self.desk.jobs.now, self.desk._sleep), DELETE)
        self.project: Project = a_project()
        self.deployment: Deployment = a_deployment(self.project)
        self.captures = add_captures(self.deployment, NIGHTS)
        self.world.drain()

    def make(self, method: str = "manual", **kwargs: Any) -> CaptureSet:
        """A set, in the table."""
        now = self.world.now()
        return service.make(
            CaptureSet(
                ids.new_set_id(),
                self.project.id,
                "Moths",
                method,
                now,
                now,
                "first",
                kwargs=kwargs,
            )
        )

    def populate(self, made: CaptureSet) -> Job:
        """Populates a set, and settles."""
        job = self.desk.jobs.start(Start(POPULATE.key, self.project.id, None, {"set_id": made.id}))
        self.desk.drain()
        self.world.drain()
        return self.desk.job(job.id)

    def check(self, set_id: str) -> list[str]:
        """The members of a set, after all that is kept of it was found to be true."""
        self.world.drain()
        found = service.find(set_id)
        own = list(member_rows.ids_of(set_id, found.generation))
        there = reading.whole(own)
        assert set(there) == set(own), "a member that is no capture"
        filed = {each.capture_id: each for each in member_rows.filed(set_id, found.generation)}
        assert {each: filed[each].at for each in filed} == {
            each.id: service.member_of(each).at for each in there.values()
        }
        counted: dict[str, int] = {}
        for each in there.values():
            if not each.hidden:
                segment = segment_of(each.id)
                counted[segment] = counted.get(segment, 0) + 1
        segments = segment_rows.standing(set_id, found.generation)
        kept = {part: each.captures_count for part, each in segments.items() if each.captures_count}
        assert kept == counted
        assert found.captures_count == sum(counted.values())
        for each in own:
            assert (set_id, found.generation) in member_rows.sets_of(each)
        assert marks.of_owner(Owner("SET", set_id)) == []
        return own

    def date(self, capture: Capture, moment: datetime | None) -> None:
        captures.date(capture.id, moment)

    def remove(self, capture: Capture) -> None:
        """The capture's photograph is deleted."""
        tidying = Tidying(Shelf("nightjar-thumbnails-bucket"), self.world.now)
        assert captures.remove(capture_rows.see(capture.id), capture.id, "", tidying)


@pytest.fixture
def room(table: str, engine: Engine, s3: Any) -> Room:
    return Room(engine.url)


@pytest.fixture
def real_room(real_table: str, dynamodb_local: Engine, s3: Any) -> Room:
    return Room(dynamodb_local.url)


def ids_of(some: list[Capture]) -> list[str]:
    return [each.id for each in some]


def test_five_are_added_and_one_is_taken_out(room: Room) -> None:
    made = room.make()
    assert service.add(made, ids_of(room.captures[:5])) == 5
    assert sorted(room.check(made.id)) == sorted(ids_of(room.captures[:5]))
    assert service.find(made.id).captures_count == 5
    service.add(made, ids_of(room.captures[:5]))
    assert service.find(made.id).captures_count == 5
    service.remove(made, [room.captures[2].id, room.captures[9].id])
    assert len(room.check(made.id)) == 4


def test_only_captures_of_the_project_can_be_added(room: Room) -> None:
    made, other = room.make(), a_deployment(a_project())
    [stranger] = add_captures(other, [EVENING])
    for wrong in (stranger.id, "d2222222222-2222222222222222"):
        with pytest.raises(NotFound):
            service.add(made, [room.captures[0].id, wrong])
    assert room.check(made.id) == []


def test_a_capture_that_goes_leaves_no_membership(room: Room) -> None:
    made = room.make()
    service.add(made, ids_of(room.captures[:5]))
    room.check(made.id)
    room.remove(room.captures[0])
    assert len(room.check(made.id)) == 4
    assert member_rows.sets_of(room.captures[0].id) == []


def test_a_capture_that_moves_in_time_is_counted_where_it_is(room: Room) -> None:
    made = room.make()
    service.add(made, ids_of(room.captures[:5]))
    room.check(made.id)
    room.date(room.captures[1], EVENING + 3 * DAY)
    room.date(room.captures[2], None)
    room.check(made.id)


def test_an_undated_one_is_counted_too(room: Room) -> None:
    [undated] = add_captures(room.deployment, [None])
    made = room.make()
    service.add(made, [undated.id, room.captures[0].id])
    assert len(room.check(made.id)) == 2
    room.date(undated, EVENING)
    assert len(room.check(made.id)) == 2


def test_full_is_all_and_replaces_what_was_there(room: Room) -> None:
    made = room.make("full")
    service.add(made, [room.captures[0].id])
    before = room.check(made.id)
    job = room.populate(made)
    assert job.status == "SUCCESS", job.reason
    assert {each.key: each.value for each in job.stages[0].params} == {"captures_added": 20}
    assert len(room.check(made.id)) == 20
    assert service.find(made.id).populating is None
    assert list(member_rows.ids_of(made.id, made.generation)) == []
    assert member_rows.sets_of(before[0]) == [(made.id, service.find(made.id).generation)]


@pytest.mark.parametrize(
    ("method", "kwargs", "expected"),
    [
        ("random", {"size": 10, "seed": 1}, 10),
        ("random_from_each_event", {"num_each": 2, "seed": 1}, 4),
        ("last_and_random_from_each_event", {"num_each": 2, "seed": 1}, 6),
        ("interval", {"minute_interval": 5}, 4),
        ("greatest_file_size_from_each_event", {"num_each": 1}, 2),
        ("nth", {"n": 5}, 4),
        ("positional", {"position": -1}, 2),
        ("stratified_random", {"size": 6, "seed": 1}, 6),
        ("full", {"date_end": "2026-06-09"}, 10),
    ],
)
def test_each_method_in_steps(real_room: Room, method: str, kwargs: Any, expected: int) -> None:
    made = real_room.make(method, **kwargs)
    real_room.desk.pieces = 1
    assert real_room.populate(made).status == "SUCCESS"
    first = real_room.check(made.id)
    assert len(first) == expected
    real_room.populate(made)
    assert real_room.check(made.id) == first


def test_manual_takes_those_named_that_are_the_projects(room: Room) -> None:
    [stranger] = add_captures(a_deployment(a_project()), [EVENING])
    wanted = ids_of(room.captures[3:6])
    made = room.make("manual", capture_ids=[*wanted, stranger.id])
    room.populate(made)
    assert sorted(room.check(made.id)) == sorted(wanted)


def test_the_old_set_is_served_until_the_new_one_stands(real_room: Room) -> None:
    made = real_room.make("full")
    service.add(made, ids_of(real_room.captures[:3]))
    real_room.world.drain()
    job = real_room.desk.jobs.start(Start(POPULATE.key, real_room.project.id, None, {"set_id": made.id}))
    real_room.desk.pieces = 1
    seen = []
    while real_room.desk.queue:
        real_room.desk.turn()
        real_room.world.drain()
        seen.append(service.find(made.id).captures_count)
    assert set(seen) == {3, 20}
    assert seen == sorted(seen)
    assert real_room.desk.job(job.id).status == "SUCCESS"


def test_what_changes_while_it_is_populated_is_not_lost(real_room: Room) -> None:
    made = real_room.make("full")
    real_room.desk.jobs.start(Start(POPULATE.key, real_room.project.id, None, {"set_id": made.id}))
    real_room.desk.pieces = 1
    real_room.desk.turn()
    real_room.desk.turn()
    real_room.date(real_room.captures[0], EVENING + 5 * DAY)
    real_room.remove(real_room.captures[1])
    real_room.desk.drain()
    assert len(real_room.check(made.id)) == 19


def test_adding_is_refused_when_it_is_populated_meanwhile(real_room: Room) -> None:
    made = real_room.make("full")
    real_room.populate(made)
    with pytest.raises(Conflict):
        service.add(made, [real_room.captures[0].id])
    assert len(real_room.check(made.id)) == 20


def test_populating_killed_at_any_write_ends_the_same(real_room: Room) -> None:
    room = real_room
    for turn in range(40):
        made = room.make("random", size=7, seed=3)
        service.add(made, ids_of(room.captures[:2]))
        room.world.drain()
        job = room.desk.jobs.start(Start(POPULATE.key, room.project.id, None, {"set_id": made.id}))
        with Assassin(turn, afterwards=bool(turn % 2)) as assassin:
            room.desk.outlive(assassin)
        assert room.desk.job(job.id).status == "SUCCESS"
        assert len(room.check(made.id)) == 7
        if not assassin.kills:
            assert turn > 5
            return


def test_a_deleted_set_leaves_nothing(room: Room) -> None:
    made = room.make("full")
    room.populate(made)
    store.leave(made)
    with pytest.raises(NotFound):
        service.find(made.id)
    room.desk.jobs.start(Start(DELETE.key, room.project.id, None, {"set_id": made.id}))
    room.desk.drain()
    room.world.drain()
    assert store.get(made.id) is None
    for each in room.captures:
        assert member_rows.sets_of(each.id) == []
    assert list(member_rows.MemberRow.query(f"SET#{made.id}")) == []


def cleared(room: Room, made: CaptureSet) -> bool:
    """Deletes a set; whether nothing at all is left of it."""
    store.leave(made)
    room.desk.jobs.start(Start(DELETE.key, room.project.id, None, {"set_id": made.id}))
    room.desk.drain()
    room.world.drain()
    mirrors = [each for capture in room.captures for each in member_rows.sets_of(capture.id)]
    return not mirrors and not list(member_rows.MemberRow.query(f"SET#{made.id}"))


class TestInterrupted:
    """Populates that are cancelled, resumed, overtaken; people who are quicker."""

    def begin(self, room: Room, made: CaptureSet) -> Job:
        room.desk.pieces = 1
        return room.desk.jobs.start(Start(POPULATE.key, room.project.id, None, {"set_id": made.id}))

    def test_cancelled_while_it_clears(self, real_room: Room) -> None:
        room, made = real_room, real_room.make("full")
        service.add(made, ids_of(room.captures[:5]))
        job = self.begin(room, made)
        while (room.desk.job(job.id).cursor or {}).get("phase") != "clear":
            room.desk.turn()
        room.desk.jobs.cancel(job.id)
        room.desk.drain()
        assert member_rows.generations(made.id) != [service.find(made.id).generation]
        room.populate(made)
        assert member_rows.generations(made.id) == [service.find(made.id).generation]
        assert cleared(room, made)

    def test_cancelled_and_resumed_after_another(self, real_room: Room) -> None:
        room, made = real_room, real_room.make("full")
        job = self.begin(room, made)
        room.desk.turn()
        room.desk.jobs.cancel(job.id)
        room.desk.drain()
        room.populate(made)
        room.desk.jobs.retry(job.id, resume=True)
        room.desk.drain()
        now = room.desk.job(job.id)
        assert (now.status, "start it anew" in (now.reason or "")) == ("FAILURE", True)
        assert len(room.check(made.id)) == 20
        assert cleared(room, made)

    def test_an_add_that_is_overtaken_leaves_nothing(
        self, real_room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room, made = real_room, real_room.make("full")
        keep, done = member_rows.keep_members, []

        def slow(*given: Any) -> None:
            if not done:
                done.append(1)
                room.populate(made)
            keep(*given)

        monkeypatch.setattr(member_rows, "keep_members", slow)
        with pytest.raises(Conflict):
            service.add(made, ids_of(room.captures[:3]))
        monkeypatch.undo()
        assert member_rows.generations(made.id) == [service.find(made.id).generation]
        assert len(room.check(made.id)) == 20

    def test_who_takes_out_while_another_adds_is_not_undone_half(
        self, real_room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room, made = real_room, real_room.make()
        keep, done, one = member_rows.keep_members, [], room.captures[0]

        def slow(*given: Any) -> None:
            if not done:
                done.append(1)
                service.remove(made, [one.id])
            keep(*given)

        monkeypatch.setattr(member_rows, "keep_members", slow)
        service.add(made, [one.id])
        monkeypatch.undo()
        assert room.check(made.id) == []
        room.remove(one)
        assert room.check(made.id) == []

    def test_one_that_is_dated_elsewhere_before_it_is_filed(
        self, real_room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        room, made = real_room, real_room.make("rule", date_end="2026-06-09")
        keep, done = member_rows.keep_mirrors, []

        def slow(*given: Any) -> None:
            if not done:
                done.append(1)
                room.date(room.captures[0], EVENING + 5 * DAY)
                room.world.drain()
            keep(*given)

        monkeypatch.setattr(member_rows, "keep_mirrors", slow)
        room.populate(made)
        monkeypatch.undo()
        assert room.captures[0].id not in room.check(made.id)

    def test_what_comes_while_it_is_counted_is_settled(
        self, real_room: Room, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from chalicelib.capture_sets import settled

        room, made = real_room, real_room.make("full")
        count = settled.count_all

        def slow(*given: Any) -> int:
            counted = count(*given)
            room.remove(room.captures[0])
            room.world.drain()
            return counted

        monkeypatch.setattr(settled, "count_all", slow)
        room.desk.jobs.start(Start(POPULATE.key, room.project.id, None, {"set_id": made.id}))
        room.desk.drain()
        assert service.find(made.id).captures_count == 19

    def test_sets_that_have_gone_do_not_keep_the_watch_from_the_others(self, real_room: Room) -> None:
        room = real_room
        gone = [Owner("SET", ids.new_set_id()) for _ in range(3)]
        for owner in gone:
            touched = Touched()
            touched.parts[owner, "x#CAPTURE#2026-06-09"] |= set()
            room.world.settling.mark(touched)
        later = Settling(lambda: room.world.now() + timedelta(minutes=10), lambda _: None)
        assert later.overdue() == 3
        assert later.overdue() == 0

    def test_a_set_made_by_hand_is_not_emptied(self, real_room: Room) -> None:
        made = real_room.make()
        service.add(made, ids_of(real_room.captures[:3]))
        assert real_room.populate(made).status == "FAILURE"
        assert len(real_room.check(made.id)) == 3

    def test_so_many_live_sets_and_no_more(self, real_room: Room) -> None:
        for _ in range(service.MOST_LIVE):
            real_room.make("rule")
        with pytest.raises(Conflict):
            real_room.make("rule")

    def test_starring_while_the_stars_are_deleted(self, real_room: Room) -> None:
        room = real_room
        found = service.starred(room.project.id, room.world.now())
        service.add(found, [room.captures[0].id])
        store.leave(found)
        leaving = service.starred(room.project.id, room.world.now())
        with pytest.raises(Conflict):
            service.add(leaving, [room.captures[1].id])
        assert cleared(room, found)
        again = service.starred(room.project.id, room.world.now())
        assert again.generation != found.generation
        service.add(again, [room.captures[2].id])
        room.desk.jobs.start(Start(DELETE.key, room.project.id, None, {"set_id": again.id}))
        room.desk.drain()
        assert room.check(again.id) == [room.captures[2].id]


def test_starring(room: Room) -> None:
    found = service.starred(room.project.id, room.world.now())
    service.add(found, [room.captures[0].id])
    assert service.starred(room.project.id, room.world.now()).id == found.id
    assert room.check(found.id) == [room.captures[0].id]


def test_the_stream_in_any_order_and_twice_counts_the_same(real_room: Room) -> None:
    room, chance = real_room, random.Random(5)
    made = room.make()
    for _ in range(6):
        chosen = ids_of(chance.sample(room.captures[2:], 4))
        service.add(made, chosen)
        service.remove(made, chosen[:2])
        room.date(chance.choice(room.captures[2:]), EVENING + chance.randrange(4) * DAY)
        records = room.world.records()
        chance.shuffle(records)
        room.world.deliver(records)
        room.world.deliver(records[: len(records) // 2])
    room.check(made.id)


class TestLive:
    """Sets that follow the project's captures."""

    def live(self, room: Room, **kwargs: Any) -> CaptureSet:
        made = room.make("rule", **kwargs)
        room.populate(made)
        return made

    def test_it_has_what_was_there_and_what_comes(self, room: Room) -> None:
        made = self.live(room)
        assert len(room.check(made.id)) == 20
        add_captures(room.deployment, [EVENING + timedelta(hours=1, seconds=each) for each in range(5)])
        assert len(room.check(made.id)) == 25
        room.remove(room.captures[0])
        assert len(room.check(made.id)) == 24

    def test_what_no_longer_passes_goes_and_what_does_comes(self, room: Room) -> None:
        made = self.live(room, date_end="2026-06-09")
        assert len(room.check(made.id)) == 10
        room.date(room.captures[0], EVENING + 5 * DAY)
        room.date(room.captures[15], EVENING)
        room.date(room.captures[16], None)
        members = room.check(made.id)
        assert len(members) == 10
        assert room.captures[0].id not in members
        assert room.captures[15].id in members

    def test_of_one_deployment(self, room: Room) -> None:
        made = self.live(room, deployment_ids=[room.deployment.id])
        add_captures(a_deployment(room.project), [EVENING])
        [own] = add_captures(room.deployment, [EVENING + timedelta(minutes=40)])
        members = room.check(made.id)
        assert len(members) == 21
        assert own.id in members

    def test_what_comes_while_it_is_populated_is_in_it(self, real_room: Room) -> None:
        room = real_room
        made = room.make("rule")
        room.desk.jobs.start(Start(POPULATE.key, room.project.id, None, {"set_id": made.id}))
        room.desk.pieces = 1
        room.desk.turn()
        add_captures(room.deployment, [EVENING + timedelta(minutes=50)])
        room.world.drain()
        room.desk.drain()
        assert len(room.check(made.id)) == 21

    def test_one_that_was_deleted_follows_nothing(self, room: Room) -> None:
        made = self.live(room)
        store.leave(made)
        assert store.live(room.project.id) == []

    def test_over_http(self, room: Room, api: Api, queue: str) -> None:
        body = {"project_id": room.project.id, "name": "All", "method": "rule"}
        refused = {**body, "kwargs": {"event_ids": [f"{room.deployment.id}-s2222222222"]}}
        assert api.send("POST", "/captures/collections", refused)[0] == 400
        status, made = api.send("POST", "/captures/collections", body)
        assert status == 201
        some = {"capture_ids": [room.captures[0].id]}
        path = f"/captures/collections/{made['id']}"
        status, answer = api.send("POST", f"{path}/add", some)
        assert status == 409, answer


@pytest.mark.parametrize("size", [20, 400])
def test_one_change_costs_the_same_in_a_set_of_any_size(real_room: Room, size: int) -> None:
    room = real_room
    more = [EVENING + timedelta(days=2 + number // 20, minutes=number % 20) for number in range(size - 20)]
    some = [*room.captures, *add_captures(room.deployment, more)]
    room.world.drain()
    made = room.make()
    service.add(made, ids_of(some[:-1]))
    room.world.drain()
    service.add(made, [some[-1].id])
    with Meter() as meter:
        room.world.drain()
    # The mark, the lease, the segment as it was and counted, both counts, the mark, the lease, another look.
    assert meter.total <= 9, meter.requests
    room.check(made.id)


class TestApi:
    """Capture sets over HTTP."""

    @pytest.fixture(autouse=True)
    def _ready(self, room: Room, api: Api, queue: str) -> None:
        self.room, self.api = room, api

    def make(self, **body: Any) -> tuple[int, Any]:
        sent = {"project_id": self.room.project.id, "name": "Moths", **body}
        return self.api.send("POST", "/captures/collections", sent)

    def test_made_listed_changed_and_deleted(self) -> None:
        status, made = self.make(method="random", kwargs={"size": 5})
        assert status == 201, made
        assert made["kwargs"]["size"] == 5
        assert made["kwargs"]["seed"] is not None
        assert (made["source_images_count"], made["populating"], made["dataset_type"]) == (
            0,
            False,
            "sampling",
        )
        path = f"/captures/collections/{made['id']}"
        status, changed = self.api.send("PATCH", path, {"name": "Others", "kwargs": {"size": 6}})
        assert (status, changed["name"], changed["kwargs"]["size"]) == (200, "Others", 6)
        _, listed = self.api.get(f"/captures/collections?project_id={self.room.project.id}")
        assert [each["name"] for each in listed["results"]] == ["Others"]
        status, answer = self.api.send("DELETE", path, {})
        assert (status, answer["collection_id"]) == (202, made["id"])
        assert self.api.get(path)[0] == 404
        _, listed = self.api.get(f"/captures/collections?project_id={self.room.project.id}")
        assert listed["results"] == []

    @pytest.mark.parametrize(
        "body",
        [
            {"method": "full", "kwargs": {"birthday": 1, "cake": 2}},
            {"method": "guess"},
            {"method": "starred"},
            {"method": "manual", "kwargs": {}},
            {"kind": "full"},
            {"name": ""},
        ],
    )
    def test_what_does_not_fit_is_refused(self, body: Any) -> None:
        status, answer = self.make(**body)
        assert status == 400, answer

    def test_its_captures_are_listed_in_the_order_of_time(self) -> None:
        [undated] = add_captures(self.room.deployment, [None])
        _, made = self.make(method="full")
        path = f"/captures/collections/{made['id']}"
        some = [self.room.captures[4].id, self.room.captures[1].id, undated.id, self.room.captures[15].id]
        status, answer = self.api.send("POST", f"{path}/add", {"capture_ids": some})
        assert (status, answer) == (200, {"added": 4})
        self.room.check(made["id"])
        base = f"/captures?project_id={self.room.project.id}&collections={made['id']}"
        _, page = self.api.get(base)
        wanted = [some[1], some[0], some[3], undated.id]
        assert [each["id"] for each in page["results"]] == wanted
        assert page["count"] == 4
        assert page["results"][0]["event"]["id"]
        with Meter() as meter:
            _, page = self.api.get(f"{base}&limit=2")
        assert meter.total <= 5, meter.requests
        assert [each["id"] for each in page["results"]] == wanted[:2]
        _, rest = self.api.get(page["next"].partition("/api/v2")[2])
        assert [each["id"] for each in rest["results"]] == wanted[2:]
        _, back = self.api.get(f"{base}&ordering=-timestamp&limit=3")
        assert [each["id"] for each in back["results"]] == [some[3], some[0], some[1]]
        _, last = self.api.get(back["next"].partition("/api/v2")[2])
        assert [each["id"] for each in last["results"]] == [undated.id]

    def test_populating_is_a_job_that_has_the_set_for_itself(self) -> None:
        _, made = self.make(method="full")
        path = f"/captures/collections/{made['id']}"
        status, started = self.api.send("POST", f"{path}/populate", {})
        assert status == 202
        assert self.api.send("POST", f"{path}/populate", {})[0] == 409
        job = self.room.desk.job(started["job_id"])
        assert (job.type_key, job.config) == ("populate_captures_collection", {"set_id": made["id"]})
        self.room.desk.queue.append({"job": job.id, "step": 0})
        self.room.desk.turn()
        status, refused = self.api.send("POST", f"{path}/add", {"capture_ids": [self.room.captures[0].id]})
        assert (status, "being populated" in refused["detail"]) == (409, True)
        self.room.desk.drain()
        self.room.check(made["id"])
        assert self.api.get(path)[1]["source_images_count"] == 20

    def test_it_is_not_deleted_while_a_job_is_at_it_and_can_be_deleted_again(self) -> None:
        _, made = self.make(method="full")
        path = f"/captures/collections/{made['id']}"
        self.api.send("POST", f"{path}/populate", {})
        assert self.api.send("DELETE", path, {})[0] == 409
        assert self.api.get(path)[0] == 200
        _, other = self.make(method="full")
        path = f"/captures/collections/{other['id']}"
        _, started = self.api.send("DELETE", path, {})
        self.room.desk.jobs.cancel(started["job_id"])
        assert self.api.send("DELETE", path, {})[0] == 202

    def test_a_rule_is_not_changed_while_a_job_is_at_it(self) -> None:
        _, made = self.make(method="rule")
        path = f"/captures/collections/{made['id']}"
        assert self.api.send("PATCH", path, {"kwargs": {"hour_start": 22}})[0] == 409
        assert self.api.get(path)[1]["kwargs"]["hour_start"] is None
        assert self.api.send("PATCH", path, {"name": "Others"})[0] == 200

    def test_stars(self) -> None:
        capture_id = self.room.captures[0].id
        status, answer = self.api.send("POST", f"/captures/{capture_id}/star", {})
        assert status == 200
        _, again = self.api.send("POST", f"/captures/{capture_id}/star", {})
        assert again == answer
        assert self.room.check(answer["collection_id"]) == [capture_id]
        self.api.send("POST", f"/captures/{capture_id}/unstar", {})
        assert self.room.check(answer["collection_id"]) == []
        path = f"/captures/collections/{answer['collection_id']}"
        assert self.api.send("POST", f"{path}/populate", {})[0] == 400

    def test_who_may_not_see_the_project_sees_none_of_it(self) -> None:
        _, made = self.make()
        project = f"/projects/{self.room.project.id}"
        self.api.send("PATCH", project, {"draft": True})
        self.room.world.drain()
        for path in (
            f"/captures/collections/{made['id']}",
            f"/captures/collections?project_id={self.room.project.id}",
            f"/captures?project_id={self.room.project.id}&collections={made['id']}",
        ):
            assert self.api.get(path)[0] == 404
            assert self.api.get(path, Authorization=f"Token {TOKEN}")[0] == 200

    def test_a_set_of_another_project_is_not_there(self) -> None:
        other = a_project(name="Other")
        _, made = self.api.send("POST", "/captures/collections", {"project_id": other.id, "name": "Theirs"})
        path = f"/captures?project_id={self.room.project.id}&collections={made['id']}"
        assert self.api.get(path)[0] == 404


def test_a_list_of_sets_costs_the_same_for_any_number(room: Room, api: Api) -> None:
    for _ in range(30):
        room.make()
    requests = set()
    for limit in (1, 25):
        with Meter() as meter:
            status, page = api.get(f"/captures/collections?project_id={room.project.id}&limit={limit}")
        assert (status, page["count"], len(page["results"])) == (200, 30, limit)
        requests.add(meter.total)
    assert len(requests) == 1
