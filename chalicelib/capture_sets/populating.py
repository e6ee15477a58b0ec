"""A type of job: populating a capture set by its method.

1. Sample: the project's captures deployment by deployment, in pages; what is chosen gathers as a generation
   that nobody sees yet.
2. Count it, and let it take the place of the one that was served: one conditional write.
3. Clear the old one away.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.aws import clock, lease, objects
from chalicelib.capture_sets import clearing, service, settled, store
from chalicelib.capture_sets.clearing import Which
from chalicelib.capture_sets.frames import Check, Frame, Sampler, passes
from chalicelib.capture_sets.methods import checked
from chalicelib.capture_sets.rules import DETECTIONS_ONLY, LIVE, MANUAL, STARRED, CaptureSet
from chalicelib.capture_sets.sampling import sampler_of
from chalicelib.captures import reading, timeline
from chalicelib.captures.rules import Capture
from chalicelib.errors import Busy, Conflict, Invalid
from chalicelib.findings import reading as findings
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.projects import service as projects
from chalicelib.projects import tallies
from chalicelib.sessions import joining
from chalicelib.settings import settings
from chalicelib.settling.rules import SETS, Owner, Touched
from chalicelib.settling.service import Settling

KEY = "populate_captures_collection"

_STAGE = "populate"
_PAGE = 1000
_FILED = 500
_AT_ONCE = 8
_INLINE = 20_000
"""Signs of a sampler's state that a cursor holds itself; a longer one is kept in S3."""
_PATIENCE = 40
_PAUSE = 0.5


@dataclass(frozen=True, slots=True)
class Populating:
    """What populating needs from outside: the time, and waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def step(self, config: Which, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        """One step of whatever is next."""
        found = service.find(config.set_id)
        if cursor is None:
            return _begun(found)
        if cursor["phase"] == "sample":
            _check_gathers(found, cursor["generation"])
            return _sample(found, cursor, report, time_is_up)
        if cursor["phase"] == "serve":
            self._serve(found, cursor["generation"])
            report.progress(_STAGE, 1.0)
            return {"phase": "clear"}
        return None if clearing.clear(found.id, found.generations, report, time_is_up) else cursor

    def _serve(self, found: CaptureSet, generation: str) -> None:
        """Counts a generation, and lets it be served. Raises Busy if another settler is at the set."""
        for _ in range(_PATIENCE):
            if found.generation == generation:
                break  # done by an earlier try
            _check_gathers(found, generation)
            held = settled.take_lease(found.id, self.now)
            if held:
                try:
                    self._count_and_serve(held, generation)
                    break
                finally:
                    lease.release(held)
            self.sleep(_PAUSE)
            found = service.find(found.id)
        else:
            raise Busy("Others are settling the capture set all the time.")
        # What was marked while it counted found the lease taken.
        Settling(self.now).look_again(Owner("SET", found.id))

    def _count_and_serve(self, held: settled.SetLease, generation: str) -> None:
        project_id = settled.set_under(held).project_id
        filters = projects.find(project_id).filters
        settled.serve(held, generation, settled.count_all(held, generation, filters), filters)
        if projects.find(project_id).filters != filters:
            # Whoever looked for sets that were counted by others has passed it by.
            touched = Touched()
            touched.part(Owner("PROJECT", project_id), SETS)
            Settling(self.now).mark(touched)


def _check_gathers(found: CaptureSet, generation: str) -> None:
    if generation not in found.generations:
        raise Invalid("Another populate has taken the place of this one: start it anew.")


def _begun(found: CaptureSet) -> dict[str, Any]:
    """The first cursor. What the set says by now is what it is populated by, whatever changes meanwhile."""
    if found.method == STARRED:
        raise Invalid("The starred captures are what people have starred: they are not populated.")
    if found.method == MANUAL and not found.kwargs.get("capture_ids"):
        raise Invalid("This capture set is put together by hand: there is nothing to choose by.")
    generation = service.new_generation()
    if not store.begin_populating(found, generation):
        raise Conflict("The capture set has changed meanwhile.")
    return {
        "phase": "sample",
        "generation": generation,
        "method": found.method,
        "kwargs": dict(checked(found.method, found.kwargs)),
        "deployment": None,
        "position": None,
        "met": 0,
        "state": None,
    }


def _sample(found: CaptureSet, cursor: dict[str, Any], report: Report, time_is_up: TimeIsUp) -> Any:
    served = {**cursor, "phase": "serve"}
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        # Where a capture is chosen for what it is, it is asked once more when it is filed.
        fits = passes(cursor["kwargs"]) if cursor["method"] in (LIVE, "full") else None
        filing = _Filing(found, cursor["generation"], pool, report, fits)
        if cursor["method"] == MANUAL:
            filing.file(_own(cursor["kwargs"]["capture_ids"], found))
            return served
        sampler = sampler_of(cursor["method"], cursor["kwargs"], _state(report.job_id, cursor["state"]))
        total = projects.find(found.project_id).counts.captures_count
        for page in _pages(found.project_id, cursor):
            for frame in page:
                filing.wait(sampler.meet(frame))
            cursor["met"] += len(page)
            report.met(_STAGE, cursor["met"], total)
            if time_is_up():
                filing.flush()
                return {**cursor, "state": _put_away(report.job_id, sampler)}
        filing.wait(sampler.end())
        filing.flush()
    return served


@dataclass(slots=True)
class _Filing:
    """Files what is chosen, a few hundred at a time."""

    found: CaptureSet
    generation: str
    pool: ThreadPoolExecutor
    report: Report
    fits: Check | None = None
    waiting: list[str] = field(default_factory=list)

    def wait(self, capture_ids: list[str]) -> None:
        """Files them, with others, when they are enough."""
        self.waiting += capture_ids
        if len(self.waiting) >= _FILED * _AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Files those that wait."""
        self.file(self.waiting)
        self.waiting = []

    def file(self, capture_ids: list[str]) -> None:
        """Files them all, those that are there."""
        pieces = [capture_ids[at : at + _FILED] for at in range(0, len(capture_ids), _FILED)]
        filed = self.pool.map(
            lambda piece: service.file(self.found.id, self.generation, piece, self.fits),
            pieces,
        )
        self.report.count(_STAGE, "captures_added", sum(filed))


