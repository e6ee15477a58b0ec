"""A type of job: auditing the counters of a project, a deployment or a capture set; and repairing them.

One owner after the other: it is looked at; what differs is looked at once more, a little later, for the
stream may not have told of the newest captures yet; what differs as before has drifted. With `repair` that is
written down with the cursor, then settled, then looked at again. Who is being settled waits for a while.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass, field, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.auditing import recount, repair
from chalicelib.auditing.recount import Look
from chalicelib.auditing.rules import Sums, digest
from chalicelib.aws import clock
from chalicelib.capture_sets import reading as capture_sets
from chalicelib.deployments import service as deployments
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.settling.rules import Owner

KEY = "audit_counts"

_STAGE = "audit"
_TOLD = 200
"""So many drifts are told one by one; all are counted."""
_TRIES = 10
_PAUSE = 1.0


class Audit(BaseModel):
    """Of which capture set, if of one; and whether what has drifted is repaired."""

    model_config = ConfigDict(extra="forbid")

    set_id: str | None = None
    repair: bool = False


@dataclass(frozen=True, slots=True)
class Entry:
    """An owner in line. `state`: look, then mend, settle, verify; `tries` is how often it was put off, `seen`
    what a look found, `drifted` how much of it was told, `parts` which of its parts are to be settled."""

    kind: str
    id: str
    state: str = "look"
    tries: int = 0
    seen: str = ""
    drifted: int = 0
    parts: Sequence[str] = ()

    @property
    def owner(self) -> Owner:
        """As settling knows it."""
        return Owner(self.kind, self.id)


@dataclass(slots=True)
class _Line:
    """Who is left, how many there were, how much has drifted, and what the deployments come to so far."""

    left: list[Entry]
    total: int
    drifted: int = 0
    sums: Sums = field(default_factory=Sums)

    @classmethod
    def of(cls, cursor: Any) -> "_Line":
        return cls(
            [Entry(*each) for each in cursor["left"]],
            cursor["total"],
            cursor["drifted"],
            Sums.of(cursor["sums"]),
        )

    def cursor(self) -> Any:
        return {
            "left": [astuple(each) for each in self.left],
            "total": self.total,
            "drifted": self.drifted,
            "sums": self.sums.plain(),
        }


@dataclass(frozen=True, slots=True)
class Auditing:
    """What auditing needs from outside: the time, and waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def step(self, config: Audit, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        """One owner after the other, until the time is up."""
        line = _Line.of(cursor) if cursor else _begun(config, report)
        while line.left:
            entry = line.left.pop(0)
            if entry.kind == "PROJECT" and any(each.kind == "DEPLOYMENT" for each in line.left):
                line.left.append(entry)  # it is what they come to
                continue
            self._piece(entry, line, config, report)
            report.progress(_STAGE, max(0.99 * (1 - len(line.left) / line.total), 0.0))
            found = bool(line.left) and line.left[0].state == "mend"
            # What was found is written before it is repaired: a repeated step would find it no more.
            if line.left and (found or time_is_up()):
                return line.cursor()
        if line.drifted > _TOLD:
            report.log(
                "WARNING", f"Drifts that are only counted, not told one by one: {line.drifted - _TOLD}"
            )
        return None

    def _piece(self, entry: Entry, line: _Line, config: Audit, report: Report) -> None:
        if entry.state == "settle":
            line.left.insert(0, self._settled(entry))
            return
        if entry.state == "mend" and entry.kind != "SET":
            repair.mark(entry.owner, entry.parts, self.now)
            line.left.insert(0, replace(entry, state="settle"))
            return
        if entry.tries:
            self.sleep(_PAUSE)
        look = _look(entry, line.sums)
        if look is None:
            self._put_off(entry, line, report)
        elif entry.state == "mend":
            line.left.insert(0, self._counted(entry, look))
        elif entry.state == "look" and look.drifts and digest(look.drifts) != entry.seen:
            self._put_off(replace(entry, seen=digest(look.drifts)), line, report)
        elif entry.state == "look" and look.drifts:
            _tell(look, line, report)
            if config.repair:
                drifted, parts = len(look.drifts), repair.parts_of(look.drifts)
                line.left.insert(0, replace(entry, state="mend", tries=0, drifted=drifted, parts=parts))
            else:
                _conclude(entry, look, line, report)
        else:
            _conclude(entry, look, line, report)

    def _put_off(self, entry: Entry, line: _Line, report: Report) -> None:
        if entry.tries < _TRIES:
            line.left.append(replace(entry, tries=entry.tries + 1))
            return
        if entry.kind == "DEPLOYMENT":
            line.sums = replace(line.sums, is_complete=False)
        report.count(_STAGE, "busy")
        report.log("INFO", f"{entry.kind.lower()} {entry.id} is being settled all the time: not compared")

    def _counted(self, entry: Entry, look: Look) -> Entry:
        """A capture set counted anew, unless another settler is at it."""
        if repair.count_set(entry.id, look.strayed, self.now):
            return replace(entry, state="verify", tries=0)
        return replace(entry, tries=entry.tries + 1)

    def _settled(self, entry: Entry) -> Entry:
        """A budget's worth of settling, and the sum of its parts when nothing is marked any more."""
        budget = repair.settling(self.now).budget(entry.owner)
        if budget.state == "more":
            return entry
        is_done = budget.state == "done" and (entry.kind != "DEPLOYMENT" or repair.add_up(entry.id, self.now))
        if is_done:
            return replace(entry, state="verify", tries=0)
        self.sleep(_PAUSE)
        return entry


def _begun(config: Audit, report: Report) -> _Line:
    if config.set_id:
        left = [Entry("SET", config.set_id)]
    elif report.deployment_id:
        left = [Entry("DEPLOYMENT", report.deployment_id)]
    else:
        known = sorted(each.id for each in deployments.of_project(report.project_id))
        sets = sorted(each.id for each in capture_sets.of_project(report.project_id))
        left = [Entry("DEPLOYMENT", each) for each in known]
        left += [Entry("PROJECT", report.project_id), *(Entry("SET", each) for each in sets)]
    return _Line(left, len(left))


def _look(entry: Entry, sums: Sums) -> Look | None:
    if entry.kind == "DEPLOYMENT":
        return recount.deployment(entry.id)
    return recount.project(entry.id, sums) if entry.kind == "PROJECT" else recount.capture_set(entry.id)


def _tell(look: Look, line: _Line, report: Report) -> None:
    for each in look.drifts[: max(_TOLD - line.drifted, 0)]:
        report.log("WARNING", each.told)
    line.drifted += len(look.drifts)
    report.count(_STAGE, "drifted", len(look.drifts))


def _conclude(entry: Entry, look: Look, line: _Line, report: Report) -> None:
    report.count(_STAGE, "checked", look.checked)
    if entry.kind == "DEPLOYMENT":
        line.sums = line.sums.plus(look.counts, look.writings)
    if entry.state == "verify":
        report.count(_STAGE, "repaired", max(entry.drifted - len(look.drifts), 0))


def _slot(project_id: str, deployment_id: str | None, config: Any) -> str | None:
    return f"AUDIT#{config.get('set_id') or deployment_id or project_id}"


_PARAMS = (
    Param("Rows checked", "checked", 0),
    Param("Counters that drifted", "drifted", 0),
    Param("Counters repaired", "repaired", 0),
    Param("Busy, not compared", "busy", 0),
)


def audit_with(now: Callable[[], datetime], sleep: Callable[[float], None]) -> JobType[Audit]:
    """The type of job, with the time and a way to wait."""
    return JobType(
        key=KEY,
        label="Audit counts",
        config=Audit,
        stages=(Stage("Audit", _STAGE, params=_PARAMS),),
        step=Auditing(now, sleep).step,
        slot=_slot,
    )


AUDIT = audit_with(clock.now, time.sleep)
