"""Marks in the table: what is still to be settled, durable until it is."""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pynamodb.attributes import NumberAttribute, NumberSetAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.aws import keys, table
from chalicelib.aws.table import Moment, Row, instant
from chalicelib.settling.rules import ALL, Owner, Touched

_PREFIX = "UNSETTLED#"


class MarkRow(Row):
    """A mark. `version` is new with every marking; `start`: how far settling all has come; `deferrals`: how
    often the watch has found it waiting for a job."""

    version = UnicodeAttribute()
    deferrals = NumberAttribute(null=True)
    hours = NumberSetAttribute(null=True)
    start = Moment(null=True)


@dataclass(frozen=True, slots=True)
class Mark:
    """A part of an owner that is to be settled. `hours` of a day; `start` from when on, for ALL."""

    owner: Owner
    part: str
    version: str
    hours: frozenset[int]
    start: datetime | None
    deferrals: int = 0


def put(touched: Touched, now: datetime) -> dict[Owner, list[Mark]]:
    """Marks what was touched; returns the marks by owner, as they are now. One request per owner and part."""
    marks: dict[Owner, list[Mark]] = defaultdict(list)
    for (owner, part), hours in touched.parts.items():
        actions = _marking(owner, part, now)
        if hours:
            actions.append(MarkRow.hours.add(set(hours)))
        if part == ALL:
            actions.append(MarkRow.start.remove())
        row = MarkRow(*keys.mark(owner.pk, part))
        row.update(actions=actions)
        marks[owner].append(_mark(row))
    return marks


def _marking(owner: Owner, part: str, now: datetime) -> list[Action]:
    return [
        MarkRow.version.set(secrets.token_hex(8)),
        MarkRow.owner.set(keys.UNSETTLED),
        # The first marking counts: how long it has been unsettled. It also spares the index a write.
        MarkRow.rank.set(MarkRow.rank | keys.mark_rank(owner.pk, part, instant(now))),
    ]


def of_owner(owner: Owner) -> list[Mark]:
    """The marks on an owner, read consistently. One request."""
    rows = table.query(MarkRow, owner.pk, MarkRow.sk.startswith(_PREFIX), consistent=True)
    return [_mark(row) for row in rows]


def remove(mark: Mark) -> bool:
    """Removes a mark unless it was renewed since it was read; False if it was. One request."""
    row = MarkRow(*keys.mark(mark.owner.pk, mark.part))
    return table.accepted(lambda: row.delete(MarkRow.version == mark.version))


def move_on(mark: Mark, start: datetime) -> bool:
    """Notes on a mark that all before `start` is settled, unless it was renewed since it was read."""
    row = MarkRow(*keys.mark(mark.owner.pk, mark.part))
    actions: list[Action] = [MarkRow.start.set(start)]
    return table.accepted(lambda: row.update(actions=actions, condition=MarkRow.version == mark.version))


def postpone(mark: Mark, moment: datetime) -> None:
    """Lets the watch pass over a mark until it is `moment`, unless it was renewed since it was read."""
    pk, sk = keys.mark(mark.owner.pk, mark.part)
    row, rank = MarkRow(pk, sk), keys.mark_rank(mark.owner.pk, mark.part, instant(moment))
    actions: list[Action] = [MarkRow.rank.set(rank), MarkRow.deferrals.set(mark.deferrals + 1)]
    table.accepted(lambda: row.update(actions=actions, condition=MarkRow.version == mark.version))


def older_than(moment: datetime, limit: int) -> list[Owner]:
    """Up to `limit` owners of marks made before `moment`, the oldest first. One request per thousand marks,
    ten at the most: an owner with very many marks must not hide the others."""
    within = MarkRow.rank < instant(moment)
    rows = table.query(MarkRow, keys.UNSETTLED, within, index=keys.BY_OWNER, limit=10_000, page=1000)
    owners: dict[Owner, None] = {}
    for row in rows:
        owners.setdefault(Owner.of(row.pk))
        if len(owners) == limit:
            break
    return list(owners)


def mark_rest(owner: Owner, start: datetime, now: datetime) -> None:
    """Marks everything of an owner from `start` on; a mark on more than that stays as it is."""
    row = MarkRow(*keys.mark(owner.pk, ALL))
    actions = [*_marking(owner, ALL, now), MarkRow.start.set(start)]
    covers_less = MarkRow.pk.does_not_exist() | (MarkRow.start > start)
    table.accepted(lambda: row.update(actions=actions, condition=covers_less))


def _mark(row: MarkRow) -> Mark:
    return Mark(
        owner=Owner.of(row.pk),
        part=row.sk.removeprefix(_PREFIX),
        version=row.version,
        hours=frozenset(int(hour) for hour in row.hours or ()),
        start=row.start,
        deferrals=int(row.deferrals or 0),
    )


def split(marks: Iterable[Mark]) -> tuple[list[Mark], Mark | None]:
    """The marks on parts, and the one on all, if there is one."""
    marks = list(marks)
    return [mark for mark in marks if mark.part != ALL], next((m for m in marks if m.part == ALL), None)
