"""`nightjar thumbnails`: rendering them again, seeing how many there are, and mending what got lost."""

import json
from typing import Any

import click
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from cli import wording
from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.following import counts_of, follow, succeeded, where
from cli.wording import shown

_STATES = ("fresh", "stale", "missing", "bytes")
_MORNING, _MIDNIGHT = "T00:00:00", "T23:59:59"

_project = click.option("--project", "project_id", required=True, metavar="ID", help="Of which project.")
_deployment = click.option("--deployment", "deployment_id", metavar="ID", help="Only of this station.")


@click.group()
def thumbnails() -> None:
    """Render thumbnails again, see how many there are, and mend what got lost."""


@thumbnails.command()
@_project
@_deployment
@click.option(
    "--label", "labels", multiple=True, metavar="LABEL", help="Which size; may be repeated.  [default: eager]"
)
@click.option("--force", is_flag=True, help="Those that are fresh, too.")
@click.option("--from", "start", metavar="TIME", help="Only of photographs taken then or later.")
@click.option("--to", "end", metavar="TIME", help="Only of photographs taken until then.")
@click.option("--no-wait", is_flag=True, help="Start it, and do not follow it.")
@connected
def regenerate(
    project_id: str,
    deployment_id: str | None,
    labels: tuple[str, ...],
    force: bool,
    start: str | None,
    end: str | None,
    no_wait: bool,
    server: str,
    token: str,
) -> None:
    """Render the thumbnails that are missing or no longer as configured.

    A TIME is the camera's, like 2026-06-09T21:30:00; a date alone is all of that day.
    Exit code: 0 all rendered, 1 some failed, 2 could not begin, 130 no longer followed.
    """
    client = client_of(server, token)
    body = {
        "labels": list(labels) or None,
        "force": force,
        "deployment": deployment_id,
        "from": _moment(start, _MORNING),
        "to": _moment(end, _MIDNIGHT),
    }
    job_id = _start(client, project_id, "regenerate", body)
    console = wording.console()
    if no_wait:
        console.print(f"Started: {job_id}. {where(client, job_id)}", soft_wrap=True)
        return
    job = succeeded(client, follow(client, job_id, console))
    counts = counts_of(job)
    failed = counts.get("failed", 0)
    parts = [f"{counts.get('rendered', 0):,} rendered", f"{counts.get('fresh', 0):,} fresh already"]
    if counts.get("unreadable"):
        parts.append(f"{counts['unreadable']:,} unreadable")
    parts.append(f"{failed:,} failed")
    console.print(", ".join(parts) + ".")
    if failed:
        told = f"Which and why: GET {client.server}/api/v2/jobs/{job_id}. The same command tries them again."
        console.print(told, soft_wrap=True)
        raise SystemExit(1)


@thumbnails.command()
@_project
@_deployment
@click.option("--json", "as_json", is_flag=True, help="The same as one JSON object; sizes in bytes.")
@connected
def stats(project_id: str, deployment_id: str | None, as_json: bool, server: str, token: str) -> None:
    """Count thumbnails: fresh, stale, missing, lost. Nothing is changed.

    Exit code: 0 counted, 1 the job failed, 2 could not begin, 130 no longer followed.
    """
    client = client_of(server, token)
    body = {"deployment": deployment_id, "dry_run": True}
    job_id = _start(client, project_id, "sweep", body)
    counts = counts_of(succeeded(client, follow(client, job_id, wording.console(stderr=as_json))))
    labels = _by_label(counts)
    if as_json:
        others = ("captures", "blobs", "lost", "orphans", "orphan_bytes")
        click.echo(json.dumps({**{each: counts.get(each, 0) for each in others}, "labels": labels}, indent=2))
        return
    console = wording.console()
    console.print(_table(labels, counts))
    console.print(f"{_looked(counts)}: {_found(counts)}.")
    _advise(console, labels, counts)


