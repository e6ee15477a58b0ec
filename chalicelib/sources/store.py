"""Data sources in the table. Of their credentials it only says which there may be."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.errors import Conflict
from chalicelib.sources.rules import Source


class SourceRow(Row):
    """A data source, and how many deployments use it."""

    project_id = UnicodeAttribute()
    name = UnicodeAttribute()
    bucket = UnicodeAttribute()
    prefix = UnicodeAttribute(null=True)
    region = UnicodeAttribute(null=True)
    endpoint_url = UnicodeAttribute(null=True)
    public_base_url = UnicodeAttribute(null=True)
    credentials = UnicodeAttribute(default="none")
    hint = UnicodeAttribute(null=True)
    deployments_count = NumberAttribute(default=0)
    leaving = BooleanAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()


def add(source: Source) -> None:
    """Writes a new source. One request."""
    SourceRow(
        *keys.source(source.id),
        owner=keys.project(source.project_id)[0],
        rank=keys.source_rank(source.name, source.id),
        project_id=source.project_id,
        name=source.name,
        bucket=source.bucket,
        prefix=source.prefix or None,
        region=source.region,
        endpoint_url=source.endpoint_url,
        public_base_url=source.public_base_url,
        credentials=source.credentials,
        hint=source.hint,
        created_at=source.created_at,
        updated_at=source.updated_at,
    ).save(SourceRow.pk.does_not_exist())


def get(source_id: str) -> Source | None:
    """The source of that id, or None, read consistently. One request."""
    row = table.get(SourceRow, keys.source(source_id), consistent=True)
    return source_of(row) if row else None


def update(source: Source, seen_at: datetime) -> Source:
    """Writes what people may change of a source; how many use it is left alone. One request.

    Raises Conflict if it is no longer as it was when `updated_at` was `seen_at`, or about to be deleted.
    """
    row = SourceRow(*keys.source(source.id))
    optional: tuple[tuple[Any, Any], ...] = (
        (SourceRow.prefix, source.prefix or None),
        (SourceRow.region, source.region),
        (SourceRow.endpoint_url, source.endpoint_url),
        (SourceRow.public_base_url, source.public_base_url),
        (SourceRow.hint, source.hint),
    )
    actions = [
        SourceRow.name.set(source.name),
        SourceRow.rank.set(keys.source_rank(source.name, source.id)),
        SourceRow.bucket.set(source.bucket),
        SourceRow.credentials.set(source.credentials),
        SourceRow.updated_at.set(source.updated_at),
        *(table.put_or_drop(attribute, value) for attribute, value in optional),
    ]
    still = (SourceRow.updated_at == seen_at) & staying()
    if not table.accepted(lambda: row.update(actions=actions, condition=still)):
        raise Conflict("Someone else has changed the data source meanwhile; look at it again.")
    return source_of(row)


def staying() -> Condition:
    """That a source is not about to be deleted."""
    return SourceRow.leaving.does_not_exist()


def leave(source_id: str) -> bool:
    """Notes that a source is about to be deleted, from when on nobody can use it; False if somebody does,
    or there is no such source. One request."""
    row = SourceRow(*keys.source(source_id))
    unused = SourceRow.deployments_count.does_not_exist() | (SourceRow.deployments_count == 0)
    return table.accepted(
        lambda: row.update(actions=[SourceRow.leaving.set(True)], condition=SourceRow.pk.exists() & unused)
    )


def delete(source_id: str) -> None:
    """Deletes a source. One request."""
    SourceRow(*keys.source(source_id)).delete()


def listed(project_id: str, limit: int, after: str | None) -> tuple[list[Source], str | None]:
    """A page of a project's sources by name, and the position it ended at. Two requests."""
    return table.page_of_rows(
        SourceRow,
        keys.project(project_id)[0],
        keys.SOURCES,
        limit,
        after,
        key_of=lambda rank: keys.source(rank.rpartition("#")[2]),
        value_of=source_of,
    )


def count(project_id: str) -> int | None:
    """How many sources a project has, if that is not too many to count. One request."""
    return table.count(SourceRow, keys.project(project_id)[0], keys.SOURCES)


def source_of(row: Any) -> Source:
    """The source a row holds."""
    return Source(
        id=row.pk.removeprefix(keys.SOURCES),
        project_id=row.project_id,
        name=row.name,
        bucket=row.bucket,
        created_at=row.created_at,
        updated_at=row.updated_at,
        prefix=row.prefix or "",
        region=row.region,
        endpoint_url=row.endpoint_url,
        public_base_url=row.public_base_url,
        credentials=row.credentials,
        hint=row.hint,
        deployments_count=int(row.deployments_count or 0),
        leaving=bool(row.leaving),
    )
