"""Tallies: what each deployment adds to its project, kept in the project's own partition.

There they can be read consistently in one query, which no global index allows. A deployment's tally is
written in the same transaction as the deployment's own counts.
"""

from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, ruled, table
from chalicelib.aws.counted import CountedRow, counts_of, setting
from chalicelib.aws.ruled import RuledRow
from chalicelib.counts import Counts
from chalicelib.deployments.rules import Inherited
from chalicelib.findings.rules import Filters


class TallyRow(CountedRow, RuledRow):
    """What one deployment adds to its project, and what it has taken over from it."""

    draft = BooleanAttribute(default=False)
    duplicates = UnicodeAttribute(default="flag")
    filters = UnicodeAttribute(null=True)


@dataclass(frozen=True, slots=True)
class Tally:
    """What one deployment adds to its project, and what it has taken over from it."""

    deployment_id: str
    counts: Counts
    inherited: Inherited


def tallies_of(project_id: str) -> list[Tally]:
    """Every deployment's tally, read consistently. One request per megabyte: some five thousand."""
    rows = table.query(
        TallyRow, keys.project(project_id)[0], TallyRow.sk.startswith(keys.DEPLOYMENTS), consistent=True
    )
    return [Tally(row.sk.removeprefix(keys.DEPLOYMENTS), counts_of(row), _inherited(row)) for row in rows]


def tally_of(project_id: str, deployment_id: str) -> Counts | None:
    """What one deployment adds, read consistently; None if it has no tally. One request."""
    row = table.get(TallyRow, keys.tally(project_id, deployment_id), consistent=True)
    return counts_of(row) if row else None


def _inherited(row: Any) -> Inherited:
    rule, filters = ruled.settings_of(row), Filters.of(row.filters)
    return Inherited(bool(row.draft), rule, row.duplicates or "flag", filters)


def add(write: TransactWrite, project_id: str, deployment_id: str, inherited: Inherited) -> None:
    """Opens the tally of a new deployment."""
    write.save(
        TallyRow(
            *keys.tally(project_id, deployment_id),
            draft=inherited.draft,
            **ruled.values_of(inherited.rule),
            duplicates=inherited.duplicates,
            filters=inherited.filters.text(),
        )
    )


def set_counts(write: TransactWrite, project_id: str, deployment_id: str, counts: Counts) -> None:
    """Writes what a deployment adds by now."""
    write.update(TallyRow(*keys.tally(project_id, deployment_id)), actions=setting(TallyRow, counts))


def set_inherited(write: TransactWrite, project_id: str, deployment_id: str, inherited: Inherited) -> None:
    """Notes what a deployment has taken over by now."""
    write.update(
        TallyRow(*keys.tally(project_id, deployment_id)),
        actions=[
            TallyRow.draft.set(inherited.draft),
            *ruled.setting(TallyRow, inherited.rule),
            TallyRow.duplicates.set(inherited.duplicates),
            TallyRow.filters.set(inherited.filters.text()),
        ],
    )
