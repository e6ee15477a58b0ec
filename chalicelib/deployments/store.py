"""Deployments in the table."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, ListAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, ruled, table
from chalicelib.aws.counted import CountedRow, counts_of
from chalicelib.aws.lease import SettledRow
from chalicelib.aws.ruled import RuledRow
from chalicelib.aws.table import Instant
from chalicelib.captures.timestamps import SOURCES
from chalicelib.deployments.rules import Deployment, Inherited
from chalicelib.errors import Conflict
from chalicelib.findings.rules import Filters
from chalicelib.sessions.rules import RuleSettings


class DeploymentRow(SettledRow, CountedRow, RuledRow):
    """A deployment, its counts, and the lease of who settles it.

    `settled` grows by one with every settling that wrote: what was computed from an older state is refused.
    """

    project_id = UnicodeAttribute()
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    latitude = NumberAttribute(null=True)
    longitude = NumberAttribute(null=True)
    timezone = UnicodeAttribute(default="UTC")
    timestamp_sources: ListAttribute[str] = ListAttribute(null=True)
    camera_observes_dst = BooleanAttribute(default=False)
    clock_offset_seconds = NumberAttribute(default=0)
    data_source = UnicodeAttribute(null=True)
    data_source_subdir = UnicodeAttribute(null=True)
    data_source_regex = UnicodeAttribute(null=True)
    data_source_total_files = NumberAttribute(null=True)
    data_source_total_size = NumberAttribute(null=True)
    data_source_last_checked = Instant(null=True)
    draft = BooleanAttribute(default=False)
    inherited_gap_seconds = NumberAttribute(null=True)
    inherited_max_duration_seconds = NumberAttribute(null=True)
    inherited_cut_time = UnicodeAttribute(null=True)
    duplicates = UnicodeAttribute(default="flag")
    inherited_filters = UnicodeAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()


def add(write: TransactWrite, deployment: Deployment) -> None:
    """Writes a new deployment, as a part of a transaction."""
    write.save(
        DeploymentRow(
            *keys.deployment(deployment.id),
            owner=keys.project(deployment.project_id)[0],
            rank=keys.deployment_rank(deployment.name, deployment.id),
            project_id=deployment.project_id,
            name=deployment.name,
            description=deployment.description or None,
            latitude=deployment.latitude,
            longitude=deployment.longitude,
            timezone=deployment.timezone,
            **ruled.values_of(deployment.rule_settings),
            timestamp_sources=list(deployment.timestamp_sources),
            camera_observes_dst=deployment.camera_observes_dst,
            clock_offset_seconds=deployment.clock_offset_seconds,
            data_source=deployment.data_source,
            data_source_subdir=deployment.data_source_subdir,
            data_source_regex=deployment.data_source_regex,
            draft=deployment.inherited.draft,
            inherited_gap_seconds=deployment.inherited.rule.gap_seconds,
            inherited_max_duration_seconds=deployment.inherited.rule.cap_seconds,
            inherited_cut_time=deployment.inherited.rule.cut_time,
            duplicates=deployment.inherited.duplicates,
            inherited_filters=deployment.inherited.filters.text(),
            created_at=deployment.created_at,
            updated_at=deployment.updated_at,
        ),
        condition=DeploymentRow.pk.does_not_exist(),
    )


def get(deployment_id: str, *, consistent: bool = False) -> Deployment | None:
    """The deployment of that id, or None. One request."""
    row = table.get(DeploymentRow, keys.deployment(deployment_id), consistent=consistent)
    return deployment_of(row) if row else None


def update(deployment: Deployment, seen_at: datetime) -> Deployment:
    """Writes what people may change of a deployment, but for its data source; counts are left alone. One
    request.

    Raises Conflict if it is no longer as it was when `updated_at` was `seen_at`.
    """
    row = DeploymentRow(*keys.deployment(deployment.id))
    condition = DeploymentRow.updated_at == seen_at
    if not table.accepted(lambda: row.update(actions=_changes(deployment), condition=condition)):
        raise Conflict("Someone else has changed the deployment meanwhile; look at it again.")
    return deployment_of(row)


def move(write: TransactWrite, deployment: Deployment, seen_at: datetime) -> None:
    """As `update`, with its data source, as a part of a transaction."""
    write.update(
        DeploymentRow(*keys.deployment(deployment.id)),
        actions=[
            *_changes(deployment),
            table.put_or_drop(DeploymentRow.data_source, deployment.data_source),
        ],
        condition=DeploymentRow.updated_at == seen_at,
    )


def note_sync(deployment_id: str, files: int, size: int, now: datetime) -> None:
    """Notes what a sync found in a deployment's data source; nothing if there is no such deployment. One
    request."""
    row = DeploymentRow(*keys.deployment(deployment_id))
    actions: list[Action] = [
        DeploymentRow.data_source_total_files.set(files),
        DeploymentRow.data_source_total_size.set(size),
        DeploymentRow.data_source_last_checked.set(now),
    ]
    table.accepted(lambda: row.update(actions=actions, condition=DeploymentRow.pk.exists()))


def _changes(deployment: Deployment) -> list[Action]:
    optional: tuple[tuple[Any, Any], ...] = (
        (DeploymentRow.description, deployment.description or None),
        (DeploymentRow.latitude, deployment.latitude),
        (DeploymentRow.longitude, deployment.longitude),
        (DeploymentRow.data_source_subdir, deployment.data_source_subdir),
        (DeploymentRow.data_source_regex, deployment.data_source_regex),
    )
    return [
        DeploymentRow.name.set(deployment.name),
        DeploymentRow.rank.set(keys.deployment_rank(deployment.name, deployment.id)),
        DeploymentRow.timezone.set(deployment.timezone),
        DeploymentRow.timestamp_sources.set(list(deployment.timestamp_sources)),
        DeploymentRow.camera_observes_dst.set(deployment.camera_observes_dst),
        DeploymentRow.clock_offset_seconds.set(deployment.clock_offset_seconds),
        DeploymentRow.updated_at.set(deployment.updated_at),
        *(table.put_or_drop(attribute, value) for attribute, value in optional),
        *ruled.setting(DeploymentRow, deployment.rule_settings),
    ]


def listed(project_id: str, limit: int, after: str | None) -> tuple[list[Deployment], str | None]:
    """A page of a project's deployments by name, and the position it ended at. Two requests."""
    return table.page_of_rows(
        DeploymentRow,
        keys.project(project_id)[0],
        keys.DEPLOYMENTS,
        limit,
        after,
        key_of=lambda rank: keys.deployment(rank.rpartition("#")[2]),
        value_of=deployment_of,
    )


