"""The audit as a job: what is forced to be wrong is found, left alone, and repaired, and nothing else."""

import random
from datetime import timedelta

import pytest
from api import Api
from desk import Headsman
from forcing import FORCED, Force, a_session, found_left_and_repaired, the_project, the_set
from meter import Meter
from office import DAY, EVENING, Office, counters, lines, told
from world import Killed, a_capture, a_project, add_captures, standing

from chalicelib import ids
from chalicelib.auditing import job as auditing
from chalicelib.auditing.job import AUDIT, audit_with
from chalicelib.auditing.store import FactRow
from chalicelib.aws import keys
from chalicelib.capture_sets import service as capture_sets
from chalicelib.capture_sets.rules import segment_of
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.deployments.store import DeploymentRow
from chalicelib.jobs.service import Start
from chalicelib.sessions.store import SessionRow
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling


@pytest.mark.parametrize("force", FORCED)
def test_a_counter_that_was_forced_is_found_left_and_repaired(office: Office, force: Force) -> None:
    found_left_and_repaired(office, force)


def test_a_world_that_is_true_has_not_drifted(office: Office) -> None:
    job = office.audit()
    assert told(job) == (0, 0, 0)
    # Six occurrences, four findings with captures and in time; two stations with a tally each, three sessions
    # and parts of the undated, two taxa; the project with two taxa; the set with its parts, taxa and members.
    undated = len({each.id.partition("-")[2][:2] for each in office.captures[-2:]})
    parts = len({segment_of(each.id) for each in office.captures[3:]})
    assert job.stages[0].value("checked") == 6 + 8 + (4 + 3 + undated + 2) + (1 + 2) + (1 + parts + 2 + 9)
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
    member = FactRow(*keys.member(office.set.id, "first", office.captures[4].id))
    wrong = keys.member_at("first", keys.capture_at(office.captures[4].id, EVENING + 5 * DAY))
    member.update(actions=[FactRow.at.set(wrong)])
    office.world.drain()
    job = office.audit(repair=True)
    assert told(job) == (1, 1, 0), lines(job)
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
        # One for each capture, three for each piece; starting, claiming and ending a job; two reads of
        # the station and its marks, one each of the rest.
        pieces = 1 + (12 + more) // auditing.captures.PIECE
        assert meter.total <= 12 + more + 3 * pieces + 20, (number, meter.requests)


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
        assert job.type_key == "audit_counts"
        assert job.config == {"set_id": None, "repair": True, "alarm": False}
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
