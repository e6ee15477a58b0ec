"""A type of job: auditing the counters of a project, a deployment or a capture set; and repairing them.

First the captures of a deployment, a piece at a time: do their occurrences and findings follow from what was
said of them? Then its counters, in one piece, which takes some seconds for a hundred thousand captures.

One owner after the other: it is looked at; what differs is looked at once more, a little later, for the
stream may not have told of the newest captures yet; what differs as before has drifted. With `repair` that is
written down with the cursor, then settled, then looked at again. Who is being settled waits for a while.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.auditing import captures, members, recount, repair, wording
from chalicelib.auditing.line import Entry, Line
from chalicelib.auditing.recount import Look
from chalicelib.auditing.rules import Drift, digest
from chalicelib.aws import clock
from chalicelib.capture_sets import reading as capture_sets
from chalicelib.deployments import service as deployments
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage

log = logging.getLogger("nightjar")

KEY = "audit_counts"
ALARM = "COUNTS_DRIFTED"
"""What the function's own log says where an audit of its own accord has found drift: for an alarm."""

_STAGE = "audit"
_TOLD = 200
"""So many drifts are told one by one; all are counted."""
_TRIES = 10
_PAUSE = 1.0


class Audit(BaseModel):
    """Of which capture set, if of one; whether what has drifted is repaired; and whether it gives alarm."""

    model_config = ConfigDict(extra="forbid")

    set_id: str | None = None
    repair: bool = False
    alarm: bool = False


