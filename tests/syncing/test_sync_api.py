"""Syncing over HTTP: what is asked for, what is refused, and what is answered."""

from typing import Any

import pytest
from api import TOKEN
from foreign import KEY_ID, SECRET, MakeSource
from station import NIGHT, Station
from world import a_deployment

from chalicelib.jobs import store as jobs
from chalicelib.projects.rules import Project
from chalicelib.syncing.job import KEY
from localstack.embedded.engines import Engine

pytestmark = pytest.mark.usefixtures("queue")


def sync(station: Station, body: Any = None, deployment_id: str | None = None) -> tuple[int, Any]:
    path = f"/deployments/{deployment_id or station.deployment.id}/sync"
    return station.api.send("POST", path, {} if body is None else body)


def test_it_is_a_job_and_only_one_at_a_time(station: Station) -> None:
    status, answer = sync(station)
    assert status == 202
    job = jobs.get(answer["job_id"])
    assert job
    assert (job.type_key, job.deployment_id, job.status) == (KEY, station.deployment.id, "PENDING")
    status, refused = sync(station)
    assert (status, answer["job_id"] in refused["detail"]) == (409, True)


def test_a_deployment_without_a_data_source_is_refused(station: Station, project: Project) -> None:
    bare = a_deployment(project, name="Bare")
    status, answer = sync(station, deployment_id=bare.id)
    assert status == 400
    assert answer["detail"] == "Deployment must have a data source to sync captures from"
    body = {"job_type_key": KEY, "project_id": project.id, "deployment_id": bare.id, "start_now": True}
    status, made = station.api.send("POST", "/jobs", body)
    assert status == 201
    station.desk.queue.append({"job": made["id"], "step": 0})
    station.desk.drain()
    assert station.desk.job(made["id"]).status == "FAILURE"


@pytest.mark.parametrize("body", [{"missing": "lose"}, {"missing": None}, {"more": 1}, []])
def test_what_it_does_not_know_it_refuses(station: Station, body: Any) -> None:
    assert sync(station, body)[0] == 400


def test_all_of_a_project(station: Station, project: Project, make: MakeSource, moto_server: Engine) -> None:
    a_deployment(project, name="Bare")
    source = make(endpoint_url=moto_server.url, access_key=KEY_ID, secret_key=SECRET)
    other = a_deployment(project, name="Other", data_source=source["id"])
    sync(station)
    status, answer = station.api.send("POST", f"/deployments/sync-all?project_id={project.id}", {})
    assert status == 202
    assert (answer["queued"], len(answer["job_ids"])) == (1, 1)
    assert answer["running"] == [station.deployment.id]
    job = jobs.get(answer["job_ids"][0])
    assert job
    assert job.deployment_id == other.id
    assert station.api.send("POST", "/deployments/sync-all", {})[0] == 400
    assert station.api.send("POST", "/deployments/sync-all?project_id=p22222222222", {})[0] == 404


def test_it_takes_a_token(station: Station, project: Project) -> None:
    nobody = {"Host": "nightjar.test"}
    for path in (
        f"/deployments/{station.deployment.id}/sync",
        f"/deployments/sync-all?project_id={project.id}",
    ):
        assert station.api.send("POST", f"/deployments/{path}", {}, headers=nobody)[0] in (401, 403)
    assert station.api.get("/jobs/j2222222222/report")[0] == 401


def test_the_list_tells_what_is_connected(station: Station, project: Project) -> None:
    a_deployment(project, name="Bare")
    _, answer = station.api.get(f"/deployments?project_id={project.id}")
    assert {each["name"]: each["data_source_connected"] for each in answer["results"]} == {
        "Bare": False,
        "Forest edge": True,
    }


def test_a_deployment_tells_of_its_last_sync(station: Station) -> None:
    station.put(*NIGHT)
    station.sync()
    _, answer = station.api.get(f"/deployments/{station.deployment.id}")
    assert answer["data_source_total_files"] == 6
    assert answer["data_source_total_size"] == 72
    assert answer["data_source_last_checked"]
    assert answer["data_source"] is None


def test_there_is_no_report_before_the_listing_has_ended(station: Station) -> None:
    job = station.start()
    status, answer = station.api.get(f"/jobs/{job.id}/report", Authorization=f"Token {TOKEN}")
    assert (status, "not yet" in answer["detail"]) == (404, True)
