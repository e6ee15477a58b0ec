"""What is known of the objects of a deployment's data source, in the order of their keys, as they are listed.

A row follows the capture it speaks of, never the other way round: what it says has been done. Of a new object
it is written a moment later; should that be lost, the object looks new, and registering it again finds that
its capture is there. Of any other it is written together with the capture, over the row that was read: so
nobody who was overtaken puts back what a later one has done.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.sources.rules import LONGEST_KEY
from chalicelib.syncing.rules import Fate, Known

Others = Callable[[TransactWrite], None]

BATCH = 25
"""The most rows one BatchWriteItem takes."""

REMEMBERED = timedelta(days=30)
"""How long it is remembered that an object has gone: longer than any job of it can be retried usefully."""


class KnownRow(Row):
    """An object; its key is the row's own, to the byte."""

    version = UnicodeAttribute()
    size = NumberAttribute()
    written = Instant()
    source = UnicodeAttribute()
    origin = UnicodeAttribute()
    job = UnicodeAttribute()
    fate = UnicodeAttribute()
    undated = BooleanAttribute(null=True)
    gone = UnicodeAttribute(null=True)
    expires = NumberAttribute(null=True)


def known(deployment_id: str, prefix: str, after: str | None) -> Iterator[Known]:
    """What is known of the objects whose keys begin with `prefix`, those that follow the key `after` if one
    is given. One request per megabyte: some four thousand."""
    pk = keys.synced(deployment_id)
    within = KnownRow.sk.startswith(prefix) if prefix else None
    # One that is left out may be longer than any row's; what begins like it is none that is known.
    begin = after.encode()[:LONGEST_KEY].decode(errors="ignore") if after else None
    start = {"pk": {"S": pk}, "sk": {"S": begin}} if begin else None
    for row in table.query(KnownRow, pk, within, consistent=True, after=start):
        yield Known(
            key=row.sk,
            version=row.version,
            size=int(row.size),
            written=row.written,
            source=row.source,
            origin=row.origin,
            job=row.job,
            fate=Fate(row.fate),
            undated=bool(row.undated),
            gone=row.gone,  # type: ignore[arg-type]
        )


def keep(deployment_id: str, batch: Sequence[Known], now: datetime) -> None:
    """Remembers at most `BATCH` objects. One request."""
    with KnownRow.batch_write() as writing:
        for each in batch:
            writing.save(_row(deployment_id, each, now))


def noted(deployment_id: str, before: Known | None, after: Known, now: datetime) -> Others:
    """Remembers an object as a part of a transaction, which fails if what is known of it is no longer as it
    was `before`."""
    row = _row(deployment_id, after, now)
    as_read: Condition = KnownRow.pk.does_not_exist()
    if before:
        as_read = (KnownRow.version == before.version) & (KnownRow.job == before.job)
        as_read &= KnownRow.written == before.written
        as_read &= KnownRow.gone == before.gone if before.gone else KnownRow.gone.does_not_exist()
    return lambda writing: writing.save(row, condition=as_read)


def _row(deployment_id: str, known: Known, now: datetime) -> KnownRow:
    return KnownRow(
        keys.synced(deployment_id),
        known.key,
        version=known.version,
        size=known.size,
        written=known.written,
        source=known.source,
        origin=known.origin,
        job=known.job,
        fate=known.fate.value,
        undated=known.undated or None,
        gone=known.gone,
        expires=int((now + REMEMBERED).timestamp()) if known.gone == "deleted" else None,
    )
