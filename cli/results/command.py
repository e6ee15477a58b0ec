"""`nightjar import`: what others found in photographs, taken in from their files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from cli import wording
from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.results.bodies import Bodies, boxes_of
from cli.results.megadetector import read
from cli.results.pictures import chosen, matched
from cli.results.report import Fate, save
from cli.results.sending import Item, Refused, Sender
from cli.results.steps import Steps
from cli.results.telling import advise, introduce, summarize, tell_matches
from cli.saving import target_of
from cli.wording import shown

_INTERRUPTED = "Stopped."


@dataclass(frozen=True)
class Place:
    """What results are for: a station, or a project, by name."""

    project_id: str
    deployment_id: str | None
    name: str
    captures_count: int


@click.group("import")
def import_() -> None:
    """Take in what others found in photographs."""


@import_.command()
@click.argument("file", metavar="FILE", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--deployment", "deployment_id", metavar="ID", help="The station whose photographs they are of."
)
@click.option("--project", "project_id", metavar="ID", help="Of all stations of this project.")
@click.option("--below", metavar="FOLDER", default="", help="Only the pictures below this folder of FILE.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.csv",
    help="Write what became of every picture.",
)
@click.option("--dry-run", is_flag=True, help="Only say which picture is which capture; send nothing.")
@click.option(
    "--by-name/--no-by-name",
    default=None,
    help="Whether a file's bare name is enough, where no folder agrees.  [default: yes for --deployment, no"
    " for --project, where stations number their photographs alike]",
)
@click.option("--replace", is_flag=True, help="Take back what the detector said before and does not say now.")
@connected
def megadetector(
    file: Path,
    deployment_id: str | None,
    project_id: str | None,
    below: str,
    report: Path | None,
    dry_run: bool,
    by_name: bool | None,
    replace: bool,
    server: str,
    token: str,
) -> None:
    """Take in a FILE of MegaDetector results, for photographs that are there already.

    Which capture a picture is follows from the ends of their paths. With --project a station's name counts as
    the folder of its photographs. The same command continues an interrupted one, and nothing is taken twice.
    Exit code: 0 all taken, 1 some were not, 2 could not begin, 130 interrupted.
    """
    if bool(deployment_id) == bool(project_id):
        raise CannotBegin("Name a station with --deployment, or a project with --project: one of the two.")
    client, console = client_of(server, token), wording.console()
    target = target_of(report) if report else None
    by_name = bool(deployment_id) if by_name is None else by_name
    try:
        results = read(file)
        pictures, left_out = chosen(results, below, file)
        place = _place(client, deployment_id, project_id or "")
        introduce(console, results, place.name, len(pictures))
        rows = matched(pictures, below, _names(client, place, console), by_name=by_name)
    except KeyboardInterrupt:
        console.print("Stopped: nothing was sent.")
        raise SystemExit(130) from None
    tell_matches(console, rows, by_name=by_name)
    items = [Item(image, row) for image, row in zip(pictures, rows, strict=True) if row.fate is Fate.NOT_SENT]
    bodies = Bodies(results, replace=replace)
    stopped = _rehearse(bodies, items) if dry_run else _send(client, place, bodies, items, console)
    if target:
        save(target, [*rows, *left_out])
    summarize(console, [*rows, *left_out])
    advise(console, rows, of_station=bool(deployment_id), dry_run=dry_run)
    if target:
        console.print(Text(f"What became of every picture: {shown(str(target))}"), soft_wrap=True)
    if stopped:
        told = f"{stopped} The same command goes on: what is there already is not written again."
        console.print(Text(told), soft_wrap=True)
    raise SystemExit(130 if stopped == _INTERRUPTED else 0 if all(row.is_well for row in rows) else 1)


def _place(client: Client, deployment_id: str | None, project_id: str) -> Place:
    """What the results are for. Raises CannotBegin."""
    what = f"deployments/{path_segment(deployment_id)}" if deployment_id else None
    try:
        # A wrong address should be told soon, so not as many attempts as later.
        found = client.get(what or f"projects/{path_segment(project_id)}", attempts=2)
        owner = str(found["project_id"] if deployment_id else found["id"])
        count = int(found.get("captures_count") or 0)
    except CallError as error:
        if error.status == 404:
            which = f"station {deployment_id!r}" if deployment_id else f"project {project_id!r}"
            raise CannotBegin(
                f"There is no {which} that this token may see on {client.server}: check the id."
            ) from error
        raise cannot_begin(client, CallError(shown(str(error)), error.status)) from error
    except KeyError as missing:
        raise CannotBegin(f"{client.server}: the server's answer lacks {missing}.") from None
    return Place(owner, deployment_id, str(found.get("name") or deployment_id or owner), count)


def _names(client: Client, place: Place, console: Console) -> dict[str, str]:
    """{capture id: path}; in a project, the station's name goes before the path. Raises CannotBegin."""
    query = {"project_id": place.project_id, "limit": "100"}
    if place.deployment_id:
        query["deployment"] = place.deployment_id
    names: dict[str, str] = {}
    try:
        with Steps(console, "Captures listed", place.captures_count) as steps:
            for each in client.pages("captures", query):
                station = "" if place.deployment_id else f"{(each.get('deployment') or {}).get('name')}/"
                names[str(each["id"])] = station + str(each["path"])
                steps.tell(len(names))
    except CallError as error:
        raise cannot_begin(client, CallError(shown(str(error)), error.status)) from error
    except KeyError as missing:
        raise CannotBegin(f"{client.server}: the server's answer lacks {missing}.") from None
    if not names:
        raise CannotBegin(
            f"{shown(place.name)} has no captures yet: send the photographs by `nightjar upload`."
        )
    return names


def _rehearse(bodies: Bodies, items: Sequence[Item]) -> str:
    """As `_send`, and sends nothing."""
    for item in items:
        item.row.fate = Fate.MATCHED
        item.row.detections = boxes_of(bodies.of(item.image, item.row.capture_id))
    return ""


def _send(client: Client, place: Place, bodies: Bodies, items: Sequence[Item], console: Console) -> str:
    """Sends all of them; says why it stopped, "" if it did not. Raises CannotBegin if not even the first were
    taken."""
    try:
        with Steps(console, "Pictures sent", len(items)) as steps:
            Sender(client, place.project_id, bodies).send(items, steps.tell)
    except KeyboardInterrupt:
        return _INTERRUPTED
    except CallError as error:
        told = shown(str(error)).rstrip(".")
        if all(item.row.fate is Fate.NOT_SENT for item in items):
            raise cannot_begin(client, CallError(f"{told}.", error.status)) from error
        why = "as too many were refused in a row" if isinstance(error, Refused) else "half-way"
        return f"Stopped {why}: {told}."
    return ""
