"""The verbs of deployments: make, find, change."""

from dataclasses import replace
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.deployments import store
from chalicelib.deployments.rules import Deployment, Inherited
from chalicelib.errors import NotFound
from chalicelib.projects import tallies
from chalicelib.projects.rules import Project


def make(project: Project, deployment: Deployment) -> Deployment:
    """Makes a deployment, and opens its tally in the project. One transaction of two rows.

    `deployment` comes without what it inherits. Should the project change at this very moment, settling
    the project mends the copy.
    """
    inherited = Inherited(project.draft, project.rule_settings, project.duplicates)
    deployment = replace(deployment, inherited=inherited)
    with table.transaction() as write:
        store.add(write, deployment)
        tallies.add(write, project.id, deployment.id, inherited)
    return deployment


def find(deployment_id: str, *, consistent: bool = False) -> Deployment:
    """The deployment of that id. Raises NotFound."""
    deployment = store.get(ids.check("deployment", deployment_id), consistent=consistent)
    if deployment is None:
        raise NotFound(f"There is no deployment with the id {deployment_id!r}.")
    return deployment


def change(deployment: Deployment, seen_at: datetime, now: datetime) -> Deployment:
    """Writes a changed deployment, unless it changed since `seen_at`.

    A changed rule is noticed in the stream, which has the deployment regrouped.
    """
    return store.update(replace(deployment, updated_at=now), seen_at)
