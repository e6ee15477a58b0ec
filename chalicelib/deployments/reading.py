"""Reading deployments together with other rows, in one request."""

from collections.abc import Mapping
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.deployments import store
from chalicelib.deployments.rules import Deployment


def wanted(deployment_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads a deployment by."""
    return store.DeploymentRow, keys.deployment(deployment_id)


def among(found: Mapping[keys.Key, Any], deployment_id: str) -> Deployment | None:
    """The deployment among the rows of `table.get_many`, if it is there."""
    row = found.get(keys.deployment(deployment_id))
    return store.deployment_of(row) if row else None


def writings(found: Mapping[keys.Key, Any], deployment_id: str) -> int:
    """How often a deployment was settled with something to write; 0 if it is not there."""
    row = found.get(keys.deployment(deployment_id))
    return int(row.settled or 0) if row else 0
