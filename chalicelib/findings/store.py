"""Findings in the table, in the time of their deployment; and how often each taxon is found."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from pynamodb.attributes import NumberAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.findings.filing import PlacedRow
from chalicelib.findings.rules import Findings


class TaxonCountRow(Row):
    """How many occurrences an owner has of a taxon."""

    occurrences_count = NumberAttribute()


def between(deployment_id: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, Findings]]:
    """When a deployment's captures were taken from `start` to `end`, both inclusive, and what was found on
    them; ascending, read consistently, only those with findings. One request per megabyte: thousands."""
    lower, upper = keys.captures_from(start), keys.captures_until(end)
    for at, findings in _placed(deployment_id, lower, upper):
        timestamp, _ = keys.time_of_capture(at)
        if timestamp is not None:
            yield timestamp, findings


def undated(deployment_id: str, segment: str) -> Iterator[Findings]:
    """What was found on the undated captures of a segment. As `between`."""
    begin = keys.undated_from(deployment_id, segment)
    for _, findings in _placed(deployment_id, begin, begin + keys.LAST):
        yield findings


def boxed(deployment_id: str, first: str, last: str) -> set[str]:
    """The ids of a deployment's captures with a box on them, from one place in time to another, both
    inclusive. As `between`."""
    several = _placed(deployment_id, first, last)
    return {at.rpartition("#")[2] for at, findings in several if findings.boxes}


def _placed(deployment_id: str, lower: str, upper: str) -> Iterator[tuple[str, Findings]]:
    pk, first = keys.placed_findings(deployment_id, lower)
    _, last = keys.placed_findings(deployment_id, upper)
    for row in table.query(PlacedRow, pk, PlacedRow.sk.between(first, last), consistent=True):
        yield row.sk.removeprefix(keys.FINDINGS), Findings.of(row.findings)


def taxon_counts(wanted_keys: Iterable[keys.Key]) -> dict[keys.Key, int]:
    """How many occurrences there are by those keys, read consistently. One request per hundred."""
    wanted_keys = list(wanted_keys)
    rows = table.get_many(((TaxonCountRow, key) for key in wanted_keys), consistent=True)
    return {key: int(rows[key].occurrences_count) if key in rows else 0 for key in wanted_keys}


def write_taxon_counts(transaction: TransactWrite, counts: Mapping[keys.Key, int]) -> None:
    """Writes how many occurrences there are, as a part of a transaction; a row of none is none."""
    for key, count in counts.items():
        if count:
            transaction.save(TaxonCountRow(*key, occurrences_count=count))
        else:
            transaction.delete(TaxonCountRow(*key))


def put_taxon_counts(counts: Mapping[keys.Key, int]) -> None:
    """Writes how many occurrences there are; a row of none is none. One request per 25."""
    with TaxonCountRow.batch_write() as writing:
        for key, count in counts.items():
            if count:
                writing.save(TaxonCountRow(*key, occurrences_count=count))
            else:
                writing.delete(TaxonCountRow(*key))


def counted_under(pk: str, prefix: str) -> Iterator[tuple[str, int]]:
    """The sort keys in a partition that begin with `prefix`, and the counts there; read consistently. One
    request per megabyte: some five thousand."""
    for row in table.query(TaxonCountRow, pk, TaxonCountRow.sk.startswith(prefix), consistent=True):
        yield row.sk, int(row.occurrences_count)