@dataclass(frozen=True, slots=True)
class Auditing:
    """What auditing needs from outside: the time, and waiting."""

    now: Callable[[], datetime]
    sleep: Callable[[float], None]

    def step(self, config: Audit, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        """One owner, or one piece of it, after the other, until the time is up."""
        line = Line.of(cursor) if cursor else _begun(config, report)
        while line.left:
            entry = line.left.pop(0)
            if entry.kind == "PROJECT" and any(each.kind == "DEPLOYMENT" for each in line.left):
                line.left.append(entry)  # it is what they come to
                continue
            self._piece(entry, line, config, report)
            report.progress(_STAGE, 0.99 * line.done)
            found = bool(line.left) and line.left[0].state.startswith("mend")
            # What was found is written before it is repaired: a repeated step would find it no more.
            if line.left and (found or time_is_up()):
                return line.cursor()
        _close(line, config, report)
        return None

    def _piece(self, entry: Entry, line: Line, config: Audit, report: Report) -> None:
        if entry.state == "captures":
            line.left.insert(0, self._captures(entry, line, config, report))
        elif entry.state == "mend captures":
            line.left.insert(0, self._captures_settled(entry, line, report))
        elif entry.state == "settle":
            line.left.insert(0, self._settled(entry))
        elif entry.state == "mend" and entry.kind == "DEPLOYMENT":
            repair.mark(entry.owner, entry.parts, self.now)
            line.left.insert(0, replace(entry, state="settle"))
        else:
            self._compared(entry, line, config, report)

    def _compared(self, entry: Entry, line: Line, config: Audit, report: Report) -> None:
        if entry.tries:
            self.sleep(_PAUSE)
        look = None if line.is_lost else _look(entry, line)
        if look is None:
            self._put_off(entry, line, report)
        elif entry.state == "mend":
            line.left.insert(0, self._counted(entry, look))
        elif entry.state == "look" and look.drifts and digest(look.drifts) != entry.seen:
            self._put_off(replace(entry, seen=digest(look.drifts)), line, report)
        elif entry.state == "look" and look.drifts:
            _tell(look.drifts, line, report)
            if config.repair:
                drifted, parts = len(look.drifts), repair.parts_of(look.drifts)
                line.left.insert(0, replace(entry, state="mend", tries=0, drifted=drifted, parts=parts))
            else:
                _conclude(entry, look, line, report)
        else:
            _conclude(entry, look, line, report)

    def _captures(self, entry: Entry, line: Line, config: Audit, report: Report) -> Entry:
        """The entry once the next captures have been looked at."""
        piece = captures.look(entry.owner, report.project_id, entry.at, self.sleep)
        report.count(_STAGE, "checked", piece.checked)
        report.count(_STAGE, "busy", piece.busy)
        _tell(piece.drifts, line, report)
        if piece.wrong and config.repair:
            drifted = len(piece.drifts)
            return replace(entry, state="mend captures", at=piece.last, drifted=drifted, parts=piece.wrong)
        line.remember(piece.wrong)
        return _further(entry, piece.last)

    def _captures_settled(self, entry: Entry, line: Line, report: Report) -> Entry:
        wrong = repair.settle_captures(report.project_id, entry.parts, self.now)
        still = sum(len(each.drifts) for each in wrong)
        report.count(_STAGE, "repaired", max(entry.drifted - still, 0))
        line.remember([each.capture_id for each in wrong])
        return _further(entry, entry.at)

    def _put_off(self, entry: Entry, line: Line, report: Report) -> None:
        if entry.tries < _TRIES and not line.is_lost:
            line.left.append(replace(entry, tries=entry.tries + 1))
            return
        if entry.kind == "DEPLOYMENT":
            line.sums = replace(line.sums, is_complete=False)
        report.count(_STAGE, "busy")
        why = "too many captures are wrong" if line.is_lost else "is being settled all the time"
        report.log("INFO", f"{entry.kind.lower()} {entry.id}: {why}; not compared")

    def _counted(self, entry: Entry, look: Look) -> Entry:
        """A project or a capture set counted anew, unless another settler is at it."""
        if entry.kind == "PROJECT":
            is_done = repair.count_project(entry.id, entry.parts, self.now)
        else:
            is_done = repair.count_set(entry.id, look.strayed, self.now)
        if is_done:
            return replace(entry, state="verify", tries=0)
        return replace(entry, tries=entry.tries + 1)

    def _settled(self, entry: Entry) -> Entry:
        """A budget's worth of settling, and the sum of its parts when nothing is marked any more."""
        budget = repair.settling(self.now).budget(entry.owner)
        if budget.state == "more":
            return entry
        if budget.state == "done" and repair.add_up(entry.id, self.now):
            return replace(entry, state="verify", tries=0)
        self.sleep(_PAUSE)
        return entry


def _further(entry: Entry, last: str) -> Entry:
    """The entry when its captures have been looked at up to that one, or all of them."""
    return replace(entry, state="captures" if last else "look", at=last, drifted=0, parts=())


def _begun(config: Audit, report: Report) -> Line:
    if config.set_id:
        left = [Entry("SET", config.set_id, "captures")]
    elif report.deployment_id:
        left = [Entry("DEPLOYMENT", report.deployment_id, "captures")]
    else:
        known = sorted(each.id for each in deployments.of_project(report.project_id))
        sets = sorted(each.id for each in capture_sets.of_project(report.project_id))
        left = [Entry("DEPLOYMENT", each, "captures") for each in known]
        left += [Entry("PROJECT", report.project_id), *(Entry("SET", each) for each in sets)]
    return Line(left, len(left))


def _look(entry: Entry, line: Line) -> Look | None:
    wrong = frozenset(line.wrong)
    if entry.kind == "DEPLOYMENT":
        return recount.deployment(entry.id, wrong)
    if entry.kind == "PROJECT":
        return recount.project(entry.id, line.sums)
    return members.capture_set(entry.id, wrong)


def _tell(drifts: Sequence[Drift], line: Line, report: Report) -> None:
    for told in wording.lines(drifts[: max(_TOLD - line.drifted, 0)]):
        report.log("WARNING", told)
    line.drifted += len(drifts)
    report.count(_STAGE, "drifted", len(drifts))


def _conclude(entry: Entry, look: Look, line: Line, report: Report) -> None:
    report.count(_STAGE, "checked", look.checked)
    if entry.kind == "DEPLOYMENT":
        line.sums = line.sums.plus(look.counts, look.writings, look.taxa_off)
    if entry.state == "verify":
        report.count(_STAGE, "repaired", max(entry.drifted - len(look.drifts), 0))


def _close(line: Line, config: Audit, report: Report) -> None:
    if line.drifted > _TOLD:
        report.log("WARNING", f"Drifts that are only counted, not told one by one: {line.drifted - _TOLD}")
    if line.drifted and config.alarm:
        what = config.set_id or report.deployment_id or "all of it"
        log.error("%s %s of %s (%s, %s)", ALARM, line.drifted, report.project_id, what, report.job_id)


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
