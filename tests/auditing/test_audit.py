"""The audit as a job: what is forced to be wrong is found, left alone, and repaired, and nothing else."""

import random
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from api import Api
from desk import Desk, Headsman
from meter import Meter
from world import Killed, World, a_capture, a_deployment, a_project, add_captures, night, standing

from chalicelib import ids
from chalicelib.auditing import job as auditing
from chalicelib.auditing.job import AUDIT, audit_with
from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.capture_sets import service as capture_sets
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.capture_sets.store import MemberRow, SegmentRow, SetRow
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.captures.rules import Capture
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments.store import DeploymentRow
from chalicelib.jobs import logs
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Start
from chalicelib.projects.store import ProjectRow
from chalicelib.projects.tallies import TallyRow
from chalicelib.sessions.store import SessionRow, UndatedSegmentRow
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling
from chalicelib.thumbnails.rules import Shelf
from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)
DAY = timedelta(days=1)
NIGHTS = [*night(EVENING, 5), *night(EVENING + DAY, 5)]


class Office:
    """A project with two stations and a capture set, all settled, and the desk of who audits them."""

    def __init__(self, endpoint: str) -> None:
        self.world, self.desk = World(endpoint), Desk()
        self.desk.add(audit_with(self.desk.jobs.now, self.desk._sleep))
        self.project = a_project()
        self.deployment = a_deployment(self.project)
        self.other = a_deployment(self.project, name="Meadow")
        self.captures = add_captures(self.deployment, [*NIGHTS, None, None])
        add_captures(self.other, [EVENING])
        self.set = self.a_set([each.id for each in self.captures[3:]])
        self.world.drain()

    def a_set(self, members: list[str]) -> CaptureSet:
        now = self.world.now()
        own = CaptureSet(ids.new_set_id(), self.project.id, "Moths", "manual", now, now, "first")
        made = capture_sets.make(own)
        capture_sets.add(made, members)
        return made

    def audit(self, deployment_id: str | None = None, **config: Any) -> Job:
        job = self.desk.jobs.start(Start(AUDIT.key, self.project.id, deployment_id, config))
        self.desk.drain()
        found = self.desk.job(job.id)
        assert found.status == "SUCCESS", found.reason
        return found

    def remove(self, capture: Capture) -> None:
        tidying = Tidying(Shelf("nightjar-thumbnails-bucket"), self.world.now)
        assert captures.remove(capture_rows.see(capture.id), capture.id, "", tidying)


@pytest.fixture
def office(table: str, engine: Engine, s3: Any) -> Office:
    return Office(engine.url)


@pytest.fixture
def real_office(real_table: str, dynamodb_local: Engine, s3: Any) -> Office:
    return Office(dynamodb_local.url)


def told(job: Job) -> tuple[Any, ...]:
    """What was drifted, repaired, busy."""
    values = {each.key: each.value for each in job.stages[0].params}
    assert isinstance(values["checked"], int)
    assert values["checked"] > 0 or values["busy"]
    return values["drifted"], values["repaired"], values["busy"]


def lines(job: Job) -> list[str]:
    return [each.message for each in logs.newest(job.id, 1000) if each.level == "WARNING"][::-1]


_PASSING = {"settled", "lease_token", "lease_expires", "version", "stamp"}


def counters() -> dict[tuple[str, str], dict[str, Any]]:
    """All rows that keep counters, and what they keep."""
    found = {}
    kept = ("DEPLOYMENT", "PROJECT", "SESSION", "SEGMENT", "SET", "MEMBER", "UNSETTLED")
    connection = Row._get_connection()
    for item in connection.scan()["Items"]:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if sk.partition("#")[0] in kept:
            found[pk, sk] = {name: value for name, value in item.items() if name not in _PASSING}
    return found


Force = Callable[[Office], tuple[Row, list[Any], str]]


def a_counter(name: str) -> Force:
    def force(office: Office) -> tuple[Row, list[Any], str]:
        row = DeploymentRow(*keys.deployment(office.deployment.id))
        true = {"captures_count": 12, "undated_count": 2, "sessions_count": 2}[name]
        line = f"deployment {office.deployment.id}: {name} is 999, true is {true}"
        return row, [getattr(DeploymentRow, name).set(999)], line

    return force


