"""A type of job: running a task over a scope.

1. Look at the scope, tell its size, make the algorithm that is going to speak.
2. Page by page: read, judge, write. A task that judges all pages together gathers first, then judges in one
   step, and then goes through the pages again and writes.
3. Clear away what was kept between steps.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

import chalicelib.postprocessing.tasks  # noqa: F401  (so that all of them are known)
from chalicelib.captures.rules import Capture
from chalicelib.errors import Invalid
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.rules import Job
from chalicelib.jobs.stages import NEARLY, Param, Stage
from chalicelib.postprocessing import keeping, scopes, undoing
from chalicelib.postprocessing.contract import Task, task_of
from chalicelib.postprocessing.knowledge import Known, ensure
from chalicelib.postprocessing.picturing import Author
from chalicelib.postprocessing.running import AT_ONCE, Looked, Running
from chalicelib.postprocessing.scopes import Met, Place, Scope
from chalicelib.postprocessing.shapes import Proposed

KEY = "post_processing"
STAGE = "post_processing"
_BEGUN = 1e-4
"""The progress of a stage that is at work and has done nothing yet."""


class Run(BaseModel):
    """Which task, how it is told to, and over what. A config is checked as soon as there is one."""

    model_config = ConfigDict(extra="forbid")

    task: str
    config: dict[str, Any]
    scope: Scope

    @model_validator(mode="after")
    def _fits(self) -> "Run":
        made = task_of(self.task, self.config)  # raises Invalid, as the next does
        check_kind(made, self.scope, "scope")
        self.config = made.settings.model_dump(mode="json")
        return self


def check_kind(task: Task[Any], scope: Scope, field: str) -> None:
    """Raises Invalid, naming the field, if a task cannot be run over such a scope."""
    if scope.kind not in task.scopes:
        why = f"this task is run over one of {', '.join(task.scopes)}"
        raise Invalid(f"{task.name} cannot be run over this: {why}.", {field: why})


_NEXT = {"run": "clear", "gather": "judge", "write": "clear"}


def _step(config: Run, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    task = task_of(config.task, config.config)
    if cursor is None:
        return _begun(config, task, report)
    if cursor["phase"] == "clear":
        keeping.clear(report.job_id)
        return None
    knowledge = Known(report.project_id, cursor["lists"])
    if cursor["phase"] == "judge":
        return _judged(task, knowledge, cursor, report)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return _Walk(config, task, knowledge, cursor, report, pool).go(time_is_up)


def _begun(config: Run, task: Task[Any], report: Report) -> dict[str, Any]:
    """The first cursor: what the scope is by now is what the task is run over."""
    over = scopes.place(config.scope)
    knowledge = Known(over.project_id)
    ensure(task.output(knowledge))
    report.progress(STAGE, _BEGUN)
    report.set(STAGE, "captures_total", over.captures_count)
    for key in task.counts:
        report.set(STAGE, str(key), 0)
    report.log("INFO", f"{task.name} over {over.captures_count:,} captures of {over.name}.")
    return {
        "phase": "gather" if task.judges_together else "run",
        "over": over.plain(),
        "lists": knowledge.pins(),
        "position": None,
        "met": 0,
        "state": None,
    }


def _judged(task: Task[Any], knowledge: Known, cursor: dict[str, Any], report: Report) -> dict[str, Any]:
    """What a task has to say of all pages together, for the walk that writes it."""
    found = task.end(knowledge, task.load(keeping.taken_out(cursor["state"])))
    _count(report, found.metrics)
    proposed = [asdict(each) for each in found.proposed]
    state = keeping.put_away(report.job_id, proposed)
    return {**cursor, "phase": "write", "position": None, "met": 0, "state": state}


class _Walk:
    """The captures of a scope from where the cursor is, read, judged and written."""

    def __init__(
        self,
        config: Run,
        task: Task[Any],
        knowledge: Known,
        cursor: dict[str, Any],
        report: Report,
        pool: ThreadPoolExecutor,
    ) -> None:
        self._task, self._knowledge, self._cursor, self._report = task, knowledge, cursor, report
        self._over = Place(**cursor["over"])
        only = self._over.id if self._over.kind == "occurrence_id" else None
        author = Author(report.job_id, task.key, config.config)
        self._phase = cursor["phase"]
        self._running = Running(task, author, pool, self._counted, only, report.is_repeat)

    def go(self, time_is_up: TimeIsUp) -> dict[str, Any] | None:
        """Works until the time is up; the cursor of the next step, None if there is to be none."""
        kept = keeping.taken_out(self._cursor["state"])
        state = None if self._phase == "write" else self._task.load(kept)
        judged = _by_detection(kept) if self._phase == "write" else {}
        cursor = self._cursor
        for piece in self._pieces():
            looked = self._running.look([capture for _, capture in piece])
            if self._phase == "write":
                self._running.write(looked, _of(looked, judged))
            else:
                state = self._run(looked, state)
            cursor = {**cursor, "position": piece[-1][0], "met": cursor["met"] + len(piece)}
            self._report.progress(STAGE, self._share(cursor["met"]))
            if time_is_up():
                break
        else:
            cursor = {**cursor, "phase": _NEXT[self._phase]}
        if self._running.missing:
            missing = self._running.missing
            self._report.log("WARNING", f"Of {missing:,} captures the scores and logits are not there.")
        if state is not None:
            cursor = {**cursor, "state": keeping.put_away(self._report.job_id, self._task.dump(state))}
        return cursor if cursor["phase"] != "clear" or cursor["state"] else None

    def _run(self, looked: Sequence[Looked], state: Any) -> Any:
        found = self._task.run([each.pictured for each in looked], self._knowledge, state)
        _count(self._report, found.metrics)
        if self._phase == "run":
            self._running.write(looked, found.proposed)
        return found.state

    def _pieces(self) -> Iterator[list[Met]]:
        size = self._running.piece
        for page in scopes.pages(self._over, self._cursor["position"]):
            own = [each for each in page if _is_of(each[1], self._over)]
            for at in range(0, len(own), size):
                yield own[at : at + size]

    def _share(self, met: int) -> float:
        total = self._over.captures_count
        share = min(met / total, NEARLY) if total else 0.5
        return {"run": share, "gather": share / 2, "write": 0.5 + share / 2}[self._phase]

    def _counted(self, key: str, more: int) -> None:
        # What is met a second time was counted the first time.
        if not (self._phase == "write" and key.endswith("_checked")):
            self._report.count(STAGE, key, more)


def _is_of(capture: Capture, over: Place) -> bool:
    """Whether a capture is still the project's."""
    return capture.project_id == over.project_id


