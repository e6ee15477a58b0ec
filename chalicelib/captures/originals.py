"""The photographs behind captures, wherever they lie: in our bucket, or in a data source."""

from dataclasses import replace

from chalicelib.aws import objects
from chalicelib.aws.objects import StoredObject
from chalicelib.captures.rules import Facts
from chalicelib.settings import Settings
from chalicelib.sources import reading as sources


def read(facts: Facts, settings: Settings) -> StoredObject:
    """The photograph as it was when `facts` were found; without its bytes if they are too many to be read.

    One request of S3; of a data source also one of the table, and one of SSM every few minutes.
    Raises SourceGone, Conflict if it is being replaced, SourceSlow, StorageFault.
    """
    if facts.source is None:
        return objects.read(settings.photos_bucket, facts.key, settings.max_upload_bytes, facts.version)
    if facts.size > settings.max_upload_bytes:
        return StoredObject(None, facts.size, facts.version, facts.last_modified)
    found = sources.read(
        facts.source,
        facts.key,
        facts.version,
        settings.max_upload_bytes,
        private=settings.private_endpoints,
    )
    # As the listing told it, to the fraction of a second, so that the next one finds nothing changed.
    return replace(found, last_modified=facts.last_modified)


def url(facts: Facts, settings: Settings) -> str:
    """Where its holder may read the photograph for a while. Asks nobody; for a data source as much as
    `sources.url`."""
    shown_as = _shown_as(facts)
    if facts.source:
        return sources.url(facts.source, facts.key, settings.url_lifetime, shown_as)
    if shown_as is None:
        return objects.download_url(settings.photos_bucket, facts.key, settings.url_lifetime)
    return objects.read_url(settings.photos_bucket, facts.key, settings.url_lifetime, shown_as)


def _shown_as(facts: Facts) -> str | None:
    """The type a browser is to show it as; None for bytes of which nobody knows what they are."""
    if facts.state == "unreadable" or facts.content_type is None:
        return None
    # An MPO begins as a JPEG, which is what browsers show; by its own name they would save it.
    return facts.content_type.replace("image/mpo", "image/jpeg")
