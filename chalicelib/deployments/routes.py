"""Deployments over HTTP."""

import re

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.deployments import service, store
from chalicelib.deployments.asked import seen
from chalicelib.deployments.rules import Deployment
from chalicelib.deployments.schemas import DeploymentAnswer, DeploymentChange, DeploymentMake
from chalicelib.http import paging
from chalicelib.http.routing import Ask, Route
from chalicelib.projects import service as projects

_CURSOR = re.compile(r"DEPLOYMENT#.{0,400}#d[a-z2-7]{10}", re.DOTALL)


def make(ask: Ask) -> DeploymentAnswer:
    """POST: makes a deployment in a project."""
    body: DeploymentMake = ask.body
    project = projects.find(body.project_id)
    now = clock.now()
    deployment = Deployment(id=ids.new_deployment_id(), created_at=now, updated_at=now, **body.model_dump())
    return DeploymentAnswer.of(service.make(project, deployment), ask)


def listed(ask: Ask) -> dict[str, object]:
    """GET: the deployments of a project, by name."""
    project = projects.find(ask.required("project_id"))
    ask.principal.must_see(f"project with the id {project.id!r}", draft=project.draft)
    found, position = store.listed(project.id, paging.limit_of(ask), paging.cursor_of(ask, _CURSOR))
    results = [DeploymentAnswer.of(each, ask) for each in found]
    return paging.page(ask, "/deployments", results, project.deployments_count, position)


def detail(ask: Ask) -> DeploymentAnswer:
    """GET: one deployment."""
    return DeploymentAnswer.of(seen(ask, consistent=True), ask)


def change(ask: Ask) -> DeploymentAnswer:
    """PATCH: changes what is sent and nothing else."""
    body: DeploymentChange = ask.body
    deployment = seen(ask, consistent=True)
    changed = body.applied_to(deployment)
    if changed.data_source == deployment.data_source:
        return DeploymentAnswer.of(service.change(changed, deployment.updated_at, clock.now()), ask)
    return DeploymentAnswer.of(service.move(deployment, changed, clock.now()), ask)


ROUTES = (
    Route("GET", "/api/v2/deployments", listed),
    Route("POST", "/api/v2/deployments", make, body=DeploymentMake, status=201, open=False),
    Route("GET", "/api/v2/deployments/{deployment_id}", detail),
    Route("PATCH", "/api/v2/deployments/{deployment_id}", change, body=DeploymentChange, open=False),
)
