"""Taxa in the table. A taxon's rank of the tree is kept as `level`: `rank` is its place in the index."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.errors import Conflict
from chalicelib.taxa.rules import Taxon

AT_ONCE = 100
"""The most taxa of one transaction."""


class TaxonRow(Row):
    """A taxon."""

    name = UnicodeAttribute()
    level = UnicodeAttribute()
    parent_id = UnicodeAttribute(null=True)
    common_name = UnicodeAttribute(null=True)
    gbif_key = NumberAttribute(null=True)
    notes = UnicodeAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()


def add(taxa: Sequence[Taxon]) -> bool:
    """Writes up to a hundred new taxa, all or none; False if one of them is there already. One request."""
    return write(taxa, ())


def write(added: Sequence[Taxon], changed: Sequence[tuple[Taxon, datetime]]) -> bool:
    """Writes new taxa, and changed ones each with the `updated_at` it was seen with; at most a hundred, all
    or none. False if one is not new, or no longer as it was seen. One request."""

    def write_all() -> None:
        with table.transaction() as writing:
            for each in added:
                writing.save(_row_of(each), TaxonRow.pk.does_not_exist())
            for taxon, seen_at in changed:
                row = TaxonRow(*keys.taxon(taxon.id))
                writing.update(row, actions=_setting(taxon), condition=TaxonRow.updated_at == seen_at)

    return table.accepted(write_all)


def update(taxon: Taxon, seen_at: datetime, above: Iterable[Taxon]) -> None:
    """Writes a changed taxon, if those above it are still where they were. One request.

    Raises Conflict if one of them has changed, or the taxon is no longer as it was when `updated_at` was
    `seen_at`: else two changes at a time might put two taxa above each other.
    """

    def write_both() -> None:
        with table.transaction() as writing:
            row = TaxonRow(*keys.taxon(taxon.id))
            writing.update(row, actions=_setting(taxon), condition=TaxonRow.updated_at == seen_at)
            for each in above:
                pk, sk = keys.taxon(each.id)
                still = TaxonRow.updated_at == each.updated_at
                writing.condition_check(TaxonRow, pk, sk, condition=still)

    if not table.accepted(write_both):
        raise Conflict("Someone else has changed the taxon, or one above it, meanwhile; look at it again.")


def get_many(taxon_ids: Iterable[str], *, consistent: bool = False) -> dict[str, Taxon]:
    """Those taxa that exist, by id. One request per hundred."""
    wanted = [(TaxonRow, keys.taxon(each)) for each in dict.fromkeys(taxon_ids)]
    found = table.get_many(wanted, consistent=consistent)
    return {taxon.id: taxon for taxon in map(taxon_of, found.values())}


def listed(beginning: str, limit: int, after: str | None) -> tuple[list[Taxon], str | None]:
    """A page of the taxa whose names begin like that, in any case, by name, and the position it ended at.
    Two requests."""
    return table.page_of_rows(
        TaxonRow,
        keys.TAXA,
        keys.taxa_named(beginning),
        limit,
        after,
        key_of=lambda rank: keys.taxon(rank.rpartition("#")[2]),
        value_of=taxon_of,
    )


def count(beginning: str) -> int | None:
    """How many taxa have names that begin like that, if they are not too many to count. One request."""
    return table.count(TaxonRow, keys.TAXA, keys.taxa_named(beginning))


def _row_of(taxon: Taxon) -> TaxonRow:
    return TaxonRow(
        *keys.taxon(taxon.id),
        owner=keys.TAXA,
        rank=keys.taxon_rank(taxon.name, taxon.id),
        name=taxon.name,
        level=taxon.rank,
        parent_id=taxon.parent_id,
        common_name=taxon.common_name,
        gbif_key=taxon.gbif_key,
        notes=taxon.notes or None,
        created_at=taxon.created_at,
        updated_at=taxon.updated_at,
    )


def _setting(taxon: Taxon) -> list[Action]:
    """The actions that write all of a taxon that may change."""
    return [
        TaxonRow.level.set(taxon.rank),
        table.put_or_drop(TaxonRow.parent_id, taxon.parent_id),
        table.put_or_drop(TaxonRow.common_name, taxon.common_name),
        table.put_or_drop(TaxonRow.gbif_key, taxon.gbif_key),
        table.put_or_drop(TaxonRow.notes, taxon.notes or None),
        TaxonRow.updated_at.set(taxon.updated_at),
    ]


def taxon_of(row: Any) -> Taxon:
    """The taxon a row holds."""
    return Taxon(
        id=row.pk.removeprefix(keys.TAXON),
        name=row.name,
        rank=row.level,
        created_at=row.created_at,
        updated_at=row.updated_at,
        parent_id=row.parent_id,
        common_name=row.common_name,
        gbif_key=table.integer(row.gbif_key),
        notes=row.notes or "",
    )
