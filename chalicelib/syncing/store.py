"""What is known of the objects of a deployment's data source, in the order of their keys, as they are listed.

A row follows the capture it speaks of, never the other way round: what it says has been done. Should it be
lost, the object looks new, and registering it again finds that its capture is there.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.syncing.rules import Fate, Known

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
    start = {"pk": {"S": pk}, "sk": {"S": after}} if after else None
    for row in table.query(KnownRow, pk, within, after=start):
        yield Known(
            key=row.sk,
            version=row.version,
            size=int(row.size),
            written=row.written,
            source=row.source,
            job=row.job,
            fate=Fate(row.fate),
            undated=bool(row.undated),
            gone=row.gone,  # type: ignore[arg-type]
        )


def keep(deployment_id: str, batch: Sequence[Known], now: datetime) -> None:
    """Remembers at most `BATCH` objects. One request."""
    with KnownRow.batch_write() as writing:
        for each in batch:
            writing.save(
                KnownRow(
                    keys.synced(deployment_id),
                    each.key,
                    version=each.version,
                    size=each.size,
                    written=each.written,
                    source=each.source,
                    job=each.job,
                    fate=each.fate.value,
                    undated=each.undated or None,
                    gone=each.gone,
                    expires=int((now + REMEMBERED).timestamp()) if each.gone == "deleted" else None,
                )
            )
