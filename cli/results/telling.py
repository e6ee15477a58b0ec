"""What `nightjar import` says: what is in the file, what matched, what became of it, and what to do next."""

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.results.bodies import UNNAMED_CLASSIFIER
from cli.results.matching import By
from cli.results.megadetector import Results
from cli.results.report import Fate, Row
from cli.wording import shown

NAMED_NOT_WELL = 20  # the rest is only counted: the report has them all
NAMED_WARNINGS = 10
_WAYS = {By.PATH: "the path", By.ENDING: "the end of the path", By.NAME: "the bare name"}


def introduce(console: Console, results: Results, place: str, count: int) -> None:
    """What is in the file, and what is odd about it."""
    for warning in results.warnings[:NAMED_WARNINGS]:
        console.print(Text(f"Note: {shown(warning)}"), soft_wrap=True)
    if len(results.warnings) > NAMED_WARNINGS:
        console.print(f"… and {len(results.warnings) - NAMED_WARNINGS:,} more of the kind.")
    classifier = results.classifier or (UNNAMED_CLASSIFIER if results.classes else None)
    who = results.detector.name + (f" and {classifier.name}" if classifier else "")
    told = f"{count:,} picture{'' if count == 1 else 's'} of {shown(who)}, for {shown(place)}"
    console.print(Text(told), soft_wrap=True)


def tell_matches(console: Console, rows: Sequence[Row], *, by_name: bool) -> None:
    """How many pictures are captures, by which way of matching."""
    ways = Counter(row.by for row in rows)
    parts = [f"{ways[way]:,} by {told}" for way, told in _WAYS.items()]
    if ways[By.NAME] and not by_name:
        parts[-1] += " (not taken)"
    console.print(f"Matched: {', '.join(parts)}; {ways['']:,} not.")


def summarize(console: Console, rows: Sequence[Row]) -> None:
    """What became of the pictures: those that are not well by name, all by number."""
    bad = [row for row in rows if not row.is_well and row.fate is not Fate.NOT_SENT]
    if bad:
        console.print(_not_well(bad[:NAMED_NOT_WELL]))
    if len(bad) > NAMED_NOT_WELL:
        console.print(f"… and {len(bad) - NAMED_NOT_WELL:,} more: --report names all.")
    console.print(_outcomes(rows))
    lesser = sum(row.lesser_classes for row in rows if row.detections)
    if lesser:
        console.print(f"Of a detection's classes the best is taken: {lesser:,} lesser ones were not.")


def _not_well(rows: Sequence[Row]) -> Table:
    table = Table(title="Not taken, or not all of it", title_justify="left")
    for title in ("File", "Outcome", "Why"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(Text(shown(row.file)), row.fate, Text(shown(row.reason)))
    return table


def _outcomes(rows: Sequence[Row]) -> Table:
    pictures, detections = Counter[Fate](), Counter[Fate]()
    for row in rows:
        pictures[row.fate] += 1
        detections[row.fate] += row.detections
    table = Table("Outcome")
    table.add_column("Pictures", justify="right")
    table.add_column("Detections", justify="right")
    for fate in Fate:
        if pictures[fate]:
            table.add_row(fate, f"{pictures[fate]:,}", f"{detections[fate]:,}")
    return table


def advise(console: Console, rows: Sequence[Row], *, of_station: bool, dry_run: bool) -> None:
    """What to do next."""
    fates = {row.fate for row in rows}
    told = []
    if Fate.NO_MATCH in fates:
        told.append(
            "No match: `nightjar upload` sends photographs that are not there yet; --below FOLDER leaves out"
            " those of other stations."
        )
    if Fate.AMBIGUOUS in fates:
        options = "--below FOLDER" if of_station else "--deployment ID --below FOLDER"
        told.append(f"Ambiguous: take in one station's folder at a time, by {options}.")
    if Fate.NAME_ONLY in fates:
        told.append("By name only: --by-name takes them, where no other photograph can have that name.")
    if any(row.problems and row.fate is not Fate.NO_RESULT for row in rows):
        told.append("Detections that cannot be true were not taken.")
    if Fate.FAILED in fates:
        told.append("The same command tries the failed ones again, and writes nothing twice.")
    if dry_run:
        told.append("This was a dry run: nothing was sent.")
    for each in told:
        console.print(Text(each), soft_wrap=True)
