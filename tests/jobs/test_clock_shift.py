"""A clock that went wrong, put right over a deployment, and taken back; whoever dies on the way."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from desk import Desk, Headsman, running
from hypothesis import given
from hypothesis import strategies as st
from meter import Meter
from world import Killed, Reaper, World, a_capture, a_deployment, a_project, add_captures, standing

from chalicelib.aws import table as tables
from chalicelib.aws.table import Row
from chalicelib.captures import store, timeline
from chalicelib.captures.clock_shift import Shift
from chalicelib.captures.corrections import dated
from chalicelib.captures.rules import Capture
from chalicelib.captures.store import CaptureRow
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict
from chalicelib.jobs.rules import Job
from chalicelib.jobs.stages import Value
from chalicelib.projects import service as projects
from chalicelib.sessions.grouping import Rule, group
from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)
BY = 3 * 3600 + 17 * 60


@pytest.fixture
def desk(real_table: str) -> Desk:
    return Desk(pieces=37)


def shift(desk: Desk, deployment: Deployment, seconds: int, **scope: datetime) -> Job:
    """A shift, done."""
    job = begun(desk, deployment, seconds, **scope)
    desk.drain()
    done = desk.job(job.id)
    assert done.status == "SUCCESS", done.reason
    return done


def begun(desk: Desk, deployment: Deployment, seconds: int, **scope: datetime) -> Job:
    config = {"seconds": seconds, **{name: at.isoformat() for name, at in scope.items()}}
    place = {"type_key": "shift_clock", "deployment_id": deployment.id}
    return desk.start(projects.find(deployment.project_id), config=config, **place)


def undo(desk: Desk, job: Job) -> Job:
    """A shift, undone."""
    undoing = desk.jobs.undo(job.id)
    desk.drain()
    done = desk.job(undoing.id)
    assert done.status == "SUCCESS", done.reason
    return done


def told(job: Job) -> dict[str, Value]:
    return {each.key: each.value for each in job.stages[0].params}


def there(deployment: Deployment) -> dict[str, Capture]:
    """Every capture of a deployment, but for its stamp, which grows with each write."""
    rows = CaptureRow.query(
        f"DEPLOYMENT#{deployment.id}", CaptureRow.sk.startswith("CAPTURE#"), consistent_read=True
    )
    return {each.id: replace(each, stamp="") for each in map(store.capture_of, rows)}


def nights(count: int, chance: random.Random) -> list[datetime]:
    """Photographs of several nights, some bursts among them."""
    times = []
    while len(times) < count:
        at = EVENING + timedelta(days=chance.randrange(9), minutes=chance.randrange(-60, 480))
        times += [at] * chance.choice([1, 1, 1, 4])
    return times[:count]


def test_three_hundred_captures_of_several_nights_are_shifted_and_regrouped_and_restored(
    desk: Desk, dynamodb_local: Engine
) -> None:
    world, station = World(dynamodb_local.url), a_deployment(a_project())
    times = nights(300, random.Random(5))
    add_captures(station, [*times, None, None])
    world.drain()
    before, sessions_before = there(station), standing(station)

    done = shift(desk, station, BY)
    assert told(done) == {"shifted": 300, "skipped": 0, "refused": 0}
    world.drain()
    shifted = sorted(at + timedelta(seconds=BY) for at in times)
    assert [at for at, _ in timeline.taken(station.id)] == shifted
    assert _intervals(station) == _by_force(station)
    counts = deployments.find(station.id, consistent=True).counts
    assert (counts.captures_count, counts.undated_count) == (302, 2)
    assert (counts.first_timestamp, counts.last_timestamp) == (shifted[0], shifted[-1])

    assert told(undo(desk, done)) == {"restored": 300, "refused": 0}
    world.drain()
    assert there(station) == before
    assert _intervals(station) == _by_force(station)
    assert [(each.start, each.end) for each in standing(station)] == [
        (each.start, each.end) for each in sessions_before
    ]


def _intervals(station: Deployment) -> list[tuple[datetime, datetime, int]]:
    return [(each.start, each.end, each.captures_count) for each in standing(station)]


def _by_force(station: Deployment) -> list[tuple[datetime, datetime, int]]:
    return [(each.start, each.end, each.captures_count) for each in group(timeline.taken(station.id), Rule())]


@pytest.mark.parametrize("seconds", [1, -1, 90, -90, 40 * 3600, -40 * 3600])
def test_back_and_forth_and_by_little_or_much_each_is_shifted_exactly_once(desk: Desk, seconds: int) -> None:
    """The captures lie a second to an hour apart: a walk that met a shifted one again would show."""
    station = a_deployment(a_project())
    times = [EVENING + timedelta(seconds=each) for each in (0, 0, 0, 1, 2, 2, 3, 60, 61, 600, 3600, 7200)]
    add_captures(station, times)
    before = there(station)
    done = shift(desk, station, seconds)
    assert told(done)["shifted"] == 12
    assert [at for at, _ in timeline.taken(station.id)] == [at + timedelta(seconds=seconds) for at in times]
    undo(desk, done)
    assert there(station) == before


@pytest.mark.parametrize("pieces", [1, 3])
def test_steps_of_one_capture_do_the_same(desk: Desk, pieces: int) -> None:
    desk.pieces, station = pieces, a_deployment(a_project())
    add_captures(station, [EVENING] * 7 + [EVENING + timedelta(seconds=1)] * 3)
    done = shift(desk, station, 1)
    assert told(done)["shifted"] == 10
    assert done.step >= 9 / pieces
    assert [at for at, _ in timeline.taken(station.id)] == [EVENING + timedelta(seconds=1)] * 7 + [
        EVENING + timedelta(seconds=2)
    ] * 3


class TestScope:
    TIMES = tuple(EVENING + timedelta(hours=each) for each in range(6))

    @pytest.mark.parametrize(
        ("scope", "within"),
        [
            ({}, range(6)),
            ({"start": TIMES[2]}, range(2, 6)),
            ({"end": TIMES[2]}, range(3)),
            ({"start": TIMES[2], "end": TIMES[4]}, range(2, 5)),
            ({"start": TIMES[2] + timedelta(seconds=1), "end": TIMES[4] - timedelta(seconds=1)}, range(3, 4)),
            ({"start": TIMES[3], "end": TIMES[3]}, range(3, 4)),
            ({"start": TIMES[5] + timedelta(seconds=1)}, range(0)),
        ],
    )
    @pytest.mark.parametrize("seconds", [7200, -7200])
    def test_both_its_ends_are_within(self, desk: Desk, scope: dict, within: range, seconds: int) -> None:  # type: ignore[type-arg]
        station = a_deployment(a_project())
        add_captures(station, self.TIMES)
        by = timedelta(seconds=seconds)
        assert told(shift(desk, station, seconds, **scope))["shifted"] == len(within)
        expected = [at + by if number in within else at for number, at in enumerate(self.TIMES)]
        assert [at for at, _ in timeline.taken(station.id)] == sorted(expected)

    def test_milliseconds_of_its_last_second_are_within(self, desk: Desk) -> None:
        station = a_deployment(a_project())
        late = replace(a_capture(station, EVENING), millisecond=999)
        store.row_of(late).save()
        assert told(shift(desk, station, 60, start=EVENING, end=EVENING))["shifted"] == 1
        [only] = there(station).values()
        assert (only.timestamp, only.millisecond) == (EVENING + timedelta(seconds=60), 999)


class TestWhatIsLeftAlone:
    def test_dates_by_hand_and_no_dates(self, desk: Desk) -> None:
        station = a_deployment(a_project())
        mine, *_ = add_captures(station, [EVENING, EVENING + timedelta(hours=1), None])
        by_hand = dated(mine, EVENING + timedelta(minutes=5))
        assert store.correct(mine, by_hand)
        done = shift(desk, station, 3600)
        assert told(done) == {"shifted": 1, "skipped": 1, "refused": 0}
        assert there(station)[mine.id].timestamp == EVENING + timedelta(minutes=5)

    def test_dates_by_hand_of_after_the_shift_outlive_its_undoing(self, desk: Desk) -> None:
        station = a_deployment(a_project())
        [mine] = add_captures(station, [EVENING])
        done = shift(desk, station, 3600)
        shifted = there(station)[mine.id]
        by_hand = dated(store.see(mine.id).capture or mine, EVENING + timedelta(days=1))
        assert store.correct(store.see(mine.id).capture or mine, by_hand)
        undo(desk, done)
        after = there(station)[mine.id]
        assert (shifted.timestamp, after.timestamp) == (
            EVENING + timedelta(hours=1),
            EVENING + timedelta(days=1),
        )
        assert after.corrections.shifts == {}
        assert dated(after, None).timestamp == EVENING

    @pytest.mark.parametrize("seconds", [50 * 366 * 86400, -50 * 366 * 86400])
    def test_results_that_no_camera_writes_are_refused(self, desk: Desk, seconds: int) -> None:
        station = a_deployment(a_project())
        add_captures(station, [datetime(2060, 1, 1), datetime(2039, 1, 1)])
        done = shift(desk, station, seconds)
        assert told(done) == {"shifted": 1, "skipped": 0, "refused": 1}

    def test_hidden_copies_are_shifted_as_what_they_are_copies_of(self, desk: Desk) -> None:
        station = a_deployment(a_project())
        store.row_of(replace(a_capture(station, EVENING), hidden=True, duplicate_of="x")).save()
        store.row_of(replace(a_capture(station, None, "none.jpg"), hidden=True, duplicate_of="x")).save()
        before = there(station)
        done = shift(desk, station, BY)
        assert told(done)["shifted"] == 1
        assert sorted(filter(None, (each.timestamp for each in there(station).values()))) == [
            EVENING + timedelta(seconds=BY)
        ]
        undo(desk, done)
        assert there(station) == before


def test_there_and_back_by_two_jobs_and_then_the_first_undone(desk: Desk) -> None:
    station = a_deployment(a_project())
    times = [EVENING + timedelta(minutes=each) for each in range(40)]
    add_captures(station, times)
    first = shift(desk, station, BY)
    shift(desk, station, -BY)
    assert [at for at, _ in timeline.taken(station.id)] == times
    undo(desk, first)
    assert [at for at, _ in timeline.taken(station.id)] == [at - timedelta(seconds=BY) for at in times]


def test_what_an_undoing_alone_would_lead_astray_is_left_and_counted(desk: Desk) -> None:
    station = a_deployment(a_project())
    add_captures(station, [datetime(1995, 6, 1)])
    years = 30 * 365 * 86400
    first = shift(desk, station, years)
    shift(desk, station, -years)
    assert told(undo(desk, first)) == {"restored": 0, "refused": 1}
    assert [at for at, _ in timeline.taken(station.id)] == [datetime(1995, 6, 1)]


def test_two_clocks_at_once_in_one_deployment_wait_for_each_other(desk: Desk) -> None:
    station = a_deployment(a_project())
    first = shift(desk, station, 60)
    second = begun(desk, station, 60)
    with pytest.raises(Conflict, match=second.id):
        desk.jobs.undo(first.id)
    assert desk.job(first.id).undone_by is None


def test_a_capture_that_changes_meanwhile_is_read_again(desk: Desk) -> None:
    station = a_deployment(a_project())
    one, two = add_captures(station, [EVENING, EVENING + timedelta(hours=1)])
    job = begun(desk, station, 3600)

    def meddle() -> Iterator[bool]:
        # The page is read; now its other capture changes, and no longer is what was read.
        seen = store.see(one.id)
        assert seen.capture
        assert store.touch(seen.capture, "0055AED6DCD90281")
        yield False
        yield True

    asked = meddle()
    desk.working.step(job.id, 0, lambda: next(asked))
    desk.queue = [{"job": job.id, "step": 1}]
    desk.drain()
    assert told(desk.job(job.id)) == {"shifted": 2, "skipped": 0, "refused": 0}
    assert [at for at, _ in timeline.taken(station.id)] == [
        EVENING + timedelta(hours=1),
        EVENING + timedelta(hours=2),
    ]
    assert two.id in there(station)


@pytest.mark.parametrize(("seconds", "afterwards"), [(2, False), (-2, True), (90_000, True)])
def test_killed_at_any_request_it_ends_the_same_and_counts_the_same(
    desk: Desk, seconds: int, afterwards: bool
) -> None:
    project = a_project()
    times = [EVENING + timedelta(seconds=each) for each in (0, 1, 1, 3, 9)]
    desk.pieces = 3
    for turn in range(100):
        station = a_deployment(project)
        made = add_captures(station, times)
        by_hand = dated(made[1], made[1].moment)
        assert store.correct(made[1], by_hand)
        job = begun(desk, station, seconds)
        with Headsman(turn, afterwards) as headsman:
            died = _drain_or_die(desk, headsman)
        for _ in range(2):
            desk.later()
            desk.drain()
        done = desk.job(job.id)
        assert done.status == "SUCCESS", turn
        assert told(done) == {"shifted": 4, "skipped": 1, "refused": 0}, turn
        by = timedelta(seconds=seconds)
        expected = sorted([at + by for at in (*times[:1], *times[2:])] + times[1:2])
        assert [at for at, _ in timeline.taken(station.id)] == expected
        assert running() == []
        undo(desk, done)
        assert [at for at, _ in timeline.taken(station.id)] == times
        if not died:
            return
    raise AssertionError("it was killed a hundred times")


def _drain_or_die(desk: Desk, headsman: Headsman) -> bool:
    try:
        desk.drain()
    except Killed:
        headsman.revive()
        return True
    return False


@pytest.mark.parametrize("seed", [1, 2])
def test_killed_again_and_again_at_random_it_ends_as_if_nothing_had_been(
    desk: Desk, dynamodb_local: Engine, seed: int
) -> None:
    chance = random.Random(seed)
    world, station = World(dynamodb_local.url), a_deployment(a_project())
    times = nights(120, chance)
    add_captures(station, times)
    world.drain()
    before = there(station)
    job = begun(desk, station, BY)
    with Reaper(chance, share=0.02) as reaper:
        for _ in range(200):
            try:
                desk.drain()
            except Killed:
                reaper.revive()
            share, reaper.share = reaper.share, 0.0
            if desk.job(job.id).is_final:
                break
            desk.later()
            reaper.share = share
        assert reaper.kills >= 2
    if desk.job(job.id).status == "FAILURE":  # a step that was killed too often in a row
        desk.jobs.retry(job.id, resume=True)
        desk.drain()
    done = desk.job(job.id)
    assert (done.status, told(done)["shifted"]) == ("SUCCESS", 120)
    assert [at for at, _ in timeline.taken(station.id)] == sorted(at + timedelta(seconds=BY) for at in times)
    world.drain()
    assert _intervals(station) == _by_force(station)
    undo(desk, done)
    assert there(station) == before


def test_cancelled_half_way_it_is_undone_by_the_half_that_was_done(desk: Desk) -> None:
    desk.pieces, station = 10, a_deployment(a_project())
    add_captures(station, [EVENING + timedelta(minutes=each) for each in range(30)])
    before = there(station)
    job = begun(desk, station, BY)
    desk.turn()
    desk.jobs.cancel(job.id)
    desk.drain()
    assert told(desk.job(job.id))["shifted"] == 10
    undo(desk, job)
    assert there(station) == before


@pytest.mark.parametrize("resume", [True, False])
def test_cancelled_and_retried_it_counts_each_once(desk: Desk, resume: bool) -> None:
    desk.pieces, station = 10, a_deployment(a_project())
    times = [EVENING + timedelta(minutes=each) for each in range(30)]
    add_captures(station, times)
    job = begun(desk, station, 60, start=times[0], end=times[-1])
    desk.turn()
    desk.jobs.cancel(job.id)
    desk.drain()
    desk.jobs.retry(job.id, resume=resume)
    desk.drain()
    assert told(desk.job(job.id))["shifted"] == 30
    assert [at for at, _ in timeline.taken(station.id)] == [at + timedelta(minutes=1) for at in times]


def test_what_it_costs(desk: Desk) -> None:
    desk.pieces, station = 1000, a_deployment(a_project())
    add_captures(station, [EVENING + timedelta(minutes=each) for each in range(150)])
    begun(desk, station, BY)
    with Meter() as meter:
        desk.drain()
    # A write for each capture, a page for each hundred of them and two of hidden copies; read, claim and end.
    assert dict(meter.requests) == {
        "GetItem": 2, "Query": 4, "UpdateItem": 150, "PutItem": 1, "TransactWriteItems": 1
    }  # fmt: skip


@given(seconds=st.integers())
def test_a_shift_has_its_bounds(seconds: int) -> None:
    most = 50 * 366 * 86400
    try:
        Shift(seconds=seconds)
    except ValueError:
        assert seconds == 0 or abs(seconds) > most
    else:
        assert 0 < abs(seconds) <= most


def test_a_deployment_that_is_no_more_ends_the_job(desk: Desk) -> None:
    station = a_deployment(a_project())
    job = begun(desk, station, 60)
    tables.accepted(lambda: Row(f"DEPLOYMENT#{station.id}", "DEPLOYMENT").delete())
    desk.drain()
    assert desk.job(job.id).status == "FAILURE"
