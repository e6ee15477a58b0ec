"""What the audit reads of the table by rows of its own: facts, and what is derived from them, as they lie
there and not as the rooms that settle them see them. All but the lists is read consistently."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
)

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row


class FactRow(Row):
    """Any row of a capture's partition that says what was found on it; or a row of findings in time."""

    algorithm = UnicodeAttribute(null=True)
    box = JSONAttribute(null=True)
    taxon_id = UnicodeAttribute(null=True)
    score = JSONAttribute(null=True)
    is_last = BooleanAttribute(null=True)
    replaces = JSONAttribute(null=True)
    withdrawn = BooleanAttribute(null=True)
    created_at = Instant(null=True)
    project_id = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)
    findings = UnicodeAttribute(null=True)
    place = UnicodeAttribute(null=True)
    version = NumberAttribute(null=True)


class CaptureRow(Row):
    """As much of a capture as counting needs."""

    facts: MapAttribute[str, Any] = MapAttribute(null=True)


class TaxonRow(Row):
    """How many occurrences an owner has of a taxon."""

    occurrences_count = NumberAttribute()


class NightRow(Row):
    """The note that the sample of a night has been begun."""

    expires = NumberAttribute()


def said_of(capture_id: str) -> list[FactRow]:
    """What a capture's partition holds of what was found on it. One request per megabyte: some thousands of
    rows."""
    pk, last = keys.findings(capture_id)[0], f"{keys.OCCURRENCES}{keys.LAST}"
    return list(table.mixed(pk, keys.CLASSIFICATIONS, last, {"": FactRow}))


def findings_of(capture_ids: Iterable[str]) -> dict[str, str]:
    """What is noted with captures of what was found on them, by id. One request per hundred."""
    found = table.get_many([(FactRow, keys.findings(each)) for each in capture_ids], consistent=True)
    return {pk.removeprefix(keys.CAPTURES): row.findings for (pk, _), row in found.items()}


def captures(deployment_id: str, after: str, limit: int) -> list[tuple[str, str | None]]:
    """The next captures of a deployment after one, by id, and where each stands in time: None for one that
    was removed, of which only a trace is left. One request."""
    pk, begin = keys.capture(f"{deployment_id}-")
    lower = f"{keys.CAPTURES}{after}!" if after else begin
    rows = table.query(Row, pk, Row.sk.between(lower, f"{begin}{keys.LAST}"), consistent=True, limit=limit)
    return [(row.sk.removeprefix(keys.CAPTURES), row.at) for row in rows]


def places(deployment_id: str) -> Iterator[tuple[str, int]]:
    """Where the captures of a deployment stand in time, and how many bytes they have, as their own rows say
    it: without the index by which they are settled. One request per megabyte of rows, some eight hundred."""
    pk, begin = keys.capture(f"{deployment_id}-")
    rows = CaptureRow.query(
        pk,
        CaptureRow.sk.startswith(begin),
        consistent_read=True,
        attributes_to_get=["sk", "at", "facts.size"],
        page_size=_PAGE,
    )
    for row in rows:
        if row.at:  # of one that was removed only a trace is left
            yield row.at, int(row.facts["size"]) if row.facts else 0


_PAGE = 10_000
"""More than a megabyte: without a limit some engines gather all that is left for each page."""


def members(set_id: str, generation: str, after: str, limit: int) -> list[str]:
    """The ids of the next members of a set after one, by id. One request."""
    pk, begin = keys.member(set_id, generation, "")
    lower = f"{begin}{after}!" if after else begin
    rows = table.query(Row, pk, Row.sk.between(lower, f"{begin}{keys.LAST}"), consistent=True, limit=limit)
    return [row.sk.removeprefix(begin) for row in rows]


def placed(deployment_id: str) -> Iterator[tuple[str, str]]:
    """What is noted in a deployment's time of what was found, with its place. One request per megabyte: some
    thousands."""
    pk, begin = keys.placed_findings(deployment_id, "")
    for row in table.query(FactRow, pk, FactRow.sk.startswith(begin), consistent=True):
        yield row.sk.removeprefix(begin), row.findings or ""


def placed_at(deployment_id: str, places: Iterable[str]) -> dict[str, str]:
    """What is noted at those places of a deployment's time. One request per hundred."""
    wanted = [(FactRow, keys.placed_findings(deployment_id, each)) for each in places]
    found = table.get_many(wanted, consistent=True)
    return {sk.removeprefix(keys.FINDINGS): row.findings or "" for (_, sk), row in found.items()}


def taxa(pk: str, begin: str) -> dict[str, int]:
    """How many occurrences are noted in a partition, by what follows `begin` in the sort key. One request per
    megabyte: some five thousand."""
    rows = table.query(TaxonRow, pk, TaxonRow.sk.startswith(begin), consistent=True)
    return {row.sk.removeprefix(begin): int(row.occurrences_count) for row in rows}


def projects(limit: int) -> list[str]:
    """The ids of all projects, or of so many. One request per megabyte: some thousands."""
    return _owned(keys.PROJECTS, None, limit)


def deployments(project_id: str, limit: int) -> list[str]:
    """The ids of a project's deployments, or of so many. As `projects`."""
    return _owned(keys.project(project_id)[0], keys.DEPLOYMENTS, limit)


def sets(project_id: str, limit: int) -> list[str]:
    """The ids of a project's capture sets, or of so many. As `projects`."""
    return _owned(keys.project(project_id)[0], keys.SETS, limit)


def _owned(owner: str, prefix: str | None, limit: int) -> list[str]:
    within: Any = Row.rank.startswith(prefix) if prefix else None
    rows = table.query(Row, owner, within, index=keys.BY_OWNER, limit=limit)
    return sorted(row.pk.partition("#")[2] for row in rows)


def claim_night(day: str, now: datetime) -> bool:
    """Notes that the sample of a night has been begun; False if it has been. One request."""
    row = NightRow(*keys.night(day), expires=int((now + timedelta(days=3)).timestamp()))
    return table.accepted(lambda: row.save(NightRow.pk.does_not_exist()))
