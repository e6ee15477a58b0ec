"""The nightly sample: each has its turn, a night's turn is taken once, and what has drifted gives alarm."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import pytest
from desk import Desk
from meter import Meter
from world import a_deployment, a_project

from chalicelib import wiring
from chalicelib.auditing import nightly
from chalicelib.auditing.job import ALARM, audit_with
from chalicelib.auditing.nightly import Nightly, turns
from chalicelib.aws import keys
from chalicelib.jobs import store as jobs
from chalicelib.jobs.rules import Job
from chalicelib.projects.store import ProjectRow

NIGHT = datetime(2026, 6, 9, nightly.HOUR, 4, tzinfo=UTC)
DAY = timedelta(days=1)


def test_each_has_its_turn_and_knows_how_often_all_had_it() -> None:
    assert turns([], 7, 3) == []
    assert [turns(["a"], number, 3) for number in (7, 8)] == [[("a", 7)], [("a", 8)]]
    ids = [f"p{number}" for number in range(6)]
    visits = [each for number in range(40) for each in turns(ids, number, 4)]
    for each in ids:
        times = [time for found, time in visits if found == each]
        assert times == list(range(times[0], times[0] + len(times)))
        assert len(times) in (26, 27)


@pytest.fixture
def desk(real_table: str) -> Desk:
    desk = Desk()
    desk.add(audit_with(desk.jobs.now, desk._sleep))
    return desk


def sample(desk: Desk, at: datetime) -> list[Job]:
    """The jobs that the sample starts at that time."""
    before = {each["job"] for each in desk.queue}
    Nightly(desk.jobs, lambda: at).sample()
    return [desk.job(each["job"]) for each in desk.queue if each["job"] not in before]


def test_a_night_has_one_sample_at_its_time(desk: Desk) -> None:
    mine = [a_project() for _ in range(4)]
    for off in (timedelta(hours=-1), timedelta(hours=1), timedelta(minutes=7)):
        with Meter() as meter:
            assert sample(desk, NIGHT + off) == []
        assert meter.total == 0
    first = sample(desk, NIGHT)
    assert len(first) == nightly.PROJECTS
    with Meter() as meter:
        assert sample(desk, NIGHT + timedelta(minutes=1)) == []
    assert meter.total == 1
    desk.drain()
    second = sample(desk, NIGHT + DAY)
    assert {each.project_id for each in (*first, *second)} == {each.id for each in mine}
    assert all(each.config == {"set_id": None, "repair": False, "alarm": True} for each in (*first, *second))
    assert len({each.project_id for each in second}) == nightly.PROJECTS
    desk.drain()
    assert all(desk.job(each.id).status == "SUCCESS" for each in second)


def test_of_a_large_project_each_station_has_its_turn(desk: Desk) -> None:
    large = a_project()
    stations = [a_deployment(large, name=f"Station {number}").id for number in range(3)]
    ProjectRow(*keys.project(large.id)).update(actions=[ProjectRow.captures_count.set(nightly.SMALL + 1)])
    seen = []
    for number in range(3):
        with Meter() as meter:
            [job] = sample(desk, NIGHT + number * DAY)
        assert meter.total <= 10, meter.requests
        seen.append(job.deployment_id)
        desk.drain()
    assert sorted(each or "" for each in seen) == sorted(stations)


def test_one_that_is_being_audited_is_left_alone(desk: Desk) -> None:
    project = a_project()
    [first] = sample(desk, NIGHT)
    assert first.project_id == project.id
    assert sample(desk, NIGHT + DAY) == []


def test_what_has_drifted_gives_alarm(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    project = a_project()
    sample(desk, NIGHT)
    desk.drain()
    assert ALARM not in caplog.text
    ProjectRow(*keys.project(project.id)).update(actions=[ProjectRow.captures_count.set(999)])
    [job] = sample(desk, NIGHT + DAY)
    desk.drain()
    [line] = [each for each in caplog.records if ALARM in each.getMessage()]
    assert (line.levelno, line.name) == (logging.ERROR, "nightjar")
    assert line.getMessage() == f"{ALARM} 1 of {project.id} (all of it, {job.id})"


def test_the_watch_takes_the_nights_turn(
    monkeypatch: pytest.MonkeyPatch, real_table: str, queue: str, s3: Any
) -> None:
    project = a_project()
    monkeypatch.setattr(wiring.clock, "now", lambda: NIGHT)
    monkeypatch.setattr(wiring, "failing", Mock)  # whose queue there is not
    wiring.watch()
    [job] = list(jobs.running())
    assert (job.project_id, job.type_key) == (project.id, "audit_counts")
    assert json.loads(json.dumps(job.config))["alarm"] is True
