"""Members of capture sets in the table.

A member is a row in the set's partition, filed by the capture's id, with its place in time for the index; and
a mirror of it lies with the capture, so that whatever befalls the capture finds the sets it is in. The mirror
is written first and deleted last.
"""

from collections.abc import Iterator, Sequence

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.capture_sets.rules import Member
from chalicelib.findings.rules import Findings


class MemberRow(Row):
    """A member. `at` is its generation and its place in time, `stamp` the capture's as of then; `version` is
    that of the capture's findings."""

    stamp = UnicodeAttribute(null=True)
    findings = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)


class MirrorRow(Row):
    """The note with a capture that it is a member of a set's generation."""


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
    """Files a member anew where its capture stands by now, if it is one still and not filed as of a later
    change of its capture. One request."""
    row = MemberRow(*keys.member(set_id, generation, member.capture_id))
    older = MemberRow.stamp.does_not_exist() | (MemberRow.stamp <= member.stamp)
    actions = [
        MemberRow.at.set(keys.member_at(generation, member.at)),
        table.put_or_drop(MemberRow.stamp, member.stamp or None),
    ]
    return table.accepted(lambda: row.update(actions=actions, condition=MemberRow.pk.exists() & older))


def note_findings(
    set_id: str, generation: str, capture_id: str, findings: Findings | None, version: int
) -> bool:
    """Notes with a member what was found on it, if it is one still, and nothing later is noted. One
    request."""
    row = MemberRow(*keys.member(set_id, generation, capture_id))
    older = MemberRow.version.does_not_exist() | (MemberRow.version <= version)
    actions = [
        table.put_or_drop(MemberRow.findings, findings.text() if findings else None),
        table.put_or_drop(MemberRow.version, version or None),
    ]
    return table.accepted(lambda: row.update(actions=actions, condition=MemberRow.pk.exists() & older))


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
    """All of which there is a member, or a count. Three requests more than there are, or few more."""
    found: dict[str, None] = {}
    pk = keys.capture_set(set_id)[0]
    for kind in ("MEMBER#", "SEGMENT#", "TAXON#"):
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


def ids_of(set_id: str, generation: str) -> Iterator[str]:
    """The ids of all members of a generation, hidden ones too, in the order of their ids. One request per
    megabyte."""
    pk, begin = keys.member(set_id, generation, "")
    for row in table.query(MemberRow, pk, MemberRow.sk.startswith(begin), consistent=True):
        yield row.sk.removeprefix(begin)


def filed(set_id: str, generation: str, segment: str = "") -> Iterator[Member]:
    """The members of a generation, or of a segment of it, hidden ones too, as they are filed, in the order of
    their ids; read consistently. One request per megabyte: some five thousand."""
    pk, begin = keys.member(set_id, generation, "")
    within = MemberRow.sk.startswith(begin + segment)
    for row in table.query(MemberRow, pk, within, consistent=True):
        yield Member(
            capture_id=row.sk.removeprefix(begin),
            at=(row.at or "").removeprefix(keys.member_at(generation, "")),
            stamp=row.stamp or "",
            findings=Findings.of(row.findings) if row.findings else None,
            version=int(row.version or 0),
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


def _member_row(set_id: str, generation: str, member: Member) -> MemberRow:
    return MemberRow(
        *keys.member(set_id, generation, member.capture_id),
        at=keys.member_at(generation, member.at),
        stamp=member.stamp or None,
        findings=member.findings.text() if member.findings else None,
        version=member.version or None,
    )
