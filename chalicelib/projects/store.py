"""Projects in the table."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, ruled, table
from chalicelib.aws.counted import CountedRow, counts_of
from chalicelib.aws.lease import SettledRow
from chalicelib.aws.ruled import RuledRow
from chalicelib.aws.table import Instant
from chalicelib.errors import Conflict
from chalicelib.findings.rules import Filters
from chalicelib.projects.rules import Project


class ProjectRow(SettledRow, CountedRow, RuledRow):
    """A project, its counts, and the lease of who counts."""

    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    draft = BooleanAttribute(default=False)
    duplicates = UnicodeAttribute(default="flag")
    filters = UnicodeAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()
    deployments_count = NumberAttribute(default=0)


def add(project: Project) -> None:
    """Writes a new project. One request."""
    ProjectRow(
        *keys.project(project.id),
        owner=keys.PROJECTS,
        rank=keys.project_rank(project.name, project.id, draft=project.draft),
        name=project.name,
        description=project.description or None,
        draft=project.draft,
        **ruled.values_of(project.rule_settings),
        duplicates=project.duplicates,
        filters=project.filters.text(),
        created_at=project.created_at,
        updated_at=project.updated_at,
    ).save(ProjectRow.pk.does_not_exist())


def get(project_id: str, *, consistent: bool = False) -> Project | None:
    """The project of that id, or None. One request."""
    row = table.get(ProjectRow, keys.project(project_id), consistent=consistent)
    return project_of(row) if row else None


def update(project: Project, seen_at: datetime) -> Project:
    """Writes what people may change of a project; counts are left alone. One request.

    Raises Conflict if it is no longer as it was when `updated_at` was `seen_at`.
    """
    row = ProjectRow(*keys.project(project.id))
    actions: list[Action] = [
        ProjectRow.name.set(project.name),
        ProjectRow.rank.set(keys.project_rank(project.name, project.id, draft=project.draft)),
        table.put_or_drop(ProjectRow.description, project.description or None),
        ProjectRow.draft.set(project.draft),
        *ruled.setting(ProjectRow, project.rule_settings),
        ProjectRow.duplicates.set(project.duplicates),
        ProjectRow.filters.set(project.filters.text()),
        ProjectRow.updated_at.set(project.updated_at),
    ]
    if not table.accepted(lambda: row.update(actions=actions, condition=ProjectRow.updated_at == seen_at)):
        raise Conflict("Someone else has changed the project meanwhile; look at it again.")
    return project_of(row)


def note_taxonomy(project: Project, taxonomy: str) -> None:
    """Notes with a project's filters since when the taxonomy is as it is, unless they have changed: who
    changed them counts anew anyway. One request."""
    row, after = ProjectRow(*keys.project(project.id)), replace(project.filters, taxonomy=taxonomy)
    same = ProjectRow.filters == project.filters.text()
    actions: list[Action] = [ProjectRow.filters.set(after.text())]
    table.accepted(lambda: row.update(actions=actions, condition=same))


def unchanged(write: TransactWrite, project: Project) -> None:
    """Lets a transaction fail if the project is no longer as it was read."""
    pk, sk = keys.project(project.id)
    write.condition_check(ProjectRow, pk, sk, condition=ProjectRow.updated_at == project.updated_at)


def listed(limit: int, after: str | None, *, drafts: bool) -> tuple[list[Project], str | None]:
    """A page of the projects by name, and the position it ended at. Two requests.

    Drafts lie apart in the list, so that leaving them out needs no looking at them; but the list is a moment
    behind the rows.
    """
    found, position = table.page_of_rows(
        ProjectRow,
        keys.PROJECTS,
        None if drafts else keys.PUBLIC,
        limit,
        after,
        key_of=lambda rank: keys.project(rank.rpartition("#")[2]),
        value_of=project_of,
    )
    return [each for each in found if drafts or not each.draft], position


def count(*, drafts: bool) -> int | None:
    """How many projects there are, if that is not too many to count. One request."""
    return table.count(ProjectRow, keys.PROJECTS, None if drafts else keys.PUBLIC)


def project_of(row: Any) -> Project:
    """The project a row holds."""
    return Project(
        id=row.pk.removeprefix("PROJECT#"),
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        description=row.description or "",
        draft=bool(row.draft),
        session_time_gap_seconds=table.integer(row.session_time_gap_seconds),
        session_max_duration_seconds=table.integer(row.session_max_duration_seconds),
        session_cut_time=row.session_cut_time,
        duplicates=row.duplicates or "flag",
        filters=Filters.of(row.filters),
        deployments_count=int(row.deployments_count or 0),
        counts=counts_of(row),
    )
