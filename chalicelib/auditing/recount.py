"""Looking: what is kept of a deployment or a project, and what is counted from the facts.

The facts are the captures' own rows, read without the index that settling goes by, and what was said of them:
whether their findings follow from that has been looked at before, a piece at a time, and those of which they
do not are told by id. What is being settled at this moment is no drift: then nothing is said, and it is to be
looked at again.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from chalicelib.auditing import counting, rules, store
from chalicelib.auditing.counting import Passing
from chalicelib.auditing.rules import Drift, Sums, Value, by_taxon, compare, differing, found, under
from chalicelib.aws import keys, table
from chalicelib.counts import NONE, Counts
from chalicelib.deployments import reading as deployments
from chalicelib.deployments import service as deployment_verbs
from chalicelib.deployments.rules import Deployment
from chalicelib.findings import reading as findings
from chalicelib.projects import service as projects
from chalicelib.projects import tallies
from chalicelib.sessions import reading as session_rows
from chalicelib.sessions.grouping import Undated
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import is_marked


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one owner found: how many rows with counters there are, and what is wrong with them.

    `counts` are the true ones, and `writings` how often it had been settled by then; `taxa_off` is by how
    much what a deployment adds to its project's taxa is too little. `strayed` are the members of a set that
    are not filed as their captures are.
    """

    checked: int = 0
    drifts: tuple[Drift, ...] = ()
    counts: Counts = NONE
    writings: int = 0
    taxa_off: Mapping[str, int] = field(default_factory=dict)
    strayed: tuple[str, ...] = ()


def deployment(deployment_id: str, wrong: Collection[str]) -> Look | None:
    """Looks at a deployment with its tally, sessions and undated segments, and what it adds to its project's
    taxa; None if it is being settled. Some eleven requests, one more per eight hundred captures, one per some
    thousand with findings, one per five thousand taxa of its project's stations."""
    owner = Owner("DEPLOYMENT", deployment_id)
    before = _standing(deployment_id)
    if before is None or is_marked(owner):
        return None
    standing, writings = before
    filters = projects.find(standing.project_id).filters
    tally = tallies.tally_of(standing.project_id, deployment_id) or NONE
    taxa = findings.of_station(standing.project_id, deployment_id)
    kept = list(session_rows.stored(deployment_id))
    segments = session_rows.undated_segments(deployment_id)
    true = counting.station(deployment_id, standing.rule, Passing(filters), wrong)
    after = _standing(deployment_id)
    if after is None or (after[0].counts, after[0].rule, after[0].inherited, after[1]) != (
        standing.counts,
        standing.rule,
        standing.inherited,
        writings,
    ):
        return None
    if is_marked(owner):
        return None
    name, counts, true_taxa = f"deployment {deployment_id}", true.counts, dict(true.whole.taxa)
    drifts = [
        *compare(name, {"filters": standing.inherited.filters.text()}, {"filters": filters.text()}),
        *differing("deployment", name, standing.counts, counts),
        *differing("deployment", name, tally, counts, "tally "),
        *compare(name, by_taxon(taxa), by_taxon(true_taxa), 0),
        *rules.sessions(deployment_id, kept, true.recounted.runs),
        *compare(name, _undated_kept(segments), _undated_true(true), 0),
        *(Drift(name, f"{STRAY}{place}", "there", None) for place in true.strays),
    ]
    checked = 2 + len(taxa) + len(kept) + len(segments)
    return Look(checked, tuple(drifts), counts, writings, rules.less(true_taxa, taxa))


STRAY = "findings at "
"""What a place in time is called where findings lie that are of no capture there."""


def _undated_kept(segments: Mapping[str, Undated]) -> dict[str, Value]:
    told = dict[str, Value]()
    for part, each in segments.items():
        told[f"undated {part}"] = each.count
        told |= under(f"undated {part}", found("session", each.found.counts, each.found.taxa))
    return told


def _undated_true(true: counting.Station) -> dict[str, Value]:
    told: dict[str, Value] = {f"undated {part}": count for part, count in true.recounted.undated.items()}
    for part, each in true.undated.items():
        told |= under(f"undated {part}", found("session", each.counts, each.taxa))
    return told


def project(project_id: str, sums: Sums) -> Look | None:
    """Looks at a project whose deployments were found to come to that; None if it, or one of them, is being
    settled or has been since. Four requests per hundred deployments, one per five thousand taxa of its own
    and of its stations, and two more."""
    standing = projects.find(project_id)
    if not sums.is_complete or is_marked(Owner("PROJECT", project_id)):
        return None
    known = [each.id for each in deployment_verbs.of_project(project_id)]
    pk = keys.project(project_id)[0]
    kept, stations = store.taxa(pk, keys.TAXON), store.taxa(pk, keys.STATION_TAXA)
    there = table.get_many(map(deployments.wanted, known), consistent=True)
    writings = sum(deployments.writings(there, each) for each in known)
    if (len(known), writings) != (sums.deployments_count, sums.writings):
        return None
    if is_marked(Owner("PROJECT", project_id)) or projects.find(project_id).counts != standing.counts:
        return None
    name = f"project {project_id}"
    of_stations = Counter[str]()
    for each, count in stations.items():
        of_stations[each.partition("#")[0]] += count
    true_taxa = rules.added(of_stations, sums.taxa_off)
    counts = replace(sums.counts, taxa_count=len(true_taxa))
    deployments_count = {"deployments_count": standing.deployments_count}
    drifts = [
        *differing("project", name, standing.counts, counts),
        *compare(name, deployments_count, {"deployments_count": sums.deployments_count}),
        *compare(name, by_taxon(kept), by_taxon(true_taxa), 0),
    ]
    return Look(1 + len(kept), tuple(drifts))


def _standing(deployment_id: str) -> tuple[Deployment, int] | None:
    there = table.get_many([deployments.wanted(deployment_id)], consistent=True)
    row = deployments.among(there, deployment_id)
    return (row, deployments.writings(there, deployment_id)) if row else None
