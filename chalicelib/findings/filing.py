"""Filing the findings of a capture: with it, and in the time of its deployment.

There a night's are one query. Both are written in one transaction, and only over the version that was seen.
"""

from collections.abc import Mapping
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.transactions import TransactWrite

from chalicelib import ids
from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.findings.rules import Findings


class FindingsRow(Row):
    """What was found on a capture; of one of which all was taken back, None. `version` grows with every write
    and stays as long as the capture: whoever was told of an earlier one believes only a later one. `place` is
    where the capture stands in time, None for a hidden one, whose findings count nowhere."""

    findings = UnicodeAttribute(null=True)
    place = UnicodeAttribute(null=True)
    version = NumberAttribute()


class PlacedRow(Row):
    """What was found on the capture that stands in time where the key says."""

    findings = UnicodeAttribute()


def wanted(capture_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads the findings of a capture by."""
    return FindingsRow, keys.findings(capture_id)


def among(found: Mapping[keys.Key, Any], capture_id: str) -> tuple[Findings | None, int]:
    """The findings of a capture among rows that were read, None if it has none, and their version."""
    row = found.get(keys.findings(capture_id))
    return told(row) if row else (None, 0)


def told(row: FindingsRow) -> tuple[Findings | None, int]:
    """The findings a row holds, and their version."""
    return Findings.of(row.findings) if row.findings else None, int(row.version)


def write(
    transaction: TransactWrite,
    before: FindingsRow | None,
    capture_id: str,
    project_id: str,
    place: str | None,
    findings: Findings | None,
) -> int:
    """Writes the findings of a capture over those that were seen, as a part of a transaction; None takes them
    away. Returns their version."""
    row = FindingsRow(*keys.findings(capture_id))
    version = int(before.version) + 1 if before else 1
    unseen = FindingsRow.version == before.version if before else FindingsRow.pk.does_not_exist()
    kept = place if findings is not None else None
    row.findings, row.place, row.version = findings.text() if findings else None, kept, version
    if kept:
        row.owner, row.rank = keys.project(project_id)[0], f"{keys.FINDINGS}{kept}"
    transaction.save(row, condition=unseen)
    deployment_id = ids.deployment_of(capture_id)
    if before and before.place and before.place != kept:
        transaction.delete(PlacedRow(*keys.placed_findings(deployment_id, before.place)))
    if kept and findings is not None:
        transaction.save(PlacedRow(*keys.placed_findings(deployment_id, kept), findings=findings.text()))
    return version
