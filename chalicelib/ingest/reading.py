"""Reading an object once: what it is, when it was taken, and its eager thumbnails."""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from chalicelib.aws.objects import StoredObject
from chalicelib.captures.rules import Capture, Facts, Origin, parse_key
from chalicelib.captures.timestamps import CaptureTime, capture_time
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Unreadable
from chalicelib.settings import Settings
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.photograph import Photograph, open_photograph, times_of_torn
from chalicelib.thumbnails.rules import Thumbnail


@dataclass(frozen=True, slots=True)
class Source:
    """The object a capture is read from: its key, the capture's id, and the stamp it is to have."""

    key: str
    capture_id: str
    stamp: str
    deployment: Deployment


@dataclass(frozen=True, slots=True)
class _Pixels:
    """What became of the pixels: thumbnails, or the reason why there are none."""

    thumbnails: dict[str, Thumbnail]
    truncated: bool = False
    reason: str | None = None


def read(found: StoredObject, source: Source, settings: Settings, now: datetime) -> Capture:
    """The capture in an object, its eager thumbnails written. Bytes that are no photograph make an
    unreadable capture, with the reason: nothing that was sent is lost."""
    photograph: Photograph | None = None
    try:
        photograph = _open(found, settings)
        pixels = _render(photograph, found, source, settings)
    except Unreadable as error:
        pixels = _Pixels({}, reason=error.detail)
    parsed = parse_key(source.key)
    filename = parsed[1] if parsed else source.key
    exif = photograph.exif if photograph else times_of_torn(found.data or b"")
    taken = capture_time(filename, exif, now=now, sources=source.deployment.timestamp_sources)
    return Capture(
        id=source.capture_id,
        project_id=source.deployment.project_id,
        timestamp=taken.timestamp,
        millisecond=taken.millisecond,
        facts=_facts(found, source.key, filename, taken, photograph, pixels),
        thumbnails=pixels.thumbnails,
        origin=_origin(photograph) if photograph else Origin(),
        stamp=source.stamp,
    )


def _open(found: StoredObject, settings: Settings) -> Photograph:
    if found.data is None:
        limit = settings.max_upload_bytes // 1_000_000
        raise Unreadable(f"the file has {found.size:,} bytes; the largest that is read has {limit} MB")
    return open_photograph(found.data)


def _render(photograph: Photograph, found: StoredObject, source: Source, settings: Settings) -> _Pixels:
    specs = [spec for spec in settings.thumbnails if spec.eager]
    place = settings.shelf.place(source.capture_id, source.stamp)
    made, truncated = thumbnails.make(photograph, found.version, specs, settings.shelf.bucket, place)
    return _Pixels(made, truncated)


def _facts(
    found: StoredObject,
    key: str,
    filename: str,
    taken: CaptureTime,
    photograph: Photograph | None,
    pixels: _Pixels,
) -> Facts:
    return Facts(
        key=key,
        filename=filename,
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
    )


def _origin(photograph: Photograph) -> Origin:
    camera = photograph.camera
    latitude, longitude = photograph.gps or (None, None)
    return Origin(camera.make, camera.model, camera.serial, latitude, longitude)
