"""What the members of capture sets come to, in the table: by segments of their ids, and by taxon."""

from collections.abc import Mapping, Sequence

from pynamodb.attributes import JSONAttribute, NumberAttribute

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.capture_sets.rules import Tally
from chalicelib.findings import reading as findings_of_all
from chalicelib.findings.rules import NOTHING, Found


class SegmentRow(Row):
    """What the members of a generation come to whose ids begin alike."""

    captures_count = NumberAttribute()
    found = JSONAttribute(null=True)


def standing(set_id: str, generation: str) -> dict[str, Tally]:
    """What the segments of a generation come to, read consistently. One request per megabyte: some five
    thousand."""
    pk, begin = keys.segment(set_id, generation, "")
    rows = table.query(SegmentRow, pk, SegmentRow.sk.startswith(begin), consistent=True)
    return {row.sk.removeprefix(begin): _tally(row) for row in rows}


def some(set_id: str, generation: str, parts: Sequence[str]) -> dict[str, Tally]:
    """What some segments come to, as they stand, read consistently. One request per hundred."""
    wanted = {each: keys.segment(set_id, generation, each) for each in parts}
    rows = table.get_many(((SegmentRow, key) for key in wanted.values()), consistent=True)
    return {each: _tally(rows[key]) if key in rows else Tally() for each, key in wanted.items()}


def row_of(set_id: str, generation: str, part: str, tally: Tally) -> SegmentRow:
    """The row of what a segment comes to."""
    return SegmentRow(
        *keys.segment(set_id, generation, part),
        captures_count=tally.captures_count,
        found=tally.found.plain() if tally.found != NOTHING else None,
    )


def _tally(row: SegmentRow) -> Tally:
    return Tally(int(row.captures_count), Found.of(row.found))


def keep(set_id: str, generation: str, tallies: Mapping[str, Tally]) -> None:
    """Writes what segments come to. One request per 25."""
    with SegmentRow.batch_write() as writing:
        for part, each in tallies.items():
            writing.save(row_of(set_id, generation, part, each))


def replace_taxa(set_id: str, generation: str, taxa: Mapping[str, int]) -> None:
    """Writes how many occurrences of each taxon a generation has, and deletes what is there of others. Two
    requests and one per 25 that differ."""
    pk, begin = keys.taxon_count(keys.capture_set(set_id)[0], "", generation)
    findings_of_all.replace_counts(pk, begin, taxa)


def drop(set_id: str, generation: str, parts: Sequence[str]) -> None:
    """Deletes the counts of segments. One request per 25."""
    with SegmentRow.batch_write() as writing:
        for each in parts:
            writing.delete(SegmentRow(*keys.segment(set_id, generation, each)))
