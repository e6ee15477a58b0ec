"""Syncs that are cut off, twice at work, cancelled, retried, or whose storage fails: the end is the same."""

import os
import random
from collections.abc import Iterator
from typing import Any

import pytest
from desk import Desk
from foreign import BUCKET, KEY_ID, SECRET
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from station import NIGHT, Station, told
from world import Assassin, a_deployment, standing

from chalicelib.aws import foreign
from chalicelib.deployments import service as deployments
from chalicelib.errors import SourceFault
from chalicelib.jobs.rules import LEASE, SILENCE
from chalicelib.projects.rules import Project
from chalicelib.sources import listing
from chalicelib.syncing import job as syncing
from chalicelib.syncing import store
from chalicelib.syncing.job import sync_with
from localstack.embedded.engines import Engine

EXAMPLES = int(os.environ.get("NIGHTJAR_EXAMPLES", "8"))


@pytest.fixture
def station(
    real_table: str, private: None, foreign: Any, s3: Any, ssm: Any, moto_server: Engine, api: Any
) -> Station:
    """A deployment with a data source, on DynamoDB Local alone."""
    from world import a_project

    return _station(a_project(), foreign, api, moto_server)


def _station(project: Project, foreign: Any, api: Any, moto_server: Engine) -> Station:
    body = {
        "project_id": project.id,
        "name": "Others",
        "bucket": BUCKET,
        "endpoint_url": moto_server.url,
        "access_key": KEY_ID,
        "secret_key": SECRET,
        "prefix": "moths",
    }
    status, source = api.send("POST", "/storage", body)
    assert status == 201, source
    return Station(a_deployment(project, data_source=source["id"]), foreign, api)


def changed(station: Station) -> None:
    """A bucket of which something is new, changed, gone, no photograph, and undated."""
    station.put(*NIGHT)
    station.sync()
    station.take(NIGHT[1])
    station.put(NIGHT[4], body=b"another photograph")
    station.put("moths/edge/20240603213000.jpg", "moths/notes.txt", "moths/trap.jpg")


def left(station: Station, job_id: str) -> Any:
    """All a sync leaves, without what is of one run alone."""
    job, now = station.desk.job(job_id), deployments.find(station.deployment.id, consistent=True)
    captures = [(each.facts.key, each.timestamp, each.facts.version) for each in station.captures()]
    rows = [(each.key, each.version, each.fate, each.gone) for each in store.known(now.id, "", None)]
    nights = [(each.start, each.end, each.captures_count) for each in standing(now)]
    lines = [(each["outcome"], each["reason"], each["object"]) for each in station.report(job)]
    return job.status, captures, rows, nights, told(job), lines, now.counts.captures_count


def test_killed_at_any_write_it_ends_the_same(
    project_of: Any, foreign: Any, api: Any, moto_server: Engine
) -> None:
    def scene(turn: int | None, afterwards: bool) -> tuple[Any, int]:
        station = _station(project_of(), foreign, api, moto_server)
        changed(station)
        job = station.start("delete")
        with Assassin(turn, afterwards) as assassin:
            station.desk.outlive(assassin)
        result = left(station, job.id)
        station.take(*[each["Key"] for each in foreign.list_objects_v2(Bucket=BUCKET).get("Contents", ())])
        return result, assassin.writes

    wanted, writes = scene(None, False)
    assert wanted[0] == "SUCCESS"
    assert wanted[4] == {
        "total_files": 7,
        "new": 2,
        "changed": 1,
        "unchanged": 4,
        "missing": 1,
        "deleted": 1,
        "skipped": 1,
        "undated": 1,
    }
    for turn in range(writes):
        for afterwards in (False, True):
            assert scene(turn, afterwards)[0] == wanted, f"killed at write {turn}, {afterwards=}"


@pytest.fixture
def project_of(real_table: str, private: None, foreign: Any, s3: Any, ssm: Any, api: Any) -> Any:
    from world import a_project

    return a_project


