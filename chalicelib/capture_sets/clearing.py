"""Clearing away the members of capture sets; and a type of job: deleting a set with all of them."""

from collections.abc import Container, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.capture_sets import members as member_rows
from chalicelib.capture_sets import segments as segment_rows
from chalicelib.capture_sets import store
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage

KEY = "delete_captures_collection"

_CLEAR = "clear"
_DROPPED = 500
"""So many members are deleted before time is looked at."""

CLEARING = Stage("Clear what was there", _CLEAR, params=(Param("Cleared", "cleared", 0),))
"""The stage, in jobs of other types, too."""


class Which(BaseModel):
    """Which capture set."""

    model_config = ConfigDict(extra="forbid")

    set_id: str


def slot(set_id: str) -> str:
    """What only one job at a time may have: the members of a set."""
    return f"MEMBERS#{set_id}"


def slot_of(project_id: str, deployment_id: str | None, config: Mapping[str, Any]) -> str | None:  # noqa: ARG001
    """The slot of a job of such a config."""
    return slot(config["set_id"])


def _delete(config: Which, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:  # noqa: ARG001
    """Clears away all members of a set that is leaving, then the set itself."""
    found = store.get(config.set_id)
    if found is None or not found.leaving:
        return None
    if not clear(found.id, (), report, time_is_up):
        return {"phase": "clear"}
    store.delete(found.id)
    return None


def clear(set_id: str, kept: Container[str], report: Report, time_is_up: TimeIsUp) -> bool:
    """Deletes all members but those of generations that are kept; False if the time was up before."""
    for generation in member_rows.generations(set_id):
        if generation in kept:
            continue
        waiting: list[str] = []
        for capture_id in member_rows.ids_of(set_id, generation):
            waiting.append(capture_id)
            if len(waiting) == _DROPPED:
                member_rows.drop(set_id, generation, waiting)
                report.count(_CLEAR, "cleared", len(waiting))
                waiting = []
                if time_is_up():
                    return False
        member_rows.drop(set_id, generation, waiting)
        report.count(_CLEAR, "cleared", len(waiting))
        segment_rows.drop(set_id, generation, list(segment_rows.standing(set_id, generation)))
        segment_rows.replace_taxa(set_id, generation, {})
    return True


DELETE = JobType(
    key=KEY,
    label="Delete a capture set",
    config=Which,
    stages=(CLEARING,),
    step=_delete,
    slot=slot_of,
)
