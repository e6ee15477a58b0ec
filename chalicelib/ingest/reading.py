"""Reading an object once: what it is, when it was taken, and its eager thumbnails."""

import hashlib
from datetime import datetime

from chalicelib.aws.objects import StoredObject
from chalicelib.captures.rules import Capture, Facts, parse_key
from chalicelib.captures.timestamps import CaptureTime, capture_time
from chalicelib.errors import Unreadable
from chalicelib.settings import Settings
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.photograph import Photograph, open_photograph
from chalicelib.thumbnails.rules import Thumbnail


def read(
    found: StoredObject, key: str, capture_id: str, project_id: str, *, settings: Settings, now: datetime
) -> Capture:
    """The capture in an object, its eager thumbnails written. Bytes that are no photograph make an
    unreadable capture, with the reason: nothing that was sent is lost."""
    parsed = parse_key(key)
    filename = parsed[1] if parsed else key
    try:
        photograph = _open(found, settings)
        specs = [spec for spec in settings.thumbnails if spec.eager]
        made, truncated = thumbnails.make(
            photograph, capture_id, found.version, specs, settings.thumbnails_bucket
        )
    except Unreadable as error:
        return _unreadable(found, key, filename, capture_id, project_id, error.detail, now)
    taken = capture_time(filename, photograph.exif, now=now)
    facts = _facts(found, key, filename, taken, photograph, truncated=truncated)
    return _capture(capture_id, project_id, taken, facts, made)


def _open(found: StoredObject, settings: Settings) -> Photograph:
    if found.data is None:
        limit = settings.max_upload_bytes // 1_000_000
        raise Unreadable(f"the file has {found.size:,} bytes; the largest that is read has {limit} MB")
    return open_photograph(found.data)


def _unreadable(
    found: StoredObject, key: str, filename: str, capture_id: str, project_id: str, reason: str, now: datetime
) -> Capture:
    taken = capture_time(filename, None, now=now)
    facts = _facts(found, key, filename, taken, None, truncated=False, reason=reason)
    return _capture(capture_id, project_id, taken, facts, {})


def _capture(
    capture_id: str, project_id: str, taken: CaptureTime, facts: Facts, made: dict[str, Thumbnail]
) -> Capture:
    return Capture(capture_id, project_id, taken.timestamp, taken.millisecond, facts, made)


def _facts(
    found: StoredObject,
    key: str,
    filename: str,
    taken: CaptureTime,
    photograph: Photograph | None,
    *,
    truncated: bool,
    reason: str | None = None,
) -> Facts:
    return Facts(
        key=key,
        filename=filename,
        version=found.version,
        size=found.size,
        sha256=hashlib.sha256(found.data).hexdigest() if found.data is not None else None,
        last_modified=found.last_modified,
        state="ready" if photograph else "unreadable",
        reason=reason,
        content_type=photograph.content_type if photograph else None,
        width=photograph.width if photograph else None,
        height=photograph.height if photograph else None,
        orientation=photograph.orientation if photograph else 1,
        timestamp_source=taken.source,
        timestamp_offset=taken.offset,
        timestamp_conflict=taken.conflict,
        undated_reason=taken.reason if taken.timestamp is None else None,
        truncated=truncated,
    )
