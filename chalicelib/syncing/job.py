"""A type of job: syncing a deployment with its data source, and regrouping its sessions.

1. List: the source page by page from where the last step ended; each page held against what is known.
2. Report: what became of every object, put together; the deployment's totals.
3. Regroup, if anything has changed. The job has not succeeded before that has.
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.aws import clock, foreign
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Invalid, SourceFault
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.settings import settings
from chalicelib.settling import regrouping
from chalicelib.settling.regrouping import Regroup
from chalicelib.settling.rules import Owner, Touched
from chalicelib.settling.service import Settling
from chalicelib.sources import listing, patterns
from chalicelib.sources import service as sources
from chalicelib.sources.listing import Budget, Filter, Seen
from chalicelib.sources.rules import Source
from chalicelib.sources.rules import place as folder
from chalicelib.syncing import report as reports
from chalicelib.syncing import store
from chalicelib.syncing.rules import Ahead, Fate, Found, Merging, Pair, Policy, Terms
from chalicelib.syncing.service import Line, Syncing

KEY = "data_storage_sync"

_STAGE = "data_storage_sync"
_AT_ONCE = 8
_LISTING_SECONDS = 60
"""For which a step may list at the most; it ends long before, unless a storage is very slow."""
_ALL = 1 << 40
_PIECE = 1000
_FAULTS = 5
"""So often in a row a storage may fail before the job gives up: half a minute."""
_FORGOTTEN = timedelta(minutes=2)
_ENDING = (foreign.NO_WAY_ON, foreign.REFUSED, foreign.NO_BUCKET)
_TOLD = 20
"""How many failures a step tells one by one; the report has all."""


class Sync(BaseModel):
    """`missing`: what is done with the captures of objects that are no longer there."""

    model_config = ConfigDict(extra="forbid")

    missing: Policy = "keep"


@dataclass(slots=True)
class _Walk:
    """How far a sync has come: behind the key `after` of `place`, which stands for all that decides what is
    listed. `photographs` and `size` (bytes) are of what is there and is no other thing; `parts` are those of
    the report; `faults` in a row, the last of them at `faulted`; `changed`: some captures' times were."""

    place: str
    after: str | None = None
    looked: int = 0
    photographs: int = 0
    size: int = 0
    parts: list[str] = field(default_factory=list)
    faults: int = 0
    faulted: str | None = None
    changed: bool = False


@dataclass(slots=True)
class _AtWork:
    """What one step works with, and how many failures it has told one by one."""

    walk: _Walk
    syncing: Syncing
    part: reports.Part
    report: Report
    failures: int = 0

    def tell(self, lines: Sequence[Line]) -> None:
        """Counts what became of some objects, and writes it into the report."""
        counted = Counter(each.fate.value for each in lines)
        counted.update(each.gone for each in lines if each.gone)
        there = [each for each in lines if each.there]
        counted.update(total_files=len(there), undated=sum(each.undated for each in lines))
        for key, more in counted.items():
            if more:
                self.report.count(_STAGE, key, more)
        walk = self.walk
        walk.photographs, walk.size = walk.photographs + len(there), walk.size + sum(e.size for e in there)
        self.report.met(_STAGE, walk.photographs, self.syncing.deployment.data_source_total_files)
        # By what is told, not done: what a step did that was cut off is to be regrouped, too.
        walk.changed |= any(_moves_time(each) for each in lines)
        self.part.add(lines)
        for each in lines:
            if each.fate is Fate.FAILED and self.failures < _TOLD:
                self.failures += 1
                name = each.key.removeprefix(self.syncing.place)
                self.report.log("WARNING", f"{name[:300]!r}: {each.reason}")


