"""Occurrences and identifications in the table: in the partition of their capture.

Identifications are facts. Occurrences are derived from them and from what algorithms said: only settling
writes them, together with the findings of the capture, over the version of those it had seen.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import BooleanAttribute, JSONAttribute, UnicodeAttribute

from chalicelib import ids
from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.captures.rules import Capture
from chalicelib.detections import reading as detections
from chalicelib.detections.rules import Results
from chalicelib.findings import filing as findings
from chalicelib.occurrences import cropped
from chalicelib.occurrences.cropped import CropRow
from chalicelib.occurrences.rules import Derived, Determination, Identification, Occurrence

PIECE = 40
"""So many occurrences are written in one transaction."""


class OccurrenceRow(Row):
    """An occurrence; one without a determination is in no list."""

    project_id = UnicodeAttribute()
    taxon_id = UnicodeAttribute(null=True)
    score = JSONAttribute(null=True)
    by = UnicodeAttribute(null=True)
    source = UnicodeAttribute(null=True)


class IdentificationRow(Row):
    """An identification."""

    user = UnicodeAttribute()
    taxon_id = UnicodeAttribute(null=True)
    comment = UnicodeAttribute(null=True)
    withdrawn = BooleanAttribute(default=False)
    agreed_with = UnicodeAttribute(null=True)
    created_at = Instant()


@dataclass(frozen=True, slots=True)
class Held:
    """All that a capture's partition holds of what was found on it: facts, what stands derived from them, the
    row of its findings, and those of the pictures cut out of it."""

    results: Results
    identifications: tuple[Identification, ...]
    standing: tuple[Occurrence, ...]
    findings: findings.FindingsRow | None
    crops: tuple[CropRow, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever found, or said."""
        facts = self.results.detections or self.results.classifications or self.identifications
        return not (facts or self.standing or self.findings or self.crops)


_KINDS: dict[str, type[Row]] = {
    **detections.KINDS,
    keys.IDENTIFICATIONS: IdentificationRow,
    keys.OCCURRENCES: OccurrenceRow,
    keys.CROPS: CropRow,
    "FINDINGS": findings.FindingsRow,
}


def held(capture_id: str) -> Held:
    """What a capture's partition holds, read consistently. One request per megabyte: some thousands of
    rows."""
    pk = keys.findings(capture_id)[0]
    rows = list(table.mixed(pk, keys.CLASSIFICATIONS, f"{keys.OCCURRENCES}{keys.LAST}", _KINDS))
    return Held(
        results=detections.results_of(rows),
        identifications=tuple(_identification(row) for row in rows if isinstance(row, IdentificationRow)),
        standing=tuple(occurrence_of(row) for row in rows if isinstance(row, OccurrenceRow)),
        findings=next((row for row in rows if isinstance(row, findings.FindingsRow)), None),
        crops=tuple(row for row in rows if isinstance(row, CropRow)),
    )


def write(capture_id: str, project_id: str, place: str | None, before: Held, wanted: Derived) -> int | None:
    """Writes what is derived of a capture over what was seen, and returns the version of its findings;
    None if what was seen is no longer so. One transaction, one more for every forty occurrences that differ.

    The findings come with the first: whoever has seen the state in between is refused.
    """
    standing = {each.id: each for each in before.standing}
    alive = {each.id for each in wanted.occurrences}
    put = [each for each in wanted.occurrences if standing.get(each.id) != each]
    gone = [each for each in standing if each not in alive]
    changes = [*((each, True) for each in put), *((each, False) for each in gone)]
    seen, version = before.findings, 0
    for at in range(0, max(len(changes), 1), PIECE):
        written = _write_piece(capture_id, project_id, place, seen, wanted, changes[at : at + PIECE])
        if written is None:
            return None
        kept = place if wanted.findings else None
        seen, version = findings.FindingsRow(version=written, place=kept), written
    cropped.drop([each for each in before.crops if each.occurrence_id not in alive])
    return version


def identify(
    occurrence_id: str,
    capture: Capture,
    place: str | None,
    before: Held,
    wanted: Derived,
    put: Iterable[Identification],
    gone: Iterable[Identification] = (),
) -> bool:
    """Writes identifications of one occurrence together with all that follows from them for its capture;
    False if what was seen of the capture is no longer so, or the box has gone. One transaction, so at most
    `PIECE` occurrences may differ: see `differing`."""
    pk, sk = keys.detection(occurrence_id)

    def write_all() -> None:
        with table.transaction() as writing:
            findings.write(writing, before.findings, capture.id, capture.project_id, place, wanted.findings)
            writing.condition_check(Row, pk, sk, condition=Row.pk.exists())
            for each in differing(before, wanted):
                writing.save(_occurrence_row(each))
            for put_one in put:
                writing.save(identification_row(put_one))
            for gone_one in gone:
                writing.delete(IdentificationRow(*keys.identification(gone_one.id)))

    return table.accepted(write_all)


