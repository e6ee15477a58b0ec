"""The verbs of captures: keep, remove and date one, announce an upload."""

import logging
from dataclasses import dataclass
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import objects, table
from chalicelib.captures import corrections, duplicates, reading, store
from chalicelib.captures.rules import CONTENT_TYPES, Capture, Seen, object_key
from chalicelib.captures.store import Others
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.settings import Settings

log = logging.getLogger("nightjar")

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Upload:
    """An announced upload: where the bytes go. Without a form, they are here already. `duplicate_of` is
    the capture that holds them under another name."""

    capture_id: str
    url: str | None = None
    fields: dict[str, str] | None = None
    duplicate_of: str | None = None


def with_deployment(capture_id: str, *, consistent: bool = False) -> tuple[Deployment | None, Capture | None]:
    """A capture and its deployment, each None if it is not there. One request."""
    deployment, seen = see(capture_id, consistent=consistent)
    return deployment, seen.capture


def see(capture_id: str, *, consistent: bool = False) -> tuple[Deployment | None, Seen]:
    """What there is of a capture, and its deployment, if that is there. One request."""
    deployment_id = ids.deployment_of(capture_id)
    wanted = [reading.wanted(capture_id), deployments.wanted(deployment_id)]
    found = table.get_many(wanted, consistent=consistent)
    return deployments.among(found, deployment_id), reading.seen_among(found, capture_id)


def keep(
    seen: Seen, capture: Capture, tidying: Tidying, deployment: Deployment, more: Others | None = None
) -> bool:
    """Writes a reading over what was seen of a capture, with `more` in the same transaction, and clears up
    after what was there; False if anything was refused. One request for a new object. Duplicates are hidden
    if the deployment says so.
    """
    note = store.both(tidying.note(seen.capture) if seen.capture else None, more)
    if not duplicates.write(seen, capture, tidying.now(), deployment, note):
        return False
    if seen.stamp:
        tidying.after(capture.id)
    return True


def remove(seen: Seen, capture_id: str, stamp: str, tidying: Tidying, more: Others | None = None) -> bool:
    """Removes a capture, whose object has gone, and all that hangs off it, with `more` in the same
    transaction; False if anything was refused. Also where there is none: a reading that is under way is then
    refused."""
    others = store.both(tidying.note(seen.capture) if seen.capture else None, more)
    if not store.remove(seen, capture_id, stamp, tidying.now(), others):
        return False
    tidying.after(capture_id)
    return True


def note_event(capture: Capture, stamp: str) -> None:
    """Notes that a later event found the capture as it is. Nothing for an event that is known already.

    Raises Conflict if the capture has changed meanwhile.
    """
    if stamp <= capture.stamp:
        log.info("%s is known already", capture.id)
    elif not store.touch(capture, stamp):
        raise Conflict(f"{capture.id} changed while a later event was noted.")


def date(capture_id: str, moment: datetime | None) -> tuple[Deployment, Capture]:
    """Dates a capture by hand (naive, to the millisecond); None goes back to what its sources told.

    Raises NotFound, or Conflict if it keeps changing. Two requests.
    """
    for _ in range(_ROUNDS):
        deployment, before = with_deployment(capture_id, consistent=True)
        if deployment is None or before is None:
            raise NotFound(f"There is no capture with the id {capture_id!r}.")
        after = corrections.dated(before, moment)
        if after == before or store.correct(before, after):
            return deployment, after
    raise Conflict("The capture keeps changing; try again in a moment.")


def announce(
    deployment_id: str, filename: str, content_type: str, size: int, sha256: str | None, settings: Settings
) -> Upload:
    """Prepares the upload of one photograph: a form that S3 holds to its key, type and size.

    One request of the table, two with a SHA-256. Then, if the capture is not known yet, one of S3, too: bytes
    that have arrived and still wait to be ingested need not be sent again either.

    Raises Invalid for what may not be sent, NotFound for an unknown deployment.
    """
    _check(content_type, size, settings.max_upload_bytes)
    ids.check("deployment", deployment_id)
    key = object_key(deployment_id, filename)
    capture_id = ids.capture_id(deployment_id, settings.photos_bucket, key)
    deployment, known = with_deployment(capture_id)
    if deployment is None:
        raise NotFound(f"There is no deployment with the id {deployment_id!r}.")
    if sha256 and _is_here(known, key, size, sha256, settings):
        return Upload(capture_id)
    url, fields = objects.upload_form(
        settings.photos_bucket, key, content_type, size, sha256, settings.url_lifetime
    )
    original_id = duplicates.original_of(deployment.project_id, sha256) if sha256 else None
    return Upload(capture_id, url, fields, original_id if original_id != capture_id else None)


def _is_here(known: Capture | None, key: str, size: int, sha256: str, settings: Settings) -> bool:
    if known:
        return (known.facts.sha256, known.facts.size) == (sha256, size)
    return objects.holds(settings.photos_bucket, key, size, sha256)


def _check(content_type: str, size: int, max_bytes: int) -> None:
    if content_type not in CONTENT_TYPES:
        allowed = ", ".join(sorted(CONTENT_TYPES))
        raise Invalid(
            f"{content_type[:80]!r} is no type of photograph that is taken here.",
            {"content_type": f"one of {allowed}"},
        )
    if not 0 < size <= max_bytes:
        raise Invalid(
            f"A photograph has from 1 to {max_bytes:,} bytes, this one {size:,}.",
            {"size": f"from 1 to {max_bytes}"},
        )
