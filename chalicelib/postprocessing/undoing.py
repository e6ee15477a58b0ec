"""A type of job: undoing one that wrote results, capture by capture.

What it wrote goes, and with it what others made from that; what had to make room for it comes back.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.detections import proposals
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage

KEY = "undo_post_processing"
_STAGE = "undo"
_PAGE = 50


class Undo(BaseModel):
    """Which job; and the slot it had, so that it cannot be run again at the same time."""

    model_config = ConfigDict(extra="forbid")

    job: str
    holds: str | None = None


def _step(config: Undo, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    after, met = (cursor["after"], cursor["met"]) if cursor else (None, 0)
    while page := proposals.written_by(config.job, after, _PAGE):
        undone = proposals.undo(config.job, page)
        for key, more in (
            ("captures", len(page)),
            ("rows_removed", sum(each.removed for each in undone)),
            ("dependents_removed", sum(each.dependents for each in undone)),
            ("rows_restored", sum(each.restored for each in undone)),
        ):
            report.count(_STAGE, key, more)
        after, met = page[-1], met + len(page)
        report.met(_STAGE, met, None)
        if time_is_up():
            return {"after": after, "met": met}
    if not met:
        report.log("INFO", "There is nothing left of the job: nothing was to be done.")
    _tell(report)
    return None


def _tell(report: Report) -> None:
    [stage] = report.stages
    dependents = stage.value("dependents_removed")
    if dependents:
        what = f"{dependents:,} rows of other jobs were made from those of this one, and went with them"
        report.log("WARNING", f"{what}: run these again where you want them.")


UNDO = JobType(
    key=KEY,
    label="Undo post-processing",
    config=Undo,
    stages=(
        Stage(
            "Take back what was written",
            _STAGE,
            params=(
                Param("Captures", "captures", 0),
                Param("Rows removed", "rows_removed", 0),
                Param("Rows of other jobs among them", "dependents_removed", 0),
                Param("Rows put back", "rows_restored", 0),
            ),
        ),
    ),
    step=_step,
    slot=lambda _, __, config: config["holds"],
)
