"""Looking: what is kept of a deployment, a project or a capture set, and what is counted from the facts.

The facts are the captures' own rows, and the members' own, read without the index that settling goes by. What
is being settled at this moment is no drift: then nothing is said, and it is to be looked at again.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from chalicelib.auditing.rules import (
    Drift,
    Sums,
    compare,
    differing,
    recounted,
    segment,
    sessions,
)
from chalicelib.aws import table
from chalicelib.capture_sets import reading as capture_sets
from chalicelib.captures import reading as captures
from chalicelib.captures import timeline
from chalicelib.counts import NONE, Counts
from chalicelib.deployments import reading as deployments
from chalicelib.deployments import service as deployment_verbs
from chalicelib.deployments.rules import Deployment
from chalicelib.projects import service as projects
from chalicelib.projects import tallies
from chalicelib.sessions import reading as session_rows
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import is_marked

_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at one owner found: how many rows with counters there are, and what is wrong with them.

    `counts` are the true ones, and `writings` how often it had been settled by then. `strayed` are the
    members of a set that are filed elsewhere than their captures are.
    """

    checked: int = 0
    drifts: tuple[Drift, ...] = ()
    counts: Counts = NONE
    writings: int = 0
    strayed: tuple[str, ...] = ()


def deployment(deployment_id: str) -> Look | None:
    """Looks at a deployment with its tally, sessions and undated segments; None if it is being settled. Some
    eight requests, one more per eight hundred captures."""
    owner = Owner("DEPLOYMENT", deployment_id)
    before = _standing(deployment_id)
    if before is None or is_marked(owner):
        return None
    standing, writings = before
    tally = tallies.tally_of(standing.project_id, deployment_id) or NONE
    kept = list(session_rows.stored(deployment_id))
    segments = session_rows.undated_segments(deployment_id)
    true = recounted(captures.places(deployment_id), standing.rule)
    after = _standing(deployment_id)
    if after is None or (after[0].counts, after[0].rule, after[1]) != (
        standing.counts,
        standing.rule,
        writings,
    ):
        return None
    if is_marked(owner):
        return None
    name = f"deployment {deployment_id}"
    drifts = [
        *differing(name, standing.counts, true.counts),
        *differing(name, tally, true.counts, "tally "),
        *sessions(deployment_id, kept, true.runs),
        *compare(name, _segments("undated", segments), _segments("undated", true.undated), 0),
    ]
    return Look(2 + len(kept) + len(segments), tuple(drifts), true.counts, writings)


def project(project_id: str, sums: Sums) -> Look | None:
    """Looks at a project whose deployments were found to come to that; None if it, or one of them, is being
    settled or has been since. Four requests per hundred deployments and two more."""
    standing = projects.find(project_id)
    if not sums.is_complete or is_marked(Owner("PROJECT", project_id)):
        return None
    known = [each.id for each in deployment_verbs.of_project(project_id)]
    found = table.get_many(map(deployments.wanted, known), consistent=True)
    writings = sum(deployments.writings(found, each) for each in known)
    if (len(known), writings) != (sums.deployments_count, sums.writings):
        return None
    name = f"project {project_id}"
    stations = {"deployments_count": standing.deployments_count}
    drifts = [
        *differing(name, standing.counts, sums.counts),
        *compare(name, stations, {"deployments_count": sums.deployments_count}),
    ]
    return Look(1, tuple(drifts))


def capture_set(set_id: str) -> Look | None:
    """Looks at a capture set and its segments; None if it is being settled. Some six requests, and one per
    hundred members, eight of them at once."""
    owner = Owner("SET", set_id)
    standing, writings = capture_sets.stored(set_id)
    if standing is None:
        return Look()  # it has gone meanwhile: there is nothing to be wrong
    if is_marked(owner):
        return None
    segments = capture_sets.segments(standing)
    true, strayed = Counter[str](), list[str]()
    for capture_id, filed_at, place in _members(capture_sets.filed(standing)):
        if filed_at != place:
            strayed.append(capture_id)
        part = segment(place) if place else None
        if part:
            true[part] += 1
    after, writings_after = capture_sets.stored(set_id)
    if after is None or is_marked(owner) or writings != writings_after:
        return None
    if (after.captures_count, after.generation) != (standing.captures_count, standing.generation):
        return None
    name = f"set {set_id}"
    drifts = [
        *compare(name, {"captures_count": standing.captures_count}, {"captures_count": true.total()}),
        *compare(name, _segments("segment", segments), _segments("segment", true), 0),
    ]
    return Look(1 + len(segments), tuple(drifts), writings=writings, strayed=tuple(strayed))


def _members(filed: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str, str | None]]:
    """Members with the place where each is filed, and that where its capture is, None if it has gone."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while some := list(islice(filed, _AT_ONCE * table.BATCH)):
            batches = [some[at : at + table.BATCH] for at in range(0, len(some), table.BATCH)]
            for batch, places in zip(batches, pool.map(_places, batches), strict=True):
                yield from ((each, at, places.get(each)) for each, at in batch)


def _places(batch: Iterable[tuple[str, str]]) -> dict[str, str]:
    wanted = [each for each, _ in batch]
    found = table.get_many(map(captures.wanted, wanted), consistent=True)
    return {each.id: timeline.position(each) for each in captures.among(found, wanted)}


def _standing(deployment_id: str) -> tuple[Deployment, int] | None:
    found = table.get_many([deployments.wanted(deployment_id)], consistent=True)
    row = deployments.among(found, deployment_id)
    return (row, deployments.writings(found, deployment_id)) if row else None


def _segments(kind: str, counts: Mapping[str, int]) -> dict[str, int | str | None]:
    return {f"{kind} {name}": number for name, number in counts.items()}
