"""The verbs of deployments: make, find, change, move."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.deployments import store
from chalicelib.deployments.rules import Deployment, Inherited
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.projects import tallies
from chalicelib.projects.rules import Project
from chalicelib.sources import service as sources
from chalicelib.sources import using


def make(project: Project, deployment: Deployment) -> Deployment:
    """Makes a deployment, and opens its tally in the project. One transaction of two rows, or of three with
    that of its data source, which is read before.

    `deployment` comes without what it inherits. Should the project change at this very moment, settling
    the project mends the copy. Raises Invalid if the data source is none of this project.
    """
    _check_source(deployment)
    inherited = Inherited(project.draft, project.rule_settings, project.duplicates, project.filters)
    deployment = replace(deployment, inherited=inherited)

    def write_all() -> None:
        with table.transaction() as write:
            store.add(write, deployment)
            tallies.add(write, project.id, deployment.id, inherited)
            if deployment.data_source:
                using.begin(write, deployment.data_source, project.id)

    if not table.accepted(write_all):
        raise Conflict("The data source has been deleted meanwhile.")
    return deployment


def find(deployment_id: str, *, consistent: bool = False) -> Deployment:
    """The deployment of that id. Raises NotFound."""
    deployment = store.get(ids.check("deployment", deployment_id), consistent=consistent)
    if deployment is None:
        raise NotFound(f"There is no deployment with the id {deployment_id!r}.")
    return deployment


def move(before: Deployment, deployment: Deployment, now: datetime) -> Deployment:
    """As `change`, for one that also changes its data source: one transaction of at most three rows, and
    two reads. Raises Invalid if the new one is none of its project, Conflict if anything has changed since
    `before` was read."""
    _check_source(deployment)

    def write_all() -> None:
        with table.transaction() as write:
            store.move(write, replace(deployment, updated_at=now), before.updated_at)
            if before.data_source:
                using.end(write, before.data_source)
            if deployment.data_source:
                using.begin(write, deployment.data_source, deployment.project_id)

    if not table.accepted(write_all):
        raise Conflict("Someone else has changed the deployment or the data source meanwhile.")
    return find(deployment.id, consistent=True)


def _check_source(deployment: Deployment) -> None:
    if deployment.data_source is None:
        return
    try:
        fits = sources.find(deployment.data_source).project_id == deployment.project_id
    except NotFound:
        fits = False
    if not fits:  # one of another project is told of as one that does not exist
        raise Invalid("There is no such data source in the project.", {"data_source": "none of this project"})


def find_in(project_id: str, deployment_id: str) -> Deployment:
    """The deployment of that id, if it is the project's. Raises NotFound."""
    deployment = find(deployment_id)
    if deployment.project_id != project_id:
        raise NotFound(f"There is no deployment with the id {deployment.id!r} in this project.")
    return deployment


def of_project(project_id: str) -> Iterator[Deployment]:
    """All of a project's deployments, by name. Two requests per hundred."""
    return table.walked(partial(store.listed, project_id))


def note_sync(deployment_id: str, files: int, size: int, now: datetime) -> None:
    """Notes how many photographs, and bytes, a sync found in a deployment's data source. One request."""
    store.note_sync(deployment_id, files, size, now)


def change(deployment: Deployment, seen_at: datetime, now: datetime) -> Deployment:
    """Writes a changed deployment, unless it changed since `seen_at`. Its data source stays: see `move`.

    A changed rule is noticed in the stream, which has the deployment regrouped.
    """
    return store.update(replace(deployment, updated_at=now), seen_at)
