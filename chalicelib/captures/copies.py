"""A type of job: hiding a project's duplicates, or showing them again, after its setting has changed."""

from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.captures import noted, store
from chalicelib.captures.rules import Capture
from chalicelib.errors import Conflict
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.projects import service as projects

_STAGE = "duplicates"
_PAGE = 100
_ROUNDS = 6


class Apply(BaseModel):
    """Nothing: what counts is the project's setting, and if it changes meanwhile all is begun anew."""

    model_config = ConfigDict(extra="forbid")


def _apply(_: Apply, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    """Two requests for a hundred duplicates, and one for each that changes."""
    hide = _wanted(report)
    if cursor is None or cursor["hide"] != hide:
        cursor = {"total": noted.count("duplicate", report.project_id, None), "after": None, "met": 0}
    total, after, met = cursor["total"], cursor["after"], cursor["met"]
    while True:
        captures, after = noted.page("duplicate", report.project_id, None, _PAGE, after)
        for capture in captures:
            if _place(capture, hide):
                report.count(_STAGE, "hidden" if hide else "shown")
        met += len(captures)
        if after is None:
            # Another job may have ended while this one still went by the old setting.
            return None if _wanted(report) == hide else {**cursor, "hide": hide}
        report.met(_STAGE, met, total)
        if time_is_up():
            return {"total": total, "after": after, "met": met, "hide": hide}


def _wanted(report: Report) -> bool:
    return projects.find(report.project_id).duplicates == "hide"


def _place(capture: Capture, hide: bool) -> bool:
    """Hides a duplicate, or shows it; False if there is nothing to do."""
    for _ in range(_ROUNDS):
        if capture.duplicate_of is None or capture.hidden == hide:
            return False
        if store.correct(capture, replace(capture, hidden=hide)):
            return True
        seen = store.see(capture.id).capture
        if seen is None:
            return False
        capture = seen
    raise Conflict(f"{capture.id} keeps changing.")


_COUNTED = (Param("Hidden", "hidden", 0), Param("Shown again", "shown", 0))

APPLY = JobType(
    key="apply_duplicates",
    label="Hide or show duplicates",
    config=Apply,
    stages=(Stage("Hide or show duplicates", _STAGE, params=_COUNTED),),
    step=_apply,
    is_startable=True,
)
