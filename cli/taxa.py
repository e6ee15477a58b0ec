"""`nightjar taxa`: the names that photographs are sorted by, taken in from a table and listed."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from cli import wording
from cli.checklist import Checklist, UnfitError, chunks, read
from cli.client import CallError, Client
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.saving import cell, target_of
from cli.wording import shown

NAMED_FAILED = 20  # the rest is only counted: the report has them all
_FATES = ("created", "updated", "unchanged")
_REPORT_COLUMNS = ("line", "name", "field", "reason")


@dataclass
class Told:
    """What the server has told of the lines it was sent so far."""

    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(_FATES, 0))
    failed: list[dict[str, Any]] = field(default_factory=list)
    stopped: str = ""


@click.group()
def taxa() -> None:
    """Take in the names that photographs are sorted by, and look them up."""


@taxa.command("import")
@click.argument("file", metavar="FILE.csv", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.csv",
    help="Write every line that could not be taken, and why.",
)
@connected
def import_(file: Path, report: Path | None, server: str, token: str) -> None:
    """Make and change the taxa that FILE.csv tells of.

    Its columns: name (or scientificName), rank, parent (a name, anywhere in the file or known already),
    gbif_key, common_name. A blank cell changes nothing. Doing it twice does no harm.
    Exit code: 0 all taken, 1 some lines were not, 2 could not begin, 130 interrupted.
    """
    client, console = client_of(server, token), wording.console()
    target = target_of(report) if report else None
    try:
        told = read(file.read_bytes())
    except OSError as error:
        raise CannotBegin(f"{shown(str(file))} cannot be read: {error.strerror}.") from error
    except UnfitError as error:
        raise CannotBegin(f"{shown(str(file))} is no table of taxa: {error}.") from error
    made = _sent(client, told, console)
    made.failed.sort(key=lambda each: each["line"])
    if target:
        _save(target, made.failed)
    _summarize(console, made, target)
    raise SystemExit(130 if made.stopped == "interrupted" else 1 if made.failed or made.stopped else 0)


def _sent(client: Client, told: Checklist, console: Console) -> Told:
    """Sends a checklist, a thousand lines at a time. Raises CannotBegin if not even the first were taken."""
    made = Told(failed=list(told.bad))
    columns = (TextColumn("Taking in"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with ExitStack() as stack:
        bar = stack.enter_context(
            Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        )
        task = bar.add_task("", total=len(told.lines))
        done = 0
        try:
            for numbers, text in chunks(told):
                _add(made, client.post("taxa/import", {"csv": text}, repeatable=True), numbers)
                done += len(numbers)
                bar.update(task, completed=done)
        except KeyboardInterrupt:
            made.stopped = "interrupted"
        except CallError as error:
            if not done:
                raise cannot_begin(client, CallError(shown(str(error)), error.status)) from error
            made.stopped = shown(str(error)).rstrip(".")
    return made


def _add(made: Told, answer: dict[str, Any], numbers: Sequence[int]) -> None:
    """Adds up what became of some lines. The server numbers those it was sent, after a first one with the
    names of the columns; here they get the numbers they have in the file."""
    try:
        for fate in _FATES:
            made.counts[fate] += int(answer["counts"][fate])
        for each in answer["failed"]:
            made.failed.append({**each, "line": numbers[each["line"] - 2]})
    except (KeyError, IndexError, TypeError) as error:
        raise CallError(f"the server's answer to an import lacks {error}") from error


def _save(target: Path, failed: Sequence[dict[str, Any]]) -> None:
    try:
        with target.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(_REPORT_COLUMNS)
            writer.writerows([cell(each.get(column, "")) for column in _REPORT_COLUMNS] for each in failed)
    except OSError as error:
        told = f"The report {shown(str(target))} could not be written: {error.strerror or error}."
        raise click.ClickException(told) from error


def _summarize(console: Console, made: Told, target: Path | None) -> None:
    if made.failed:
        console.print(_failures(made.failed[:NAMED_FAILED]))
    if len(made.failed) > NAMED_FAILED:
        console.print(f"… and {len(made.failed) - NAMED_FAILED:,} more: --report names all.")
    parts = [f"{made.counts[fate]:,} {fate}" for fate in _FATES]
    console.print(", ".join([*parts, f"{len(made.failed):,} failed"]) + ".")
    if target:
        console.print(Text(f"What could not be taken: {shown(str(target))}"), soft_wrap=True)
    if made.stopped:
        why = "" if made.stopped == "interrupted" else f": {made.stopped}"
        told = f"Stopped half-way{why}. The same command goes on: what is known already is not written again."
        console.print(Text(told), soft_wrap=True)


def _failures(failed: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Not taken", title_justify="left")
    table.add_column("Line", justify="right")
    table.add_column("Name", overflow="fold")
    table.add_column("Why", overflow="fold")
    for each in failed:
        why = f"{each.get('field', '')}: {each.get('reason', '')}"
        table.add_row(str(each["line"]), Text(shown(str(each.get("name", "")))), Text(shown(why)))
    return table


@taxa.command("list")
@click.option("--q", "beginning", default="", metavar="PREFIX", help="Only names that begin like that.")
@connected
def list_(beginning: str, server: str, token: str) -> None:
    """List the taxa by name.

    Exit code: 0 listed, 2 could not begin.
    """
    client, console = client_of(server, token), wording.console()
    try:
        found = list(_all(client, beginning))
    except CallError as error:
        raise cannot_begin(client, CallError(shown(str(error)), error.status)) from error
    if found:
        table = Table()
        for title in ("Name", "Rank", "Common name", "GBIF", "ID"):
            table.add_column(title, overflow="fold")
        for each in found:
            told = (each.get(key) for key in ("name", "rank", "common_name", "gbif_key", "id"))
            table.add_row(*(Text("" if each is None else shown(str(each))) for each in told))
        console.print(table)
    console.print("1 taxon." if len(found) == 1 else f"{len(found):,} taxa.")


def _all(client: Client, beginning: str) -> Iterator[dict[str, Any]]:
    query = {"limit": "100"} | ({"q": beginning} if beginning else {})
    return client.pages("taxa", query)
