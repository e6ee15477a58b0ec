"""Lists of taxa in the table. A list's count is written with its members, in the same transaction."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.errors import Conflict
from chalicelib.taxa.rules import TaxaList, Taxon

AT_ONCE = 99
"""The most members of one transaction, which also holds the list itself."""


class ListRow(Row):
    """A list of taxa."""

    project_id = UnicodeAttribute(null=True)
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    taxa_count = NumberAttribute(default=0)
    leaving = BooleanAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()


class MemberRow(Row):
    """The note that a taxon is in a list; `at` is its place by name."""


def add(made: TaxaList) -> None:
    """Writes a new list. One request."""
    ListRow(
        *keys.taxa_list(made.id),
        owner=_owner(made.project_id),
        rank=keys.taxa_list_rank(made.name, made.id),
        project_id=made.project_id,
        name=made.name,
        description=made.description or None,
        created_at=made.created_at,
        updated_at=made.updated_at,
    ).save(ListRow.pk.does_not_exist())


def get(list_id: str) -> TaxaList | None:
    """The list of that id, or None, read consistently. One request."""
    row = table.get(ListRow, keys.taxa_list(list_id), consistent=True)
    return list_of(row) if row else None


def update(made: TaxaList, seen_at: datetime) -> TaxaList:
    """Writes what people may change of a list. One request. Raises Conflict if it has changed since
    `seen_at`, or is being deleted."""
    row = ListRow(*keys.taxa_list(made.id))
    actions = [
        ListRow.name.set(made.name),
        ListRow.rank.set(keys.taxa_list_rank(made.name, made.id)),
        table.put_or_drop(ListRow.description, made.description or None),
        ListRow.updated_at.set(made.updated_at),
    ]
    still = (ListRow.updated_at == seen_at) & ListRow.leaving.does_not_exist()
    if not table.accepted(lambda: row.update(actions=actions, condition=still)):
        raise Conflict("Someone else has changed the taxa list meanwhile; look at it again.")
    return list_of(row)


def leave(list_id: str) -> None:
    """Notes that a list is about to be deleted: from when on nothing is added to it. One request."""
    row = ListRow(*keys.taxa_list(list_id))
    table.accepted(lambda: row.update(actions=[ListRow.leaving.set(True)], condition=ListRow.pk.exists()))


def delete(list_id: str) -> None:
    """Deletes a list that is leaving, its members first. One request per 25 of them, and two more."""
    with MemberRow.batch_write() as writing:
        for each in contents(list_id)[1]:
            writing.delete(MemberRow(*keys.listed_taxon(list_id, each)))
    ListRow(*keys.taxa_list(list_id)).delete()


def present(list_id: str, taxon_ids: Iterable[str]) -> set[str]:
    """Which of some taxa are in a list, read consistently. One request per hundred."""
    wanted = {keys.listed_taxon(list_id, each): each for each in taxon_ids}
    found = table.get_many([(MemberRow, key) for key in wanted], consistent=True)
    return {wanted[key] for key in found}


def put(list_id: str, taxa: Sequence[Taxon]) -> bool:
    """Puts up to 99 taxa into a list and counts them; nothing at all, and False, if one of them is in it
    already, or the list has gone. One request."""

    def write(writing: TransactWrite) -> None:
        for each in taxa:
            at = keys.taxon_rank(each.name, each.id)
            row = MemberRow(*keys.listed_taxon(list_id, each.id), at=at)
            writing.save(row, MemberRow.pk.does_not_exist())

    return _counted(list_id, len(taxa), write)


def take(list_id: str, taxon_ids: Sequence[str]) -> bool:
    """Takes up to 99 taxa out of a list and counts; nothing at all, and False, if one of them is not in it,
    or the list has gone. One request."""

    def write(writing: TransactWrite) -> None:
        for each in taxon_ids:
            writing.delete(MemberRow(*keys.listed_taxon(list_id, each)), MemberRow.pk.exists())

    return _counted(list_id, -len(taxon_ids), write)


def _counted(list_id: str, more: int, write: Callable[[TransactWrite], None]) -> bool:
    row = ListRow(*keys.taxa_list(list_id))
    staying = ListRow.pk.exists() & ListRow.leaving.does_not_exist()

    def write_all() -> None:
        with table.transaction() as writing:
            write(writing)
            writing.update(row, actions=[ListRow.taxa_count.add(more)], condition=staying)

    return table.accepted(write_all)


def contents(list_id: str) -> tuple[TaxaList | None, list[str]]:
    """A list, None if there is none, and the ids of the taxa in it, in their order, read consistently. One
    request per megabyte: some six thousand."""
    # The list itself lies before its members, in the same partition: one query tells of both.
    rows = list(table.query(ListRow, keys.taxa_list(list_id)[0], None, consistent=True))
    own = next((list_of(row) for row in rows if (row.pk, row.sk) == keys.taxa_list(list_id)), None)
    return own, [row.sk.removeprefix(keys.TAXON) for row in rows if row.sk.startswith(keys.TAXON)]


def page(list_id: str, limit: int, after: str | None) -> tuple[list[str], str | None]:
    """The ids of up to `limit` taxa of a list, by name, those after a position, and the position they end
    at, if more follow. One request."""
    begin = f"{after}!" if after else keys.TAXON
    within = MemberRow.at.between(begin, f"{keys.TAXON}\U0010ffff")
    pk = keys.taxa_list(list_id)[0]
    hits = [row.at or "" for row in table.query(MemberRow, pk, within, index=keys.TIMELINE, limit=limit + 1)]
    return [each.rpartition("#")[2] for each in hits[:limit]], hits[limit - 1] if len(hits) > limit else None


def listed(project_id: str | None, limit: int, after: str | None) -> tuple[list[TaxaList], str | None]:
    """A page of a project's lists, or of those of all, by name, and the position it ended at. Two
    requests."""
    return table.page_of_rows(
        ListRow,
        _owner(project_id),
        keys.TAXA_LIST,
        limit,
        after,
        key_of=lambda rank: keys.taxa_list(rank.rpartition("#")[2]),
        value_of=list_of,
    )


def count(project_id: str | None) -> int | None:
    """How many lists a project has, or there are for all, if that is not too many to count. One request."""
    return table.count(ListRow, _owner(project_id), keys.TAXA_LIST)


def _owner(project_id: str | None) -> str:
    """Lists of projects lie apart from those of all, so that none of a draft is ever among them."""
    return keys.project(project_id)[0] if project_id else keys.TAXA_LISTS


def list_of(row: Any) -> TaxaList:
    """The list a row holds."""
    return TaxaList(
        id=row.pk.removeprefix(keys.TAXA_LIST),
        name=row.name,
        created_at=row.created_at,
        updated_at=row.updated_at,
        description=row.description or "",
        project_id=row.project_id,
        taxa_count=int(row.taxa_count or 0),
        leaving=bool(row.leaving),
    )
