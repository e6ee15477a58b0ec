"""Reading taxa, and what stands above them, for whoever has their ids."""

from collections.abc import Iterable

from chalicelib.taxa import store
from chalicelib.taxa.rules import MOST_ABOVE, Taxon, lineage


def whole(taxon_ids: Iterable[str]) -> dict[str, Taxon]:
    """Those taxa that exist, by id. One request per hundred."""
    return store.get_many(taxon_ids)


def with_above(taxon_ids: Iterable[str], *, consistent: bool = False) -> dict[str, Taxon]:
    """Taxa and all that stand above them, by id, level by level: for any hundred one request each, a dozen
    where each has the parent that its rank lets it have; never more than two dozen."""
    found: dict[str, Taxon] = {}
    asked: set[str] = set()
    level = set(taxon_ids)
    for _ in range(MOST_ABOVE + 1):
        if not level:
            break
        asked |= level
        read = store.get_many(level, consistent=consistent)
        found |= read
        level = {each.parent_id for each in read.values() if each.parent_id} - asked
    return found


def lineages(taxon_ids: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each taxon's own id, its parent's, and so on upwards, as far as there are such taxa; that of a taxon
    that is not there holds its own id only. Requests as `with_above`."""
    wanted = list(dict.fromkeys(taxon_ids))
    taxa = with_above(wanted)
    return {each: lineage(each, taxa) for each in wanted}
