"""Examining a photograph's bytes: what it is, when it was taken, and its thumbnails, from one decoding."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.objects import StoredObject
from chalicelib.captures.rules import Capture, Facts, Origin
from chalicelib.captures.timestamps import CaptureTime, capture_time
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Unreadable
from chalicelib.settings import Settings
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.photograph import Photograph, open_photograph, times_of_torn
from chalicelib.thumbnails.rules import Thumbnail, ThumbnailSpec


@dataclass(frozen=True, slots=True)
class Subject:
    """The object a capture is read from: its key and name, its data source if it is not ours, the capture's
    id, and the stamp it is to have. `token`: of the attempt at its thumbnails, if it is one."""

    capture_id: str
    key: str
    filename: str
    stamp: str
    deployment: Deployment
    source: str | None = None
    token: str = ""


@dataclass(frozen=True, slots=True)
class _Pixels:
    """What became of the pixels: thumbnails, or the reason why there are none."""

    thumbnails: dict[str, Thumbnail]
    truncated: bool = False
    reason: str | None = None


def examine(
    found: StoredObject, subject: Subject, specs: Sequence[ThumbnailSpec], settings: Settings, now: datetime
) -> Capture:
    """The capture in an object, its thumbnails of `specs` written. Bytes that are no photograph make an
    unreadable capture, with the reason: nothing that was sent is lost."""
    photograph: Photograph | None = None
    try:
        photograph = _open(found, settings)
        pixels = _render(photograph, found, subject, specs, settings)
    except Unreadable as error:
        pixels = _Pixels({}, reason=error.detail)
    exif = photograph.exif if photograph else times_of_torn(found.data or b"")
    taken = capture_time(subject.filename, exif, now=now, sources=subject.deployment.timestamp_sources)
    return Capture(
        id=subject.capture_id,
        project_id=subject.deployment.project_id,
        timestamp=taken.timestamp,
        millisecond=taken.millisecond,
        facts=_facts(found, subject, taken, photograph, pixels),
        thumbnails=pixels.thumbnails,
        origin=_origin(photograph) if photograph else Origin(),
        stamp=subject.stamp,
    )


def _open(found: StoredObject, settings: Settings) -> Photograph:
    if found.data is None:
        limit = settings.max_upload_bytes // 1_000_000
        raise Unreadable(f"the file has {found.size:,} bytes; the largest that is read has {limit} MB")
    return open_photograph(found.data)


def _render(
    photograph: Photograph,
    found: StoredObject,
    subject: Subject,
    specs: Sequence[ThumbnailSpec],
    settings: Settings,
) -> _Pixels:
    place = settings.shelf.place(subject.capture_id, subject.stamp, subject.token)
    made, truncated = thumbnails.make(photograph, found.version, specs, settings.shelf.bucket, place)
    return _Pixels(made, truncated)


def _facts(
    found: StoredObject,
    subject: Subject,
    taken: CaptureTime,
    photograph: Photograph | None,
    pixels: _Pixels,
) -> Facts:
    return Facts(
        key=subject.key,
        filename=subject.filename,
        version=found.version,
        size=found.size,
        sha256=hashlib.sha256(found.data).hexdigest() if found.data is not None else None,
        last_modified=found.last_modified,
        state="unreadable" if pixels.reason else "ready",
        reason=pixels.reason,
        content_type=photograph.content_type if photograph else None,
        width=photograph.width if photograph else None,
        height=photograph.height if photograph else None,
        orientation=photograph.orientation if photograph else 1,
        timestamp_source=taken.source,
        timestamp_offset=taken.offset,
        timestamp_conflict=taken.conflict,
        undated_reason=taken.reason if taken.timestamp is None else None,
        truncated=pixels.truncated,
        source=subject.source,
    )


def _origin(photograph: Photograph) -> Origin:
    camera = photograph.camera
    latitude, longitude = photograph.gps or (None, None)
    return Origin(camera.make, camera.model, camera.serial, latitude, longitude)
