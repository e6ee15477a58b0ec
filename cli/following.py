"""Following a job until it has ended: a live bar in a terminal, a line now and then in a log."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol, Self

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.text import Text

from cli.client import CallError, Client, path_segment
from cli.wording import shown

FIRST_PAUSE_SECONDS = 0.25
LONGEST_PAUSE_SECONDS = 2.0
PLAIN_LINE_SECONDS = 10.0

FINAL = frozenset({"SUCCESS", "FAILURE", "REVOKED"})

Job = dict[str, Any]
"""A job as the API answers it."""


class _Shown(Protocol):
    def tell(self, job: Job) -> None:
        """Shows how far a job is."""


def follow(client: Client, job_id: str, console: Console, sleep: Callable[[float], None] = time.sleep) -> Job:
    """The job when it has ended, however. It is asked for four times a second, later every two seconds.

    When Ctrl-C is pressed it says that the job goes on, and ends the command with 130; with 1 when the
    server answers no more.
    """
    pause = FIRST_PAUSE_SECONDS
    display: AbstractContextManager[_Shown] = _Bar(console) if console.is_terminal else _Lines(console)
    try:
        with display as bar:
            while True:
                job = client.get(f"jobs/{path_segment(job_id)}", {"logs_limit": "1"})
                bar.tell(job)
                if status_of(job) in FINAL:
                    return job
                sleep(pause)
                pause = min(pause * 1.5, LONGEST_PAUSE_SECONDS)
    except KeyboardInterrupt:
        console.print(f"No longer followed; the job goes on. {where(client, job_id)}", soft_wrap=True)
        raise SystemExit(130) from None
    except CallError as error:
        told = f"{str(error).rstrip('.')}: no longer followed. The job goes on. {where(client, job_id)}"
        raise click.ClickException(told) from error


def succeeded(client: Client, job: Job) -> Job:
    """The job, if it has succeeded. Raises ClickException that says why it has not."""
    if status_of(job) != "SUCCESS":
        job_id = str(job.get("id"))
        why = shown(str(job.get("reason") or "it was cancelled")).rstrip(".")
        told = f"The job {job_id} did not come to its end: {why}. What it had done by then is kept. "
        raise click.ClickException(told + f"POST {client.server}/api/v2/jobs/{job_id}/retry goes on with it.")
    return job


def where(client: Client, job_id: str) -> str:
    """Where a job can be looked at."""
    return f"How far it is: GET {client.server}/api/v2/jobs/{job_id}, or `nightjar jobs watch {job_id}`."


def status_of(job: Job) -> str:
    """Its status, as the server names it."""
    return str(job.get("status", ""))


def share_of(job: Job) -> float:
    """How much of it is done, 0 to 1; 1 only if it has succeeded."""
    return float(job.get("progress", {}).get("summary", {}).get("progress") or 0.0)


def counts_of(job: Job) -> dict[str, int]:
    """What its stages have counted so far, by key."""
    stages = job.get("progress", {}).get("stages", ())
    params = (each for stage in stages for each in stage["params"])
    return {each["key"]: each["value"] for each in params if isinstance(each["value"], int)}


class _Bar(Progress):
    """A moving bar, which goes when the job has ended."""

    def __init__(self, console: Console) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
        super().__init__(*columns, TextColumn("{task.fields[told]}"), console=console, transient=True)
        # Until its first step is done nobody knows how far it is: without a total the bar only moves.
        self._bar = self.add_task("", total=None, told="")

    def tell(self, job: Job) -> None:
        share, name = share_of(job), Text(shown(_title(job)))
        self.update(self._bar, description=name.markup, completed=share, told=_told(job))
        if share:
            self.update(self._bar, total=1.0)


class _Lines:
    """A line now and then, for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def tell(self, job: Job) -> None:
        now = time.monotonic()
        if now - self._last < PLAIN_LINE_SECONDS or status_of(job) in FINAL:
            return
        self._last = now
        self._console.print(Text(f"{share_of(job):.0%}, {_told(job)}".removesuffix(", ")))


def _title(job: Job) -> str:
    """Its name and, of one with several stages, the stage it is at."""
    name, stages = str(job.get("name") or job.get("id")), job.get("progress", {}).get("stages", ())
    at = next((each.get("name") for each in stages if each.get("status") != "SUCCESS"), None)
    return f"{name}: {at}" if at and len(stages) > 1 else name


def _told(job: Job) -> str:
    """What it waits for, or how long it takes."""
    if status_of(job) == "CREATED":
        return "not started"
    if status_of(job) in ("PENDING", "RETRY"):
        return "waiting for a worker"
    if status_of(job) == "CANCELING":
        return "being cancelled"
    left = job.get("remaining_seconds")
    return f"about {timedelta(seconds=left)} left" if isinstance(left, int) else ""
