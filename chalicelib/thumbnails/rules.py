"""Which thumbnails there are, how large, and when one is fresh. Pure."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Format = Literal["jpeg", "webp"]


@dataclass(frozen=True, slots=True)
class ThumbnailSpec:
    """One configured size. `width` is in pixels of the displayed frame; eager ones are made at ingest."""

    label: str
    width: int
    format: Format = "jpeg"
    quality: int = 82
    eager: bool = True


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """One rendered thumbnail, as the capture remembers it.

    `spec_width` is the width that was asked for: a small original gives a smaller `width`, and must
    not be rendered again for ever. `source_version` is the version of the object it was made from.
    """

    key: str
    spec_width: int
    width: int
    height: int
    bytes: int
    format: Format
    quality: int
    source_version: str | None


DEFAULT_SPECS: tuple[ThumbnailSpec, ...] = (
    ThumbnailSpec("small", 240),
    ThumbnailSpec("medium", 1024),
    ThumbnailSpec("large", 2560, eager=False),
)


def is_fresh(thumbnail: Thumbnail | None, spec: ThumbnailSpec, source_version: str | None) -> bool:
    """Whether `thumbnail` may be served for `spec` of a capture whose object is at `source_version`.

    An unknown version on either side is no sign of change.
    """
    if thumbnail is None or not thumbnail.key.strip():
        return False
    made_as_asked = (thumbnail.spec_width, thumbnail.format, thumbnail.quality) == (
        spec.width,
        spec.format,
        spec.quality,
    )
    versions = {thumbnail.source_version, source_version} - {None}
    return made_as_asked and len(versions) <= 1


def spec_for(label: str | None, specs: tuple[ThumbnailSpec, ...]) -> ThumbnailSpec | None:
    """The spec of that label; the first one when no label is given; None for an unknown label."""
    if label is None:
        return specs[0] if specs else None
    return next((spec for spec in specs if spec.label == label), None)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where the blobs of thumbnails lie: a bucket, and what their names there begin with."""

    bucket: str
    prefix: str = "thumbnails/"

    def folder(self, capture_id: str) -> str:
        """Under which the names of all blobs of a capture begin."""
        deployment_id, _, photo = capture_id.rpartition("-")
        return f"{self.prefix}{deployment_id}/{photo}/"

    def place(self, capture_id: str, stamp: str, token: str = "") -> str:
        """Where whoever renders a capture puts the blobs: `stamp` is the one it has, or is to have, by then.

        With a token of the attempt no two attempts ever write the same blob, and each may delete its own.
        """
        place = f"{self.folder(capture_id)}{stamp or _UNSTAMPED}/"
        return f"{place}{token}/" if token else place


def blob_name(label: str, digest: str, format: Format) -> str:  # noqa: A002
    """A blob's own name: holds a digest of the bytes, so a name never changes its content."""
    extension = {"jpeg": "jpg", "webp": "webp"}[format]
    return f"{label}-{digest[:20]}.{extension}"


_UNSTAMPED = "-"


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob as the storage lists it: when it was written is UTC, aware."""

    key: str
    written: datetime
    bytes: int = 0


ATTEMPT_OVER = timedelta(hours=1)
"""After this nobody is at work any more who could still point to a blob: functions live for 15 minutes."""

EVENT_OVER = timedelta(days=15)
"""After this no event is under way any more: queues keep them for 14 days."""


def litter(
    blobs: Iterable[Blob], folder: str, stamp: str | None, kept: Container[str], now: datetime
) -> list[str]:
    """Which of the blobs in a capture's folder nobody points to, or ever will. `stamp` is the capture's
    present one, None where there is no trace of it.

    Whoever renders for an older stamp than the present one has seen the capture as it was, and can no longer
    write what it rendered. For the present stamp only attempts that are under way may, and for a later one
    only an event that is.
    """
    present = "" if stamp is None else stamp or _UNSTAMPED
    return [blob.key for blob in blobs if blob.key not in kept and _is_over(blob, folder, present, now)]


def _is_over(blob: Blob, folder: str, present: str, now: datetime) -> bool:
    made_for = blob.key[len(folder) :].partition("/")[0]
    if made_for < present:
        return True
    patience = ATTEMPT_OVER if made_for == present else EVENT_OVER
    return blob.written < now - patience
