"""The verbs of data sources: make, find, change, remove."""

from dataclasses import replace
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import guard
from chalicelib.errors import Conflict, Invalid, NotFound, SourceFault
from chalicelib.sources import keeping, store
from chalicelib.sources.addresses import may_be_contacted
from chalicelib.sources.rules import Credentials, Source, host_of


def make(source: Source, credentials: Credentials | None, *, private: bool) -> Source:
    """Makes a source. One request, and one of SSM if it has credentials.

    Raises Invalid if its endpoint may not be contacted; `private` says whether private addresses may.
    Raises StorageFault if the credentials could not be kept: the source is there, and lacks them.
    """
    source = _with(source, credentials)
    _check(source, private=private)
    store.add(source)
    if credentials:
        keeping.keep(source.id, credentials)
    return source


def find(source_id: str) -> Source:
    """The source of that id, read consistently. Raises NotFound."""
    source = store.get(ids.check("source", source_id))
    if source is None:
        raise NotFound(f"There is no source with the id {source_id!r}.")
    return source


def change(source: Source, seen_at: datetime, now: datetime, *, private: bool) -> Source:
    """Writes a changed source, unless it changed since `seen_at`. Its credentials stay. One request.

    Raises as `make`, and Conflict if it has changed or is being deleted.
    """
    _check(source, private=private)
    return store.update(replace(source, updated_at=now), seen_at)


def change_credentials(
    source: Source, credentials: Credentials | None, seen_at: datetime, now: datetime, *, private: bool
) -> Source:
    """As `change`, and replaces the credentials, or deletes them where there are none to come. At most
    three requests, and two of SSM."""
    if credentials is None:
        _check(_with(source, None), private=private)
        changed = store.update(replace(source, updated_at=now), seen_at)
        keeping.forget(source.id)
        return store.update(_with(changed, None), now)
    changed = change(_with(source, credentials), seen_at, now, private=private)
    keeping.keep(source.id, credentials)
    left = store.get(source.id)
    if left is None or left.leaving:  # whoever deletes it may have looked for them before they came
        keeping.forget(source.id)
        raise Conflict("Someone else has deleted the data source meanwhile.")
    return changed


def remove(source: Source) -> None:
    """Deletes a source and its credentials. Two requests, and one of SSM; should it die half-way, the
    source is still listed, and removing it again ends it.

    Raises Conflict while deployments use it.
    """
    if not store.leave(source.id):
        count = find(source.id).deployments_count
        using = "1 deployment uses" if count == 1 else f"{count} deployments use"
        raise Conflict(f"{using} this data source; part them first.")
    keeping.forget(source.id)
    store.delete(source.id)


def _with(source: Source, credentials: Credentials | None) -> Source:
    if credentials is None:
        return replace(source, credentials="none", hint=None)
    return replace(source, credentials=credentials.kind, hint=credentials.hint)


def _check(source: Source, *, private: bool) -> None:
    if source.endpoint_url is None:
        return
    if source.credentials == "role":
        raise Invalid("A role opens AWS only.", {"endpoint_url": "not together with a role"})
    host, port = host_of(source.endpoint_url)
    try:
        guard.addresses(host, port, lambda each: may_be_contacted(each, private=private))
    except SourceFault as fault:
        raise Invalid(fault.detail, {"endpoint_url": "an address that may not be contacted"}) from None
