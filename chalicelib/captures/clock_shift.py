"""Two types of job: shifting the clock of a deployment's captures, and taking such a shift off again.

The timeline is walked against the shift: backward where times grow, forward where they shrink. So a capture
that was shifted is never met again, and neighbours in time change together, which settles night by night.
Every capture remembers by which job it was shifted: a step that runs twice shifts nothing twice.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib.aws import keys, table
from chalicelib.captures import store, timeline
from chalicelib.captures.corrections import shifted, unshifted
from chalicelib.captures.rules import Capture
from chalicelib.captures.schemas import LATEST_YEAR
from chalicelib.captures.store import CaptureRow
from chalicelib.deployments import service as deployments
from chalicelib.errors import Conflict, Invalid
from chalicelib.http.fields import MOST_CLOCK_OFFSET
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.rules import Job
from chalicelib.jobs.stages import Param, Stage

_STAGE = "clock"
_HIDDEN = (True, False, True)
"""Which captures a walk meets: hidden ones, the dated, hidden ones again. Whoever is shown meanwhile was met
among the hidden, and whoever is hidden meanwhile is met at the end."""
_LAST = len(_HIDDEN) - 1
_PAGE = 100
_ROUNDS = 6
"""How often one capture is tried that others keep changing."""


class Shift(BaseModel):
    """By how many seconds the clock is put forward, back where negative; of the captures from `start` to
    `end`, both inclusive and optional, by their timestamps when the job meets them."""

    model_config = ConfigDict(extra="forbid")

    seconds: int = Field(ge=-MOST_CLOCK_OFFSET, le=MOST_CLOCK_OFFSET, strict=True)
    start: datetime | None = None
    end: datetime | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "Shift":
        if self.seconds == 0:
            raise ValueError("a shift by nothing changes nothing")
        if any(each and each.tzinfo for each in (self.start, self.end)):
            raise ValueError("a camera's wall clock has no zone: send it like '2026-06-09T21:30:00'")
        if self.start and self.end and self.start > self.end:
            raise ValueError("the scope ends before it starts")
        return self


class Unshift(BaseModel):
    """Which job's shift is taken off, and by how much that was."""

    model_config = ConfigDict(extra="forbid")

    job: str
    seconds: int


@dataclass(slots=True)
class _Walk:
    """How far a walk along `parts` of a deployment's timeline has come: behind the position `after` of the
    part number `part`."""

    parts: list[tuple[str, str]]
    forward: bool
    total: int
    part: int = 0
    after: str | None = None
    met: int = 0

    def cursor(self) -> dict[str, Any]:
        """What the next step goes on with."""
        return {"total": self.total, "part": self.part, "after": self.after, "met": self.met}

    def is_ahead(self, at: str) -> bool:
        """Whether a position is still to come in the present part."""
        lower, upper = self.parts[self.part]
        if self.after is not None:
            lower, upper = (self.after, upper) if self.forward else (lower, self.after)
        return lower < at < upper


