"""The verbs of thumbnails: make them, and say where they are to be had."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from chalicelib.aws import objects
from chalicelib.settings import Settings
from chalicelib.thumbnails.rules import Thumbnail, ThumbnailSpec, folder, is_fresh, litter, thumbnail_key

if TYPE_CHECKING:
    from chalicelib.thumbnails.photograph import Photograph


def make(
    photograph: "Photograph",
    capture_id: str,
    stamp: str,
    version: str,
    specs: Sequence[ThumbnailSpec],
    bucket: str,
) -> tuple[dict[str, Thumbnail], bool]:
    """Renders `specs` from one decoding, for a capture of that stamp, and keeps the blobs. One S3 request
    each.

    Returns what the capture is to remember, by label, and whether the photograph's pixels were cut off.
    Raises Unreadable if nothing of them can be decoded.
    """
    from chalicelib.thumbnails import codec

    rendered = codec.render(photograph, specs)
    made = {}
    for spec in specs:
        rendition = rendered.renditions[spec.label]
        digest = hashlib.sha256(rendition.data).hexdigest()
        key = thumbnail_key(capture_id, stamp, spec.label, digest, spec.format)
        objects.write(bucket, key, rendition.data, rendition.content_type)
        made[spec.label] = Thumbnail(
            key=key,
            spec_width=spec.width,
            width=rendition.width,
            height=rendition.height,
            bytes=len(rendition.data),
            format=spec.format,
            quality=spec.quality,
            source_version=version,
        )
    return made, rendered.truncated


def tidy(capture_id: str, stamp: str, thumbnails: Mapping[str, Thumbnail], bucket: str) -> int:
    """Deletes the blobs of a capture that nobody points to, and returns how many. Two S3 requests, one if
    there are none.

    `stamp` and `thumbnails` are the capture's present ones; of a removed one its stamp, and none.
    """
    kept = {thumbnail.key for thumbnail in thumbnails.values()}
    doomed = litter(objects.keys_under(bucket, folder(capture_id)), capture_id, stamp, kept)
    objects.delete(bucket, doomed)
    return len(doomed)


def url(thumbnail: Thumbnail, settings: Settings) -> str:
    """Where its holder may read a thumbnail, for `settings.url_lifetime` seconds. Asks nobody."""
    return objects.read_url(settings.thumbnails_bucket, thumbnail.key, settings.url_lifetime)


def urls(
    thumbnails: Mapping[str, Thumbnail], version: str, endpoint: str, settings: Settings
) -> dict[str, str]:
    """Every configured label with its URL: of the storage where the thumbnail is fresh, else of the
    endpoint that renders it."""
    return {
        spec.label: url(thumbnails[spec.label], settings)
        if is_fresh(thumbnails.get(spec.label), spec, version)
        else f"{endpoint}?label={spec.label}"
        for spec in settings.thumbnails
    }
