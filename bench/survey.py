"""What becomes of every photograph in a folder: read as ingest reads it, nothing kept.

    python bench/survey.py FOLDER…

One line per file: its state, its time and where that comes from, its orientation, and the reason where
there is one. At the end the most memory this process ever had.
"""

import argparse
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from chalicelib.captures.timestamps import capture_time
from chalicelib.errors import Unreadable
from chalicelib.thumbnails import codec
from chalicelib.thumbnails.photograph import open_photograph, times_of_torn
from chalicelib.thumbnails.rules import DEFAULT_SPECS

NO_PHOTOGRAPHS = (".csv", ".json", ".md", ".txt", ".yaml", ".yml")


@dataclass(frozen=True)
class Line:
    """What became of one file."""

    name: str
    state: str
    timestamp: str
    source: str
    orientation: str
    reason: str


def survey(folder: Path) -> Iterator[Line]:
    """Every file below a folder that may be a photograph, in the order of names."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix.lower() not in NO_PHOTOGRAPHS:
            yield fate(path, path.relative_to(folder.parent).as_posix())


def fate(path: Path, name: str) -> Line:
    """One file."""
    photograph, state, reason = None, "ready", ""
    data = path.read_bytes()
    try:
        photograph = open_photograph(data)
        rendered = codec.render(photograph, [spec for spec in DEFAULT_SPECS if spec.eager])
        state = "ready, truncated" if rendered.truncated else "ready"
    except Unreadable as error:
        state, reason = "unreadable", error.detail
    taken = capture_time(
        path.name, photograph.exif if photograph else times_of_torn(data), now=datetime.now(UTC)
    )
    if taken.conflict:
        reason = "; ".join(filter(None, [reason, "name and EXIF differ"]))
    if taken.timestamp is None:
        reason = "; ".join(filter(None, [reason, taken.reason]))
    return Line(
        name,
        state,
        f"{taken.timestamp:%Y-%m-%d %H:%M:%S}" if taken.timestamp else "–",
        taken.source or "–",
        str(photograph.orientation) if photograph else "–",
        reason,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folders", nargs="+", type=Path)
    for folder in parser.parse_args().folders:
        for line in survey(folder):
            cells = (line.name, line.state, line.timestamp, line.source, line.orientation, line.reason)
            print("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"\nmost memory: {most:.0f} MiB")


if __name__ == "__main__":
    main()
