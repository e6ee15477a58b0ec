"""Pages of a project's jobs, the newest first."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from chalicelib.aws import keys, table
from chalicelib.errors import foreign_cursor
from chalicelib.jobs.rules import Job
from chalicelib.jobs.store import JobRow, job_of

_LOOKED_THROUGH = 5000
"""How many jobs a page with filters looks through at the most; the next page goes on from there."""

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """Jobs, how many there are in all (None where nobody counted), and where the page ended, None if nothing
    follows."""

    jobs: list[Job]
    count: int | None
    position: str | None


def page(project_id: str, wanted: Mapping[str, str], limit: int, after: str | None) -> Page:
    """A page of the jobs of a project whose status, type_key, deployment_id are as `wanted`.

    Three requests; with filters two, and one more for every further thousand that is looked through.
    """
    owner = keys.project(project_id)[0]
    rows = _rows(owner, after, limit + 1 if not wanted else _AT_ONCE)
    hits: list[str] = []
    position, looked = None, 0
    for looked, row in enumerate(islice(rows, _LOOKED_THROUGH), 1):  # noqa: B007  (asked for after it)
        if len(hits) == limit:
            break
        position = row.rank
        if _fits(row.facts.as_dict(), wanted):
            hits.append(row.rank.rpartition("#")[2])
    else:
        if looked < _LOOKED_THROUGH:
            position = None
    found = table.get_many([(JobRow, keys.job(each)) for each in hits])
    jobs = [job_of(found[keys.job(each)]) for each in hits if keys.job(each) in found]
    if not wanted:
        return Page(jobs, table.count(JobRow, owner, keys.JOBS), position)
    fitting = [job for job in jobs if _fits(_facts(job), wanted)]  # the index is a moment behind
    return Page(fitting, len(fitting) if after is None and position is None else None, position)


def _rows(owner: str, after: str | None, at_once: int) -> Any:
    start = None
    if after is not None:
        if not after.startswith(keys.JOBS):
            raise foreign_cursor()
        pk, sk = keys.job(after.rpartition("#")[2])
        names = {"pk": pk, "sk": sk, "owner": owner, "rank": after}
        start = {name: {"S": value} for name, value in names.items()}
    return table.query(
        JobRow,
        owner,
        JobRow.rank.startswith(keys.JOBS),
        index=keys.BY_OWNER,
        forward=False,
        after=start,
        page=at_once,
    )


def _facts(job: Job) -> dict[str, Any]:
    return {"status": job.status, "type_key": job.type_key, "deployment_id": job.deployment_id}


def _fits(facts: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    return all(facts.get(name) == value for name, value in wanted.items())
