"""The verbs of taxa and of lists of them: make, find, change, ensure; add, remove, delete."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import TypeVar

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.taxa import list_store, reading, store
from chalicelib.taxa.rules import (
    HIGHEST_GBIF_KEY,
    TaxaList,
    Taxon,
    name_of,
    rank_of,
    why_not_below,
)

ATTEMPTS = 5
"""How often is looked again where others write the same rows at the same time."""

_NAMES_TOLD = 20

V = TypeVar("V")


def make(taxon: Taxon) -> Taxon:
    """Makes a taxon. One request, a few more if it has a parent.

    Raises Invalid if its parent is not there or of too low a rank, Conflict if there is one of that name.
    """
    _above(taxon)
    if not store.add([taxon]):
        raise Conflict(f"There is a taxon of this name already, with the id {taxon.id!r}.")
    return taxon


def find(taxon_id: str) -> Taxon:
    """The taxon of that id, read consistently. One request. Raises NotFound."""
    taxon = store.get_many([ids.check("taxon", taxon_id)], consistent=True).get(taxon_id)
    if taxon is None:
        raise NotFound(f"There is no taxon with the id {taxon_id!r}.")
    return taxon


def change(taxon: Taxon, seen_at: datetime, now: datetime) -> Taxon:
    """Writes a changed taxon, unless it, or one above it, changed since `seen_at`. One request, and one for
    each taxon above it.

    Raises Conflict if it has, Invalid if it would stand above itself, or below what is of too low a rank.
    Whether all below it still fit is not looked at: who reads them can bear it.
    """
    changed = replace(taxon, updated_at=now)
    store.update(changed, seen_at, _above(changed))
    return changed


def _above(taxon: Taxon) -> list[Taxon]:
    """Those that stand above a taxon. Raises Invalid if they may not."""
    if taxon.parent_id is None:
        return []
    try:
        taxa = reading.with_above([ids.check("taxon", taxon.parent_id)], consistent=True)
    except NotFound:
        taxa = {}
    reason = why_not_below(taxon, taxa)
    if reason:
        raise Invalid(f"This cannot be the parent: {reason}.", {"parent_id": reason})
    return list(taxa.values())


def ensure(wanted: Mapping[str, tuple[str, int | None]]) -> dict[str, Taxon]:
    """The taxa of these names, by name as it was given; those that are not there are made, of that rank and
    with that key of GBIF. What is there stays as it is. One request per hundred, one more per hundred new.

    Raises Invalid with the names that cannot be names of taxa, before anything is written; Conflict if
    others make the same ones again and again.
    """
    now = clock.now()
    asked = _valid(wanted, now)
    there: dict[str, Taxon] = {}
    for _ in range(ATTEMPTS):
        missing = {each.id: each for each in asked.values() if each.id not in there}
        there |= store.get_many(missing, consistent=True)
        refused = False
        for part in _parts([each for each in missing.values() if each.id not in there], store.AT_ONCE):
            if store.add(part):
                there |= {each.id: each for each in part}
            else:
                refused = True
        if not refused:
            return {name: there[taxon.id] for name, taxon in asked.items()}
    raise Conflict("Others are making the same taxa; try again in a moment.")


def _valid(wanted: Mapping[str, tuple[str, int | None]], now: datetime) -> dict[str, Taxon]:
    asked, wrong = {}, {}
    for given, (rank, gbif_key) in wanted.items():
        try:
            name = name_of(given)
            if gbif_key is not None and not 1 <= gbif_key <= HIGHEST_GBIF_KEY:
                raise ValueError("no key of GBIF")  # noqa: TRY301  (told with the others)
            asked[given] = Taxon(ids.taxon_id(name), name, rank_of(rank), now, now, gbif_key=gbif_key)
        except ValueError as error:
            wrong[given[:100]] = str(error)
    if wrong:
        told = dict(islice(wrong.items(), _NAMES_TOLD))
        why = "; ".join(f"{name!r}: {reason}" for name, reason in told.items())
        raise Invalid(f"These cannot be names of taxa. {why}", told)
    return asked


def make_list(made: TaxaList) -> TaxaList:
    """Makes a list. One request."""
    list_store.add(made)
    return made


def find_list(list_id: str) -> TaxaList:
    """The list of that id, read consistently, also one that is being deleted. One request. Raises
    NotFound."""
    found = list_store.get(ids.check("taxa list", list_id))
    if found is None:
        raise NotFound(f"There is no taxa list with the id {list_id!r}.")
    return found


def change_list(made: TaxaList, seen_at: datetime, now: datetime) -> TaxaList:
    """Writes a changed list, unless it changed since `seen_at`; its taxa stay. One request. Raises
    Conflict."""
    return list_store.update(replace(made, updated_at=now), seen_at)


def add(list_id: str, taxon_ids: Iterable[str]) -> int:
    """Adds taxa to a list; those that are in it are. Returns how many were not. Two requests per hundred,
    and one per 99 that were not.

    Raises Invalid if one of them is no taxon; Conflict if the list has gone, or others change it all the
    time. What was added by then stays.
    """
    wanted = _taxa(taxon_ids)
    added = 0
    for _ in range(ATTEMPTS):
        there = list_store.present(list_id, wanted)
        missing = [taxon for each, taxon in wanted.items() if each not in there]
        refused = False
        for part in _parts(missing, list_store.AT_ONCE):
            if list_store.put(list_id, part):
                added += len(part)
            else:
                refused = True
        if not refused:
            return added
    raise _overtaken(list_id)


def remove(list_id: str, taxon_ids: Iterable[str]) -> int:
    """Takes taxa out of a list; those that are not in it are not. Returns how many were. One request per
    hundred, and one per 99 that were. Raises as `add`."""
    wanted = dict.fromkeys(taxon_ids)
    removed = 0
    for _ in range(ATTEMPTS):
        there = sorted(list_store.present(list_id, wanted))
        refused = False
        for part in _parts(there, list_store.AT_ONCE):
            if list_store.take(list_id, part):
                removed += len(part)
            else:
                refused = True
        if not refused:
            return removed
    raise _overtaken(list_id)


def delete(list_id: str) -> None:
    """Deletes a list. One request per 25 taxa in it, and three more; should it die half-way, the list is
    still there, `leaving`, and deleting it again ends it."""
    list_store.leave(list_id)
    list_store.delete(list_id)


def members(list_id: str) -> set[str]:
    """The ids of the taxa in a list, read consistently. One request per megabyte: some six thousand. Raises
    NotFound."""
    found, own = list_store.contents(ids.check("taxa list", list_id))
    if found is None or found.leaving:
        raise NotFound(f"There is no taxa list with the id {list_id!r}.")
    return set(own)


def _taxa(taxon_ids: Iterable[str]) -> dict[str, Taxon]:
    wanted = list(dict.fromkeys(taxon_ids))
    try:
        there = reading.whole(ids.check("taxon", each) for each in wanted)
    except NotFound as error:
        raise Invalid(error.detail, {"taxon_ids": error.detail}) from error
    missing = next((each for each in wanted if each not in there), None)
    if missing is not None:
        detail = f"There is no taxon with the id {missing!r}."
        raise Invalid(detail, {"taxon_ids": detail})
    return there


def _overtaken(list_id: str) -> Conflict:
    found = list_store.get(list_id)
    if found is None or found.leaving:
        return Conflict("The taxa list is being deleted.")
    return Conflict("Others are changing the taxa list; try again in a moment.")


def _parts(values: Sequence[V], size: int) -> list[Sequence[V]]:
    return [values[at : at + size] for at in range(0, len(values), size)]
