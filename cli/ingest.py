"""`nightjar ingest`: what could not be processed, and putting it back."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cli import wording
from cli.client import CallError, Client
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.wording import many, shown

IDS_AT_A_TIME = 1000
ID_WIDTH = 24  # in one piece, to be copied
BEGINNING = 60  # characters of a message that names no file

_STATES = {"retrying": "retrying", "given_up": "given up"}


@click.group()
def ingest() -> None:
    """See what could not be processed, and put it back."""


@ingest.command()
@click.option("--json", "as_json", is_flag=True, help="All that is known, as one JSON array.")
@connected
def failures(as_json: bool, server: str, token: str) -> None:
    """List what could not be processed, the oldest first, and why.

    What is "retrying" comes again by itself. What is "given up" waits for `nightjar ingest replay`.
    """
    client = client_of(server, token)
    try:
        found = list(client.pages("ingest/failures", {"limit": "100"}))
    except CallError as error:
        raise cannot_begin(client, error) from error
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    console = wording.console()
    if not found:
        console.print("No failures: whatever arrived was processed, or is about to be.")
        return
    console.print(_table(found))
    given_up = sum(each["state"] == "given_up" for each in found)
    console.print(f"{len(found) - given_up} retrying, {given_up} given up.")
    if given_up:
        console.print("Once the reason is mended, `nightjar ingest replay --all` puts back what is given up.")


def _table(found: Sequence[dict[str, Any]]) -> Table:
    table = Table()
    table.add_column("File and ID", overflow="fold", min_width=ID_WIDTH)
    table.add_column("State")
    table.add_column("Tries", justify="right")
    table.add_column("Since (UTC)")
    table.add_column("Reason", overflow="fold")
    for each in found:
        since = datetime.fromisoformat(each["first_at"])
        table.add_row(
            Text(f"{shown(_name(each))}\n").append(shown(each["id"]), style="dim"),
            _STATES.get(each["state"], shown(each["state"])),
            str(each["tries"]),
            f"{since:%Y-%m-%d %H:%M}",
            Text(shown(each["reason"])),
        )
    return table


def _name(failure: dict[str, Any]) -> str:
    """The file a failure is about, or how its message begins."""
    return str(failure["key"] or failure["body"][:BEGINNING])


@ingest.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--all", "everything", is_flag=True, help="All that is given up.")
@connected
def replay(ids: tuple[str, ...], everything: bool, server: str, token: str) -> None:
    """Put what is given up back on the queue: the failures of these IDs, or --all.

    What fails again is listed again, so nothing is lost by trying.
    Exit code: 0 all put back, 1 stopped half-way, 2 could not begin.
    """
    if bool(ids) == everything:
        raise CannotBegin("Name the failures, or say --all. `nightjar ingest failures` lists them.")
    client = client_of(server, token)
    calls = _all(client) if everything else _named(client, ids)
    console = Console(highlight=False)
    replayed = left = 0
    columns = (TextColumn("Putting back"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=None)
        try:
            for sent, left in calls:
                replayed += sent
                progress.update(bar, completed=replayed, total=replayed + left)
        except CallError as error:
            if not replayed:
                raise _refused(client, error) from error
            told = f"Stopped after {replayed}: {str(error).rstrip('.')}. The rest is still listed: try again."
            raise click.ClickException(told) from error
    console.print(f"{many(replayed, 'message')} put back.")
    if left:
        console.print(f"{left} left, still being tried: `nightjar ingest failures` shows them.")


def _all(client: Client) -> Iterator[tuple[int, int]]:
    """Call by call, how many were put back and how many are left, until none is given up. What fails anew
    meanwhile waits for the next time."""
    waiting = None
    while True:
        # Asking twice is harmless: what the first call put back is no longer given up.
        sent, left = _counts(client.post("ingest/failures/replay", {"all": True}, repeatable=True))
        yield sent, left
        waiting = left if waiting is None else waiting - sent
        if not sent or waiting <= 0:
            return


def _named(client: Client, ids: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Call by call, how many of the named were put back, and how many were not so far."""
    waiting = len(ids)
    for at in range(0, len(ids), IDS_AT_A_TIME):
        body = {"ids": list(ids[at : at + IDS_AT_A_TIME])}
        sent, _ = _counts(client.post("ingest/failures/replay", body))
        waiting -= sent
        yield sent, waiting


def _counts(answer: dict[str, Any]) -> tuple[int, int]:
    try:
        return int(answer["replayed"]), int(answer["left"])
    except KeyError as missing:
        raise CallError(f"the server's answer to a replay lacks {missing}") from None


def _refused(client: Client, error: CallError) -> CannotBegin:
    if error.status == 404:
        return CannotBegin(f"{error} `nightjar ingest failures` lists those there are.")
    return cannot_begin(client, error)
