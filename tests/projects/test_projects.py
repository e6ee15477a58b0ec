"""What deployments take over from their project, in a real table."""

from dataclasses import replace

import pytest
from meter import Meter
from world import World, a_deployment, a_project

from chalicelib.aws import clock, keys
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Inherited
from chalicelib.projects import service as projects
from chalicelib.projects import store
from chalicelib.projects.rules import Duplicates, Project
from chalicelib.projects.store import ProjectRow
from chalicelib.projects.tallies import TallyRow
from localstack.embedded.engines import Engine


def change(project: Project, **settings: object) -> Project:
    seen = projects.find(project.id)
    return projects.change(replace(seen, **settings), seen.updated_at, clock.now())  # type: ignore[arg-type]


def test_a_new_deployment_takes_over_what_becomes_of_duplicates(table: str) -> None:
    project = a_project(duplicates="hide")
    assert projects.find(project.id).duplicates == "hide"
    deployment = a_deployment(project)
    assert deployments.find(deployment.id, consistent=True).inherited == Inherited(duplicates="hide")


@pytest.mark.parametrize("duplicates", ["hide", "keep"])
def test_a_change_has_reached_every_deployment_when_it_is_answered(
    table: str, duplicates: Duplicates
) -> None:
    project = a_project()
    several = [a_deployment(project, name=str(number)) for number in range(3)]
    change(project, duplicates=duplicates)
    for deployment in several:
        assert deployments.find(deployment.id, consistent=True).inherited.duplicates == duplicates


def test_a_change_that_was_cut_off_before_it_was_spread_is_spread_by_settling(
    table: str, engine: Engine
) -> None:
    world, project = World(engine.url), a_project()
    deployment = a_deployment(project)
    seen = projects.find(project.id)
    store.update(replace(seen, duplicates="hide", updated_at=clock.now()), seen.updated_at)
    assert deployments.find(deployment.id, consistent=True).inherited.duplicates == "flag"
    world.drain()
    assert deployments.find(deployment.id, consistent=True).inherited.duplicates == "hide"


def test_rows_of_before_this_setting_mean_its_default_and_are_not_written_again(table: str) -> None:
    project = a_project()
    deployment = a_deployment(project)
    ProjectRow(*keys.project(project.id)).update(actions=[ProjectRow.duplicates.remove()])
    TallyRow(*keys.tally(project.id, deployment.id)).update(actions=[TallyRow.duplicates.remove()])
    assert projects.find(project.id).duplicates == "flag"
    with Meter() as meter:
        change(project, name="Beetles")
    assert dict(meter.requests) == {"GetItem": 1, "UpdateItem": 1, "Query": 1}
