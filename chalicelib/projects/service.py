"""The verbs of projects: make, change, count."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import counted, keys, lease, table
from chalicelib.counts import Counts, total
from chalicelib.deployments import inheritance
from chalicelib.deployments.rules import Inherited
from chalicelib.errors import LeaseLost, NotFound
from chalicelib.findings import reading as findings
from chalicelib.projects import store, tallies
from chalicelib.projects.rules import Project

ProjectLease = lease.Lease[store.ProjectRow]


def make(project: Project) -> Project:
    """Makes a project. One request."""
    store.add(project)
    return project


def find(project_id: str) -> Project:
    """The project of that id, read consistently. Raises NotFound."""
    project = store.get(ids.check("project", project_id), consistent=True)
    if project is None:
        raise NotFound(f"There is no project with the id {project_id!r}.")
    return project


def change(project: Project, seen_at: datetime, now: datetime) -> Project:
    """Writes a changed project, unless it changed since `seen_at`; when this returns, its deployments have
    taken over what they inherit."""
    changed = store.update(replace(project, updated_at=now), seen_at)
    spread(changed, tallies.tallies_of(changed.id))
    return changed


def spread(project: Project, parts: list[tallies.Tally]) -> None:
    """Lets the deployments that still have other settings take over the project's. Two rows each.

    Raises LeaseLost if the project has changed again: whoever changed it spreads that.
    """
    inherited = Inherited(project.draft, project.rule_settings, project.duplicates, project.filters)
    for part in parts:
        if part.inherited != inherited:
            _hand_down(project, part.deployment_id, inherited)


def _hand_down(project: Project, deployment_id: str, inherited: Inherited) -> None:
    def write_both() -> None:
        with table.transaction() as write:
            store.unchanged(write, project)
            inheritance.set_inherited(write, deployment_id, inherited)
            tallies.set_inherited(write, project.id, deployment_id, inherited)

    if not table.accepted(write_both):
        raise LeaseLost(f"The project {project.id} has changed meanwhile.")


def follow_taxonomy(now: datetime) -> None:
    """Has all projects counted anew whose default filters name taxa, as what stands below these is no longer
    the same. Two requests per hundred projects, and one for each of them."""
    for each in table.walked(lambda limit, after: store.listed(limit, after, drafts=True)):
        if each.filters.by_taxa:
            store.note_taxonomy(each, table.instant(now))


def take_lease(project_id: str, clock: lease.Clock) -> ProjectLease | None:
    """The lease on a project's counts, if nobody has it."""
    return lease.take(store.ProjectRow, keys.project(project_id), clock)


def settle(held: ProjectLease) -> bool:
    """Recounts a project from its tallies, and makes its deployments inherit what it says now; returns
    whether a count differed.

    Two requests, one of them only if a count differs. Raises LeaseLost if another has taken over.
    """
    project = store.project_of(held.row)
    parts = tallies.tallies_of(project.id)
    # How many taxa there are is no sum: they are counted one by one.
    counts = replace(total(part.counts for part in parts), taxa_count=project.counts.taxa_count)
    differs = (counts, len(parts)) != (project.counts, project.deployments_count)
    if differs:
        _write(held, counts, len(parts))
    spread(project, parts)
    return differs


def settle_taxa(held: ProjectLease, taxa: Sequence[str]) -> bool:
    """Recounts some taxa of a project from what its deployments add, and with them how many there are;
    returns whether anything differed. One request for each, one per eighty, and a transaction per eighty.

    Raises LeaseLost if another has taken over.
    """
    project_id, proven = store.project_of(held.row).id, False
    for at in range(0, len(taxa), findings.ROOM):
        proven = _settle_taxa(held, project_id, taxa[at : at + findings.ROOM])
    return proven


def _settle_taxa(held: ProjectLease, project_id: str, taxa: Sequence[str]) -> bool:
    pk = keys.project(project_id)[0]
    wanted = {keys.taxon_count(pk, each): findings.of_stations(project_id, each) for each in taxa}
    counts = findings.TaxonCounts.of(wanted)
    if not counts.differ:
        return False
    row = store.ProjectRow
    taxa_count = store.project_of(held.row).counts.taxa_count + counts.more
    actions = [row.taxa_count.set(taxa_count), *lease.settling(held)]

    def write_all() -> None:
        with table.transaction() as write:
            write.update(row(*keys.project(project_id)), actions=actions, condition=lease.as_settled(held))
            counts.write(write)

    if not table.accepted(write_all):
        raise LeaseLost(f"Another worker is settling {pk} by now.")
    held.row.settled, held.row.taxa_count = lease.writes(held) + 1, taxa_count
    return True


def _write(held: ProjectLease, counts: Counts, deployments_count: int) -> None:
    lease.write_under(
        held,
        [
            *counted.setting(store.ProjectRow, counts),
            store.ProjectRow.deployments_count.set(deployments_count),
        ],
    )
