"""`nightjar jobs`: what is being done, following it, stopping it, and going on with it."""

import json
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import wording
from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.following import FINAL, Job, counts_of, follow, share_of, status_of
from cli.wording import shown

ID_WIDTH = 11  # in one piece, to be copied
PAGE = 100

_STATUSES = ("CREATED", "PENDING", "STARTED", "RETRY", "CANCELING", "SUCCESS", "FAILURE", "REVOKED")
_WORDS = {
    "CREATED": "not started",
    "PENDING": "waiting",
    "STARTED": "running",
    "RETRY": "waiting",
    "CANCELING": "being cancelled",
    "SUCCESS": "done",
    "FAILURE": "failed",
    "REVOKED": "cancelled",
}

_job = click.argument("job_id", metavar="JOB")


@click.group()
def jobs() -> None:
    """See what is being done, follow it, stop it, and go on with it."""


@jobs.command("list")
@click.option("--project", "project_id", required=True, metavar="ID", help="Of which project.")
@click.option("--deployment", "deployment_id", metavar="ID", help="Only of this station.")
@click.option(
    "--status", type=click.Choice(_STATUSES, case_sensitive=False), help="Only those that are so now."
)
@click.option("--type", "type_key", metavar="KEY", help="Only of this type, like regroup_sessions.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="How many at the most.")
@click.option("--json", "as_json", is_flag=True, help="All that is known, as one JSON array.")
@connected
def list_(
    project_id: str,
    deployment_id: str | None,
    status: str | None,
    type_key: str | None,
    limit: int,
    as_json: bool,
    server: str,
    token: str,
) -> None:
    """List the jobs of a project, the newest first."""
    client = client_of(server, token)
    wanted = {
        "project_id": project_id,
        "deployment": deployment_id,
        "status": status.upper() if status else None,
        "job_type_key": type_key,
        "limit": str(min(limit + 1, PAGE)),
    }
    try:
        pages = client.pages("jobs", {name: value for name, value in wanted.items() if value})
        found = list(islice(pages, limit + 1))
    except CallError as error:
        raise cannot_begin(client, error) from error
    told = found[:limit]
    if as_json:
        click.echo(json.dumps(told, indent=2))
        return
    console = wording.console()
    if not told:
        console.print("No such jobs.")
        return
    console.print(_table(told))
    if len(found) > limit:
        console.print(f"There are older ones: --limit {2 * limit} shows more.")


@jobs.command()
@_job
@connected
def watch(job_id: str, server: str, token: str) -> None:
    """Follow a job until it has ended, and tell what it has done.

    Exit code: 0 done, 1 failed or cancelled, 2 could not begin, 130 no longer followed.
    """
    client = client_of(server, token)
    try:
        job = client.get(_path(job_id), {"logs_limit": "1"}, attempts=2)
    except CallError as error:
        raise _refused(client, job_id, error) from error
    if status_of(job) == "CREATED":
        start = f"POST {client.server}/api/v2/{_path(job_id)}/run starts it."
        raise CannotBegin(f"The job {shown(job_id)} was made without being started: {start}")
    _follow(client, job_id, wording.console())


@jobs.command()
@_job
@connected
def cancel(job_id: str, server: str, token: str) -> None:
    """Stop a job: at once, or when the step that is under way has ended, after some seconds.

    What it has done by then is kept; `nightjar jobs retry` goes on with it.
    Exit code: 0 stopped or about to be, 2 it cannot be.
    """
    job = _told(client_of(server, token), job_id, "cancel", {})
    console = wording.console()
    if status_of(job) in FINAL:
        console.print(f"Cancelled at {share_of(job):.0%}.")
    else:
        console.print("It stops at the end of the step that is under way.")


@jobs.command()
@_job
@click.option("--anew", is_flag=True, help="From its beginning, not from where it stopped.")
@click.option("--no-wait", is_flag=True, help="Start it, and do not follow it.")
@connected
def retry(job_id: str, anew: bool, no_wait: bool, server: str, token: str) -> None:
    """Go on with a job that failed or was cancelled, and follow it.

    Exit code: 0 done, 1 failed or cancelled again, 2 could not begin, 130 no longer followed.
    """
    client = client_of(server, token)
    job = _told(client, job_id, "retry", {"resume": not anew})
    console = wording.console()
    if no_wait:
        console.print(
            f"It goes on from {share_of(job):.0%}: `nightjar jobs watch {shown(job_id)}` follows it."
        )
        return
    _follow(client, job_id, console)


def _told(client: Client, job_id: str, what: str, body: dict[str, Any]) -> Job:
    """The job after it was told what to do. Raises CannotBegin."""
    try:
        return client.post(f"{_path(job_id)}/{what}", body)
    except CallError as error:
        raise _refused(client, job_id, error) from error


def _refused(client: Client, job_id: str, error: CallError) -> CannotBegin:
    if error.status == 404:
        told = f"There is no job {shown(job_id)!r} that this token may see on {client.server}."
        return CannotBegin(f"{told} `nightjar jobs list --project ID` lists those there are.")
    if error.status == 409:
        return CannotBegin(shown(str(error)))
    return cannot_begin(client, error)


def _follow(client: Client, job_id: str, console: Console) -> None:
    """Follows a job and tells how it ended; ends the command with 1 unless it has succeeded."""
    job = follow(client, job_id, console)
    console.print(Text(f"{_name(job)}: {_outcome(job)}"))
    if status_of(job) != "SUCCESS":
        console.print(f"`nightjar jobs retry {shown(job_id)}` goes on with it.", soft_wrap=True)
        raise SystemExit(1)


def _outcome(job: Job) -> str:
    """How it ended, what it counted, and how long it took."""
    counts = [f"{shown(key.replace('_', ' '))} {count:,}" for key, count in counts_of(job).items()]
    told = "".join(f"; {each}" if number else f": {each}" for number, each in enumerate(counts))
    status = status_of(job)
    if status == "SUCCESS":
        return f"done{_duration(job)}{told}."
    reason = shown(str(job.get("reason") or "")).rstrip(".")
    words = f"{_WORDS.get(status, status)} at {share_of(job):.0%}"
    return f"{words}{f' ({reason})' if reason else ''}{told}."


def _duration(job: Job) -> str:
    begun, ended = job.get("started_at"), job.get("finished_at")
    if not begun or not ended:
        return ""
    seconds = (datetime.fromisoformat(ended) - datetime.fromisoformat(begun)).total_seconds()
    return f" after {timedelta(seconds=round(seconds))}"


def _table(found: list[Job]) -> Table:
    table = Table()
    table.add_column("Job", no_wrap=True, min_width=ID_WIDTH)
    table.add_column("What", overflow="fold")
    table.add_column("Station", overflow="fold")
    table.add_column("State")
    table.add_column("Done", justify="right")
    table.add_column("Since (UTC)", no_wrap=True)
    table.add_column("", overflow="fold")
    for job in found:
        station, status = job.get("deployment") or {}, status_of(job)
        since = datetime.fromisoformat(job["created_at"])
        table.add_row(
            Text(shown(str(job["id"]))),
            Text(_name(job)),
            Text(shown(str(station.get("name") or station.get("id") or ""))),
            _WORDS.get(status, shown(status)),
            f"{share_of(job):.0%}",
            f"{since:%Y-%m-%d %H:%M}",
            Text(_remark(job)),
        )
    return table


def _remark(job: Job) -> str:
    """Why it failed, or how long it takes."""
    left = job.get("remaining_seconds")
    if job.get("reason"):
        return shown(str(job["reason"]))
    return f"about {timedelta(seconds=left)} left" if isinstance(left, int) else ""


def _name(job: Job) -> str:
    return shown(str(job.get("name") or job.get("id")))


def _path(job_id: str) -> str:
    return f"jobs/{path_segment(job_id)}"
