"""A desk to try jobs at: a queue that can be looked into, a clock that can be put forward, a type of job that
does one row after the other, and a killer who strikes at a certain request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from pydantic import BaseModel, ConfigDict
from pynamodb.attributes import NumberAttribute
from world import Killed

from chalicelib.aws import table
from chalicelib.aws.clock import now
from chalicelib.aws.table import Row
from chalicelib.captures.clock_shift import SHIFT, UNSHIFT
from chalicelib.errors import Invalid
from chalicelib.jobs import store
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.rules import LEASE, SILENCE, Job
from chalicelib.jobs.service import Jobs, Start
from chalicelib.jobs.stages import Param, Stage
from chalicelib.jobs.working import Working
from chalicelib.projects.rules import Project
from chalicelib.settling.regrouping import regroup_with

PIECES = 2
"""How many pieces of work a step of the tests does."""


class PieceRow(Row):
    """A piece of work that was done, and how often."""

    times = NumberAttribute()


class Pieces(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pieces: int
    fault: str | None = None


def _do(config: Pieces, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    at = cursor or 0
    if config.fault == "invalid":
        raise Invalid("There is nothing to be done with that.")
    if config.fault == "talk":
        report.log("WARNING", "One is missing.")
    while at < config.pieces:
        if config.fault == "fault" and at == 1:
            raise ZeroDivisionError("a secret of ours")
        row = PieceRow(f"PIECES#{report.job_id}", f"{at:04}", times=1)
        table.accepted(lambda row=row: row.save(PieceRow.pk.does_not_exist()))  # type: ignore[misc]
        at += 1
        report.count("do", "done")
        report.progress("do", at / config.pieces)
        if time_is_up():
            return at
    report.progress("tell", 0.5)
    return None


def _undo(config: Pieces, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    return None


STAGES = (Stage("Do the pieces", "do", params=(Param("Done", "done", 0),)), Stage("Tell", "tell"))
PIECEWISE = JobType(
    key="pieces",
    label="Piece by piece",
    config=Pieces,
    stages=STAGES,
    step=_do,
    undo=lambda job: ("unpieces", {"pieces": job.config["pieces"]}),
    is_startable=True,
)
UNPIECEWISE = JobType(key="unpieces", label="Back", config=Pieces, stages=STAGES[:1], step=_undo)
ALONE = JobType(
    key="alone",
    label="Alone",
    config=Pieces,
    stages=STAGES,
    step=_do,
    slot=lambda _, place, __: f"ALONE#{place}",
)
TYPES = {each.key: each for each in (PIECEWISE, UNPIECEWISE, ALONE, SHIFT, UNSHIFT)}


@dataclass
class Desk:
    """Jobs with a queue in memory, in the order in which messages were sent."""

    queue: list[dict[str, Any]] = field(default_factory=list)
    ahead: timedelta = timedelta()
    pieces: int = PIECES
    more: Sequence[JobType[Any]] = ()

    def __post_init__(self) -> None:
        regroup = regroup_with(lambda: now() + self.ahead, self._sleep)
        self._types = {**TYPES, **{each.key: each for each in (regroup, *self.more)}}
        self.jobs = Jobs(self._types, lambda: now() + self.ahead, self._send)
        self.working = Working(self.jobs)

    def add(self, *more: JobType[Any]) -> None:
        """Lets it know more types of jobs, which may be told its own time."""
        self._types.update({each.key: each for each in more})

    def _sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def _send(self, message: Mapping[str, Any]) -> None:
        self.queue.append(dict(message))

    def start(self, project: Project, pieces: int = 5, **more: Any) -> Job:
        """A job of pieces, started."""
        given = {"type_key": "pieces", "deployment_id": None, **more}
        config = given.pop("config", {"pieces": pieces})
        return self.jobs.start(Start(project_id=project.id, config=config, **given))

    def hand(self, message: Mapping[str, Any]) -> None:
        """Hands a message to a worker with time for so many pieces of work."""
        left = iter(range(self.pieces - 1))
        self.working.step(message["job"], message["step"], lambda: next(left, None) is None)

    def turn(self) -> None:
        """Hands out the next message; one that fails is put back."""
        message = self.queue.pop(0)
        try:
            self.hand(message)
        except ZeroDivisionError:
            self.queue.append(message)

    def drain(self) -> None:
        """Hands out messages until none comes any more."""
        for _ in range(2000):
            if not self.queue:
                return
            self.turn()
        raise AssertionError("the queue was never empty")

    def outlive(self, killer: Any) -> None:
        """Hands out messages until none comes any more; should the worker be killed, another one, later."""
        try:
            self.drain()
        except Killed:
            killer.revive()
            self.later()
            self.drain()

    def later(self, wait: timedelta = LEASE + SILENCE) -> int:
        """The watch, some time later."""
        self.ahead += wait
        return self.working.overdue()

    def job(self, job_id: str) -> Job:
        """A job as it stands."""
        return self.jobs.find(job_id)


def pieces_of(job: Job) -> list[str]:
    """The pieces of work that were done."""
    return [row.sk for row in PieceRow.query(f"PIECES#{job.id}", consistent_read=True)]


def running() -> list[str]:
    """The jobs that are noted as queued or running."""
    return [job.id for job in store.running()]


@dataclass
class Headsman:
    """Kills at the request number `turn` (from 0) of the table, before it leaves or after it was carried out,
    and all who come after, until `revive`."""

    turn: int
    afterwards: bool = False
    requests: int = 0
    dead: bool = False

    def __enter__(self) -> "Headsman":
        self._events = Row._get_connection().connection.client.meta.events
        self._events.register_first("before-call.dynamodb", self._before)
        self._events.register_first("after-call.dynamodb", self._after)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-call.dynamodb", self._before)
        self._events.unregister("after-call.dynamodb", self._after)

    def revive(self) -> None:
        """A new process takes the dead one's place, and lives."""
        self.dead, self.turn = False, -1

    def _before(self, **_: object) -> None:
        if self.requests == self.turn and not self.afterwards:
            self.dead = True
        if self.dead:
            raise Killed
        self.requests += 1

    def _after(self, **_: object) -> None:
        if self.requests - 1 == self.turn and self.afterwards:
            self.dead = True
            raise Killed