def _count(report: Report, metrics: Mapping[str, int]) -> None:
    for key, more in metrics.items():
        report.count(STAGE, str(key), more)


def _by_detection(kept: Sequence[Mapping[str, Any]]) -> dict[str, list[Proposed]]:
    found: dict[str, list[Proposed]] = {}
    for each in kept:
        made = Proposed(**{**each, "replaces": tuple(each["replaces"])})
        found.setdefault(made.detection_id, []).append(made)
    return found


def _of(looked: Sequence[Looked], judged: Mapping[str, list[Proposed]]) -> list[Proposed]:
    detections = (each.id for one in looked for each in one.pictured.detections)
    return [proposed for each in detections for proposed in judged.get(each, ())]


def slot(task: str, scope: Mapping[str, Any]) -> str:
    """What only one job at a time may have: a task over one scope."""
    kind, scope_id = next((kind, value) for kind, value in scope.items() if value is not None)
    return f"POSTPROCESSING#{task}#{kind}#{scope_id}"


def _undo(job: Job) -> tuple[str, dict[str, Any]]:
    return undoing.KEY, {"job": job.id, "holds": job.slot}


RUN = JobType(
    key=KEY,
    label="Post-processing",
    config=Run,
    stages=(
        Stage(
            "Post-processing",
            STAGE,
            params=(
                Param("Captures in scope", "captures_total", 0),
                Param("Captures checked", "captures_checked", 0),
                Param("Detections checked", "detections_checked", 0),
                Param("Detections flagged", "detections_flagged", 0),
                Param("Occurrences updated", "occurrences_updated", 0),
                Param("Rows written", "rows_written", 0),
                Param("Rows removed", "rows_removed", 0),
            ),
        ),
    ),
    step=_step,
    slot=lambda _, __, config: slot(config["task"], config["scope"]),
    undo=_undo,
)