@dataclass(frozen=True, slots=True)
class SyncJob:
    """What the job needs from outside: the time, and waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def step(self, config: Sync, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        """One step of whatever is next."""
        phase = cursor["phase"] if cursor else "list"
        if phase == "list":
            return self._list(config, cursor, report, time_is_up)
        if phase == "report":
            return self._report(cursor, report)
        regroup = regrouping.Regrouping(self.now, self.sleep)
        inner = regroup.step(Regroup(), cursor["regroup"], report, time_is_up)
        # The stream's settler is at it since the first page: how many there were by now says nothing.
        report.set(regrouping.STAGE, "events_before", cursor["before"])
        return None if inner is None else {**cursor, "regroup": inner}

    def _list(self, config: Sync, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        deployment, source = _connected(report)
        place = _place(deployment, source)
        walk = _Walk(**cursor["walk"]) if cursor else _Walk(place)
        if walk.place != place:
            raise Invalid("The data source was changed while it was synced: start the sync again.")
        if report.is_repeat:
            # What a step wrote that was cut off nobody can tell any more, but for the stream, in a while.
            Settling(self.now).mark_all(Owner("DEPLOYMENT", deployment.id))
        part = reports.Part(deployment.id, source.bucket)
        tidying = Tidying(settings().shelf, self.now)
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            syncing = Syncing(
                deployment,
                Terms(report.job_id, source.id, _origin(source), config.missing),
                folder(source.prefix, deployment.data_source_subdir),
                tidying,
                partial(self._mark, deployment.id, pool),
                pool,
                report.is_repeat,
            )
            over = self._walk(_AtWork(walk, syncing, part, report), source, time_is_up)
        walk.parts.append(part.keep(report.job_id, settings()))
        before = cursor["before"] if cursor else deployment.counts.sessions_count
        return {"phase": "report" if over else "list", "walk": asdict(walk), "before": before}

    def _walk(self, at_work: _AtWork, source: Source, time_is_up: TimeIsUp) -> bool:
        """Goes on from where the walk is; says whether it has come to the end."""
        walk, syncing = at_work.walk, at_work.syncing
        known = Ahead(store.known(syncing.deployment.id, syncing.place, walk.after))
        merging = Merging(known, syncing.place, walk.after)
        try:
            with closing(_pages(syncing.deployment, source, walk)) as pages:
                for page in pages:
                    if page:
                        walk.faults = 0
                    pairs = merging.page([_found(each) for each in page])
                    if not self._pairs(pairs, at_work, time_is_up):
                        return False
        except SourceFault as fault:
            self._bear(fault, at_work)
            return False
        if walk.looked == 0 and syncing.terms.policy != "keep" and known.next:
            at_work.report.log("WARNING", "The source is empty: nothing is marked or deleted for that.")
            at_work.syncing = replace(syncing, terms=replace(syncing.terms, policy="keep"))
        return self._pairs(((None, each) for each in known.rest()), at_work, time_is_up)

    def _pairs(self, pairs: Iterator[Pair], at_work: _AtWork, time_is_up: TimeIsUp) -> bool:
        """Goes through what is listed and what is known, a piece at a time; False if the time was up."""
        while piece := list(islice(pairs, _PIECE)):
            at_work.tell(at_work.syncing.page(piece))
            at_work.walk.looked += sum(found is not None for found, _ in piece)
            at_work.walk.after = next(each.key for each in piece[-1] if each)
            if time_is_up():
                return False
        return True

    def _mark(self, deployment_id: str, pool: ThreadPoolExecutor, places: Sequence[str]) -> None:
        """Marks what was touched, so that the job's own regrouping waits for no stream."""
        touched, owner = Touched(), Owner("DEPLOYMENT", deployment_id)
        for at in places:
            touched.capture(owner, at)
        settling = Settling(self.now)
        list(pool.map(settling.mark, (Touched({part: hours}) for part, hours in touched.parts.items())))

    def _bear(self, fault: SourceFault, at_work: _AtWork) -> None:
        """Takes a fault of the storage for a passing one, a few times."""
        walk, now = at_work.walk, self.now()
        if walk.faulted and now - datetime.fromisoformat(walk.faulted) > _FORGOTTEN:
            walk.faults = 0
        walk.faults, walk.faulted = walk.faults + 1, now.isoformat()
        if fault.code in _ENDING or walk.faults >= _FAULTS:
            raise Invalid(fault.detail)
        at_work.report.log("WARNING", f"{fault.detail} It is tried again.")
        self.sleep(2.0**walk.faults)

    def _report(self, cursor: Any, report: Report) -> Any:
        walk = _Walk(**cursor["walk"])
        name = f"sync-{report.deployment_id}-{self.now():%Y-%m-%d}.csv"
        reports.join(report.job_id, walk.parts, name, settings(), is_repeat=report.is_repeat)
        deployments.note_sync(report.deployment_id or "", walk.photographs, walk.size, self.now())
        report.set(_STAGE, "report", f"/api/v2/jobs/{report.job_id}/report")
        report.progress(_STAGE, 1.0)
        if not walk.changed:
            report.log("INFO", "Nothing has changed: the sessions stand.")
            return None
        return {"phase": "regroup", "regroup": None, "before": cursor["before"]}


