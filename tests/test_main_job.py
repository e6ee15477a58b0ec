"""The whole service as a newcomer starts it: `python -m localstack.embedded` and `nightjar upload`."""

import csv
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "the token of this run"
AUTHORISED = {"Authorization": f"Token {TOKEN}"}
PATIENCE = 120.0  # seconds; what takes a second on an idle machine may take many on a busy one


class Service:
    """The embedded stack in a process of its own."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localstack.embedded"],
            cwd=ROOT,
            env={**_bare(), "PORT": "0", "NIGHTJAR_ADMIN_TOKEN": TOKEN, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        self.url = self._address()
        self.api = f"{self.url}/api/v2"

    def _address(self) -> str:
        assert self.process.stdout
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                return found[0]
        raise AssertionError("the stack ended before it was ready")

    def get(self, path: str, **query: Any) -> Any:
        answer = requests.get(f"{self.api}{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def send(self, method: str, path: str, body: dict[str, Any]) -> Any:
        answer = requests.request(method, f"{self.api}{path}", json=body, headers=AUTHORISED, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def deployment(self, name: str) -> dict[str, Any]:
        project = self.send("POST", "/projects", {"name": name})
        made: dict[str, Any] = self.send("POST", "/deployments", {"project_id": project["id"], "name": name})
        return made

    def upload(self, folder: Path, deployment: dict[str, Any], *options: str) -> str:
        command = [Path(sys.executable).with_name("nightjar"), "upload", folder, *options]
        told = subprocess.run(
            [*command, "--deployment", deployment["id"], "--server", self.url, "--token", TOKEN],
            capture_output=True,
            text=True,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr
        return told.stdout

    def await_captures(self, deployment: dict[str, Any], count: int) -> dict[str, Any]:
        seen: dict[str, Any] = {}

        def all_there() -> bool:
            seen.update(self.get(f"/deployments/{deployment['id']}"))
            return bool(seen["captures_count"] == count)

        wait_until(all_there)
        return seen

    def stop(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(30)


def _bare() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NIGHTJAR_"))}


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    running = Service()
    yield running
    assert running.stop() == 0


def photograph(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (320, 240), (shade % 256, 190, 160)).save(path)


def test_real_photographs_become_captures_with_their_time_and_both_thumbnails(
    service: Service, data: Path
) -> None:
    deployment = service.deployment("mothbox08")
    told = service.upload(data / "moth" / "mothbox08", deployment)
    assert "5 new" in told
    service.await_captures(deployment, 5)
    again = service.upload(data / "moth" / "mothbox08", deployment)
    assert "0 new, 5 already here" in again

    found = service.get("/captures", project_id=deployment["project_id"])["results"]
    assert [each["timestamp"] for each in found] == [
        "2024-03-09T20:04:09",
        "2024-03-09T20:58:09",
        "2024-03-09T22:04:09",
        "2024-03-10T00:58:08",
        "2024-03-10T03:04:08",
    ]
    for each in found:
        assert (each["width"], each["height"], each["state"]) == (9000, 6000, "ready")
        for label, size in (("small", (240, 160)), ("medium", (1024, 683))):
            redirected = requests.get(
                f"{service.api}/captures/thumbnails/{each['id']}?label={label}", timeout=30
            )
            assert redirected.history[0].status_code == 302
            assert redirected.headers["Content-Type"] == "image/jpeg"
            drawn = Image.open(io.BytesIO(redirected.content))
            assert drawn.size == size
            assert not drawn.getexif()
    large = requests.get(f"{service.api}/captures/thumbnails/{found[0]['id']}?label=large", timeout=60)
    assert Image.open(io.BytesIO(large.content)).size == (2560, 1707)


def test_camera_trap_folders_with_subfolders_arrive_whole(service: Service, data: Path) -> None:
    folder = data / "cameratrap"
    photographs = [path for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")]
    deployment = service.deployment("camera traps")
    service.upload(folder, deployment, "--recursive")
    told = service.await_captures(deployment, len(photographs))
    found = service.get("/captures", project_id=deployment["project_id"], limit=100)["results"]
    assert {each["path"] for each in found} == {str(path.relative_to(folder)) for path in photographs}
    by_path = {each["path"]: each for each in found}
    assert by_path["jaguar/RL 1_20051028_2159.jpg"]["timestamp"] == "2005-10-28T21:59:00"
    assert by_path["buow/IMG_0827.JPG"]["timestamp"] == "2020-04-22T16:31:11"
    assert by_path["buow/IMG_0827.JPG"]["timestamp_source"] == "exif"
    assert by_path["ena24/2573.jpg"]["timestamp"] is None
    assert told["undated_count"] == sum(each["timestamp"] is None for each in found)
    assert all(set(each["thumbnails"]) == {"small", "medium", "large"} for each in found)


def brute_force(moments: list[datetime], gap: timedelta) -> list[tuple[str, str, int]]:
    runs: list[list[datetime]] = []
    for moment in sorted(moments):
        if runs and moment - runs[-1][-1] < gap and moment - runs[-1][0] <= timedelta(hours=24):
            runs[-1].append(moment)
        else:
            runs.append([moment])
    return [(run[0].isoformat(), run[-1].isoformat(), len(run)) for run in runs]


def test_a_whole_night_gives_the_sessions_of_a_brute_force_grouping_at_any_gap(
    service: Service, data: Path, tmp_path: Path
) -> None:
    with (data / "timestamps" / "mothbox08_night_2024-03-09.csv").open() as file:
        rows = list(csv.DictReader(file))
    for number, row in enumerate(rows):
        photograph(tmp_path / row["filename"], number)
    deployment = service.deployment("a night of the mothbox")
    service.upload(tmp_path, deployment)
    service.await_captures(deployment, len(rows))
    moments = [datetime.fromisoformat(row["filename_time"]) for row in rows]

    for gap in (7200, 3600, 10800):
        service.send("PATCH", f"/deployments/{deployment['id']}", {"session_time_gap_seconds": gap})
        expected = brute_force(moments, timedelta(seconds=gap))

        def grouped(expected: list[tuple[str, str, int]] = expected) -> bool:
            found = service.get("/events", project_id=deployment["project_id"], limit=100)["results"]
            return [(each["start"], each["end"], each["captures_count"]) for each in found] == expected

        wait_until(grouped)
        counted = service.get(f"/deployments/{deployment['id']}")
        assert (counted["events_count"], counted["captures_count"]) == (len(expected), len(rows))


def test_what_was_kept_is_there_again_after_a_restart(tmp_path: Path) -> None:
    for number in range(3):
        photograph(tmp_path / "card" / f"20260609_21{number:02}00.jpg", number)
    first = Service(NIGHTJAR_DATA=str(tmp_path / "kept"))
    deployment = first.deployment("kept")
    first.upload(tmp_path / "card", deployment)
    first.await_captures(deployment, 3)
    before = first.get("/captures", project_id=deployment["project_id"])["results"]
    assert first.stop() == 0

    second = Service(NIGHTJAR_DATA=str(tmp_path / "kept"))
    after = second.get("/captures", project_id=deployment["project_id"])["results"]
    assert [each["id"] for each in after] == [each["id"] for each in before]
    assert "0 new, 3 already here" in second.upload(tmp_path / "card", deployment)
    for each in after:
        assert requests.get(each["thumbnails"]["small"], timeout=30).headers["Content-Type"] == "image/jpeg"
    assert second.get(f"/deployments/{deployment['id']}")["captures_count"] == 3
    assert second.stop() == 0


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_page_shows_the_photographs_of_a_night(service: Service, tmp_path: Path) -> None:
    for number in range(4):
        photograph(tmp_path / f"20260609_21{number:02}00.jpg", number)
    deployment = service.deployment("<b>Moths & more</b>")
    service.upload(tmp_path, deployment)
    service.await_captures(deployment, 4)
    [session] = service.get("/events", project_id=deployment["project_id"])["results"]
    page = rendered(f"{service.url}/#/events/{session['id']}", tmp_path / "profile")
    assert page.count('class="frame"') == 4
    assert "Tuesday, Jun 9 2026" in page
    assert "&lt;b&gt;Moths &amp; more&lt;/b&gt;" in page
    assert "<b>Moths" not in page
    # The project's counts follow its deployment's, a moment later.
    wait_until(lambda: service.get(f"/projects/{deployment['project_id']}")["events_count"] == 1)
    front = rendered(f"{service.url}/", tmp_path / "profile")
    assert "4 photographs · 1 session" in front


@pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")
def test_the_page_has_a_picture_that_was_lost_rendered_again(service: Service, tmp_path: Path) -> None:
    photograph(tmp_path / "20260609_210000.jpg", 1)
    deployment = service.deployment("lost")
    service.upload(tmp_path, deployment)
    service.await_captures(deployment, 1)
    [before] = service.get("/captures", project_id=deployment["project_id"])["results"]
    lost = before["thumbnails"]["small"].partition("?")[0]
    server, _, place = lost.partition("/nightjar-thumbnails-bucket/")
    storage = boto3.client("s3", endpoint_url=server)
    storage.delete_object(Bucket="nightjar-thumbnails-bucket", Key=place)
    assert requests.get(before["thumbnails"]["small"], timeout=30).status_code == 404
    [session] = service.get("/events", project_id=deployment["project_id"])["results"]
    page = rendered(f"{service.url}/#/events/{session['id']}", tmp_path / "profile")
    assert f"{before['id']}?label=small&amp;verify=true" in page
    [after] = service.get("/captures", project_id=deployment["project_id"])["results"]
    assert after["thumbnails"]["small"].partition("?")[0] != lost
    assert requests.get(after["thumbnails"]["small"], timeout=30).status_code == 200
    assert after["thumbnails"]["medium"].partition("?")[0] == before["thumbnails"]["medium"].partition("?")[0]


def rendered(url: str, profile: Path) -> str:
    """The page as Chromium has it once it has come to rest."""
    flags = "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking"
    flags += " --disable-component-update --disable-sync --dump-dom --virtual-time-budget=10000"
    told = subprocess.run(
        ["chromium", *flags.split(), f"--user-data-dir={profile}", url],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return told.stdout
