"""Captures of objects that were only listed, in a bucket that is not ours: nobody reads their bytes before
somebody looks at them. Until then a capture's time is what its name tells."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import keys
from chalicelib.captures import service, store
from chalicelib.captures.corrections import corrected
from chalicelib.captures.rules import Capture, Facts, Seen, following
from chalicelib.captures.tidying import Tidying
from chalicelib.captures.timestamps import capture_time
from chalicelib.captures.wall_clock import CaptureTime, undated
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict

NOT_READ = "its EXIF has not been read yet"

_ROUNDS = 6


@dataclass(frozen=True, slots=True)
class Listed:
    """An object as a listing told of it. `filename` is its key without the folders that all share."""

    source: str
    key: str
    filename: str
    version: str
    size: int
    last_modified: datetime


@dataclass(frozen=True, slots=True)
class Registered:
    """What became of a capture: whether it is `new`, or `changed`, and where in its deployment's timeline
    it was and is, None where it was not or is not there."""

    capture_id: str
    new: bool = False
    changed: bool = False
    before: str | None = None
    after: str | None = None
    undated: bool = False


def capture_id(deployment_id: str, key: str) -> str:
    """The id of the capture of an object in a deployment's data source: by its key alone, so that a bucket
    that moves elsewhere keeps its captures. No bucket of ours can begin so."""
    return ids.capture_id(deployment_id, "/", key)


def register(deployment: Deployment, listed: Listed, tidying: Tidying, *, known: bool) -> Registered:
    """Writes what was listed: of a new object a capture that nobody has read; of one that has changed, that
    what was read of it is out of date. What people corrected stays, and so do thumbnails of the same bytes.

    One request for a new one, two or more for one that is `known`. Raises Conflict if it keeps changing.
    """
    capture = _unread(deployment, listed, tidying.now())
    if not known and store.write(Seen(), capture):
        return _told(None, capture)
    for _ in range(_ROUNDS):
        seen = store.see(capture.id)
        before = seen.capture
        after = _following(before, replace(capture, stamp=following(seen.stamp)))
        if before is not None and before == after:
            return Registered(capture.id, after=_place(before), undated=before.timestamp is None)
        if _write(seen, after, tidying, deployment):
            return _told(before, after)
    raise Conflict(f"{capture.id} keeps changing.")


def mark_missing(capture_id: str, now: datetime) -> None:
    """Notes on a capture that its object is no longer there, unless that is noted. Two requests."""
    for _ in range(_ROUNDS):
        before = store.see(capture_id).capture
        if before is None or before.facts.missing_since:
            return
        if store.correct(before, replace(before, facts=replace(before.facts, missing_since=now))):
            return
    raise Conflict(f"{capture_id} keeps changing.")


def remove(capture_id: str, tidying: Tidying) -> Registered:
    """Removes a capture whose object is no longer there, and all that hangs off it. Two requests, and what
    clearing up after it takes."""
    for _ in range(_ROUNDS):
        seen = store.see(capture_id)
        if seen.capture is None:
            return Registered(capture_id)
        if service.remove(seen, capture_id, "", tidying):
            return Registered(capture_id, changed=True, before=_place(seen.capture))
    raise Conflict(f"{capture_id} keeps changing.")


def _unread(deployment: Deployment, listed: Listed, now: datetime) -> Capture:
    taken = _taken(listed.filename, deployment, now)
    return Capture(
        id=capture_id(deployment.id, listed.key),
        project_id=deployment.project_id,
        timestamp=taken.timestamp,
        millisecond=taken.millisecond,
        facts=Facts(
            key=listed.key,
            filename=listed.filename,
            version=listed.version,
            size=listed.size,
            last_modified=listed.last_modified,
            state="unread",
            timestamp_source=taken.source,
            timestamp_offset=taken.offset,
            undated_reason=taken.reason,
            source=listed.source,
        ),
        stamp=following(""),
    )


def _taken(filename: str, deployment: Deployment, now: datetime) -> CaptureTime:
    sources = deployment.timestamp_sources
    if "filename" not in sources:
        return undated(NOT_READ)
    taken = capture_time(filename, None, now=now, sources=("filename",))
    if taken.timestamp or "exif" not in sources:
        return taken
    return undated(f"{taken.reason}; {NOT_READ}")


def _following(before: Capture | None, listed: Capture) -> Capture:
    """What is to follow upon a capture now that its object is listed so."""
    if before is None:
        return listed
    old, new = before.facts, listed.facts
    as_it_was = (old.version, old.size, old.last_modified) == (new.version, new.size, new.last_modified)
    if not as_it_was:
        return corrected(listed, before.corrections)
    facts = replace(old, source=new.source, missing_since=None)
    return before if facts == old else replace(before, facts=facts)


def _write(seen: Seen, after: Capture, tidying: Tidying, deployment: Deployment) -> bool:
    before = seen.capture
    if before is None:
        return store.write(seen, after)
    if after.stamp == before.stamp:  # only its facts are amended
        return store.correct(before, after)
    if before.facts.state == "unread":
        return store.write(seen, after)
    return service.keep(seen, after, tidying, deployment)


def _told(before: Capture | None, after: Capture) -> Registered:
    was = _place(before) if before else None
    return Registered(
        after.id,
        new=before is None,
        changed=before is not None,
        before=was,
        after=_place(after),
        undated=after.timestamp is None,
    )


def _place(capture: Capture) -> str:
    return keys.capture_at(capture.id, capture.timestamp, capture.millisecond, hidden=capture.hidden)
