"""What a type of job says of itself, and what one of its steps is told and tells."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel

from chalicelib.errors import Invalid
from chalicelib.jobs.rules import Job
from chalicelib.jobs.stages import NEARLY, Stage, Value, at, with_value

C = TypeVar("C", bound=BaseModel)

Level = Literal["INFO", "WARNING", "ERROR"]
Tell = Callable[[Level, str], None]
TimeIsUp = Callable[[], bool]
"""Asked after each piece of work: True when a step is to end and leave the rest to the next."""


@dataclass(slots=True)
class Report:
    """What a step is told of its job, and where it tells how far it has come.

    What it tells is written together with the next cursor, or not at all; log lines are written at once.
    `is_repeat`: an earlier try of this step may have done some of it.
    """

    job_id: str
    project_id: str
    deployment_id: str | None
    is_repeat: bool
    stages: tuple[Stage, ...]
    log: Tell

    def progress(self, stage: str, share: float) -> None:
        """How much of a stage is done, 0 to 1; with 1 it has succeeded."""
        self._put(stage, at(self._stage(stage), share))

    def met(self, stage: str, met: int, total: int | None, *, unknown: float = 0.5) -> None:
        """As `progress`, by how many of a stage's things were met; `unknown` where nobody knows how many
        there are. Never all of it: there may be more than were counted."""
        self.progress(stage, min(met / total, NEARLY) if total else unknown)

    def set(self, stage: str, key: str, value: Value) -> None:
        """The value of one of a stage's params."""
        self._put(stage, with_value(self._stage(stage), key, value))

    def count(self, stage: str, key: str, more: int = 1) -> None:
        """Adds to one of a stage's params."""
        counted = self._stage(stage).value(key)
        self.set(stage, key, (counted if isinstance(counted, int) else 0) + more)

    def _stage(self, key: str) -> Stage:
        return next(each for each in self.stages if each.key == key)

    def _put(self, key: str, stage: Stage) -> None:
        self.stages = tuple(stage if each.key == key else each for each in self.stages)


Step = Callable[[C, Any, Report, TimeIsUp], Any]
"""(config, cursor, report, time is up) to the cursor of the next step, None when all is done. The first
step's cursor is None. It works until the time is up, and may be run twice: a second run of a step must leave
what one run leaves. Invalid and NotFound end the job; whatever else it raises is tried again."""


@dataclass(frozen=True, slots=True)
class JobType(Generic[C]):
    """A type of job. `config` forbids what it does not know. `stages` are as at the beginning.

    `slot` gives, for project, deployment and config, the slot that only one queued or running job may hold.
    `undo` gives the type and the config of the job that undoes one. `is_startable`: POST /jobs may start it.
    """

    key: str
    label: str
    config: type[C]
    stages: tuple[Stage, ...]
    step: Step[C]
    slot: Callable[[str, str | None, Mapping[str, Any]], str | None] | None = None
    undo: Callable[[Job], tuple[str, Mapping[str, Any]]] | None = None
    is_startable: bool = False
    needs_deployment: bool = False

    def checked(self, config: Mapping[str, Any], deployment_id: str | None) -> Mapping[str, Any]:
        """A config, complete, as plain JSON. Raises Invalid."""
        if self.needs_deployment and deployment_id is None:
            raise Invalid(
                f"A job of the type {self.key!r} is of one deployment.", {"deployment_id": "required"}
            )
        return self.config.model_validate(config).model_dump(mode="json")
