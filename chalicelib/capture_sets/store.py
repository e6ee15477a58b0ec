"""Capture sets in the table."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.lease import SettledRow
from chalicelib.aws.table import Instant, Row
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.errors import Conflict
from chalicelib.findings.rules import Filters


class SetRow(SettledRow):
    """A capture set, and the lease of who settles it."""

    project_id = UnicodeAttribute()
    name = UnicodeAttribute()
    description = UnicodeAttribute(null=True)
    method = UnicodeAttribute()
    kwargs = JSONAttribute()
    generation = UnicodeAttribute()
    populating = UnicodeAttribute(null=True)
    populated_at = Instant(null=True)
    captures_count = NumberAttribute(default=0)
    found = JSONAttribute(null=True)
    taxa_count = NumberAttribute(default=0)
    filters = UnicodeAttribute(null=True)
    leaving = BooleanAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()


class LiveRow(Row):
    """The note with a project that a set follows its captures."""


def add(made: CaptureSet) -> bool:
    """Writes a new set; False if there is one of that id. One transaction of two rows."""
    row = SetRow(
        *keys.capture_set(made.id),
        owner=keys.project(made.project_id)[0],
        rank=keys.capture_set_rank(made.name, made.id),
        project_id=made.project_id,
        name=made.name,
        description=made.description or None,
        method=made.method,
        kwargs=dict(made.kwargs),
        generation=made.generation,
        populated_at=made.populated_at,
        created_at=made.created_at,
        updated_at=made.updated_at,
    )
    return table.accepted(
        lambda: _with_note(made, lambda writing: writing.save(row, SetRow.pk.does_not_exist()))
    )


def _with_note(made: CaptureSet, write: Callable[[TransactWrite], None]) -> None:
    """Writes a set, and in the same transaction whether it follows its project's captures."""
    note = LiveRow(*keys.live_set(made.project_id, made.id))
    with table.transaction() as writing:
        write(writing)
        if made.is_live:
            writing.save(note)
        else:
            writing.delete(note)


def live(project_id: str) -> list[str]:
    """The ids of the sets that follow a project's captures, read consistently. One request."""
    pk, begin = keys.live_set(project_id, "")
    rows = table.query(LiveRow, pk, LiveRow.sk.startswith(begin), consistent=True)
    return [row.sk.removeprefix(begin) for row in rows]


def get(set_id: str) -> CaptureSet | None:
    """The set of that id, or None, read consistently. One request."""
    row = table.get(SetRow, keys.capture_set(set_id), consistent=True)
    return set_of(row) if row else None


def change(made: CaptureSet, seen_at: datetime) -> CaptureSet:
    """Writes what people may change of a set. Two requests. Raises Conflict if it has changed since `seen_at`
    or is being deleted."""
    row = SetRow(*keys.capture_set(made.id))
    actions = [
        SetRow.name.set(made.name),
        SetRow.rank.set(keys.capture_set_rank(made.name, made.id)),
        SetRow.method.set(made.method),
        SetRow.kwargs.set(dict(made.kwargs)),
        SetRow.updated_at.set(made.updated_at),
        table.put_or_drop(SetRow.description, made.description or None),
    ]
    still = (SetRow.updated_at == seen_at) & SetRow.leaving.does_not_exist()

    def write(writing: TransactWrite) -> None:
        writing.update(row, actions=actions, condition=still)

    if not table.accepted(lambda: _with_note(made, write)):
        raise Conflict("Someone else has changed the capture set meanwhile; look at it again.")
    return get(made.id) or made


def begin_populating(found: CaptureSet, generation: str) -> bool:
    """Notes the generation that gathers from now on, in the place of one that was seen; False if it is no
    longer as it was seen. One request."""
    seen = SetRow.populating == found.populating if found.populating else SetRow.populating.does_not_exist()
    return _update(found.id, [SetRow.populating.set(generation)], seen & SetRow.leaving.does_not_exist())


def leave(made: CaptureSet) -> bool:
    """Notes that a set is being deleted, from when on it is in no list and follows nothing; False if there
    is none. One request."""
    row, gone = SetRow(*keys.capture_set(made.id)), replace(made, method="")
    actions: list[Action] = [SetRow.leaving.set(True), SetRow.rank.remove()]

    def write(writing: TransactWrite) -> None:
        writing.update(row, actions=actions, condition=SetRow.pk.exists())

    return table.accepted(lambda: _with_note(gone, write))


def delete(set_id: str) -> None:
    """Deletes a set's own row. One request."""
    SetRow(*keys.capture_set(set_id)).delete()


def _update(set_id: str, actions: list[Action], condition: Condition) -> bool:
    row = SetRow(*keys.capture_set(set_id))
    return table.accepted(lambda: row.update(actions=actions, condition=condition))


def listed(project_id: str, limit: int, after: str | None) -> tuple[list[CaptureSet], str | None]:
    """A page of a project's sets by name, and the position it ended at. Two requests."""
    return table.page_of_rows(
        SetRow,
        keys.project(project_id)[0],
        keys.SETS,
        limit,
        after,
        key_of=lambda rank: keys.capture_set(rank.rpartition("#")[2]),
        value_of=set_of,
    )


def count(project_id: str) -> int | None:
    """How many sets a project has, if that is not too many to count. One request."""
    return table.count(SetRow, keys.project(project_id)[0], keys.SETS)


def set_of(row: Any) -> CaptureSet:
    """The set a row holds."""
    return CaptureSet(
        id=row.pk.removeprefix(keys.SETS),
        project_id=row.project_id,
        name=row.name,
        method=row.method,
        created_at=row.created_at,
        updated_at=row.updated_at,
        generation=row.generation,
        description=row.description or "",
        kwargs=row.kwargs or {},
        populating=row.populating,
        populated_at=row.populated_at,
        captures_count=int(row.captures_count or 0),
        found=row.found or {},
        taxa_count=int(row.taxa_count or 0),
        filters=Filters.of(row.filters) if row.filters else None,
        leaving=bool(row.leaving),
    )
