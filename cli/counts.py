"""`nightjar counts`: are all counters true, and making them so."""

import re
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from cli import wording
from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.following import counts_of, follow, succeeded
from cli.wording import shown

MOST_TOLD = 1000
"""Lines of a job's log that are asked for: more than a job tells of drifts."""

_DRIFT = re.compile(r"WARNING (\w+ \S+): (.+) is (.+), true is (.+)")


@click.group()
def counts() -> None:
    """See whether all counters are true, and mend those that are not."""


@counts.command()
@click.option("--project", "project_id", required=True, metavar="ID", help="Of which project.")
@click.option("--deployment", "deployment_id", metavar="ID", help="Only of this station.")
@click.option("--set", "set_id", metavar="ID", help="Only of this capture set.")
@click.option("--repair", is_flag=True, help="Mend what is not true; else nothing is changed.")
@connected
def audit(
    project_id: str, deployment_id: str | None, set_id: str | None, repair: bool, server: str, token: str
) -> None:
    """Recount everything from the photographs and what was said of them, and tell which counters differ.

    Exit code: 0 all true, or mended, 1 some are not, 2 could not begin, 130 no longer followed.
    """
    if deployment_id and set_id:
        raise CannotBegin("Give either --deployment or --set.")
    client = client_of(server, token)
    body = {"deployment": deployment_id, "collection": set_id, "repair": repair}
    job_id = _start(client, project_id, {name: value for name, value in body.items() if value})
    console = wording.console()
    counted = counts_of(succeeded(client, follow(client, job_id, console)))
    drifted, repaired, busy = (counted.get(each, 0) for each in ("drifted", "repaired", "busy"))
    if drifted:
        drifts = _drifts(client, job_id)
        console.print(_table(drifts))
        if drifted > len(drifts):
            console.print(f"… and {drifted - len(drifts):,} more.")
    outcome = f"{drifted:,} drifted" if drifted else "none drifted"
    mended = f", {repaired:,} repaired" if repair and drifted else ""
    checked = counted.get("checked", 0)
    console.print(f"{checked:,} counter{'' if checked == 1 else 's'} checked: {outcome}{mended}.")
    if busy:
        console.print(
            f"Not compared: {busy:,}. They are being settled all the time: ask again when it is quiet; or too"
            " many photographs are wrong themselves: --repair mends these first."
        )
    if drifted > repaired:
        if not repair:
            console.print("The same command with --repair mends them.")
        raise SystemExit(1)


def _start(client: Client, project_id: str, body: dict[str, Any]) -> str:
    """The id of a job that was started. Raises CannotBegin."""
    try:
        return str(client.post(f"projects/{path_segment(project_id)}/counts/audit", body)["job_id"])
    except CallError as error:
        raise cannot_begin(client, error) from error
    except KeyError as missing:
        raise CannotBegin(f"{client.server}: the server's answer lacks {missing}.") from None


def _drifts(client: Client, job_id: str) -> list[tuple[str, ...]]:
    """What the job has told, each once: a step that was repeated may have told it twice."""
    try:
        job = client.get(f"jobs/{path_segment(job_id)}", {"logs_limit": str(MOST_TOLD)})
    except CallError as error:
        raise click.ClickException(f"{client.server}: {error}") from error
    found = (_DRIFT.search(line) for line in reversed(job["logs"]["stdout"]))
    return list(dict.fromkeys(each.groups() for each in found if each))


def _table(drifts: list[tuple[str, ...]]) -> Table:
    table = Table()
    for name in ("Of", "Counter", "Stored", "True"):
        table.add_column(name, overflow="fold", justify="right" if name in ("Stored", "True") else "left")
    for each in drifts:
        table.add_row(*(Text(shown(cell)) for cell in each))
    return table