def test_any_history_of_a_bucket_ends_in_what_is_there(
    project_of: Any, foreign: Any, api: Any, moto_server: Engine
) -> None:
    names = [f"moths/2024060{day}2{hour}0000.jpg" for day in (1, 2) for hour in range(3)]
    change = st.tuples(st.sampled_from(names), st.sampled_from([b"one", b"two", None]))
    rounds = st.lists(
        st.tuples(
            st.lists(change, max_size=5),
            st.sampled_from(["keep", "mark", "delete"]),
            st.none() | st.integers(0, 25),
        ),
        min_size=1,
        max_size=4,
    )

    @examples(
        max_examples=int(os.environ.get("NIGHTJAR_EXAMPLES", "8")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(rounds)
    def check(history: list[tuple[list[tuple[str, bytes | None]], str, int | None]]) -> None:
        foreign.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": name} for name in names]})
        station = _station(project_of(), foreign, api, moto_server)
        there: dict[str, bytes] = {}
        for changes, policy, turn in [*history, ([], "delete", None)]:
            for name, body in changes:
                if body is None:
                    there.pop(name, None)
                    station.take(name)
                else:
                    there[name] = body
                    station.put(name, body=body)
            job = station.start(policy)
            with Assassin(turn, random.Random(turn).random() < 0.5) as assassin:
                station.desk.outlive(assassin)
            assert station.desk.job(job.id).status == "SUCCESS"
            assert set(there) <= set(station.keys())
        if there:  # an empty bucket is taken for a mistake
            assert station.keys() == sorted(there)
        for capture in station.captures():
            if capture.facts.key in there:
                assert capture.facts.size == len(there[capture.facts.key])
                assert capture.facts.missing_since is None
        counted = deployments.find(station.deployment.id, consistent=True).counts
        assert counted.captures_count == len(station.captures())
        assert sum(each.captures_count for each in standing(station.deployment)) == counted.captures_count

    check()


class Flaky:
    """A listing that fails so many times, after its first page."""

    def __init__(self, times: int, code: str = "EndpointConnectionError") -> None:
        self.times, self.code, self.pages = times, code, listing.pages

    def __call__(self, *given: Any, **named: Any) -> Iterator[Any]:
        yield from self.pages(*given, **named)
        if self.times:
            self.times -= 1
            raise SourceFault(self.code, "No storage that speaks as S3 does answers there.")


def test_a_storage_that_fails_now_and_then_loses_nothing(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.put(*NIGHT)
    monkeypatch.setattr(syncing.listing, "pages", Flaky(3))
    job = station.sync()
    assert job.status == "SUCCESS"
    assert told(job) == {"total_files": 6, "new": 6}
    assert len(station.report(job)) == 6


def test_one_that_goes_on_failing_ends_the_job_with_its_words(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    station.put(*NIGHT)
    monkeypatch.setattr(syncing.listing, "pages", Flaky(99))
    job = station.sync()
    assert (job.status, job.reason) == ("FAILURE", "No storage that speaks as S3 does answers there.")
    monkeypatch.undo()
    station.desk.jobs.retry(job.id, resume=True)
    station.desk.drain()
    assert station.desk.job(job.id).status == "SUCCESS"
    assert told(station.desk.job(job.id)) == {"total_files": 6, "new": 6}


def test_keys_that_are_refused_end_it_at_once(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syncing.listing, "pages", Flaky(99, foreign.REFUSED))
    job = station.start()
    station.desk.turn()
    assert station.desk.job(job.id).status == "FAILURE"


def test_one_bad_object_loses_no_other(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.put(*NIGHT)
    from chalicelib.captures import registering

    begin = registering.begin

    def hurt(capture: Any) -> Any:
        if capture.facts.key == NIGHT[3]:
            raise ZeroDivisionError("a secret of ours")
        return begin(capture)

    monkeypatch.setattr(registering, "begin", hurt)
    job = station.sync()
    assert job.status == "SUCCESS"
    assert told(job) == {"total_files": 6, "new": 5, "failed": 1}
    [line] = [each for each in station.report(job) if each["outcome"] == "failed"]
    assert (line["reason"], line["object"].endswith(NIGHT[3])) == ("it failed by a fault of ours", True)
    monkeypatch.undo()
    assert told(station.sync()) == {"total_files": 6, "new": 1, "unchanged": 5}


@pytest.mark.usefixtures("small_pages")
def test_a_source_that_changes_meanwhile_ends_it(station: Station) -> None:
    station.put(*[f"moths/{number:05}.jpg" for number in range(11)])
    station.desk.pieces = 1
    job = station.start()
    station.desk.turn()
    assert station.desk.job(job.id).cursor["phase"] == "list"
    body = {"data_source_subdir": "edge"}
    assert station.api.send("PATCH", f"/deployments/{station.deployment.id}", body)[0] == 200
    station.desk.drain()
    now = station.desk.job(job.id)
    assert (now.status, "start the sync again" in (now.reason or "")) == ("FAILURE", True)


def test_a_failing_regroup_fails_the_job(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    station.put(*NIGHT)

    def fails(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(syncing.regrouping.Regrouping, "step", fails)
    job = station.sync()
    assert job.status == "FAILURE"
    assert [each.status for each in job.stages] == ["SUCCESS", "FAILURE"]
    assert len(station.keys()) == 6


@pytest.mark.usefixtures("small_pages")
def test_cancelled_it_keeps_what_it_did_and_the_next_goes_on(station: Station) -> None:
    station.put(*[f"moths/2024060121{number:02}00.jpg" for number in range(11)])
    station.desk.pieces = 1
    job = station.start()
    station.desk.turn()
    station.desk.jobs.cancel(job.id)
    station.desk.drain()
    assert station.desk.job(job.id).status == "REVOKED"
    assert told(station.sync()) == {"total_files": 11, "new": 1, "unchanged": 10}


def test_two_workers_on_one_step_leave_what_one_leaves(station: Station) -> None:
    station.put(*NIGHT)
    job = station.start()
    other = Desk(more=[sync_with(station.desk.jobs.now, station.desk._sleep)])
    other.ahead = LEASE + SILENCE
    original = store.keep

    def overtaken(*given: Any) -> None:
        store.keep = original
        other.working.overdue()
        other.drain()
        original(*given)

    store.keep = overtaken
    try:
        station.desk.drain()
    finally:
        store.keep = original
    assert station.desk.job(job.id).status == "SUCCESS"
    assert told(station.desk.job(job.id)) == {"total_files": 6, "new": 6}
    assert told(station.sync()) == {"total_files": 6, "unchanged": 6}
