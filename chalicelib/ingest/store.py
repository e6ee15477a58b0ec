"""Objects that belong to no known deployment, kept until someone says whose they are."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row, instant
from chalicelib.ingest.rules import ObjectCreated


class UnassignedRow(Row):
    """An object without a deployment."""

    bucket = UnicodeAttribute()
    object_key = UnicodeAttribute()
    size = NumberAttribute()
    reason = UnicodeAttribute()
    created_at = Instant()


@dataclass(frozen=True, slots=True)
class Unassigned:
    """An object without a deployment, and why."""

    id: str
    bucket: str
    key: str
    size: int
    reason: str
    created_at: datetime


def keep(created: ObjectCreated, reason: str, now: datetime) -> None:
    """Keeps an object's address; the same object is kept once. One request."""
    digest = _digest(created.bucket, created.key)
    row = UnassignedRow(*keys.unassigned(digest))
    row.update(
        actions=[
            UnassignedRow.owner.set(keys.UNASSIGNED),
            UnassignedRow.rank.set(UnassignedRow.rank | f"{instant(now)}#{digest}"),
            UnassignedRow.created_at.set(UnassignedRow.created_at | now),
            UnassignedRow.bucket.set(created.bucket),
            UnassignedRow.object_key.set(created.key),
            UnassignedRow.size.set(created.size),
            UnassignedRow.reason.set(reason),
        ]
    )


def forget(bucket: str, key: str) -> None:
    """Forgets an object that has gone; nothing if it was not kept. One request."""
    UnassignedRow(*keys.unassigned(_digest(bucket, key))).delete()


def _digest(bucket: str, key: str) -> str:
    return hashlib.sha256(f"{bucket}/{key}".encode()).hexdigest()[:24]


def listed(limit: int, after: str | None) -> tuple[list[Unassigned], str | None]:
    """A page of them, the oldest first, and the position it ended at. Two requests."""
    return table.page_of_rows(
        UnassignedRow,
        keys.UNASSIGNED,
        None,
        limit,
        after,
        key_of=lambda rank: keys.unassigned(rank.rpartition("#")[2]),
        value_of=lambda row: Unassigned(
            row.pk.partition("#")[2], row.bucket, row.object_key, int(row.size), row.reason, row.created_at
        ),
    )


def count() -> int | None:
    """How many there are, if that is not too many to count. One request."""
    return table.count(UnassignedRow, keys.UNASSIGNED, None)