def its_end(office: Office) -> tuple[Row, list[Any], str]:
    row = DeploymentRow(*keys.deployment(office.deployment.id))
    line = "last_timestamp is 2026-06-19T21:30:00, true is 2026-06-10T22:10:00"
    actions = [DeploymentRow.last_timestamp.set(EVENING + 10 * DAY)]
    return row, actions, f"deployment {office.deployment.id}: {line}"


def its_tally(office: Office) -> tuple[Row, list[Any], str]:
    row = TallyRow(*keys.tally(office.project.id, office.deployment.id))
    line = f"deployment {office.deployment.id}: tally captures_count is 999, true is 12"
    return row, [TallyRow.captures_count.set(999)], line


def a_part_of_the_undated(office: Office) -> tuple[Row, list[Any], str]:
    part = office.captures[-1].id.partition("-")[2][:2]
    row = UndatedSegmentRow(*keys.undated_segment(office.deployment.id, part))
    return row, [UndatedSegmentRow.undated_count.set(999)], f"undated {part} is 999, true is "


def a_session(office: Office) -> tuple[Row, list[Any], str]:
    session = standing(office.deployment)[0]
    line = f"session {session.id}: captures_count is 999, true is 5"
    return SessionRow(*keys.session(session.id)), [SessionRow.captures_count.set(999)], line


def the_end_of_a_session(office: Office) -> tuple[Row, list[Any], str]:
    session = standing(office.deployment)[1]
    line = f"session {session.id}: end is 2026-06-10T21:40:00, true is 2026-06-10T22:10:00"
    end = EVENING + DAY + timedelta(minutes=10)
    return SessionRow(*keys.session(session.id)), [SessionRow.end.set(end)], line


def the_project(office: Office) -> tuple[Row, list[Any], str]:
    row = ProjectRow(*keys.project(office.project.id))
    line = f"project {office.project.id}: captures_count is 999, true is 13"
    return row, [ProjectRow.captures_count.set(999)], line


def its_stations(office: Office) -> tuple[Row, list[Any], str]:
    row = ProjectRow(*keys.project(office.project.id))
    line = f"project {office.project.id}: deployments_count is 999, true is 2"
    return row, [ProjectRow.deployments_count.set(999)], line


def the_set(office: Office) -> tuple[Row, list[Any], str]:
    row = SetRow(*keys.capture_set(office.set.id))
    return row, [SetRow.captures_count.set(999)], f"set {office.set.id}: captures_count is 999, true is 9"


def a_segment_of_the_set(office: Office) -> tuple[Row, list[Any], str]:
    row = SegmentRow(*keys.segment(office.set.id, "first", "CAPTURE#2026-06-09"))
    line = f"set {office.set.id}: segment CAPTURE#2026-06-09 is 999, true is 2"
    return row, [SegmentRow.captures_count.set(999)], line


FORCED = [
    a_counter("captures_count"),
    a_counter("undated_count"),
    a_counter("sessions_count"),
    its_end,
    its_tally,
    a_part_of_the_undated,
    a_session,
    the_end_of_a_session,
    the_project,
    its_stations,
    the_set,
    a_segment_of_the_set,
]


@pytest.mark.parametrize("force", FORCED)
def test_a_counter_that_was_forced_is_found_left_and_repaired(office: Office, force: Force) -> None:
    true = counters()
    row, actions, line = force(office)
    row.update(actions=actions)
    forced = counters()
    assert [key for key in true if true[key] != forced[key]] == [(row.pk, row.sk)]

    found = office.audit()
    assert told(found) == (1, 0, 0), lines(found)
    assert [line in each for each in lines(found)] == [True], lines(found)
    assert counters() == forced

    assert told(office.audit(repair=True)) == (1, 1, 0)
    assert counters() == true
    office.world.drain()
    assert counters() == true
    assert told(office.audit()) == (0, 0, 0)


def test_a_world_that_is_true_has_not_drifted(office: Office) -> None:
    job = office.audit()
    assert told(job) == (0, 0, 0)
    # Two stations with a tally each, three sessions, two parts of the undated; the project; the set with two
    # nights and two parts.
    undated = len({each.id.partition("-")[2][:2] for each in office.captures[-2:]})
    assert job.stages[0].value("checked") == 4 + 3 + undated + 1 + (1 + 2 + undated)
    assert lines(job) == []


