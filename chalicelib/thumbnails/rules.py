"""Which thumbnails there are, how large, and when one is fresh. Pure."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
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


def thumbnail_key(capture_id: str, stamp: str, label: str, digest: str, format: Format) -> str:  # noqa: A002
    """The blob's name: holds a digest of the bytes, so a name never changes its content, and the stamp its
    capture had when it was rendered."""
    extension = {"jpeg": "jpg", "webp": "webp"}[format]
    return f"{folder(capture_id)}{stamp or _UNSTAMPED}/{label}-{digest[:20]}.{extension}"


_UNSTAMPED = "-"


def folder(capture_id: str) -> str:
    """Under which the names of all blobs of a capture begin."""
    deployment_id, _, photo = capture_id.rpartition("-")
    return f"thumbnails/{deployment_id}/{photo}/"


def litter(names: Iterable[str], capture_id: str, stamp: str, kept: Container[str]) -> list[str]:
    """Which of a capture's blobs nobody points to, or ever will.

    Whoever renders for an older stamp than the capture's present one has seen it as it was, and can no
    longer write what it rendered; blobs of the present or a later stamp may be about to be pointed to.
    """
    start, present = len(folder(capture_id)), stamp or _UNSTAMPED
    return [name for name in names if name not in kept and name[start:].partition("/")[0] < present]
