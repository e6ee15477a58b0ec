"""The photographs of a data source: their bytes, and where those who may can read them."""

import time
from datetime import datetime

from chalicelib.aws import foreign
from chalicelib.aws.foreign import Keys, Store
from chalicelib.aws.objects import SLOWEST, StoredObject
from chalicelib.errors import NotFound, SourceFault, SourceGone, StorageFault
from chalicelib.sources import keeping, service
from chalicelib.sources.addresses import may_be_contacted
from chalicelib.sources.rules import Source, public_url

KEPT = 300
"""Seconds for which a source's keys are kept here; those of a role live for 900."""

_kept: dict[str, tuple[datetime, float, Keys | None]] = {}


def read(source_id: str, key: str, version: str, most: int, *, private: bool) -> StoredObject:
    """An object of at most `most` bytes, as it was at `version`. One request of the storage, one of the
    table, and now and then those of `keeping.keys_of`.

    Raises SourceGone if it, or the source, is not there any more, Conflict if it has changed, SourceSlow,
    StorageFault.
    """
    try:
        source = service.find(source_id)
    except NotFound:
        raise SourceGone("The data source it was taken from is no longer there.") from None
    store = _opened(source)
    try:
        return foreign.read(
            store,
            key,
            version,
            most=most,
            end=time.monotonic() + SLOWEST,
            allowed=lambda address: may_be_contacted(address, private=private),
        )
    except StorageFault:
        _kept.pop(source_id, None)  # perhaps the keys were changed a moment ago
        raise


def url(source_id: str, key: str, lifetime: int, shown_as: str | None) -> str:
    """The public address of an object if its source has any, else one signed for `lifetime` seconds, or for
    as long as the keys of a role live. One request of the table, and now and then those of
    `keeping.keys_of`. Raises NotFound, StorageFault if the keys cannot be had."""
    source = service.find(source_id)
    if source.public_base_url:
        return public_url(source.public_base_url, key)
    if source.credentials == "role":
        lifetime = min(lifetime, foreign.ROLE_SECONDS - KEPT)
    return foreign.url(_opened(source), key, lifetime, shown_as)


def _opened(source: Source) -> Store:
    return Store(source.bucket, source.region, source.endpoint_url, _keys(source))


def _keys(source: Source) -> Keys | None:
    changed, until, keys = _kept.get(source.id, (None, 0.0, None))
    if changed == source.updated_at and time.monotonic() < until:
        return keys
    try:
        keys = keeping.keys_of(source)
    except SourceFault as fault:  # why is for those who may edit: a test of the source tells it
        raise StorageFault("Its data source cannot be opened just now.") from fault
    _kept[source.id] = (source.updated_at, time.monotonic() + KEPT, keys)
    return keys
