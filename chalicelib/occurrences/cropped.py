"""Pictures cut out of photographs: one row for each occurrence that anybody has looked at, and its blob.

A blob's name tells the photograph's version and the box, so it never changes its content; whoever renders
the same twice writes the same. The row says which blob there is, or who is at it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib import ids
from chalicelib.aws import keys, objects, table
from chalicelib.aws.table import Instant, Row
from chalicelib.detections import reading as detections
from chalicelib.settings import settings
from chalicelib.thumbnails.attempts import Attempt

PREFIX = "crops/"


class CropRow(Row):
    """The blob of the picture of an occurrence, None while there is none: then the rest is the latest attempt
    at it. `name` is what the blob is called, or to be called."""

    name = UnicodeAttribute()
    blob = UnicodeAttribute(null=True)
    token = UnicodeAttribute()
    tries = NumberAttribute(default=0)
    until = Instant()
    kind = UnicodeAttribute(null=True)
    reason = UnicodeAttribute(null=True)

    @property
    def occurrence_id(self) -> str:
        """The occurrence it shows."""
        return self.sk.removeprefix(keys.CROPS)

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt, if it has not succeeded."""
        if self.blob:
            return None
        kind: Any = self.kind
        return Attempt(self.token, int(self.tries), self.until, kind, self.reason)


def blob_of(occurrence_id: str, name: str) -> str:
    """Where the blob of that name lies."""
    return f"{_folder(occurrence_id)}{name}.jpg"


def get(occurrence_id: str) -> CropRow | None:
    """The row of an occurrence, read consistently. One request."""
    return table.get(CropRow, keys.crop(occurrence_id), consistent=True)


def put(
    occurrence_id: str, seen: CropRow | None, name: str, attempt: Attempt, blob: str | None, until: datetime
) -> CropRow | None:
    """Writes the row over what was seen of it, as long as there is such a box; None if either is no longer
    so. One transaction."""
    row = CropRow(
        *keys.crop(occurrence_id),
        name=name,
        blob=blob,
        token=attempt.token,
        tries=attempt.tries,
        until=until,
        kind=attempt.kind,
        reason=attempt.reason,
    )
    unseen = CropRow.token == seen.token if seen else CropRow.pk.does_not_exist()
    pk, sk = keys.detection(occurrence_id)
    detection: Any = detections.KINDS[keys.DETECTIONS]

    def write_all() -> None:
        with table.transaction() as writing:
            writing.save(row, condition=unseen)
            writing.condition_check(detection, pk, sk, condition=detection.pk.exists())

    return row if table.accepted(write_all) else None


def drop(rows: Iterable[CropRow]) -> None:
    """Deletes pictures of boxes that have gone: nothing where there are none, else two requests of S3 for
    each, and one of the table per 25."""
    rows = list(rows)
    for each in rows:
        _clear(_folder(each.occurrence_id))
    _forget(rows)


def drop_all(capture_id: str, rows: Iterable[CropRow]) -> None:
    """Deletes all pictures cut out of a capture that has gone. Two requests of S3, and one of the table per
    25."""
    _clear(f"{PREFIX}{capture_id}/")
    _forget(rows)


def _clear(folder: str) -> None:
    bucket = settings().thumbnails_bucket
    objects.delete(bucket, [each.key for each in objects.under(bucket, folder)])


def _forget(rows: Iterable[CropRow]) -> None:
    with Row.batch_write() as writing:
        for each in rows:
            writing.delete(Row(each.pk, each.sk))


def _folder(occurrence_id: str) -> str:
    return f"{PREFIX}{ids.capture_of(occurrence_id)}/{occurrence_id.rpartition('-')[2]}/"