def _shift(config: Shift, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    parts = [keys.captures_between(config.start, config.end, hidden=hidden) for hidden in _HIDDEN]
    walk = _Walk(parts, config.seconds < 0, **(cursor or {"total": _total(report)}))
    while walk.part < len(parts):
        back = config.seconds if report.is_repeat else None
        for capture in _captures(report, walk, back, config):
            at = timeline.position(capture)
            if report.job_id in capture.corrections.shifts:
                # An earlier try of this step has shifted it and never came to say so.
                if walk.part < _LAST and walk.is_ahead(_place_before(capture, config.seconds)):
                    report.count(_STAGE, "shifted")
                    walk.met += 1
            elif walk.is_ahead(at):
                report.count(_STAGE, _outcome(capture, report.job_id, config.seconds))
                if _moves_on(walk, at, report, time_is_up):
                    return walk.cursor()
        walk.part, walk.after = walk.part + 1, None
    return None


def _unshift(config: Unshift, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    # Also what has no date any more: its photograph may have been replaced by one that tells none.
    dated = [keys.captures_between(None, None, hidden=hidden) for hidden in (False, True)]
    parts = [*dated, *(keys.all_undated(hidden=hidden) for hidden in (False, True))]
    walk = _Walk(parts, config.seconds > 0, **(cursor or {"total": _total(report)}))
    while walk.part < len(parts):
        for capture in _captures(report, walk):
            if config.job in capture.corrections.shifts:
                report.count(_STAGE, _taken_off(capture, config.job))
            if _moves_on(walk, timeline.position(capture), report, time_is_up):
                return walk.cursor()
        walk.part, walk.after = walk.part + 1, None
    return None


def _moves_on(walk: _Walk, at: str, report: Report, time_is_up: TimeIsUp) -> bool:
    """Notes that the walk has come to a position; whether the step is to end there."""
    walk.after, walk.met = at, walk.met + 1
    report.met(_STAGE, walk.met, walk.total, unknown=0.0)
    return time_is_up()


def _captures(
    report: Report, walk: _Walk, back: int | None = None, scope: Shift | None = None
) -> Iterator[Capture]:
    """The captures ahead in the present part, read consistently, in the order of the walk. One request per
    hundred. `back`: also those which lie behind by now because they were shifted by so many seconds."""
    lower, upper = walk.parts[walk.part]
    if back is not None and scope is not None:
        lower, upper = _reaching_back(walk, back, scope)
    elif walk.after is not None:
        lower, upper = (walk.after, upper) if walk.forward else (lower, walk.after)
    within = CaptureRow.at.between(lower, upper)
    pk = keys.deployment(_deployment_id(report))[0]
    rows = table.query(
        CaptureRow,
        pk,
        within,
        index=keys.TIMELINE,
        consistent=True,
        forward=walk.forward,
        page=_PAGE,
        whole=True,
    )
    for row in rows:
        if row.facts and row.at != walk.after:
            yield store.capture_of(row)


def _reaching_back(walk: _Walk, seconds: int, scope: Shift) -> tuple[str, str]:
    lower, upper = walk.parts[walk.part]
    edge = scope.start if walk.forward else scope.end
    if walk.after is not None:
        edge = keys.time_of_capture(walk.after)[0]
    try:
        limit = edge + timedelta(seconds=seconds) if edge else None
    except OverflowError:
        limit = None
    widest = keys.captures_between(limit, limit, hidden=_HIDDEN[walk.part])
    return (widest[0], upper) if walk.forward else (lower, widest[1])


def _place_before(capture: Capture, seconds: int) -> str:
    """Where a capture stood before it was shifted; where it stands, if it was dated by hand since."""
    moment = capture.moment
    if moment is None or capture.corrections.manual:
        return timeline.position(capture)
    before = moment - timedelta(seconds=seconds)
    return keys.capture_at(capture.id, before, capture.millisecond, hidden=capture.hidden)


def _outcome(capture: Capture, job_id: str, seconds: int) -> str:
    """Shifts one capture; says what became of it."""
    try:
        after = _corrected(capture, lambda each: _moved(each, job_id, seconds))
    except Invalid:
        return "refused"
    return "shifted" if after and job_id in after.corrections.shifts else "skipped"


def _taken_off(capture: Capture, job_id: str) -> str:
    """Takes the shift off one capture; says what became of it."""
    try:
        _corrected(capture, lambda each: unshifted(each, job_id))
    except Invalid:  # other shifts, which led back from this one, would lead astray alone
        return "refused"
    return "restored"


def _moved(capture: Capture, job_id: str, seconds: int) -> Capture:
    after = shifted(capture, job_id, seconds)
    if after is not capture and after.timestamp and after.timestamp.year > LATEST_YEAR:
        raise Invalid(f"The shifted time is after {LATEST_YEAR}.")
    return after


def _corrected(capture: Capture, change: Callable[[Capture], Capture]) -> Capture | None:
    """A capture after a change was written, whatever else happens to it meanwhile; None if it has gone."""
    for _ in range(_ROUNDS):
        after = change(capture)
        if after is capture or store.correct(capture, after):
            return after
        seen = store.see(capture.id).capture
        if seen is None:
            return None
        capture = seen
    raise Conflict(f"{capture.id} keeps changing.")


def _total(report: Report) -> int:
    return deployments.find(_deployment_id(report)).counts.captures_count


def _deployment_id(report: Report) -> str:
    assert report.deployment_id  # noqa: S101  (both types need one)
    return report.deployment_id


def _slot(_: str, deployment_id: str | None, __: Mapping[str, Any]) -> str:
    """One clock job at a time in a deployment: two walks would carry captures past each other."""
    return f"CLOCK#{deployment_id}"


def _undo(job: Job) -> tuple[str, dict[str, Any]]:
    return UNSHIFT.key, {"job": job.id, "seconds": job.config["seconds"]}


_COUNTED = (Param("Shifted", "shifted", 0), Param("Skipped", "skipped", 0), Param("Refused", "refused", 0))

SHIFT = JobType(
    key="shift_clock",
    label="Shift the clock",
    config=Shift,
    stages=(Stage("Shift the clock", _STAGE, params=_COUNTED),),
    step=_shift,
    slot=_slot,
    undo=_undo,
    is_startable=True,
    needs_deployment=True,
)

UNSHIFT = JobType(
    key="unshift_clock",
    label="Take a shift of the clock off",
    config=Unshift,
    stages=(Stage("Take the shift off", _STAGE, params=(Param("Restored", "restored", 0), _COUNTED[2])),),
    step=_unshift,
    slot=_slot,
    needs_deployment=True,
)