def _own(capture_ids: list[str], found: CaptureSet) -> list[str]:
    """Those that are there, and the project's: anybody may name any. One request per hundred."""
    there = reading.whole(capture_ids)
    return [each for each in capture_ids if each in there and there[each].project_id == found.project_id]


def _pages(project_id: str, cursor: dict[str, Any]) -> Iterator[list[Frame]]:
    """The project's captures from where the cursor is, whose place it moves on: a page is behind it when the
    next is asked for. Two requests per thousand."""
    wanted = cursor["kwargs"].get("deployment_ids")
    known = sorted(each.deployment_id for each in tallies.tallies_of(project_id))
    for deployment_id in known:
        if deployment_id < (cursor["deployment"] or "") or (wanted and deployment_id not in wanted):
            continue
        if deployment_id != cursor["deployment"]:
            cursor["deployment"], cursor["position"] = deployment_id, None
        while True:
            span = timeline.Span(project_id, deployment_id)
            captures = timeline.page(span, "timestamp", _PAGE, cursor["position"])
            if captures:
                cursor["position"] = timeline.position(captures[-1])
                yield _frames(captures, deployment_id, cursor["method"] == DETECTIONS_ONLY)
            if len(captures) < _PAGE:
                break


def _frames(captures: list[Capture], deployment_id: str, by_detections: bool) -> list[Frame]:
    """One request more where detections matter."""
    sessions = joining.of_deployment(captures, deployment_id)
    first, last = timeline.position(captures[0]), timeline.position(captures[-1])
    boxed = findings.boxed(deployment_id, first, last) if by_detections else set()
    return [
        service.frame_of(
            each,
            sessions[each.id].id if each.id in sessions else None,
            has_detections=each.id in boxed,
        )
        for each in captures
    ]


def _put_away(job_id: str, sampler: Sampler) -> Any:
    """Keeps a sampler's state; what a cursor is to hold of it."""
    text = json.dumps(sampler.state())
    if len(text) <= _INLINE:
        return {"inline": text}
    key = f"reports/{job_id}/state-{secrets.token_hex(6)}"
    objects.write(settings().thumbnails_bucket, key, text.encode(), "application/json")
    return {"key": key}


def _state(job_id: str, kept: Any) -> Any:  # noqa: ARG001
    if kept is None:
        return None
    if "inline" in kept:
        return json.loads(kept["inline"])
    return json.loads(objects.read(settings().thumbnails_bucket, kept["key"], 1 << 30).data or b"null")


def populate_with(now: Callable[[], datetime], sleep: Callable[[float], None]) -> JobType[Which]:
    """The type of job, with the time and a way to wait."""
    return JobType(
        key=KEY,
        label="Populate a capture set",
        config=Which,
        stages=(
            Stage("Choose captures", _STAGE, params=(Param("Captures added", "captures_added", 0),)),
            clearing.CLEARING,
        ),
        step=Populating(now, sleep).step,
        slot=clearing.slot_of,
    )


POPULATE = populate_with(clock.now, time.sleep)
