"""Reading projects together with other rows, in one request."""

from collections.abc import Mapping
from typing import Any

from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.projects import store
from chalicelib.projects.rules import Project


def wanted(project_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads a project by."""
    return store.ProjectRow, keys.project(project_id)


def among(found: Mapping[keys.Key, Any], project_id: str) -> Project | None:
    """The project among the rows of `table.get_many`, if it is there."""
    row = found.get(keys.project(project_id))
    return store.project_of(row) if row else None
