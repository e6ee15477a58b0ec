"""Detections and classifications in the table: facts in the partition of their capture."""

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, JSONAttribute, UnicodeAttribute

from chalicelib import ids
from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row, instant
from chalicelib.detections.rules import Box, Classification, Detection, Results
from chalicelib.errors import Invalid

_MOST_TAKEN = 350_000
"""Bytes. A row holds 400 kB, and more than these."""


class DetectionRow(Row):
    """A detection; the null marker has no box. Numbers lie in JSON, which keeps them to the last bit."""

    algorithm = UnicodeAttribute()
    box = JSONAttribute(null=True)
    score = JSONAttribute(null=True)
    source_id = UnicodeAttribute(null=True)
    job = UnicodeAttribute(null=True)
    created_at = Instant()


class ClassificationRow(Row):
    """A classification. The table keeps no float: its score lies in JSON, to the last bit."""

    algorithm = UnicodeAttribute()
    taxon_id = UnicodeAttribute(null=True)
    label = UnicodeAttribute(null=True)
    score = JSONAttribute(null=True)
    is_last = BooleanAttribute(default=True)
    replaces = JSONAttribute(null=True)
    details = JSONAttribute(null=True)
    vectors = UnicodeAttribute(null=True)
    job = UnicodeAttribute(null=True)
    created_at = Instant()


@dataclass(frozen=True, slots=True)
class Present:
    """What is there of a capture: what algorithms said, and of which of its detections people have said
    anything. `settled` are those that go by a name a person gave."""

    results: Results
    named: frozenset[str]
    settled: frozenset[str] = frozenset()


class PersonRow(Row):
    """As much of an identification as tells whether a name follows from it."""

    taxon_id = UnicodeAttribute(null=True)
    withdrawn = BooleanAttribute(default=False)


class WroteRow(Row):
    """The note with a job that it has written results of a capture, or was about to. `taken` are the
    classifications that were there before and had to make room, packed."""

    taken = BinaryAttribute(null=True, legacy_encoding=False)


def results_of(rows: Iterable[Any]) -> Results:
    """The detections and classifications among rows of a capture's partition, whatever else is there."""
    detections, classifications = [], []
    for row in rows:
        if row.sk.startswith(keys.DETECTIONS):
            detections.append(_detection(row))
        elif row.sk.startswith(keys.CLASSIFICATIONS):
            classifications.append(_classification(row))
    return Results(tuple(detections), tuple(classifications))


def present(capture_id: str) -> Present:
    """What there is of a capture, read consistently. One request per megabyte: some thousands of rows."""
    upper = f"{keys.IDENTIFICATIONS}{keys.LAST}"
    kinds: dict[str, type[Row]] = {**KINDS, keys.IDENTIFICATIONS: PersonRow}
    rows = list(table.mixed(f"{keys.CAPTURES}{capture_id}", keys.CLASSIFICATIONS, upper, kinds))
    people = [row for row in rows if isinstance(row, PersonRow)]
    named = (_named(row) for row in people)
    settled = (_named(row) for row in people if row.taxon_id and not row.withdrawn)
    return Present(results_of(rows), frozenset(named), frozenset(settled))


def _named(row: PersonRow) -> str:
    return ids.detection_of(row.sk.removeprefix(keys.IDENTIFICATIONS))


KINDS: dict[str, type[Row]] = {
    keys.CLASSIFICATIONS: ClassificationRow,
    keys.DETECTIONS: DetectionRow,
}


def keep(rows: Iterable[Detection | Classification]) -> None:
    """Writes facts. One request per 25."""
    with Row.batch_write() as writing:
        for each in rows:
            writing.save(_row(each))


def drop(row_ids: Iterable[str]) -> None:
    """Deletes detections and classifications. One request per 25."""
    with Row.batch_write() as writing:
        for each in row_ids:
            is_detection = each.count("-") == 2  # see ids
            writing.delete(Row(*(keys.detection(each) if is_detection else keys.classification(each))))


def note_written(job_id: str, capture_ids: Iterable[str]) -> None:
    """Notes that a job is about to write results of captures. One request per 25."""
    with WroteRow.batch_write() as writing:
        for each in capture_ids:
            writing.save(WroteRow(*keys.written_by(job_id, each)))


