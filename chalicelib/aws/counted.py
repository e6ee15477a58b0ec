"""Rows that keep counts, and the counts they keep."""

from pynamodb.attributes import JSONAttribute, NumberAttribute
from pynamodb.expressions.update import Action

from chalicelib.aws import table
from chalicelib.aws.table import Moment, Row
from chalicelib.counts import Counts


class CountedRow(Row):
    """A row with the counts of what belongs to it."""

    captures_count = NumberAttribute(default=0)
    sessions_count = NumberAttribute(default=0)
    undated_count = NumberAttribute(default=0)
    first_timestamp = Moment(null=True)
    last_timestamp = Moment(null=True)
    found = JSONAttribute(null=True)
    taxa_count = NumberAttribute(default=0)


def counts_of(row: CountedRow) -> Counts:
    """The counts a row keeps."""
    return Counts(
        captures_count=int(row.captures_count or 0),
        sessions_count=int(row.sessions_count or 0),
        undated_count=int(row.undated_count or 0),
        first_timestamp=row.first_timestamp,
        last_timestamp=row.last_timestamp,
        found=row.found or {},
        taxa_count=int(row.taxa_count or 0),
    )


def setting(row: type[CountedRow], counts: Counts) -> list[Action]:
    """The actions that make a row keep these counts."""
    return [
        row.captures_count.set(counts.captures_count),
        row.sessions_count.set(counts.sessions_count),
        row.undated_count.set(counts.undated_count),
        table.put_or_drop(row.first_timestamp, counts.first_timestamp),
        table.put_or_drop(row.last_timestamp, counts.last_timestamp),
        table.put_or_drop(row.found, dict(counts.found) or None),
        row.taxa_count.set(counts.taxa_count),
    ]