def deployment_of(row: Any) -> Deployment:
    """The deployment a row holds."""
    return Deployment(
        id=row.pk.removeprefix(keys.DEPLOYMENTS),
        project_id=row.project_id,
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        description=row.description or "",
        latitude=row.latitude,
        longitude=row.longitude,
        timezone=row.timezone or "UTC",
        session_time_gap_seconds=table.integer(row.session_time_gap_seconds),
        session_max_duration_seconds=table.integer(row.session_max_duration_seconds),
        session_cut_time=row.session_cut_time,
        timestamp_sources=tuple(row.timestamp_sources or SOURCES),
        camera_observes_dst=bool(row.camera_observes_dst),
        clock_offset_seconds=int(row.clock_offset_seconds or 0),
        data_source=row.data_source,
        data_source_subdir=row.data_source_subdir,
        data_source_regex=row.data_source_regex,
        data_source_total_files=int(row.data_source_total_files or 0),
        data_source_total_size=int(row.data_source_total_size or 0),
        data_source_last_checked=row.data_source_last_checked,
        inherited=Inherited(
            bool(row.draft),
            _inherited_rule(row),
            row.duplicates or "flag",
            Filters.of(row.inherited_filters),
        ),
        counts=counts_of(row),
    )


def _inherited_rule(row: Any) -> RuleSettings:
    return RuleSettings(
        table.integer(row.inherited_gap_seconds),
        table.integer(row.inherited_max_duration_seconds),
        row.inherited_cut_time,
    )