def test_all_at_once_is_repaired_and_a_session_that_is_missing_or_too_much(real_office: Office) -> None:
    office, true = real_office, counters()
    for force in (*FORCED[:5], *FORCED[8:]):
        row, actions, _ = force(office)
        row.update(actions=actions)
    first, second = standing(office.deployment)
    SessionRow(*keys.session(second.id)).delete()
    surplus = ids.new_session_id(office.deployment.id)
    start = EVENING + 3 * DAY
    SessionRow(
        *keys.session(surplus),
        at=keys.session_at(surplus, start),
        project_id=office.project.id,
        start=start,
        end=start,
        captures_count=1,
        first_capture_id=first.first_capture_id,
        example_capture_id=first.first_capture_id,
    ).save()
    drifted, repaired, busy = told(office.audit(repair=True))
    assert (drifted, busy) == (repaired, 0)
    assert drifted == 11
    after = counters()
    gone, new = set(true) - set(after), set(after) - set(true)
    assert gone == {keys.session(second.id)}
    assert len(new) == 1
    assert all(after[key] == true[key] for key in set(true) & set(after))
    office.world.drain()
    assert told(office.audit()) == (0, 0, 0)


def test_one_deployment_or_one_set_alone(office: Office) -> None:
    for force in (FORCED[0], the_project, the_set):
        row, actions, _ = force(office)
        row.update(actions=actions)
    assert told(office.audit(office.other.id)) == (0, 0, 0)
    assert told(office.audit(office.deployment.id, repair=True)) == (1, 1, 0)
    assert told(office.audit(set_id=office.set.id, repair=True)) == (1, 1, 0)
    assert told(office.audit()) == (1, 0, 0)


def test_hidden_ones_count_nowhere(office: Office) -> None:
    hidden = capture_rows.row_of(a_capture(office.deployment, EVENING, "hidden.jpg"))
    hidden.at = hidden.rank = (hidden.at or "").replace("CAPTURE#", "HIDDEN#")
    hidden.save()
    capture_sets.file(office.set.id, "first", [hidden.sk.removeprefix(keys.CAPTURES)])
    office.world.drain()
    assert told(office.audit()) == (0, 0, 0)


def test_what_is_marked_is_busy_and_no_drift(office: Office) -> None:
    office.world.settling.mark_all(Owner("DEPLOYMENT", office.deployment.id))
    DeploymentRow(*keys.deployment(office.deployment.id)).update(
        actions=[DeploymentRow.captures_count.set(999)]
    )
    assert told(office.audit(office.deployment.id)) == (0, 0, 1)
    # Nor is the project, which nobody can say then.
    assert told(office.audit()) == (0, 0, 2)


def test_what_the_stream_has_not_told_yet_is_looked_at_once_more(real_office: Office) -> None:
    office = real_office
    add_captures(office.deployment, [EVENING + 2 * DAY])
    sleep = office.desk._sleep

    def meanwhile(seconds: float) -> None:
        office.world.drain()
        sleep(seconds)

    office.desk.add(audit_with(office.desk.jobs.now, meanwhile))
    assert told(office.audit()) == (0, 0, 0)


def test_a_member_that_is_filed_where_its_capture_is_not(office: Office) -> None:
    member = MemberRow(*keys.member(office.set.id, "first", office.captures[4].id))
    wrong = keys.member_at("first", keys.capture_at(office.captures[4].id, EVENING + 5 * DAY))
    member.update(actions=[MemberRow.at.set(wrong)])
    office.world.drain()
    job = office.audit(repair=True)
    assert told(job) == (2, 2, 0), lines(job)
    office.world.drain()
    assert told(office.audit()) == (0, 0, 0)


def test_repairing_killed_at_any_request_ends_the_same(real_office: Office) -> None:
    office, true = real_office, counters()
    config = {"repair": True}
    for turn in range(0, 400, 7):
        for force in (FORCED[0], a_session, the_set):
            row, actions, _ = force(office)
            row.update(actions=actions)
        job = office.desk.jobs.start(Start(AUDIT.key, office.project.id, None, config))
        with Headsman(turn, afterwards=bool(turn % 2)) as headsman:
            try:
                office.desk.drain()
            except Killed:
                headsman.revive()
                office.desk.later()
                office.desk.drain()
                killed = True
            else:
                killed = False
        assert office.desk.job(job.id).status == "SUCCESS"
        office.world.settling = Settling(office.desk.jobs.now, office.world.deferred.append)
        office.world.settling.overdue()
        office.world.drain()
        if told(office.desk.job(job.id))[2]:  # what was marked when it died was left to the watch
            office.audit(repair=True)
        assert counters() == true
        if not killed:
            assert turn > 50
            return
    raise AssertionError("it never came to its end")


