"""How far a job has come: its stages, each with what it counts. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

StageStatus = Literal["CREATED", "STARTED", "SUCCESS", "FAILURE", "REVOKED"]
Value = str | int | float | bool | None

NEARLY = 0.99
"""The most a job shows before it has succeeded."""


@dataclass(frozen=True, slots=True)
class Param:
    """Something a stage tells: how many, or which."""

    name: str
    key: str
    value: Value = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A part of a job that people see. `progress` from 0 to 1; a stage that failed keeps its own."""

    name: str
    key: str
    status: StageStatus = "CREATED"
    progress: float = 0.0
    params: tuple[Param, ...] = ()

    def value(self, key: str) -> Value:
        """What one of its params holds."""
        return next((each.value for each in self.params if each.key == key), None)


def overall(stages: tuple[Stage, ...], *, is_finished: bool) -> float:
    """The mean of the stages; 1 for a job that has succeeded, and never before."""
    if is_finished:
        return 1.0
    mean = sum(each.progress for each in stages) / len(stages) if stages else 0.0
    return min(mean, NEARLY)


def at(stage: Stage, progress: float) -> Stage:
    """The stage at that progress: begun with any, done with all."""
    share = min(progress, 1.0) if progress > 0 else 0.0  # what is no number is none, too
    status: StageStatus = (
        "SUCCESS" if share == 1 else "STARTED" if share or stage.status != "CREATED" else "CREATED"
    )
    return replace(stage, progress=share, status=status)


def with_value(stage: Stage, key: str, value: Value) -> Stage:
    """The stage with a param's value; one it did not have is named by its key."""
    if all(each.key != key for each in stage.params):
        return replace(stage, params=(*stage.params, Param(key.replace("_", " ").capitalize(), key, value)))
    params = (replace(each, value=value) if each.key == key else each for each in stage.params)
    return replace(stage, params=tuple(params))


def done(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """The stages of a job that has succeeded."""
    return tuple(at(each, 1.0) for each in stages)


def closed(stages: Iterable[Stage], status: Literal["SUCCESS", "FAILURE", "REVOKED"]) -> tuple[Stage, ...]:
    """The stages of a job that ended so: the one that was not done ends so, too, where it stands."""
    result = tuple(stages)
    for number, stage in enumerate(result):
        if stage.status != "SUCCESS":
            return (*result[:number], replace(stage, status=status), *result[number + 1 :])
    return result


def opened(stages: Iterable[Stage]) -> tuple[Stage, ...]:
    """The stages of a job that goes on where it had stopped."""
    stopped = ("FAILURE", "REVOKED")
    return tuple(
        replace(each, status="STARTED" if each.progress else "CREATED") if each.status in stopped else each
        for each in stages
    )
