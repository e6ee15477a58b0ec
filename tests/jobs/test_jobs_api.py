"""Jobs as a client of the API sees them, through the functions' own handlers and a real queue."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from api import AUTHORISED, Api
from desk import Desk
from events import sqs_event
from meter import Meter
from world import a_deployment, a_project, add_captures

from chalicelib import wiring
from chalicelib.aws import queues
from chalicelib.deployments.rules import Deployment
from chalicelib.jobs import logs
from chalicelib.jobs.logs import Line
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project

EVENING = datetime(2026, 6, 9, 21, 30)


@pytest.fixture
def jobs(queue: str, table: str, api: Api) -> Api:
    """The API with its queue, on each engine in turn."""
    return api


def work(api: Api, queue: str) -> int:
    """Hands what waits in the queue to the `work` function, until nothing comes; returns how much it was."""
    handed = 0
    while messages := queues.receive(queue):
        for message in messages:
            answer = api._client.lambda_.invoke("work", sqs_event([message.body]))
            assert answer.payload == {"batchItemFailures": []}
            handed += 1
        queues.delete(queue, [message.handle for message in messages])
    return handed


def a_shift(deployment: Deployment, **more: Any) -> dict[str, Any]:
    place = {"project_id": deployment.project_id, "deployment_id": deployment.id}
    return {"job_type_key": "shift_clock", **place, "params": {"seconds": 60}, **more}


def a_station(**settings: Any) -> tuple[Project, Deployment]:
    project = a_project(**settings)
    return project, a_deployment(project)


def test_a_job_from_its_beginning_to_its_end(jobs: Api, queue: str) -> None:
    project, station = a_station()
    add_captures(station, [EVENING])
    status, made = jobs.send("POST", "/jobs", a_shift(station, name="An hour", start_now=True))
    assert (status, made["status"], made["name"]) == (201, "PENDING", "An hour")
    assert made["progress"]["summary"] == {
        "status": "PENDING",
        "progress": 0,
        "status_label": "Waiting to start",
    }
    assert made["project"]["id"] == project.id
    assert made["deployment"]["name"] == station.name
    assert made["job_type"] == {"name": "Shift the clock", "key": "shift_clock"}
    assert work(jobs, queue) == 1
    status, done = jobs.get(f"/jobs/{made['id']}")
    assert (status, done["status"], done["progress"]["summary"]["status_label"]) == (
        200,
        "SUCCESS",
        "100% complete",
    )
    [stage] = done["progress"]["stages"]
    assert (stage["key"], stage["status"], stage["progress"]) == ("clock", "SUCCESS", 1)
    assert stage["params"][0] == {"name": "Shifted", "key": "shifted", "value": 1}
    assert done["result"] == {"shifted": 1, "skipped": 0, "refused": 0}
    assert done["params"] == {"seconds": 60, "start": None, "end": None}
    assert done["started_at"] <= done["heartbeat"] <= done["finished_at"]
    assert (done["rate"] is not None, done["remaining_seconds"]) == (True, None)
    assert done["logs"]["stdout"][0].endswith("INFO Finished.")

    status, undoing = jobs.send("POST", f"/jobs/{made['id']}/undo", {})
    assert (status, undoing["undoes"], undoing["job_type"]["key"]) == (201, made["id"], "unshift_clock")
    assert jobs.send("POST", f"/jobs/{made['id']}/undo", {})[0] == 409
    work(jobs, queue)
    assert jobs.get(f"/jobs/{undoing['id']}")[1]["result"] == {"restored": 1, "refused": 0}
    assert jobs.get(f"/jobs/{made['id']}")[1]["undone_by"] == undoing["id"]


def test_a_job_is_made_run_cancelled_and_retried(jobs: Api, queue: str) -> None:
    _, station = a_station()
    made = jobs.send("POST", "/jobs", a_shift(station))[1]
    path = f"/jobs/{made['id']}"
    assert made["status"] == "CREATED"
    assert work(jobs, queue) == 0
    assert jobs.send("POST", f"{path}/run", {})[1]["status"] == "PENDING"
    assert jobs.send("POST", f"{path}/run", {})[0] == 409
    assert jobs.send("POST", f"{path}/retry", {"resume": True})[0] == 409
    assert jobs.send("POST", f"{path}/cancel", {})[1]["status"] == "REVOKED"
    assert jobs.send("POST", f"{path}/cancel", {})[0] == 409
    assert jobs.send("POST", f"{path}/retry", {"resume": False})[1]["status"] == "RETRY"
    work(jobs, queue)
    assert jobs.get(path)[1]["status"] == "SUCCESS"
    assert jobs.send("POST", f"{path}/retry", {})[0] == 409


def test_what_cannot_be_started_says_why(jobs: Api) -> None:
    project, station = a_station()
    _, elsewhere = a_station()
    refused = [
        (a_shift(station, job_type_key="unshift_clock"), 403),
        (a_shift(station, job_type_key="unheard_of"), 400),
        (a_shift(station, params={"seconds": 0}), 400),
        (a_shift(station, params={"seconds": 1, "colour": "red"}), 400),
        (a_shift(station, deployment_id=None), 400),
        (a_shift(station, deployment_id="nonsense"), 404),
        (a_shift(station, deployment_id=elsewhere.id), 404),
        (a_shift(station, project_id="paaaaaaaaaa"), 404),
        (a_shift(station, colour="red"), 400),
    ]
    for body, status in refused:
        assert jobs.send("POST", "/jobs", body)[0] == status, body
    assert jobs.get(f"/jobs?project_id={project.id}")[1]["count"] == 0


def test_jobs_are_listed_newest_first_page_by_page_and_by_what_they_are(jobs: Api) -> None:
    desk, (project, station) = Desk(), a_station()
    other = a_deployment(project)
    made = []
    for number in range(7):
        desk.ahead += timedelta(seconds=1)
        place = (station, other)[number % 2]
        config = {"seconds": 60}
        made.append(
            desk.start(project, type_key="shift_clock", deployment_id=place.id, config=config, now=False).id
        )
    desk.jobs.cancel(made[0])
    desk.jobs.cancel(made[5])
    made.reverse()
    path = f"/jobs?project_id={project.id}"

    def ids(query: str) -> list[str]:
        return [each["id"] for each in jobs.get(path + query)[1]["results"]]

    assert ids("") == made
    found: list[str] = []
    link: str | None = f"{path}&limit=3"
    while link:
        answer = jobs.get(link.removeprefix("http://nightjar.test/api/v2"))[1]
        assert answer["count"] == 7
        found += [each["id"] for each in answer["results"]]
        link = answer["next"]
    assert found == made
    assert ids("&status=REVOKED") == [made[1], made[6]]
    assert ids(f"&deployment={station.id}") == made[0::2]
    assert ids(f"&deployment={other.id}&status=REVOKED") == [made[1]]
    assert ids("&job_type_key=unshift_clock") == []
    assert ids("&status=CREATED&limit=2") == [made[0], made[2]]
    link = jobs.get(f"{path}&status=CREATED&limit=2")[1]["next"]
    rest = jobs.get(link.removeprefix("http://nightjar.test/api/v2"))[1]
    assert [each["id"] for each in rest["results"]] == [made[3], made[4]]
    assert jobs.get(f"{path}&status=DONE")[0] == 400
    assert jobs.get(f"{path}&cursor=bm9uc2Vuc2U")[0] == 400
    assert jobs.get("/jobs")[0] == 400
    assert "logs" not in answer["results"][0]


def test_what_a_list_and_a_job_cost(real_table: str, api: Api, queue: str) -> None:
    desk, (project, station) = Desk(), a_station()
    for _ in range(30):
        desk.start(project, type_key="pieces", deployment_id=station.id)
    job = desk.start(project)
    for number in range(30):
        logs.add(job.id, Line(desk.jobs.now(), "INFO", f"line {number}"))
    path = f"/jobs?project_id={project.id}"
    for query, cost in (
        ("", {"Query": 2, "BatchGetItem": 2}),
        ("&limit=2", {"Query": 2, "BatchGetItem": 2}),
        ("&status=PENDING&limit=5", {"Query": 1, "BatchGetItem": 2}),
        (f"&deployment={station.id}", {"Query": 1, "BatchGetItem": 2}),
    ):
        with Meter() as meter:
            assert api.get(path + query)[0] == 200
        assert dict(meter.requests) == cost, query
    with Meter() as meter:
        api.get(f"/jobs/{job.id}?logs_limit=30")
    assert dict(meter.requests) == {"GetItem": 1, "BatchGetItem": 1, "Query": 1}


def test_logs_are_as_many_as_asked_for_and_the_newest_first(jobs: Api) -> None:
    desk, (project, _) = Desk(), a_station()
    job = desk.start(project)
    for number in range(120):
        desk.ahead += timedelta(milliseconds=1)
        logs.add(job.id, desk.jobs.line("ERROR" if number == 119 else "INFO", f"line {number}"))
    told = jobs.get(f"/jobs/{job.id}")[1]["logs"]
    assert (len(told["stdout"]), told["stderr"]) == (100, ["line 119"])
    assert told["stdout"][0].endswith("] ERROR line 119")
    assert len(jobs.get(f"/jobs/{job.id}?logs_limit=5000")[1]["logs"]["stdout"]) == 120
    for limit in ("abc", "0", "-1", "5001"):
        assert jobs.get(f"/jobs/{job.id}?logs_limit={limit}")[0] == 400


def test_who_may_not_see_a_project_learns_nothing_of_its_jobs(jobs: Api, queue: str) -> None:
    project, station = a_station(draft=True)
    made = jobs.send("POST", "/jobs", a_shift(station))[1]
    path = f"/jobs/{made['id']}"
    assert jobs.get(path, **AUTHORISED)[0] == 200
    status, told = jobs.get(path)
    assert (status, told) == (404, jobs.get("/jobs/jaaaaaaaaaa")[1] | {"detail": told["detail"]})
    assert jobs.get(f"/jobs?project_id={project.id}")[0] == 404
    assert jobs.get("/jobs/nonsense")[0] == 404
    assert jobs.send("POST", "/jobs", a_shift(station), headers={"X": "y"})[0] == 401
    for what in ("run", "cancel", "retry", "undo"):
        assert jobs.send("POST", f"{path}/{what}", {}, headers={"X": "y"})[0] == 401
    seen = projects.find(project.id)
    assert seen.draft


def test_the_watch_sends_again_what_was_lost(jobs: Api, queue: str) -> None:
    _, station = a_station()
    long_ago = Desk(ahead=-timedelta(minutes=10))
    place = {"type_key": "shift_clock", "deployment_id": station.id, "config": {"seconds": 60}}
    job = long_ago.start(projects.find(station.project_id), **place)
    wiring.working().overdue()
    assert [json.loads(each.body) for each in queues.receive(queue)] == [{"job": job.id, "step": 0}]


def test_a_step_takes_two_thirds_of_the_time_that_is_left_and_at_least_a_piece(jobs: Api, queue: str) -> None:
    _, station = a_station()
    add_captures(station, [EVENING, EVENING + timedelta(hours=1), EVENING + timedelta(hours=2)])
    path = f"/jobs/{jobs.send('POST', '/jobs', a_shift(station, start_now=True))[1]['id']}"
    [message] = queues.receive(queue)
    wiring.step(message.body, seconds_left=0)
    assert jobs.get(path)[1]["progress"]["stages"][0]["params"][0]["value"] == 1
    [message] = queues.receive(queue)
    wiring.step(message.body, seconds_left=3)
    assert jobs.get(path)[1]["status"] == "SUCCESS"


class TestShiftClock:
    def test_it_is_started_by_seconds_or_by_what_the_clock_showed(self, jobs: Api, queue: str) -> None:
        project, station = a_station()
        path = f"/deployments/{station.id}/shift-clock"
        status, told = jobs.send("POST", path, {"seconds": -3600})
        assert (status, told["seconds"], told["project_id"], told["deployment_id"]) == (
            202,
            -3600,
            project.id,
            station.id,
        )
        assert jobs.send("POST", path, {"seconds": 60})[0] == 409
        work(jobs, queue)
        status, told = jobs.send("POST", path, {"from": "2000-01-01T00:10:00", "to": "2026-06-09T22:10:00"})
        seconds = int((datetime(2026, 6, 9, 22, 10) - datetime(2000, 1, 1, 0, 10)).total_seconds())
        assert (status, told["seconds"]) == (202, seconds)
        assert jobs.get(f"/jobs/{told['job_id']}")[1]["params"]["seconds"] == seconds

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"seconds": 0},
            {"seconds": 51 * 366 * 86400},
            {"seconds": -51 * 366 * 86400},
            {"seconds": 1.5},
            {"seconds": "60"},
            {"seconds": True},
            {"seconds": 10**30},
            {"from": "2026-06-09T21:00:00"},
            {"from": "2026-06-09T21:00:00", "to": "2026-06-09T21:00:00"},
            {"from": "2026-06-09T21:00:00Z", "to": "2026-06-09T22:00:00Z"},
            {"from": "0001-01-01T00:00:00", "to": "9999-12-31T23:59:59"},
            {"seconds": 60, "from": "2026-06-09T21:00:00", "to": "2026-06-09T22:00:00"},
            {"seconds": 60, "scope": {"start": "2026-06-09T21:00:00Z"}},
            {"seconds": 60, "scope": {"start": "2026-06-10T00:00:00", "end": "2026-06-09T00:00:00"}},
            {"seconds": 60, "scope": {"colour": "red"}},
            {"seconds": 60, "colour": "red"},
        ],
    )
    def test_what_makes_no_sense_is_refused(self, real_table: str, api: Api, queue: str, body: Any) -> None:
        _, station = a_station()
        status, told = api.send("POST", f"/deployments/{station.id}/shift-clock", body)
        assert (status, list(told)) == (400, ["detail", "fields"])

    def test_of_a_deployment_that_is_there_and_with_a_token(self, jobs: Api) -> None:
        _, station = a_station()
        path = f"/deployments/{station.id}/shift-clock"
        assert jobs.send("POST", path, {"seconds": 60}, headers={"X": "y"})[0] == 401
        assert jobs.send("POST", "/deployments/daaaaaaaaaa/shift-clock", {"seconds": 60})[0] == 404