@pytest.mark.parametrize("seed", range(3))
def test_whatever_befalls_the_captures_nothing_has_drifted_in_the_end(real_office: Office, seed: int) -> None:
    office, chance, own = real_office, random.Random(seed), list(real_office.captures)
    for number in range(8):
        moments = [EVENING + timedelta(minutes=chance.randrange(6000)) for _ in range(chance.randrange(5))]
        place = chance.choice([office.deployment, office.other])
        fresh = [a_capture(place, each, f"{seed}-{number}-{each}.jpg") for each in (*moments, None)]
        for each in fresh:
            capture_rows.row_of(each).save()
        own += fresh
        for each in chance.sample(own, 3):
            captures.date(each.id, chance.choice([None, EVENING + timedelta(minutes=chance.randrange(9000))]))
        chosen = [each.id for each in chance.sample(own, 4)]
        capture_sets.add(office.set, chosen)
        capture_sets.remove(office.set, chosen[:2])
        office.remove(own.pop(chance.randrange(len(own))))
        records = office.world.records()
        chance.shuffle(records)
        office.world.deliver(records)
        office.world.deliver(records[: len(records) // 2])
    office.world.drain()
    job = office.audit()
    assert told(job) == (0, 0, 0), lines(job)


def test_what_it_costs_to_look_at_a_station(real_office: Office) -> None:
    office = real_office
    for number, more in ((0, 0), (1, 300)):
        add_captures(office.deployment, [EVENING + timedelta(days=3, seconds=each) for each in range(more)])
        office.world.drain()
        with Meter() as meter:
            office.audit(office.deployment.id)
        # Starting, claiming and ending a job; two reads of the station and its marks, one each of the rest.
        assert meter.total <= 16, (number, meter.requests)


def test_many_drifts_are_counted_and_the_first_are_told(
    real_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = real_office
    monkeypatch.setattr(auditing, "_TOLD", 4)
    add_captures(office.deployment, [EVENING + number * DAY for number in range(10, 15)])
    office.world.drain()
    for session in standing(office.deployment):
        SessionRow(*keys.session(session.id)).update(actions=[SessionRow.captures_count.set(999)])
    job = office.audit(office.deployment.id)
    assert told(job) == (7, 0, 0)
    assert len(lines(job)) == 5
    assert lines(job)[-1] == "Drifts that are only counted, not told one by one: 3"


class TestApi:
    """Asking for it over HTTP."""

    @pytest.fixture(autouse=True)
    def _ready(self, office: Office, api: Api, queue: str) -> None:
        self.office, self.api = office, api

    def test_a_job_is_started_once(self) -> None:
        path = f"/projects/{self.office.project.id}/counts/audit"
        status, answer = self.api.send("POST", path, {"repair": True})
        assert (status, answer["project_id"]) == (202, self.office.project.id)
        job = self.office.desk.job(answer["job_id"])
        assert (job.type_key, job.config) == ("audit_counts", {"set_id": None, "repair": True})
        assert self.api.send("POST", path, {})[0] == 409
        status, answer = self.api.send("POST", path, {"deployment": self.office.deployment.id})
        assert status == 202
        assert self.office.desk.job(answer["job_id"]).deployment_id == self.office.deployment.id
        status, answer = self.api.send("POST", path, {"collection": self.office.set.id})
        assert self.office.desk.job(answer["job_id"]).config["set_id"] == self.office.set.id

    def test_what_is_not_there_cannot_be_audited(self) -> None:
        path = f"/projects/{a_project(name='Other').id}/counts/audit"
        assert self.api.send("POST", path, {"deployment": self.office.deployment.id})[0] == 404
        assert self.api.send("POST", path, {"collection": self.office.set.id})[0] == 404
        assert self.api.send("POST", "/projects/p2222222222/counts/audit", {})[0] == 404
        both = {"deployment": self.office.deployment.id, "collection": self.office.set.id}
        own = f"/projects/{self.office.project.id}/counts/audit"
        assert self.api.send("POST", own, both)[0] == 400