def note_taken(job_id: str, taken: Mapping[str, Sequence[Classification]]) -> None:
    """As `note_written`, for captures by id, each with the classifications that have to make room for what is
    about to be written. One request per 25. Raises Invalid where these are too many to be kept."""
    with WroteRow.batch_write() as writing:
        for each, rows in taken.items():
            writing.save(WroteRow(*keys.written_by(job_id, each), taken=_packed(rows) if rows else None))


def noted(wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], tuple[Classification, ...]]:
    """Of those pairs of a job and a capture the ones that are noted, each with what had to make room there;
    read consistently. One request per hundred."""
    pairs = {keys.written_by(*each): each for each in wanted}
    found = table.get_many([(WroteRow, key) for key in pairs], consistent=True)
    return {pairs[key]: _unpacked(row.taken) if row.taken else () for key, row in found.items()}


def written_by(job_id: str, after: str | None, limit: int) -> list[str]:
    """The captures of which a job has written results, by id: up to `limit` that follow `after`. One
    request."""
    pk, begin = keys.written_by(job_id, "")
    lower = f"{begin}{after}!" if after else begin
    rows = table.query(WroteRow, pk, WroteRow.sk.between(lower, begin + keys.LAST), limit=limit)
    return [row.sk.removeprefix(begin) for row in rows]


def forget_written(job_id: str, capture_ids: Iterable[str]) -> None:
    """Forgets that a job has written results of captures. One request per 25."""
    with WroteRow.batch_write() as writing:
        for each in capture_ids:
            writing.delete(WroteRow(*keys.written_by(job_id, each)))


def _row(each: Detection | Classification) -> Row:
    if isinstance(each, Detection):
        return DetectionRow(
            *keys.detection(each.id),
            algorithm=each.algorithm,
            box=[*each.box.corners, *([True] if each.box.relative else [])] if each.box else None,
            score=each.score,
            source_id=each.source_id or None,
            job=each.job,
            created_at=each.created_at,
        )
    return ClassificationRow(
        *keys.classification(each.id),
        algorithm=each.algorithm,
        taxon_id=each.taxon_id,
        label=each.label,
        score=each.score,
        is_last=each.is_last,
        replaces=sorted(each.replaces) or None,
        details=dict(each.details) or None,
        vectors=each.vectors,
        job=each.job,
        created_at=each.created_at,
    )


def _detection(row: Any) -> Detection:
    return Detection(
        id=row.sk.removeprefix(keys.DETECTIONS),
        algorithm=row.algorithm,
        box=Box(*row.box) if row.box else None,
        score=row.score,
        created_at=row.created_at,
        source_id=row.source_id or "",
        job=row.job,
    )


def _classification(row: Any) -> Classification:
    return Classification(
        id=row.sk.removeprefix(keys.CLASSIFICATIONS),
        algorithm=row.algorithm,
        taxon_id=row.taxon_id,
        label=row.label,
        score=row.score,
        created_at=row.created_at,
        is_last=row.is_last is not False,
        replaces=tuple(row.replaces or ()),
        details=row.details or {},
        vectors=row.vectors,
        job=row.job,
    )


def _packed(rows: Sequence[Classification]) -> bytes:
    told = [[*_fields(each), instant(each.created_at)] for each in rows]
    data = zlib.compress(json.dumps(told, separators=(",", ":")).encode(), 9)
    if len(data) > _MOST_TAKEN:
        raise Invalid(f"{len(rows):,} classifications of one capture would be replaced: too many to undo it.")
    return data


def _fields(each: Classification) -> list[Any]:
    said = [each.id, each.algorithm, each.taxon_id, each.label, each.score]
    return [*said, each.is_last, each.replaces, dict(each.details), each.vectors, each.job]


def _unpacked(data: bytes) -> tuple[Classification, ...]:
    return tuple(_unpacked_one(each) for each in json.loads(zlib.decompress(data)))


def _unpacked_one(told: Sequence[Any]) -> Classification:
    row_id, algorithm, taxon_id, label, score, is_last, replaces, details, vectors, job, created_at = told
    return Classification(
        id=row_id,
        algorithm=algorithm,
        taxon_id=taxon_id,
        label=label,
        score=score,
        created_at=datetime.fromisoformat(created_at),
        is_last=is_last,
        replaces=tuple(replaces),
        details=details,
        vectors=vectors,
        job=job,
    )
