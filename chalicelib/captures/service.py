"""The verbs of captures: keep one, announce an upload, render a thumbnail that is not there."""

from dataclasses import dataclass

from chalicelib import ids
from chalicelib.aws import objects, table
from chalicelib.captures import reading, store
from chalicelib.captures.rules import CONTENT_TYPES, Capture, object_key
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict, Invalid, NotFound, Unreadable
from chalicelib.settings import Settings
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.rules import Thumbnail, ThumbnailSpec


@dataclass(frozen=True, slots=True)
class Upload:
    """An announced upload: where the bytes go. Without a form, they are here already."""

    capture_id: str
    url: str | None = None
    fields: dict[str, str] | None = None


def with_deployment(capture_id: str, *, consistent: bool = False) -> tuple[Deployment | None, Capture | None]:
    """A capture and its deployment, each None if it is not there. One request."""
    deployment_id = ids.deployment_of(capture_id)
    wanted = [reading.wanted(capture_id), deployments.wanted(deployment_id)]
    found = table.get_many(wanted, consistent=consistent)
    captures = reading.among(found, [capture_id])
    return deployments.among(found, deployment_id), captures[0] if captures else None


def keep(capture: Capture, known: Capture | None) -> bool:
    """Writes a reading: of a new object, or of a newer version of the one `known` was read from.

    False if another worker wrote first. One request.
    """
    if known is None:
        return store.add(capture)
    return store.replace(capture, known.facts.version)


def announce(
    deployment_id: str, filename: str, content_type: str, size: int, sha256: str | None, settings: Settings
) -> Upload:
    """Prepares the upload of one photograph: a form that S3 holds to its key, type and size.

    One request of the table. With a SHA-256, and if the capture is not known yet, one of S3: bytes that have
    arrived and still wait to be ingested need not be sent again either.

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
    return Upload(capture_id, url, fields)


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


def render_missing(capture: Capture, spec: ThumbnailSpec, settings: Settings) -> Thumbnail:
    """Renders a thumbnail that is not there or no longer fresh, and remembers it. One read and one write
    of S3, one write of the table.

    Raises SourceGone, Unreadable, or Conflict if the photograph was replaced meanwhile.
    """
    if capture.facts.state == "unreadable":
        raise Unreadable(f"The photograph cannot be opened: {capture.facts.reason}.")
    found = objects.read(settings.photos_bucket, capture.facts.key, settings.max_upload_bytes)
    if found.data is None or found.version != capture.facts.version:
        raise Conflict("The photograph is being replaced; ask again in a moment.")
    from chalicelib.thumbnails.photograph import open_photograph

    made, _ = thumbnails.make(
        open_photograph(found.data), capture.id, found.version, [spec], settings.thumbnails_bucket
    )
    store.put_thumbnails(capture, made)
    return made[spec.label]
