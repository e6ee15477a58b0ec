"""Regrouping as a job: started by a changed rule or by hand, once, with what it did; nothing lost."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from desk import Desk, Headsman, running
from world import Killed, World, a_deployment, a_project, add_captures, night, standing

from chalicelib.aws import stream
from chalicelib.captures import timeline
from chalicelib.deployments import service as deployments
from chalicelib.deployments import settled
from chalicelib.deployments.rules import Deployment
from chalicelib.deployments.store import DeploymentRow
from chalicelib.jobs import listing, logs
from chalicelib.jobs.rules import Job
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project
from chalicelib.sessions.grouping import group
from chalicelib.settling import regrouping, rules
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling
from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)
HOUR = timedelta(hours=1)
Params = dict[str, Any]


TWO_BURSTS = [*night(EVENING, 5), *night(EVENING + 3 * HOUR, 5)]


class Bench:
    """A world whose settler has its jobs started at a desk, as the functions do."""

    def __init__(self, endpoint: str) -> None:
        self.desk, self.world = Desk(pieces=1), World(endpoint)
        self.world.settling = Settling(self.world.now, lambda owner: regrouping.ensure(self.desk.jobs, owner))

    def settle(self) -> None:
        """Until neither the stream nor the queue has anything any more."""
        for _ in range(20):
            self.world.drain()
            if not self.desk.queue:
                return
            self.desk.drain()
        raise AssertionError("it never came to rest")

    def made(self, project: Project) -> list[Job]:
        """The regroups there are, the oldest first."""
        return listing.page(project.id, {"type_key": "regroup_events"}, 100, None).jobs[::-1]

    def change(self, what: Any, **settings: Any) -> None:
        room = projects if isinstance(what, Project) else deployments
        seen = room.find(what.id)
        room.change(replace(seen, **settings), seen.updated_at, self.world.now())


@pytest.fixture
def bench(real_table: str, dynamodb_local: Engine) -> Bench:
    return Bench(dynamodb_local.url)


def told(job: Job) -> Params:
    return {each.key: each.value for each in job.stages[0].params}


def check(deployment: Deployment) -> None:
    """Sessions and counts are those of a recount."""
    now = deployments.find(deployment.id, consistent=True)
    truth = group(timeline.taken(deployment.id), now.rule)
    assert [(s.start, s.end, s.captures_count) for s in standing(deployment)] == [
        (i.start, i.end, i.captures_count) for i in truth
    ]
    assert now.counts.sessions_count == len(truth)
    assert marks.of_owner(Owner("DEPLOYMENT", deployment.id)) == []


def test_a_changed_gap_starts_one_job_that_tells_what_it_did(bench: Bench) -> None:
    project = a_project()
    deployment = a_deployment(project)
    add_captures(deployment, [*TWO_BURSTS, TWO_BURSTS[0], EVENING + timedelta(days=1), None, None])
    bench.settle()
    assert bench.made(project) == []

    bench.change(deployment, session_time_gap_seconds=4 * 3600)
    bench.settle()
    [job] = bench.made(project)
    assert (job.status, job.deployment_id, job.name) == ("SUCCESS", deployment.id, "Regroup sessions")
    assert [each.name for each in job.stages] == ["Regroup sessions"]
    assert told(job) == {
        "captures_grouped": 12,
        "events_before": 3,
        "events_after": 2,
        "events_created": 0,
        "events_touched": 1,
        "events_unchanged": 1,
        "empty_events_deleted": 1,
        "duplicate_timestamps": 1,
        "ungrouped_captures": 0,
        "captures_missing_timestamp": 2,
        "events_over_24_hours": 0,
        "events_starting_by_day": 0,
        "events_of_one_capture": 1,
    }
    labels = {each.key: each.name for each in job.stages[0].params}
    assert (labels["events_created"], labels["captures_grouped"]) == ("Events created", "Captures grouped")
    check(deployment)


@pytest.mark.parametrize(
    ("settings", "sessions"),
    [
        ({"session_time_gap_seconds": 3 * 3600}, 2),
        ({"session_max_duration_seconds": 3600}, 6),
        ({"session_max_duration_seconds": 0, "session_time_gap_seconds": 72 * 3600}, 1),
        ({"session_cut_time": "22:00"}, 6),
    ],
    ids=str,
)
@pytest.mark.parametrize("of", ["project", "deployment"])
def test_every_setting_of_the_rule_counts_wherever_it_is_set(
    bench: Bench, settings: dict[str, Any], sessions: int, of: str
) -> None:
    project = a_project()
    deployment = a_deployment(project)
    bursts = [*night(EVENING, 8), *night(EVENING + 4 * HOUR, 4)]
    add_captures(deployment, [*bursts, *(moment + 24 * HOUR for moment in bursts)])
    bench.settle()
    assert len(standing(deployment)) == 4
    bench.change(project if of == "project" else deployment, **settings)
    bench.settle()
    assert len(standing(deployment)) == sessions
    assert len(bench.made(project)) == 1
    check(deployment)


def test_a_changed_rule_of_a_project_is_one_job_for_all_its_deployments(bench: Bench) -> None:
    project = a_project()
    follows = [a_deployment(project, name=f"{n}") for n in range(6)]
    own = a_deployment(project, session_time_gap_seconds=3600)
    for deployment in (*follows, own):
        add_captures(deployment, TWO_BURSTS)
    bench.settle()
    bench.change(project, session_time_gap_seconds=5 * 3600)
    bench.settle()
    [job] = bench.made(project)
    assert (job.status, job.deployment_id) == ("SUCCESS", None)
    params = told(job)
    assert (params["events_before"], params["events_after"]) == (14, 8)
    assert (params["events_touched"], params["empty_events_deleted"]) == (6, 6)
    for deployment in (*follows, own):
        check(deployment)


def test_several_changes_before_the_job_begins_are_one_job(bench: Bench) -> None:
    project = a_project()
    deployment = a_deployment(project)
    add_captures(deployment, TWO_BURSTS)
    bench.settle()
    for hours in (1, 4, 3):
        bench.change(deployment, session_time_gap_seconds=hours * 3600)
        bench.world.drain()
    bench.settle()
    assert len(bench.made(project)) == 1
    check(deployment)


def test_a_deployment_that_the_job_has_passed_and_is_marked_again_is_done_again(bench: Bench) -> None:
    project = a_project()
    stations = [a_deployment(project, name=f"{n}") for n in range(3)]
    for station in stations:
        add_captures(station, TWO_BURSTS)
    bench.settle()
    bench.change(project, session_time_gap_seconds=4 * 3600)
    bench.world.drain()
    while all(marks.of_owner(Owner("DEPLOYMENT", station.id)) for station in stations):
        bench.desk.turn()
    bench.change(project, session_time_gap_seconds=2 * 3600)
    bench.world.drain()
    beside = regrouping.ask(bench.desk.jobs, project.id, None)
    assert bench.desk.job(beside.id).config == {"beside": True}
    bench.desk.drain()
    assert running() == []
    for station in stations:
        check(station)
    assert len(bench.made(project)) == 2


def test_a_change_while_the_job_is_at_work_is_settled_too(bench: Bench) -> None:
    project = a_project()
    stations = [a_deployment(project, name=f"{n}") for n in range(4)]
    for station in stations:
        add_captures(station, TWO_BURSTS)
    bench.settle()
    bench.change(project, session_time_gap_seconds=5 * 3600)
    bench.world.drain()
    bench.desk.turn()
    assert len(running()) == 1
    bench.change(project, session_time_gap_seconds=1200)
    bench.settle()
    for station in stations:
        check(station)


class TestTheWatch:
    def later(self, bench: Bench, minutes: int) -> None:
        """The watch, that much later, and the jobs it starts."""
        ahead = lambda: bench.world.now() + timedelta(minutes=minutes)  # noqa: E731
        Settling(ahead, lambda owner: regrouping.ensure(bench.desk.jobs, owner)).overdue()
        bench.desk.drain()

    def test_a_large_project_that_waits_for_its_job_hides_no_other(self, bench: Bench) -> None:
        project, other = a_project(), a_deployment(a_project())
        for number in range(101):
            a_deployment(project, name=f"{number}")
        bench.settle()
        bench.change(project, session_time_gap_seconds=4 * 3600)
        bench.world.drain()
        add_captures(other, TWO_BURSTS)
        found = stream.changes({"Records": bench.world.records()})
        touched = rules.touched((each.pk, each.sk, each.before, each.after) for each in found)
        marks.put(touched, bench.world.now())  # and then whoever marked died
        queue, bench.desk.queue = bench.desk.queue, []
        for minutes in (2, 3):
            self.later(bench, minutes)
        assert len(standing(other)) == 2
        bench.desk.queue = queue

    def test_a_regroup_that_fails_is_started_again_ever_more_rarely(self, bench: Bench) -> None:
        project = a_project()
        deployment = a_deployment(project)
        add_captures(deployment, TWO_BURSTS)
        bench.settle()
        bench.change(deployment, session_time_gap_seconds=4 * 3600)
        bench.world.drain()
        bench.desk.queue.clear()
        for minutes in range(2, 62):
            for job in bench.made(project):
                if job.is_running:
                    bench.desk.jobs.cancel(job.id)
            bench.desk.queue.clear()
            ahead = lambda minutes=minutes: bench.world.now() + timedelta(minutes=minutes)  # noqa: E731
            Settling(ahead, lambda owner: regrouping.ensure(bench.desk.jobs, owner)).overdue()
        assert 3 <= len(bench.made(project)) <= 8
        bench.desk.drain()
        self.later(bench, 60 * 8)
        check(deployment)


class TestAskedFor:
    def test_all_is_grouped_anew_and_nothing_is_written_where_nothing_differs(self, bench: Bench) -> None:
        project = a_project()
        deployment = a_deployment(project)
        add_captures(deployment, TWO_BURSTS)
        bench.settle()
        before = standing(deployment)
        job = regrouping.ask(bench.desk.jobs, project.id, deployment.id)
        bench.desk.drain()
        params = told(bench.desk.job(job.id))
        assert (params["events_unchanged"], params["events_touched"], params["events_created"]) == (2, 0, 0)
        assert standing(deployment) == before
        assert not [each for each in bench.world.records() if "SESSION#" in str(each["dynamodb"]["Keys"])]

    def test_a_second_one_says_that_another_is_at_work_and_does_nothing(self, bench: Bench) -> None:
        project = a_project()
        deployment = a_deployment(project)
        add_captures(deployment, TWO_BURSTS)
        bench.settle()
        first = regrouping.ask(bench.desk.jobs, project.id, deployment.id)
        second = regrouping.ask(bench.desk.jobs, project.id, deployment.id)
        assert first.id != second.id
        bench.desk.hand(bench.desk.queue.pop())
        done = bench.desk.job(second.id)
        assert done.status == "SUCCESS"
        assert not any(told(done).values())
        [line] = [each for each in logs.newest(second.id, 10) if each.level == "WARNING"]
        assert line.message.startswith("Another regroup is in progress")
        bench.settle()
        assert told(bench.desk.job(first.id))["captures_grouped"] == 10
        check(deployment)

    def test_a_settler_that_is_at_it_is_waited_for(self, bench: Bench) -> None:
        project = a_project()
        deployment = a_deployment(project)
        add_captures(deployment, TWO_BURSTS)
        bench.settle()
        held = settled.take_lease(deployment.id, bench.world.now)
        assert held
        job = regrouping.ask(bench.desk.jobs, project.id, deployment.id)
        bench.desk.turn()
        assert bench.desk.job(job.id).status == "STARTED"
        settled_row = DeploymentRow.get(*_key(deployment), consistent_read=True)
        assert settled_row.lease_token == held.token
        from chalicelib.aws import lease

        lease.release(held)
        bench.settle()
        assert told(bench.desk.job(job.id))["captures_grouped"] == 10

    def test_a_project_without_deployments_is_done_at_once(self, bench: Bench) -> None:
        job = regrouping.ask(bench.desk.jobs, a_project().id, None)
        bench.desk.drain()
        assert bench.desk.job(job.id).status == "SUCCESS"


def test_old_settings_that_cannot_be_used_are_told_in_the_log(bench: Bench) -> None:
    project = a_project()
    deployment = a_deployment(project, session_time_gap_seconds=-5, session_cut_time="noon")
    add_captures(deployment, TWO_BURSTS)
    job = regrouping.ask(bench.desk.jobs, project.id, deployment.id)
    bench.settle()
    warnings = [each.message for each in logs.newest(job.id, 10) if each.level == "WARNING"]
    assert any("-5 s" in each and "7200" in each for each in warnings)
    assert any("'noon'" in each for each in warnings)
    assert len(standing(deployment)) == 2


@pytest.mark.parametrize("turn", range(0, 24, 2))
def test_whoever_dies_on_the_way_is_followed_by_another(bench: Bench, turn: int) -> None:
    project = a_project()
    deployment = a_deployment(project)
    add_captures(deployment, TWO_BURSTS)
    bench.settle()
    job = regrouping.ask(bench.desk.jobs, project.id, deployment.id)
    bench.change(deployment, session_time_gap_seconds=4 * 3600)
    message = bench.desk.queue.pop()
    with Headsman(turn, afterwards=turn % 4 == 0) as headsman:
        try:
            bench.desk.hand(message)
        except Killed:
            headsman.revive()
    for _ in range(2):
        bench.desk.later()
        bench.settle()
        bench.world.settling = Settling(
            bench.desk.jobs.now, lambda owner: regrouping.ensure(bench.desk.jobs, owner)
        )
        bench.world.settling.overdue()
        bench.settle()
    assert bench.desk.job(job.id).status == "SUCCESS"
    assert running() == []
    check(deployment)


def _key(deployment: Deployment) -> tuple[str, str]:
    return f"DEPLOYMENT#{deployment.id}", "DEPLOYMENT"
