"""Where a project's occurrences stand by score, and its findings in time: keys, and the little with them."""

from collections.abc import Sequence

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row
from chalicelib.findings import reading as findings
from chalicelib.findings.filing import PlacedRow
from chalicelib.findings.rules import Findings
from chalicelib.ids import capture_of


def by_score(project_id: str, lowest: float, limit: int, after: str | None, *, forward: bool) -> list[str]:
    """The ranks of up to `limit` named occurrences of at least that score, in its order, following the rank
    `after`. One request per megabyte: some four thousand."""
    owner, lower = keys.project(project_id)[0], keys.occurrences_from(lowest)
    if after is not None and after < lower:  # where a threshold has been raised meanwhile
        if not forward:
            return []
        after = None
    rows = table.query(
        Row,
        owner,
        Row.rank.between(lower, keys.OCCURRENCES + keys.LAST),
        index=keys.BY_OWNER,
        forward=forward,
        limit=limit,
        after=_start(owner, after) if after else None,
    )
    return [row.rank or "" for row in rows]


def occurrence_of(rank: str) -> str:
    """The occurrence that has that rank."""
    return rank.rpartition("#")[2]


def _start(owner: str, rank: str) -> dict[str, dict[str, str]]:
    pk, sk = keys.occurrence(occurrence_of(rank))
    named = (("pk", pk), ("sk", sk), ("owner", owner), ("rank", rank))
    return {name: {"S": value} for name, value in named}


def in_time(
    project_id: str, deployment_id: str | None, lower: str, upper: str, limit: int, *, forward: bool
) -> list[tuple[str, Findings]]:
    """Where captures with findings stand in time, and these, for up to `limit` of a deployment, or else of
    the project, from one place to another, both inclusive. One request; of a project one more per hundred.
    """
    if lower > upper:
        return []
    if deployment_id:
        pk, first = keys.placed_findings(deployment_id, lower)
        _, last = keys.placed_findings(deployment_id, upper)
        within = PlacedRow.sk.between(first, last)
        placed = table.query(PlacedRow, pk, within, forward=forward, limit=limit)
        return [(row.sk.removeprefix(keys.FINDINGS), Findings.of(row.findings)) for row in placed]
    within = Row.rank.between(f"{keys.FINDINGS}{lower}", f"{keys.FINDINGS}{upper}")
    owner = keys.project(project_id)[0]
    rows = table.query(Row, owner, within, index=keys.BY_OWNER, forward=forward, limit=limit)
    return _with_findings([(row.rank or "").removeprefix(keys.FINDINGS) for row in rows])


def _with_findings(places: Sequence[str]) -> list[tuple[str, Findings]]:
    capture_ids = [capture_at(each) for each in places]
    rows = table.get_many(map(findings.wanted, capture_ids))
    told = (findings.among(rows, each)[0] or Findings() for each in capture_ids)
    return list(zip(places, told, strict=True))


def capture_at(place: str) -> str:
    """The capture that stands there, or whose occurrence does."""
    return capture_of(place.rpartition("#")[2])
