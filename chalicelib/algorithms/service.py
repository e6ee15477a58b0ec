"""The verbs of algorithms: find, ensure."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import islice

from chalicelib import ids
from chalicelib.algorithms import store
from chalicelib.algorithms.packing import packed
from chalicelib.algorithms.rules import Algorithm, Category, key_of, labels_hash, ordered
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.taxa import reading as taxa_rows
from chalicelib.taxa import service as taxa
from chalicelib.taxa.rules import UNKNOWN, name_of

_FIELDS_TOLD = 20


def find(key: str) -> Algorithm:
    """The algorithm of that key, read consistently. One request. Raises NotFound."""
    try:
        found = store.get_many([key_of(key)], consistent=True).get(key)
    except ValueError:
        found = None
    if found is None:
        raise NotFound(f"There is no algorithm with the key {key[:80]!r}.")
    return found


def ensure(
    algorithm: Algorithm, categories: Sequence[Category] | None = None, *, with_taxa: bool = False
) -> Algorithm:
    """The algorithm of that key, made if it is not there; categories are given to one that has none. What is
    there stays as it is. Two requests; one if nothing is to be done.

    `with_taxa`: labels that name no taxon get the one of their name, made if it is not there, which takes
    what `taxa.ensure` takes. Taxa that are named must exist: one request per hundred.
    Raises Conflict if it has other categories already, Invalid if these cannot be kept, or name no taxa.
    """
    told = list(categories or ())
    wanted = replace(
        algorithm, categories_count=len(told), labels_hash=labels_hash(_ordered(told)) if told else None
    )
    found = store.get_many([wanted.key], consistent=True).get(wanted.key)
    if found and not _lacks(found, wanted):
        return found
    _check_taxa(told)
    own = _ordered(_named(told) if with_taxa else told)
    packed(own)  # raises before anything is written
    if with_taxa:
        _make_taxa(told)
    return _kept(wanted, own, found)


def _kept(wanted: Algorithm, own: Sequence[Category], found: Algorithm | None) -> Algorithm:
    """Writes what is missing. Whoever wrote the same meanwhile has done so for us."""
    if found is None:
        if store.add(wanted, own):
            return wanted
        found = find(wanted.key)
    if _lacks(found, wanted):
        store.put_categories(wanted, own)
        found = find(wanted.key)
        _lacks(found, wanted)
    return found


def _lacks(found: Algorithm, wanted: Algorithm) -> bool:
    """Whether an algorithm has no categories, and is to have some. Raises Conflict if it has others."""
    if wanted.labels_hash is None or found.labels_hash == wanted.labels_hash:
        return False
    if found.labels_hash is None:
        return True
    raise Conflict(
        f"The algorithm {found.key!r} has other categories already, and results point at them by their"
        " indexes: use another version, with another key."
    )


def _ordered(categories: Sequence[Category]) -> tuple[Category, ...]:
    try:
        return ordered(categories)
    except ValueError as error:
        raise Invalid(f"These are no categories: {error}.", {"categories": str(error)}) from error


def _check_taxa(categories: Sequence[Category]) -> None:
    """Raises Invalid if a taxon that is named is not there. One request per hundred."""
    named = {each.taxon_id for each in categories if each.taxon_id}
    there = taxa_rows.whole(named) if named else {}
    wrong = {
        f"categories.{at}.taxon_id": f"there is no taxon with the id {each.taxon_id!r}"
        for at, each in enumerate(categories)
        if each.taxon_id and each.taxon_id not in there
    }
    _refuse("These categories name taxa that are not there.", wrong)


def _named(categories: Sequence[Category]) -> list[Category]:
    """The categories, each with the taxon of its name if it has none. Raises Invalid if it can have none."""
    named: list[Category] = []
    wrong: dict[str, str] = {}
    for at, each in enumerate(categories):
        try:
            named.append(replace(each, taxon_id=each.taxon_id or ids.taxon_id(name_of(each.label))))
        except ValueError as error:
            wrong[f"categories.{at}.label"] = f"no name of a taxon: {error}"
    _refuse("Some labels can be no names of taxa: name a taxon for these, or send taxa: false.", wrong)
    return named


def _make_taxa(categories: Sequence[Category]) -> None:
    bare = [each for each in categories if each.taxon_id is None]
    taxa.ensure({each.label: (each.rank or UNKNOWN, each.gbif_key) for each in bare})


def _refuse(detail: str, wrong: dict[str, str]) -> None:
    if wrong:
        raise Invalid(detail, dict(islice(wrong.items(), _FIELDS_TOLD)))
