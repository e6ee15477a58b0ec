"""The verbs of thumbnails: make them, and say where they are to be had."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from chalicelib.aws import objects
from chalicelib.errors import Unreadable
from chalicelib.settings import Settings
from chalicelib.thumbnails.rules import (
    Blob,
    Shelf,
    Thumbnail,
    ThumbnailSpec,
    blob_name,
    is_fresh,
    litter,
)

if TYPE_CHECKING:
    from chalicelib.thumbnails.photograph import Photograph


def make(
    photograph: "Photograph", version: str, specs: Sequence[ThumbnailSpec], bucket: str, place: str
) -> tuple[dict[str, Thumbnail], bool]:
    """Renders `specs` from one decoding and keeps the blobs at `place` (see `Shelf`). One S3 request each.
    Of several, those that would take too much memory are left out.

    Returns what the capture is to remember, by label, and whether the photograph's pixels were cut off.
    Raises Unreadable if nothing of them can be decoded.
    """
    from chalicelib.thumbnails import codec
    from chalicelib.thumbnails.decoding import TooLarge

    left = sorted(specs, key=lambda spec: spec.width)
    while True:
        try:
            rendered = codec.render(photograph, left)
            break
        except TooLarge as error:
            if len(left) == 1:
                raise Unreadable(error.detail) from error
            left.pop()
    made = {}
    for spec in left:
        rendition = rendered.renditions[spec.label]
        digest = hashlib.sha256(rendition.data).hexdigest()
        key = place + blob_name(spec.label, digest, spec.format)
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


def tidy(
    capture_id: str, stamp: str, thumbnails: Mapping[str, Thumbnail], shelf: Shelf, now: datetime
) -> int:
    """Deletes the blobs of a capture that nobody points to, and returns how many. Two S3 requests, one if
    there are none.

    `stamp` and `thumbnails` are the capture's present ones; of a removed one its stamp, and none.
    """
    kept = {thumbnail.key for thumbnail in thumbnails.values()}
    folder = shelf.folder(capture_id)
    doomed = litter(blobs(shelf, folder), folder, stamp, kept, now)
    objects.delete(shelf.bucket, doomed)
    return len(doomed)


def blobs(shelf: Shelf, prefix: str, after: str | None = None) -> Iterator[Blob]:
    """The blobs whose names begin with `prefix`, those that follow `after` if one is given, in the order of
    their names. One request per thousand."""
    listed = objects.under(shelf.bucket, prefix, after)
    return (Blob(each.key, each.written, each.size) for each in listed)


def url(thumbnail: Thumbnail, settings: Settings) -> str:
    """Where its holder may read a thumbnail, for at least half of `settings.url_lifetime` seconds: for
    as long the URL stays the same, so that browsers find it in their caches. Asks nobody."""
    return objects.stable_url(settings.shelf.bucket, thumbnail.key, settings.url_lifetime)


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
