"""The `nightjar` command: what a person types, sees, and gets as an exit code."""

import csv
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from cli import wording
from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.counts import counts
from cli.ingest import ingest
from cli.jobs import jobs
from cli.results.command import import_
from cli.saving import cell
from cli.syncing import sync
from cli.taxa import taxa
from cli.thumbnails import thumbnails
from cli.upload import Fate, Found, Outcome, Tally, find, send
from cli.wording import many, shown

PLAIN_LINE_SECONDS = 10.0
NAMED_LEFT_OUT = 20  # the rest is only counted: the report has them all

_REPORT_COLUMNS = ("file", "outcome", "reason", "bytes", "sha256", "capture_id")


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nightjar", prog_name="nightjar")
def main() -> None:
    """Talk to a Nightjar server: photographs in, nights out."""


main.add_command(counts)
main.add_command(import_)
main.add_command(ingest)
main.add_command(jobs)
main.add_command(sync)
main.add_command(taxa)
main.add_command(thumbnails)


@main.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--deployment", "deployment_id", required=True, metavar="ID", help="The station they are of.")
@click.option("--recursive", is_flag=True, help="Subfolders too.")
@click.option("--workers", type=click.IntRange(1, 32), default=4, show_default=True, help="Sent at a time.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE.csv",
    help="Write each file's fate.",
)
@connected
def upload(
    folder: Path,
    deployment_id: str,
    recursive: bool,
    workers: int,
    report: Path | None,
    server: str,
    token: str,
) -> None:
    """Send the photographs of FOLDER to a station.

    What the server has already is not sent again, so the same command continues an interrupted one.
    Exit code: 0 all there, 1 some failed, 2 could not begin, 130 interrupted.
    """
    client = client_of(server, token)
    found = _find(folder, recursive)
    deployment = _deployment(client, deployment_id)
    console = wording.console()
    size = sum(photograph.size for photograph in found.photographs)
    console.print(
        Text(f"{many(len(found.photographs), 'photograph')}, {decimal(size)}, for {shown(deployment)}")
    )
    tally = Tally()
    stopped = False
    with ExitStack() as stack:
        record = _report(stack.enter_context(_open_report(report))) if report else _ignore
        for outcome in found.others:
            record(outcome)
            tally.add(outcome)
        bar = stack.enter_context(_Bar(console, found)) if console.is_terminal else _Lines(console, found)
        try:
            send(found.photographs, deployment_id, client, workers, bar, record, tally)
        except KeyboardInterrupt:
            stopped = True
    _summarize(console, tally, stopped)
    raise SystemExit(130 if stopped else 1 if tally.failures or tally.counts[Fate.NOT_TRIED] else 0)


def _find(folder: Path, recursive: bool) -> Found:
    try:
        found = find(folder, recursive=recursive)
    except OSError as error:
        raise CannotBegin(f"{folder} cannot be read: {error.strerror}.") from error
    if found.unentered and not found.photographs:
        subfolders = many(found.unentered, "subfolder")
        raise CannotBegin(f"{folder} has no photographs itself, only {subfolders}: add --recursive.")
    return found


def _deployment(client: Client, deployment_id: str) -> str:
    """The deployment's name, which shows that server, token and id are good before anything is sent."""
    try:
        # A wrong address should be told soon, so not as many attempts as later in a night's upload.
        deployment = client.get(f"deployments/{path_segment(deployment_id)}", attempts=2)
    except CallError as error:
        if error.status == 404:
            message = f"There is no station {deployment_id!r} that this token may see on {client.server}."
            raise CannotBegin(message) from error
        raise cannot_begin(client, error) from error
    return str(deployment.get("name") or deployment_id)


class _Bar(Progress):
    """A moving bar, for a terminal."""

    def __init__(self, console: Console, found: Found) -> None:
        super().__init__(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            speed_estimate_period=30,
        )
        self._files = len(found.photographs)
        self._bar = self.add_task("", total=sum(photograph.size for photograph in found.photographs))

    def moved(self, size: int) -> None:
        self.advance(self._bar, size)

    def tell(self, tally: Tally) -> None:
        self.update(self._bar, description=f"{_done(tally)}/{self._files} files")


class _Lines:
    """A line now and then, for a log."""

    def __init__(self, console: Console, found: Found) -> None:
        self._console = console
        self._files = len(found.photographs)
        self._size = sum(photograph.size for photograph in found.photographs)
        self._moved = 0
        self._began = self._told = time.monotonic()

    def moved(self, size: int) -> None:
        self._moved += size  # a race between workers may lose a little: it is only shown

    def tell(self, tally: Tally) -> None:
        now = time.monotonic()
        if now - self._told < PLAIN_LINE_SECONDS:
            return
        self._told = now
        speed = self._moved / (now - self._began)
        left = f", about {(self._size - self._moved) / speed / 60:.0f} min left" if speed > 0 else ""
        self._console.print(
            f"{_done(tally)} of {self._files} files, {decimal(self._moved)} of {decimal(self._size)},"
            f" {decimal(int(speed))}/s{left}"
        )


def _done(tally: Tally) -> int:
    return tally.counts[Fate.SENT] + tally.counts[Fate.PRESENT] + len(tally.failures)


def _open_report(path: Path) -> IO[str]:
    try:
        # Names need not be valid Unicode; the report must still be.
        return path.open("w", encoding="utf-8", errors="backslashreplace", newline="")
    except OSError as error:
        raise CannotBegin(f"The report {path} cannot be written: {error.strerror}.") from error


def _report(file: IO[str]) -> Callable[[Outcome], None]:
    writer = csv.writer(file)
    writer.writerow(_REPORT_COLUMNS)

    def record(outcome: Outcome) -> None:
        cells = (outcome.name, outcome.fate, outcome.reason, outcome.size, outcome.sha256, outcome.capture_id)
        writer.writerow([cell(each) for each in cells])

    return record


def _ignore(_: Outcome) -> None:
    """No report was asked for."""


def _summarize(console: Console, tally: Tally, stopped: bool) -> None:
    counts = tally.counts
    if tally.failures:
        console.print(_table("Failed", tally.failures))
    if tally.left_out:
        console.print(_table("Left out", tally.left_out[:NAMED_LEFT_OUT]))
        if len(tally.left_out) > NAMED_LEFT_OUT:
            console.print(f"… and {len(tally.left_out) - NAMED_LEFT_OUT} more left out: --report names all.")
    parts = [
        f"{counts[Fate.SENT]:,} new",
        f"{counts[Fate.PRESENT]:,} already here",
        f"{len(tally.failures):,} failed",
    ]
    if tally.left_out:
        parts.append(f"{len(tally.left_out):,} left out")
    if counts[Fate.NOT_TRIED]:
        parts.append(f"{counts[Fate.NOT_TRIED]:,} not sent yet")
    console.print(("Stopped: " if stopped else "") + ", ".join(parts) + ".")
    if tally.copies:
        console.print(
            f"{tally.copies:,} of the new ones are here under another name, too: they are kept, and flagged."
        )
    if stopped:
        console.print("The same command continues where this one stopped.")
    elif counts[Fate.NOT_TRIED]:
        console.print("Too many failed in a row to go on. The same command continues once that is mended.")
    elif tally.failures:
        console.print("The same command tries the failed ones again, and sends nothing twice.")


def _table(title: str, outcomes: list[Outcome]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("File", overflow="fold")
    table.add_column("Why", overflow="fold")
    for outcome in outcomes:
        table.add_row(Text(shown(outcome.name)), Text(shown(outcome.reason)))
    return table
