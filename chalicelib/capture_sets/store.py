"""Capture sets in the table, their members, and the counts of their segments.

A member is a row in the set's partition, filed by the capture's id, with its place in time for the index; and
a mirror of it lies with the capture, so that whatever befalls the capture finds the sets it is in. The mirror
is written first and deleted last.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
from chalicelib.capture_sets.rules import CaptureSet, Member
from chalicelib.errors import Conflict


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
    leaving = BooleanAttribute(null=True)
    created_at = Instant()
    updated_at = Instant()


class MemberRow(Row):
    """A member. `at` is its generation and its place in time, `stamp` the capture's as of then."""

    stamp = UnicodeAttribute(null=True)


class MirrorRow(Row):
    """The note with a capture that it is a member of a set's generation."""


class LiveRow(Row):
    """The note with a project that a set follows its captures."""


class SegmentRow(Row):
    """How many members of a generation are of one day, or of one part of the undated ones."""

    captures_count = NumberAttribute()


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


def keep_mirrors(set_id: str, generation: str, capture_ids: Sequence[str]) -> None:
    """Notes with captures that they are members. One request per 25."""
    with MirrorRow.batch_write() as writing:
        for each in capture_ids:
            writing.save(MirrorRow(*keys.member_mirror(each, set_id, generation)))


def keep_members(set_id: str, generation: str, members: Sequence[Member]) -> None:
    """Files members, whatever is there of them. One request per 25."""
    with MemberRow.batch_write() as writing:
        for each in members:
            writing.save(_member_row(set_id, generation, each))


def refile(set_id: str, generation: str, member: Member) -> bool:
    """Files a member anew, if it is one still and not filed as of a later change of its capture. One
    request."""
    row = _member_row(set_id, generation, member)
    older = MemberRow.stamp.does_not_exist() | (MemberRow.stamp <= member.stamp)
    return table.accepted(lambda: row.save(MemberRow.pk.exists() & older))


def drop(set_id: str, generation: str, capture_ids: Sequence[str]) -> None:
    """Deletes members, then their mirrors. One request per 25, twice."""
    drop_members(set_id, generation, capture_ids)
    with MirrorRow.batch_write() as writing:
        for each in capture_ids:
            writing.delete(MirrorRow(*keys.member_mirror(each, set_id, generation)))


def sets_of(capture_id: str) -> list[tuple[str, str]]:
    """The sets a capture is a member of, each with the generation, read consistently. One request."""
    pk = keys.member_mirror(capture_id, "", "")[0]
    rows = table.query(MirrorRow, pk, MirrorRow.sk.startswith(keys.SETS), consistent=True)
    return [(row.sk.split("#")[1], row.sk.split("#")[2]) for row in rows]


def generations(set_id: str) -> list[str]:
    """All of which there is a member, or the count of a segment. Two requests more than there are."""
    found: dict[str, None] = {}
    pk = keys.capture_set(set_id)[0]
    for kind in ("MEMBER#", "SEGMENT#"):
        lower = kind
        while rows := list(table.query(Row, pk, Row.sk.between(lower, f"{kind}{keys.LAST}"), limit=1)):
            generation = rows[0].sk.split("#")[1]
            found.setdefault(generation)
            lower = f"{kind}{generation}#{keys.LAST}"
    return list(found)


def mirrors(set_id: str, generation: str, capture_ids: Sequence[str]) -> list[tuple[type[Row], keys.Key]]:
    """What `table.get_many` reads the mirrors of members by."""
    return [(MirrorRow, keys.member_mirror(each, set_id, generation)) for each in capture_ids]


def drop_members(set_id: str, generation: str, capture_ids: Sequence[str]) -> None:
    """Deletes members whose mirrors have gone. One request per 25."""
    with MemberRow.batch_write() as writing:
        for each in capture_ids:
            writing.delete(MemberRow(*keys.member(set_id, generation, each)))


def members(set_id: str, generation: str) -> Iterator[str]:
    """The ids of all members of a generation, hidden ones too, in the order of their ids. One request per
    megabyte."""
    pk, begin = keys.member(set_id, generation, "")
    for row in table.query(MemberRow, pk, MemberRow.sk.startswith(begin), consistent=True):
        yield row.sk.removeprefix(begin)


def places(set_id: str, generation: str) -> Iterator[str]:
    """The places in time of the members of a generation, in order, read consistently. One request per
    megabyte of keys: some six thousand."""
    begin = keys.member_at(generation, "")
    pk, within = keys.capture_set(set_id)[0], MemberRow.at.startswith(begin)
    for row in table.query(MemberRow, pk, within, index=keys.TIMELINE, consistent=True):
        yield (row.at or "").removeprefix(begin)


def recount(set_id: str, generation: str, segment: str) -> int:
    """How many members of a generation are in a segment, counted. One request per megabyte of keys."""
    return MemberRow.count(
        keys.capture_set(set_id)[0],
        MemberRow.at.startswith(keys.member_at(generation, segment)),
        index_name=keys.TIMELINE,
        consistent_read=True,
    )


def page(
    set_id: str, generation: str, *, undated: bool, forward: bool, limit: int, after: str | None
) -> list[str]:
    """The places of up to `limit` members that are dated, or undated, in either direction, those that follow
    the place `after`. One request."""
    pk, place = keys.capture_set(set_id)[0], keys.UNDATED if undated else keys.CAPTURES
    lower = keys.member_at(generation, place)
    upper = keys.member_at(generation, f"{place}{keys.LAST}")
    if after and forward:
        lower = f"{keys.member_at(generation, after)}!"
    elif after:
        upper = keys.member_at(generation, after)[:-1]
    rows = table.query(
        MemberRow,
        pk,
        MemberRow.at.between(lower, upper),
        index=keys.TIMELINE,
        forward=forward,
        limit=limit,
    )
    return [(row.at or "").removeprefix(keys.member_at(generation, "")) for row in rows]


def segments(set_id: str, generation: str) -> dict[str, int]:
    """The counts of all segments of a generation, read consistently. One request per megabyte: some five
    thousand."""
    pk, begin = keys.segment(set_id, generation, "")
    rows = table.query(SegmentRow, pk, SegmentRow.sk.startswith(begin), consistent=True)
    return {row.sk.removeprefix(begin): int(row.captures_count) for row in rows}


def segment(set_id: str, generation: str, part: str) -> int:
    """The count of one segment, read consistently. One request."""
    row = table.get(SegmentRow, keys.segment(set_id, generation, part), consistent=True)
    return int(row.captures_count) if row else 0


def segment_row(set_id: str, generation: str, part: str, count: int) -> SegmentRow:
    """The row of a segment's count."""
    return SegmentRow(*keys.segment(set_id, generation, part), captures_count=count)


def keep_segments(set_id: str, generation: str, counts: Mapping[str, int]) -> None:
    """Writes the counts of segments. One request per 25."""
    with SegmentRow.batch_write() as writing:
        for part, number in counts.items():
            writing.save(segment_row(set_id, generation, part, number))


def drop_segments(set_id: str, generation: str, parts: Sequence[str]) -> None:
    """Deletes the counts of segments. One request per 25."""
    with SegmentRow.batch_write() as writing:
        for each in parts:
            writing.delete(SegmentRow(*keys.segment(set_id, generation, each)))


def _member_row(set_id: str, generation: str, member: Member) -> MemberRow:
    at = keys.member_at(generation, member.at)
    return MemberRow(*keys.member(set_id, generation, member.capture_id), at=at, stamp=member.stamp or None)


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
        leaving=bool(row.leaving),
    )
