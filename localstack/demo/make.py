"""Makes the demo through the public API, like any client: project, stations, photographs; then waits."""

import re
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cli.client import CallError, Client, path_segment
from localstack.demo.nights import STATIONS, Station, latest_night, nights
from localstack.demo.photograph import NightCamera, photograph_name, station_cameras

PROJECT = "Demo: moths at the forest edge"
WORKERS = 4
READY_SECONDS = 180.0
POLL_SECONDS = 1.0

_DESCRIPTION = "Two light traps, two nights each, drawn by Nightjar to look around in. Last night: {}."
_REMEMBERED = re.compile(r"Last night: (\d{4}-\d{2}-\d{2})")


class DemoError(RuntimeError):
    """The demo could not be made; the message says why."""


@dataclass(frozen=True)
class _Shot:
    """One photograph to take, and the deployment it belongs to."""

    deployment_id: str
    camera: NightCamera
    moment: datetime


def make_demo(
    url: str,
    token: str,
    *,
    last_night: date | None = None,
    stations: Sequence[Station] = STATIONS,
    ready_seconds: float = READY_SECONDS,
) -> None:
    """Makes the demo project at the server `url` and returns when its captures are ready.

    `last_night` is the evening its latest night begins, by default the latest that is over. A demo
    that is there already keeps its nights and is only completed. Prints its progress; when captures
    are not ready within `ready_seconds` says so and returns. Raises DemoError.
    """
    client = Client(url, token)
    console = Console(highlight=False)
    try:
        project, evening = _project(client, last_night or latest_night())
        deployments = _deployments(client, project, stations)
        wanted = {
            deployments[station.name]["id"]: sum(len(night.moments) for night in nights(station, evening))
            for station in stations
        }
        columns = (
            TextColumn("{task.description:20}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=console) as progress:
            missing = [s for s in stations if not _complete(client, deployments[s.name]["id"], wanted)]
            if missing:
                total = sum(wanted[deployments[station.name]["id"]] for station in missing)
                bar = progress.add_task("drawing and sending", total=total)
                _send(client, _shots(missing, deployments, evening), progress, bar)
            ready = _await_captures(client, wanted, progress, ready_seconds)
    except CallError as error:
        raise DemoError(f"The demo could not be made at {url}: {error}") from error
    if ready < sum(wanted.values()):
        console.print(
            f"The demo's photographs are all sent, but after {ready_seconds:.0f} s only {ready} of"
            f" {sum(wanted.values())} are captures. They may still come; if not, the server's log says why."
        )


def _project(client: Client, evening: date) -> tuple[dict[str, Any], date]:
    """The demo's project, found or made, and the evening its last night begins."""
    for project in client.pages("projects"):
        if project["name"] == PROJECT:
            remembered = _REMEMBERED.search(project.get("description") or "")
            return project, date.fromisoformat(remembered[1]) if remembered else evening
    return client.post("projects", {"name": PROJECT, "description": _DESCRIPTION.format(evening)}), evening


def _deployments(
    client: Client, project: dict[str, Any], stations: Sequence[Station]
) -> dict[str, dict[str, Any]]:
    """The project's deployments by name, those of `stations` made if they are missing."""
    found = {row["name"]: row for row in client.pages("deployments", {"project_id": project["id"]})}
    for station in stations:
        if station.name not in found:
            body = {
                "project_id": project["id"],
                "name": station.name,
                "latitude": station.latitude,
                "longitude": station.longitude,
                "timezone": station.timezone,
            }
            found[station.name] = client.post("deployments", body)
    return found


def _complete(client: Client, deployment_id: str, wanted: dict[str, int]) -> bool:
    return _captures(client, deployment_id) >= wanted[deployment_id]


def _captures(client: Client, deployment_id: str) -> int:
    return int(client.get(f"deployments/{path_segment(deployment_id)}").get("captures_count") or 0)


def _shots(
    stations: Sequence[Station], deployments: dict[str, dict[str, Any]], evening: date
) -> Iterator[_Shot]:
    """Everything to be photographed, station by station; each is set up when its turn comes."""
    for station in stations:
        for camera in station_cameras(nights(station, evening)):
            for moment in camera.night.moments:
                yield _Shot(deployments[station.name]["id"], camera, moment)


def _send(client: Client, shots: Iterator[_Shot], progress: Progress, bar: TaskID) -> None:
    """Draws and sends in parallel, no more pictures in memory than workers. The first failure ends it."""

    def take(shot: _Shot) -> None:
        data = shot.camera.photograph(shot.moment)
        client.send_photograph(shot.deployment_id, photograph_name(shot.moment), data)

    with ThreadPoolExecutor(WORKERS) as pool:
        try:
            under_way: set[Future[None]] = set()
            while True:
                under_way |= {pool.submit(take, shot) for shot in islice(shots, 2 * WORKERS - len(under_way))}
                if not under_way:
                    return
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    future.result()
                    progress.advance(bar)
        except BaseException:
            client.stop()
            raise


def _await_captures(client: Client, wanted: dict[str, int], progress: Progress, seconds: float) -> int:
    """Waits until every deployment has its captures; how many there are in the end."""
    bar = progress.add_task("captures ready", total=sum(wanted.values()))
    deadline = time.monotonic() + seconds
    while True:
        ready = sum(min(_captures(client, deployment_id), count) for deployment_id, count in wanted.items())
        progress.update(bar, completed=ready)
        if ready >= sum(wanted.values()) or time.monotonic() > deadline:
            return ready
        time.sleep(POLL_SECONDS)
