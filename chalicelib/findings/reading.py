"""Findings for the rooms that add them up."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.findings import filing, store
from chalicelib.findings.rules import Filters, Findings, Lineage, Looked, found
from chalicelib.taxa import reading as taxa

ROOM = 80
"""So many counts of taxa change in one transaction, which holds a hundred rows with what else it writes."""


def wanted(capture_id: str) -> tuple[type[Row], keys.Key]:
    """What `table.get_many` reads the findings of a capture by."""
    return filing.wanted(capture_id)


def among(found: Mapping[keys.Key, Any], capture_id: str) -> tuple[Findings | None, int]:
    """The findings of a capture among the rows of `table.get_many`, None if it has none, and their
    version."""
    return filing.among(found, capture_id)


def between(deployment_id: str, start: datetime, end: datetime) -> Iterator[tuple[datetime, Findings]]:
    """What was found on a deployment's captures of a period, ascending; see the store."""
    return store.between(deployment_id, start, end)


def undated(deployment_id: str, segment: str) -> Iterator[Findings]:
    """What was found on the undated captures of a segment; see the store."""
    return store.undated(deployment_id, segment)


def boxed(deployment_id: str, first: str, last: str) -> set[str]:
    """The captures of a stretch of time with a box on them; see the store."""
    return store.boxed(deployment_id, first, last)


def lineage(filters: Filters, many: Iterable[Findings]) -> Lineage:
    """How the filters learn where the taxa of some findings belong. No request where they do not ask; else
    about a dozen for every hundred taxa."""
    if not filters.by_taxa:
        return lambda taxon_id: (taxon_id,)
    known = taxa.lineages({taxon_id for each in many for taxon_id in each.names})
    return lambda taxon_id: known.get(taxon_id, (taxon_id,))


def looked(filters: Mapping[str, Filters]) -> dict[str, Looked]:
    """What was found on captures, those at which anybody has looked, by id; given are the filters of the
    project of each. One request per hundred, and those of `lineage`."""
    rows = table.get_many(map(wanted, filters))
    told = {each: findings for each in filters if (findings := among(rows, each)[0])}
    lines = {one: lineage(one, told.values()) for one in {filters[each] for each in told}}
    return {
        each: Looked(found(told[each], filters[each], lines[filters[each]]), True, told[each].algorithms)
        for each in told
    }


class TaxonCounts:
    """What counts of taxa of one owner are to be: read when made, one request per hundred, and written as a
    part of a transaction. `more` is how many taxa there are more by then."""

    def __init__(self, standing: Mapping[keys.Key, int], wanted: Mapping[keys.Key, int]) -> None:
        # One that would fall below zero has drifted before; the audit tells of it.
        self._wanted = {key: max(number, 0) for key, number in wanted.items() if number != standing[key]}
        self.more = sum((each > 0) - (standing[key] > 0) for key, each in self._wanted.items())

    @classmethod
    def of(cls, wanted: Mapping[keys.Key, int]) -> "TaxonCounts":
        """Those numbers."""
        return cls(store.taxon_counts(wanted) if wanted else {}, wanted)

    @classmethod
    def changed_by(cls, delta: Mapping[keys.Key, int]) -> "TaxonCounts":
        """What stands there, changed by so much."""
        standing = store.taxon_counts(delta) if delta else {}
        return cls(standing, {key: standing[key] + number for key, number in delta.items()})

    @property
    def differ(self) -> bool:
        """Whether there is anything to write."""
        return bool(self._wanted)

    def write(self, transaction: TransactWrite) -> None:
        """Writes them."""
        store.write_taxon_counts(transaction, self._wanted)


def of_stations(project_id: str, taxon_id: str) -> int:
    """How many occurrences of a taxon the deployments of a project have. One request."""
    pk, begin = keys.station_taxon(project_id, taxon_id, "")
    return sum(count for _, count in store.counted_under(pk, begin))


def replace_counts(pk: str, begin: str, taxa: Mapping[str, int]) -> None:
    """Makes the counts of taxa in a partition whose sort keys begin so what they are said to be. One request
    per megabyte of them, and one per 25 that differ. For whoever holds the lease on their owner."""
    standing = {sk.removeprefix(begin): count for sk, count in store.counted_under(pk, begin)}
    differing = {
        each: taxa.get(each, 0) for each in {*standing, *taxa} if standing.get(each) != taxa.get(each)
    }
    store.put_taxon_counts({(pk, f"{begin}{each}"): count for each, count in differing.items()})


def of_station(project_id: str, deployment_id: str) -> dict[str, int]:
    """How many occurrences of each taxon a deployment adds to its project, as it stands. One request per
    megabyte of those that all deployments add."""
    pk, begin = keys.station_taxon(project_id, "", "")[0], keys.STATION_TAXA
    counted = ((sk.split("#")[1:], count) for sk, count in store.counted_under(pk, begin))
    return {taxon_id: count for (taxon_id, whose), count in counted if whose == deployment_id}


def replace_station(project_id: str, deployment_id: str, taxa: Mapping[str, int]) -> None:
    """Makes what a deployment adds to its project's taxa what it is said to be. Requests as `of_station`, and
    one per 25 that differ. For whoever holds the lease on the deployment."""
    standing = of_station(project_id, deployment_id)
    differing = [each for each in {*standing, *taxa} if standing.get(each) != taxa.get(each)]
    store.put_taxon_counts(
        {keys.station_taxon(project_id, each, deployment_id): taxa.get(each, 0) for each in differing}
    )
