"""Post-processing over HTTP."""

from collections.abc import Iterator
from typing import Any

import pytest
from api import Api
from lab import LABELS, Lab, list_of
from study import CLASSIFIER, Study, box
from world import a_deployment, a_project

from chalicelib import ids, wiring
from chalicelib.jobs.listing import page
from localstack.embedded.engines import Engine


@pytest.fixture
def lab(table: str, engine: Engine, s3: Any, queue: str) -> Iterator[Lab]:
    return Lab(Study(engine.url))


def run(api: Api, *scopes: dict[str, str], **more: Any) -> tuple[int, Any]:
    body = {"task": "small_size_filter", "config": {}, "scopes": list(scopes), **more}
    return api.send("POST", "/postprocessing/run", body)


def started(lab: Lab) -> int:
    return len(page(lab.study.project.id, {}, 100, None).jobs)


def test_tasks_tell_what_they_can_be_told(api: Api) -> None:
    status, told = api.get("/postprocessing/tasks")
    assert status == 200
    keys = ["class_masking", "rank_rollup", "repeat_detection", "score_threshold", "small_size_filter"]
    assert [each["key"] for each in told["results"]] == keys
    filtering = told["results"][-1]
    assert filtering["config_schema"]["properties"]["threshold"]["default"] == 0.0008
    assert filtering["config_schema"]["additionalProperties"] is False
    assert len(filtering["scopes"]) == 4
    assert "occurrence_id" not in told["results"][2]["scopes"]
    assert all(each["description"] for each in told["results"])


def test_a_run_of_several_scopes_is_several_jobs_or_none(api: Api, lab: Lab) -> None:
    lab.study.say(lab.study.captures[0], box(0))
    stations = [{"deployment_id": each.id} for each in lab.study.deployments]
    status, told = run(api, *stations, config={"threshold": 0.01})
    assert (status, len(told["jobs"])) == (202, 2)
    first = told["jobs"][0]
    assert first["params"]["config"] == {"threshold": 0.01}
    assert first["params"]["scope"]["deployment_id"] == stations[0]["deployment_id"]
    assert first["job_type"]["key"] == "post_processing"
    assert first["deployment"]["id"] == stations[0]["deployment_id"]
    occurrence = {"occurrence_id": lab.study.boxes(lab.study.captures[0])[0]}
    status, refused = run(api, occurrence, stations[1])
    assert (status, started(lab)) == (409, 2)
    assert "has to wait" in refused["detail"]
    for job in told["jobs"]:
        for step in range(4):
            wiring.working().step(job["id"], step, lambda: False)
        assert api.get(f"/jobs/{job['id']}")[1]["status"] == "SUCCESS"
    assert api.get(f"/jobs/{first['id']}")[1]["result"]["detections_flagged"] == 1
    status, undoing = api.send("POST", f"/jobs/{first['id']}/undo", {})
    assert (status, undoing["job_type"]["key"]) == (201, "undo_post_processing")
    assert api.send("POST", f"/jobs/{first['id']}/undo", {})[0] == 409
    status, told = api.send("POST", f"/jobs/{undoing['id']}/undo", {})
    assert (status, set(told["fields"])) == (400, {"job_type_key"})


def test_what_is_wrong_is_named_and_nothing_is_started(api: Api, lab: Lab) -> None:
    station = {"deployment_id": lab.study.deployments[0].id}
    made = lab.study.set_of(lab.study.captures[:1])
    other = a_deployment(a_project())
    draft = a_deployment(a_project(draft=True))
    capture = lab.study.captures[0].id
    wrong: list[tuple[tuple[int, Any], int, set[str]]] = [
        (run(api, station, task="nothing"), 400, {"task"}),
        (run(api, station, config={"threshold": 2.0}), 400, {"config.threshold"}),
        (run(api, station, config={"treshold": 0.1}), 400, {"config.treshold"}),
        (run(api, station, config={"threshold": "many"}), 400, {"config.threshold"}),
        (run(api), 400, {"scopes"}),
        (run(api, *[station] * 51), 400, {"scopes"}),
        (run(api, station, {}), 400, {"scopes.1"}),
        (run(api, {**station, "event_id": "x"}), 400, {"scopes.0"}),
        (run(api, {"deployment": "x"}), 400, {"scopes.0.deployment"}),
        (run(api, station, station), 400, {"scopes.1"}),
        (run(api, {"occurrence_id": f"{capture}-{'a' * 16}"}, task="repeat_detection"), 400, {"scopes.0"}),
        (run(api, station, {"occurrence_id": f"{capture}-{'a' * 16}"}), 404, set()),
        (run(api, station, {"event_id": f"{lab.study.deployments[0].id}-s{'a' * 10}"}), 404, set()),
        (run(api, {"source_image_collection_id": ids.new_set_id()}), 404, set()),
        (run(api, {"deployment_id": "../x"}), 404, set()),
        (run(api, station, {"deployment_id": other.id}, project_id=lab.study.project.id), 404, set()),
        (run(api, station, masking="x"), 400, {"masking"}),
    ]
    for (status, told), expected, fields in wrong:
        assert (status, set(told.get("fields", {}))) == (expected, fields), told
    lab.vote()
    foreign = list_of(LABELS[0], project_id=other.project_id)
    config = {"taxa_list_id": foreign, "algorithm_id": CLASSIFIER}
    for given, field in (
        (config, "config.taxa_list_id"),
        ({**config, "taxa_list_id": ids.new_taxa_list_id()}, "config.taxa_list_id"),
        ({**config, "taxa_list_id": list_of("Vanessa atalanta")}, "config.taxa_list_id"),
        ({**config, "algorithm_id": "nobody"}, "config.algorithm_id"),
    ):
        status, told = run(api, {"source_image_collection_id": made.id}, task="class_masking", config=given)
        assert (status, set(told["fields"])) == (400, {field})
    assert started(lab) == 0
    assert run(api, {"deployment_id": draft.id})[0] == 202
    anonymous = api.send("POST", "/postprocessing/run", {"task": "x"}, {"Accept": "*/*"})
    assert anonymous[0] == 401