def _connected(report: Report) -> tuple[Deployment, Source]:
    """The job's deployment, and its source. Raises Invalid if it has none."""
    deployment = deployments.find(report.deployment_id or "", consistent=True)
    return deployment, sources.find(require_source(deployment))


def require_source(deployment: Deployment) -> str:
    """The id of a deployment's data source. Raises Invalid if it has none."""
    if deployment.data_source is None:
        raise Invalid(
            "Deployment must have a data source to sync captures from", {"data_source": "none is set"}
        )
    return deployment.data_source


def _place(deployment: Deployment, source: Source) -> str:
    """Stands for all that decides which objects are listed, and in which order."""
    deciding = (
        source.id,
        source.endpoint_url,
        source.bucket,
        source.prefix,
        deployment.data_source_subdir,
        deployment.data_source_regex,
    )
    return hashlib.sha256(repr(deciding).encode()).hexdigest()[:16]


def _origin(source: Source) -> str:
    """Stands for the bucket that is looked at."""
    return hashlib.sha256(f"{source.endpoint_url} {source.bucket}".encode()).hexdigest()[:8]


def _pages(deployment: Deployment, source: Source, walk: _Walk) -> Any:
    regex = deployment.data_source_regex
    wanted = Filter(deployment.data_source_subdir, patterns.compiled(regex) if regex is not None else None)
    return listing.pages(
        source,
        wanted,
        Budget(_LISTING_SECONDS, _ALL),
        after=walk.after,
        private=settings().private_endpoints,
    )


def _found(seen: Seen) -> Found:
    each = seen.object
    skipped = seen.skipped.value if seen.skipped else None
    return Found(each.key, each.version, each.size, each.written, skipped)


def _moves_time(line: Line) -> bool:
    """Whether sessions may change by what became of an object."""
    return line.fate in (Fate.NEW, Fate.CHANGED) or line.gone == "deleted"


def _slot(project_id: str, deployment_id: str | None, config: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    return f"SYNC#{deployment_id}"


_PARAMS = (
    Param("Total files", "total_files", 0),
    Param("New", "new", 0),
    Param("Changed", "changed", 0),
    Param("Unchanged", "unchanged", 0),
    Param("Missing", "missing", 0),
    Param("Marked as missing", "marked", 0),
    Param("Deleted", "deleted", 0),
    Param("Skipped", "skipped", 0),
    Param("Failed", "failed", 0),
    Param("Undated", "undated", 0),
    Param("Report", "report"),
)


def sync_with(now: Callable[[], datetime], sleep: Callable[[float], None]) -> JobType[Sync]:
    """The type of job, with the time and a way to wait."""
    return JobType(
        key=KEY,
        label="Sync with the data source",
        config=Sync,
        stages=(
            Stage("Data storage sync", _STAGE, params=_PARAMS),
            *regrouping.regroup_with(now, sleep).stages,
        ),
        step=SyncJob(now, sleep).step,
        slot=_slot,
        is_startable=True,
        needs_deployment=True,
    )


SYNC = sync_with(clock.now, time.sleep)
