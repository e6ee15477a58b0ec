"""What becomes of nights as people photograph them: by the rule alone, and stored, when some come late."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

import pytest
from world import World, a_capture, a_deployment, a_project, add_captures, standing

from chalicelib.aws import lease
from chalicelib.aws.table import Row
from chalicelib.captures import store as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture, Seen, following
from chalicelib.counts import NONE
from chalicelib.deployments import service as deployments
from chalicelib.deployments import settled
from chalicelib.deployments.rules import Deployment
from chalicelib.deployments.store import DeploymentRow
from chalicelib.projects import service as projects
from chalicelib.sessions.grouping import Session, group
from chalicelib.sessions.rules import Rule
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner
from localstack.embedded.engines import Engine

DAY = datetime(2023, 8, 5)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


def every(minutes: int, start: datetime, end: datetime) -> list[datetime]:
    """From `start` to `end`, both included."""
    frames = (end - start) // (minutes * MINUTE) + 1
    return [start + number * minutes * MINUTE for number in range(frames)]


def counts(moments: Iterable[datetime], rule: Rule) -> list[int]:
    taken = [(moment, f"c{number}") for number, moment in enumerate(sorted(moments))]
    return [each.captures_count for each in group(taken, rule)]


class TestTheRule:
    def test_three_nights_are_three_sessions(self) -> None:
        starts = [DAY + (22 + 24 * night) * HOUR for night in range(3)]
        moments = [moment for start in starts for moment in every(10, start, start + 20 * MINUTE)]
        assert counts(moments, Rule()) == [3, 3, 3]

    @pytest.mark.parametrize(
        ("minutes", "expected"),
        [
            (120, [4, 6]),
            (60, [2, 2, 1, 5]),
            (11, [2, 2, 1, 5]),
            (10, [2, 1, 1, 1, 5]),
            (9, [1, 1, 1, 1, 1, 5]),
            (1, [1] * 10),
        ],
    )
    def test_the_shorter_the_gap_the_more_sessions(self, minutes: int, expected: list[int]) -> None:
        first = ["00:10", "00:19", "01:20", "01:30"]
        second = ["00:10", "01:29", "01:30", "01:31", "01:32", "01:40"]
        moments = [datetime.fromisoformat(f"2021-01-01 {each}") for each in first]
        moments += [datetime.fromisoformat(f"2021-01-02 {each}") for each in second]
        assert counts(moments, Rule(gap=minutes * MINUTE)) == expected

    def test_nights_that_no_gap_parts_are_parted_by_a_cut_at_noon(self) -> None:
        """With the longest duration alone each session takes some of the next night along."""
        starts = [DAY + (22 + 24 * night) * HOUR for night in range(5)]
        nights = [moment for start in starts for moment in every(30, start, start + 4 * HOUR)]
        assert counts(nights, Rule(gap=24 * HOUR, cut=time(12))) == [9, 9, 9, 9, 9]
        assert counts(nights, Rule(gap=24 * HOUR, cap=None, cut=time(12))) == [9, 9, 9, 9, 9]
        assert counts(nights, Rule(gap=20 * HOUR)) == [9, 9, 9, 9, 9]
        assert counts(nights, Rule(gap=24 * HOUR)) == [10, 10, 10, 10, 5]

    def test_every_session_of_a_camera_that_never_pauses_lasts_a_day_at_the_most(self) -> None:
        moments = every(10, datetime(2023, 4, 24, 3, 22, 38), datetime(2023, 4, 27, 3, 12, 38))
        taken = [(moment, "c") for moment in moments]
        assert [each.end - each.start <= 24 * HOUR for each in group(taken, Rule())] == [True] * 3


@pytest.fixture
def world(real_table: str, dynamodb_local: Engine) -> World:
    return World(dynamodb_local.url)


@pytest.fixture
def station(world: World) -> Deployment:
    return a_deployment(a_project())


def arrive(world: World, station: Deployment, *moments: datetime | None) -> list[Capture]:
    """Captures that are new, and settled when this returns. Their names differ, their moments may not."""
    number = timeline.dated_count(station.id)
    made = [a_capture(station, moment, f"{number + n}.jpg") for n, moment in enumerate(moments)]
    assert all(captures.write(Seen(), capture) for capture in made)
    world.drain()
    return made


def remove(world: World, gone: Iterable[Capture]) -> None:
    for capture in gone:
        stamp = following(capture.stamp)
        assert captures.remove(Seen(capture, capture.stamp), capture.id, stamp, world.now(), None)
    world.drain()


def regroup(world: World, station: Deployment) -> None:
    owner = Owner("DEPLOYMENT", station.id)
    world.settling.mark_all(owner)
    while (state := world.settling.budget(owner).state) == "more":
        pass
    assert state == "done"


def in_not_one_session(station: Deployment) -> list[datetime]:
    """The moments of dated captures that are in none, or in two."""
    sessions = standing(station)
    return [
        moment
        for moment, _ in timeline.taken(station.id)
        if sum(each.start <= moment <= each.end for each in sessions) != 1
    ]


def told(session: Session) -> tuple[str, str, int]:
    return f"{session.start:%d %H:%M}", f"{session.end:%d %H:%M}", session.captures_count


class TestOneDate:
    def test_two_sessions_may_start_on_it(self, world: World) -> None:
        station = a_deployment(a_project(), session_time_gap_seconds=3600)
        bursts = [every(5, DAY + hour * HOUR, DAY + hour * HOUR + 25 * MINUTE) for hour in (20, 22)]
        arrive(world, station, *bursts[0], *bursts[1])
        one, two = standing(station)
        assert (told(one), told(two)) == (("05 20:00", "05 20:25", 6), ("05 22:00", "05 22:25", 6))
        assert one.id != two.id
        assert deployments.find(station.id, consistent=True).counts.sessions_count == 2

    def test_the_early_morning_is_not_one_with_the_evening(self, world: World, station: Deployment) -> None:
        morning = every(10, DAY + 10 * MINUTE, DAY + 2 * HOUR)
        evening = every(10, DAY + 21 * HOUR, DAY + 25 * HOUR)
        arrive(world, station, *evening, *morning)
        assert list(map(told, standing(station))) == [
            ("05 00:10", "05 02:00", 12),
            ("05 21:00", "06 01:00", 25),
        ]

    def test_what_starts_on_it_is_no_longer_for_that(self, world: World, station: Deployment) -> None:
        morning = every(60, DAY + 8 * HOUR, DAY + 10 * HOUR)
        a_day = every(60, DAY + 20 * HOUR, DAY + 44 * HOUR)
        arrive(world, station, *morning, *a_day)
        assert [each.end - each.start for each in standing(station)] == [2 * HOUR, 24 * HOUR]

    def test_a_pause_of_two_hours_parts_and_a_second_less_does_not(
        self, world: World, station: Deployment
    ) -> None:
        arrive(world, station, DAY, DAY + 2 * HOUR)
        assert [each.captures_count for each in standing(station)] == [1, 1]
        arrive(world, station, DAY + timedelta(seconds=1))
        assert [each.captures_count for each in standing(station)] == [3]


class TestLate:
    def test_those_that_overlap_a_session_join_it(self, world: World, station: Deployment) -> None:
        arrive(world, station, *every(10, DAY, DAY + 30 * MINUTE))
        [before] = standing(station)
        arrive(world, station, *every(10, DAY + 25 * MINUTE, DAY + 55 * MINUTE))
        [after] = standing(station)
        assert after == replace(
            before,
            end=DAY + 55 * MINUTE,
            captures_count=8,
            example_capture_id=after.example_capture_id,
            found=before.found + before.found,
        )

    def test_those_that_are_near_enough_join_it(self, world: World, station: Deployment) -> None:
        arrive(world, station, *every(10, DAY, DAY + 30 * MINUTE))
        [before] = standing(station)
        arrive(world, station, *every(10, DAY + 110 * MINUTE, DAY + 140 * MINUTE))
        [after] = standing(station)
        assert (after.id, told(after)) == (before.id, ("05 00:00", "05 02:20", 8))

    def test_those_before_the_first_join_it_and_it_begins_earlier(
        self, world: World, station: Deployment
    ) -> None:
        arrive(world, station, *every(10, DAY, DAY + 30 * MINUTE))
        [before] = standing(station)
        arrive(world, station, DAY - HOUR)
        [after] = standing(station)
        assert (after.id, told(after)) == (before.id, ("04 23:00", "05 00:30", 5))
        assert deployments.find(station.id, consistent=True).counts.first_timestamp == DAY - HOUR

    def test_those_between_two_sessions_make_them_one(self, world: World, station: Deployment) -> None:
        arrive(world, station, *every(10, DAY, DAY + 2 * HOUR))
        arrive(world, station, *every(10, DAY + 4 * HOUR, DAY + 7 * HOUR))
        shorter, longer = standing(station)
        assert (shorter.captures_count, longer.captures_count) == (13, 19)
        arrive(world, station, *every(10, DAY + HOUR, DAY + 5 * HOUR))
        [only] = standing(station)
        assert (only.id, told(only)) == (longer.id, ("05 00:00", "05 07:00", 57))
        assert in_not_one_session(station) == []
        regroup(world, station)
        assert standing(station) == [only]

    def test_grouping_all_anew_leaves_none_without_a_session(self, world: World, station: Deployment) -> None:
        arrive(world, station, *every(10, DAY, DAY + HOUR))
        add_captures(station, every(10, DAY + 40 * MINUTE, DAY + 2 * HOUR))
        world.records()  # nobody hears of them
        assert len(in_not_one_session(station)) == 6
        regroup(world, station)
        assert [told(each) for each in standing(station)] == [("05 00:00", "05 02:00", 16)]
        assert in_not_one_session(station) == []


class TestGone:
    def test_a_session_whose_captures_have_all_gone_goes_too(self, world: World, station: Deployment) -> None:
        first = arrive(world, station, *every(10, DAY, DAY + HOUR))
        second = arrive(world, station, *every(10, DAY + 20 * HOUR, DAY + 21 * HOUR))
        _, later = standing(station)
        remove(world, first)
        assert standing(station) == [later]
        now = deployments.find(station.id, consistent=True).counts
        assert (now.captures_count, now.sessions_count, now.first_timestamp) == (7, 1, DAY + 20 * HOUR)
        assert projects.find(station.project_id).counts == now
        remove(world, second)
        assert standing(station) == []
        assert deployments.find(station.id, consistent=True).counts == NONE
        assert projects.find(station.project_id).counts == NONE

    def test_the_one_that_held_a_night_together_parts_it(self, world: World, station: Deployment) -> None:
        made = arrive(world, station, DAY, DAY + 10 * MINUTE, DAY + 2 * HOUR, DAY + 3 * HOUR)
        [before] = standing(station)
        remove(world, [made[2]])
        longer, shorter = standing(station)
        assert (longer.id, longer.captures_count) == (before.id, 2)
        assert (shorter.id != before.id, shorter.captures_count) == (True, 1)


class TestDatedAnew:
    def test_captures_that_move_to_another_session_are_counted_there(
        self, world: World, station: Deployment
    ) -> None:
        arrive(world, station, *every(10, DAY, DAY + 40 * MINUTE))
        moving = arrive(world, station, *every(10, DAY + 20 * HOUR, DAY + 20 * HOUR + 40 * MINUTE))
        stays, _ = standing(station)
        for capture in moving:
            assert captures.correct(capture, replace(capture, timestamp=capture.timestamp - 20 * HOUR))
        world.drain()
        [only] = standing(station)
        assert (only.id, told(only)) == (stays.id, ("05 00:00", "05 00:40", 10))
        assert deployments.find(station.id, consistent=True).counts.captures_count == 10

    def test_one_that_loses_its_date_leaves_its_session(self, world: World, station: Deployment) -> None:
        made = arrive(world, station, DAY, DAY + HOUR, DAY + 90 * MINUTE)
        assert captures.correct(made[-1], replace(made[-1], timestamp=None))
        world.drain()
        assert [told(each) for each in standing(station)] == [("05 00:00", "05 01:00", 2)]
        now = deployments.find(station.id, consistent=True).counts
        assert (now.captures_count, now.undated_count, now.last_timestamp) == (3, 1, DAY + HOUR)


class TestAChangedRule:
    def test_until_it_is_regrouped_no_capture_is_in_two_sessions(
        self, world: World, station: Deployment
    ) -> None:
        arrive(world, station, *every(30, DAY, DAY + 10 * HOUR))
        seen = deployments.find(station.id)
        deployments.change(replace(seen, session_max_duration_seconds=3600), seen.updated_at, world.now())
        assert captures.write(Seen(), a_capture(station, DAY + 5 * HOUR + 15 * MINUTE))
        world.deliver(world.records())
        assert world.deferred  # the job that regroups has not begun
        assert in_not_one_session(station) == []
        assert deployments.find(station.id, consistent=True).counts.captures_count == 22


class TestTwoAtOnce:
    def test_whoever_finds_the_lease_taken_groups_nothing_and_the_watch_does_it(
        self, world: World, station: Deployment
    ) -> None:
        held = settled.take_lease(station.id, world.now)
        assert held
        arrive(world, station, DAY, DAY + HOUR)
        assert standing(station) == []
        owner = Owner("DEPLOYMENT", station.id)
        assert world.settling.budget(owner).state == "busy"
        lease.release(held)
        later = World(world.endpoint, now=lambda: world.now() + 5 * MINUTE)
        assert later.settling.overdue() == 1
        assert [told(each) for each in standing(station)] == [("05 00:00", "05 01:00", 2)]
        assert marks.of_owner(owner) == []
        row = DeploymentRow.get(f"DEPLOYMENT#{station.id}", "DEPLOYMENT", consistent_read=True)
        assert row.lease_token is None

    def test_what_comes_while_all_is_grouped_is_grouped_too(self, world: World, station: Deployment) -> None:
        arrive(world, station, DAY, DAY + HOUR)
        deployment = deployments.find(station.id)
        deployments.change(
            replace(deployment, session_time_gap_seconds=1800), deployment.updated_at, world.now()
        )
        world.records()
        events = Row._get_connection().connection.client.meta.events

        def comes(**_: Any) -> None:
            """When the sessions are about to be written."""
            events.unregister("before-call.dynamodb.TransactWriteItems", comes)
            assert captures.write(Seen(), a_capture(station, DAY + 20 * MINUTE))
            world.deliver(world.records())

        events.register("before-call.dynamodb.TransactWriteItems", comes)
        regroup(world, station)
        assert [told(each) for each in standing(station)] == [
            ("05 00:00", "05 00:20", 2),
            ("05 01:00", "05 01:00", 1),
        ]
        assert marks.of_owner(Owner("DEPLOYMENT", station.id)) == []
