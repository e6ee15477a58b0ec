"""Hiding a project's duplicates, and showing them again, when its setting changes."""

from dataclasses import replace
from typing import Any

import pytest
from api import Api
from bucket import Bucket, capture_in, ingest, photograph
from desk import Desk
from world import World, a_deployment, a_project, standing

from chalicelib.deployments import service as deployments
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import TYPES
from chalicelib.projects.rules import Project
from localstack.embedded.engines import Engine

NAMES = [f"{n:02}_20260609_2130{n:02}.jpg" for n in range(7)]


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.jobs = replace(made.jobs, types=TYPES)
    made.working = replace(made.working, jobs=made.jobs)
    return made


def applied(desk: Desk, project: Project) -> dict[str, Any]:
    """What the job says it did."""
    job = desk.jobs.start(Start("apply_duplicates", project.id, None, {}))
    desk.drain()
    done = desk.job(job.id)
    assert done.status == "SUCCESS"
    return {param.key: param.value for param in done.stages[0].params}


def test_a_changed_setting_hides_and_shows_what_is_there(
    real_table: str, s3: Any, api: Api, dynamodb_local: Engine, desk: Desk
) -> None:
    world, project = World(dynamodb_local.url), a_project()
    bucket = Bucket(s3, a_deployment(project))
    ingest(*(bucket.put(name, photograph(shade=20 * (number % 2))) for number, name in enumerate(NAMES)))
    world.drain()

    def counted() -> tuple[int, int]:
        world.drain()
        counts = deployments.find(bucket.deployment.id, consistent=True).counts
        return counts.captures_count, sum(each.captures_count for each in standing(bucket.deployment))

    assert counted() == (7, 7)
    for setting, told, count in (("hide", 5, 2), ("hide", 0, 2), ("keep", 5, 7), ("flag", 0, 7)):
        status, _ = api.send("PATCH", f"/projects/{project.id}", {"duplicates": setting})
        assert status == 200
        jobs = api.get(f"/jobs?project_id={project.id}")[1]["results"]
        assert jobs[0]["job_type"]["key"] == "apply_duplicates"
        assert sum(applied(desk, project).values()) == told
        assert counted() == (count, count)
        seen = api.get(f"/captures/{capture_in(bucket.deployment, NAMES[2]).id}")[1]
        assert seen["hidden"] == (setting == "hide")
        assert (seen["duplicate_of"] is None) == (setting == "keep")
        assert seen["timestamp"] == "2026-06-09T21:30:02"


def test_what_comes_after_a_change_is_hidden_at_once(real_table: str, s3: Any, api: Api) -> None:
    project = a_project()
    bucket = Bucket(s3, a_deployment(project))
    api.send("PATCH", f"/projects/{project.id}", {"duplicates": "hide"})
    ingest(*(bucket.put(name, photograph()) for name in NAMES[:2]))
    assert capture_in(bucket.deployment, NAMES[1]).hidden


def test_it_goes_on_where_it_was_cut_off(real_table: str, s3: Any, desk: Desk, monkeypatch: Any) -> None:
    from chalicelib.captures import copies

    monkeypatch.setattr(copies, "_PAGE", 2)
    desk.pieces = 1
    project = a_project()
    bucket = Bucket(s3, a_deployment(project))
    ingest(*(bucket.put(name, photograph()) for name in NAMES))
    from chalicelib.aws import clock
    from chalicelib.projects import service as projects

    projects.change(replace(project, duplicates="hide"), project.updated_at, clock.now())
    assert applied(desk, project) == {"hidden": 6, "shown": 0}
    assert [capture_in(bucket.deployment, name).hidden for name in NAMES] == [False] + [True] * 6