def differing(before: Held, wanted: Derived) -> list[Occurrence]:
    """The occurrences that do not stand as they should."""
    standing = {each.id: each for each in before.standing}
    return [each for each in wanted.occurrences if standing.get(each.id) != each]


def _write_piece(
    capture_id: str,
    project_id: str,
    place: str | None,
    seen: findings.FindingsRow | None,
    wanted: Derived,
    changes: Sequence[tuple[Any, bool]],
) -> int | None:
    versions: list[int] = []

    def write_all() -> None:
        with table.transaction() as writing:
            versions.append(findings.write(writing, seen, capture_id, project_id, place, wanted.findings))
            for each, is_put in changes:
                if is_put:
                    writing.save(_occurrence_row(each))
                else:
                    writing.delete(OccurrenceRow(*keys.occurrence(each)))

    return versions[-1] if table.accepted(write_all) else None


def drop(capture_id: str, before: Held) -> None:
    """Deletes all that was found on a capture that has gone. One request per 25 rows, and one."""
    deployment_id = ids.deployment_of(capture_id)
    detections.drop(before.results)
    with Row.batch_write() as writing:
        for identification in before.identifications:
            writing.delete(Row(*keys.identification(identification.id)))
        for occurrence in before.standing:
            writing.delete(Row(*keys.occurrence(occurrence.id)))
        if before.findings:
            if before.findings.place:
                writing.delete(Row(*keys.placed_findings(deployment_id, before.findings.place)))
            writing.delete(Row(*keys.findings(capture_id)))
    if before.crops:
        cropped.drop_all(capture_id, before.crops)


def wanted(occurrence_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads an occurrence by."""
    return OccurrenceRow, keys.occurrence(occurrence_id)


def among(found: Mapping[keys.Key, Any], occurrence_id: str) -> Occurrence | None:
    """The occurrence among the rows of `table.get_many`, if it is there."""
    row = found.get(keys.occurrence(occurrence_id))
    return occurrence_of(row) if row else None


def of_capture(capture_id: str) -> list[Occurrence]:
    """The occurrences that stand on a capture, by id. One request per megabyte: some thousands."""
    pk, begin = keys.occurrence(f"{capture_id}-")
    return [occurrence_of(row) for row in table.query(OccurrenceRow, pk, OccurrenceRow.sk.startswith(begin))]


def keep_identifications(identifications: Iterable[Identification]) -> None:
    """Writes identifications, whatever is there of them. One request per 25."""
    with IdentificationRow.batch_write() as writing:
        for each in identifications:
            writing.save(identification_row(each))


def identification_row(each: Identification) -> IdentificationRow:
    """The row that holds an identification."""
    return IdentificationRow(
        *keys.identification(each.id),
        user=each.user,
        taxon_id=each.taxon_id,
        comment=each.comment or None,
        withdrawn=each.withdrawn,
        agreed_with=each.agreed_with,
        created_at=each.created_at,
    )


def _identification(row: Any) -> Identification:
    return Identification(
        id=row.sk.removeprefix(keys.IDENTIFICATIONS),
        user=row.user,
        taxon_id=row.taxon_id,
        created_at=row.created_at,
        comment=row.comment or "",
        withdrawn=bool(row.withdrawn),
        agreed_with=row.agreed_with,
    )


def _occurrence_row(each: Occurrence) -> OccurrenceRow:
    row = OccurrenceRow(*keys.occurrence(each.id), project_id=each.project_id)
    named = each.determination
    if named:
        row.taxon_id, row.score, row.by, row.source = named.taxon_id, named.score, named.by, named.source
        row.owner = keys.project(each.project_id)[0]
        row.rank = keys.occurrence_rank(each.id, named.score)
    return row


def occurrence_of(row: Any) -> Occurrence:
    """The occurrence a row holds."""
    named = Determination(row.taxon_id, row.score, row.by, row.source) if row.taxon_id else None
    return Occurrence(row.sk.removeprefix(keys.OCCURRENCES), row.project_id, named)
