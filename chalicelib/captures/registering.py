"""Captures of objects that were only listed, in a bucket that is not ours: nobody reads their bytes before
somebody looks at them. Until then a capture's time is what its name tells."""

from dataclasses import dataclass, replace
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.captures import service, store
from chalicelib.captures.corrections import corrected
from chalicelib.captures.rules import Capture, Facts, Seen, following
from chalicelib.captures.store import Others
from chalicelib.captures.tidying import Tidying
from chalicelib.captures.timeline import position
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
    """Where in its deployment's timeline a capture was, and is, None where it was not or is not there."""

    before: str | None = None
    after: str | None = None


def capture_id(deployment_id: str, key: str) -> str:
    """The id of the capture of an object in a deployment's data source: by its key alone, so that a bucket
    that moves elsewhere keeps its captures. No bucket of ours can begin so."""
    return ids.capture_id(deployment_id, "/", key)


def begin(capture: Capture) -> Registered | None:
    """Writes the capture of an object nobody knew; None if there is one, or the trace of one. One request."""
    return _told(None, capture) if store.write(Seen(), capture) else None


def register(capture: Capture, deployment: Deployment, tidying: Tidying, note: Others) -> Registered:
    """Writes what was listed, a capture that is `unread`, over what there is: that what was read of it is
    out of date, if its object has changed. What people corrected stays, and so do thumbnails of the same
    bytes.

    `note` is written in the same transaction, or nothing is. Two requests or more. Raises Conflict if it
    keeps changing, or the note is refused.
    """
    for _ in range(_ROUNDS):
        seen = store.see(capture.id)
        before = seen.capture
        after = _following(before, replace(capture, stamp=following(seen.stamp)))
        if before is not None and before == after:
            if _alone(note):
                return Registered(after=position(before))
        elif _write(seen, after, tidying, deployment, note):
            return _told(before, after)
    raise Conflict(f"{capture.id}, or what is known of its object, keeps changing.")


def mark_missing(capture_id: str, now: datetime, note: Others) -> Registered:
    """Notes on a capture that its object is no longer there, unless that is noted. As `register`."""
    for _ in range(_ROUNDS):
        before = store.see(capture_id).capture
        if before is None or before.facts.missing_since:
            written = _alone(note)
        else:
            after = replace(before, facts=replace(before.facts, missing_since=now))
            written = store.correct(before, after, note)
        if written:
            return Registered()
    raise Conflict(f"{capture_id}, or what is known of its object, keeps changing.")


def remove(capture_id: str, tidying: Tidying, note: Others) -> Registered:
    """Removes a capture whose object is no longer there, and all that hangs off it. As `register`, and what
    clearing up after it takes."""
    for _ in range(_ROUNDS):
        seen = store.see(capture_id)
        if seen.capture is None:
            if _alone(note):
                return Registered()
        elif service.remove(seen, capture_id, "", tidying, note):
            return Registered(before=position(seen.capture))
    raise Conflict(f"{capture_id}, or what is known of its object, keeps changing.")


def _alone(note: Others) -> bool:
    """Writes a note where nothing is to be written of the capture; False if it was refused."""

    def write() -> None:
        with table.transaction() as writing:
            note(writing)

    return table.accepted(write)


def unread(deployment: Deployment, listed: Listed, now: datetime) -> Capture:
    """The capture of what was listed, as long as nobody has read it. Asks nobody."""
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


def _write(seen: Seen, after: Capture, tidying: Tidying, deployment: Deployment, note: Others) -> bool:
    before = seen.capture
    if before is None:
        return store.write(seen, after, note)
    if after.stamp == before.stamp:  # only its facts are amended
        return store.correct(before, after, note)
    if before.facts.state == "unread":
        return store.write(seen, after, note)
    return service.keep(seen, after, tidying, deployment, note)


def _told(before: Capture | None, after: Capture) -> Registered:
    return Registered(position(before) if before else None, position(after))