@thumbnails.command()
@_project
@_deployment
@click.option("--dry-run", is_flag=True, help="Only say what would be done.")
@connected
def sweep(project_id: str, deployment_id: str | None, dry_run: bool, server: str, token: str) -> None:
    """Forget thumbnails whose blobs are lost, and delete blobs that nobody points to.

    What is forgotten is rendered when somebody looks at it. What somebody may still be writing is left alone.
    Exit code: 0 swept, 1 the job failed, 2 could not begin, 130 no longer followed.
    """
    client = client_of(server, token)
    body = {"deployment": deployment_id, "dry_run": dry_run}
    job_id = _start(client, project_id, "sweep", body)
    console = wording.console()
    counts = counts_of(succeeded(client, follow(client, job_id, console)))
    outcome = ""
    if counts.get("lost") or counts.get("orphans"):
        outcome = (
            "; without --dry-run they are mended"
            if dry_run
            else "; the first are forgotten, the others deleted"
        )
    console.print(f"{_looked(counts)}: {_found(counts)}{outcome}.")


def _start(client: Client, project_id: str, what: str, body: dict[str, Any]) -> str:
    """The id of a job that was started. Raises CannotBegin."""
    sent = {name: value for name, value in body.items() if value is not None}
    try:
        answer = client.post(f"projects/{path_segment(project_id)}/thumbnails/{what}", sent)
        return str(answer["job_id"])
    except CallError as error:
        raise cannot_begin(client, error) from error
    except KeyError as missing:
        raise CannotBegin(f"{client.server}: the server's answer lacks {missing}.") from None


def _by_label(counts: dict[str, int]) -> dict[str, dict[str, int]]:
    """By label, how many thumbnails there are of each state, and their bytes."""
    labels: dict[str, dict[str, int]] = {}
    for key, value in counts.items():
        state, _, label = key.partition("_")
        if state in _STATES and label:
            labels.setdefault(label, dict.fromkeys(_STATES, 0))[state] = value
    return labels


def _table(labels: dict[str, dict[str, int]], counts: dict[str, int]) -> Table:
    table = Table()
    table.add_column("Label")
    for state in _STATES:
        table.add_column("Size" if state == "bytes" else state.capitalize(), justify="right")
    for label, states in labels.items():
        numbers = [decimal(states[each]) if each == "bytes" else f"{states[each]:,}" for each in _STATES]
        # Of those that are configured all is told, of others only what there is.
        name = label if f"fresh_{label}" in counts else f"{label}, no longer configured"
        table.add_row(Text(shown(name)), *numbers)
    return table


def _looked(counts: dict[str, int]) -> str:
    return f"{_many(counts, 'captures', 'capture')} and {_many(counts, 'blobs', 'blob')} looked at"


def _found(counts: dict[str, int]) -> str:
    size = counts.get("orphan_bytes", 0)
    orphans = f"{_many(counts, 'orphans', 'blob')} nobody points to{f' ({decimal(size)})' if size else ''}"
    return f"{_many(counts, 'lost', 'lost thumbnail')}, {orphans}"


def _many(counts: dict[str, int], key: str, thing: str) -> str:
    """As `many`, of many more."""
    count = counts.get(key, 0)
    return f"{count:,} {thing}{'' if count == 1 else 's'}"


def _advise(console: Console, labels: dict[str, dict[str, int]], counts: dict[str, int]) -> None:
    if any(states["stale"] or states["missing"] for states in labels.values()):
        console.print(
            "What is stale or missing is rendered when somebody looks at it, or by"
            " `nightjar thumbnails regenerate --label …`."
        )
    if counts.get("lost") or counts.get("orphans"):
        console.print("`nightjar thumbnails sweep` forgets what is lost, and deletes what nobody points to.")


def _moment(text: str | None, time_of_day: str) -> str | None:
    """A time as the server reads it: a date alone begins in the morning, and ends at midnight."""
    return f"{text}{time_of_day}" if text and len(text) == len("2026-06-09") else text
