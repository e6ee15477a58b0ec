"""What settling reads and writes on a deployment: its lease, its rule, its counts."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from pynamodb.transactions import TransactWrite

from chalicelib.aws import counted, keys, lease, table
from chalicelib.counts import Counts
from chalicelib.deployments import store
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import LeaseLost
from chalicelib.findings import reading as findings
from chalicelib.projects import tallies

NO_TAXA: Mapping[str, int] = MappingProxyType({})

DeploymentLease = lease.Lease[store.DeploymentRow]


def take_lease(deployment_id: str, clock: lease.Clock) -> DeploymentLease | None:
    """The lease on a deployment's derived rows, if nobody has it."""
    return lease.take(store.DeploymentRow, keys.deployment(deployment_id), clock)


def deployment_under(held: DeploymentLease) -> Deployment:
    """The deployment, as of the last write under this lease."""
    return store.deployment_of(held.row)


def writes(held: DeploymentLease) -> int:
    """How often the deployment was settled with something to write, as of the last write under this lease."""
    return lease.writes(held)


def write(
    held: DeploymentLease,
    counts: Counts,
    others: Callable[[TransactWrite], None],
    taxa: Mapping[str, int] = NO_TAXA,
) -> None:
    """One transaction: the deployment's new counts, its tally, and what `others` adds. `taxa` says how many
    occurrences of each it has more; how many there are of them, not `counts`, makes its count of taxa. At
    most 98 rows with those of taxa, which are read before, in one request, if there are any.

    Refused, with LeaseLost, if another has taken the lease or the counts are no longer those that
    `counts` was computed from: a retry of a write that had succeeded cannot count twice.
    """
    row, before = held.row, lease.writes(held)
    deployment_id = deployment_under(held).id
    changed = findings.TaxonCounts.changed_by(
        {
            keys.station_taxon(row.project_id, taxon_id, deployment_id): number
            for taxon_id, number in taxa.items()
        }
    )
    counts = replace(counts, taxa_count=int(row.taxa_count or 0) + changed.more)
    actions = [*counted.setting(store.DeploymentRow, counts), *lease.settling(held)]

    def write_all() -> None:
        with table.transaction() as transaction:
            deployment = store.DeploymentRow(row.pk, row.sk)
            transaction.update(deployment, actions=actions, condition=lease.as_settled(held))
            tallies.set_counts(transaction, row.project_id, deployment_id, counts)
            changed.write(transaction)
            others(transaction)

    if not table.accepted(write_all):
        raise LeaseLost(f"Another worker is settling {row.pk} by now.")
    row.settled = before + 1
    for name in Counts.__dataclass_fields__:
        setattr(row, name, getattr(counts, name))


def replace_counts(held: DeploymentLease, counts: Counts, taxa: Mapping[str, int]) -> None:
    """Makes a deployment's counts what they are said to be, and those of its taxa in its project. Raises
    LeaseLost if another has taken over."""
    lease.write_under(held, [])
    row = held.row
    findings.replace_station(row.project_id, deployment_under(held).id, taxa)
    row.taxa_count = counts.taxa_count
    write(held, counts, lambda _: None)
