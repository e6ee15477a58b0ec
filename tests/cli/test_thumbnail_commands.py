"""`nightjar thumbnails` against the real embedded stack, and against a server that answers as it is told."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from bucket import THUMBNAILS, photograph
from click.testing import CliRunner, Result
from rich.console import Console
from running import ROOT, TOKEN, Running

from cli import client as client_module
from cli import following
from cli.client import Client
from cli.main import main


def nightjar(url: str, *arguments: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(main, [*arguments, "--server", url, "--token", token])


class Station(Running):
    """A stack in a process of its own, with a station of three photographs."""

    def __init__(self, card: Path) -> None:
        super().__init__()
        self.s3 = boto3.client("s3", endpoint_url=self.engine)
        self.project_id = self.client.post("projects", {"name": "Moths"})["id"]
        made = self.client.post("deployments", {"project_id": self.project_id, "name": "Edge"})
        self.deployment_id = made["id"]
        for number in range(3):
            (card / f"2026060{number + 1}_213000.jpg").write_bytes(photograph(640, 480, shade=50 * number))
        sent = nightjar(self.url, "upload", str(card), "--deployment", self.deployment_id)
        assert sent.exit_code == 0, sent.output
        wait_until(lambda: self.client.get(f"deployments/{self.deployment_id}")["captures_count"] == 3)

    def __call__(self, *arguments: str, **more: str) -> Result:
        command, *rest = arguments
        return nightjar(self.url, "thumbnails", command, "--project", self.project_id, *rest, **more)

    def blobs(self) -> list[str]:
        found = self.s3.list_objects_v2(Bucket=THUMBNAILS, Prefix=f"thumbnails/{self.deployment_id}/")
        return [each["Key"] for each in found.get("Contents", ())]


def wait_until(condition: Callable[[], object]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    made = Station(tmp_path_factory.mktemp("card"))
    yield made
    assert made.stop() == 0


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(following, "FIRST_PAUSE_SECONDS", 0.02)


def stats(station: Station, *arguments: str) -> dict[str, Any]:
    told = station("stats", "--json", *arguments)
    assert told.exit_code == 0, told.output
    return dict(json.loads(told.stdout))


def test_they_are_counted_lost_mended_and_rendered_again(station: Station) -> None:
    before = stats(station)
    assert (before["captures"], before["blobs"], before["lost"], before["orphans"]) == (3, 6, 0, 0)
    assert set(before["labels"]) == {"small", "medium", "large"}
    assert {name: before["labels"]["large"][name] for name in ("fresh", "stale", "missing", "bytes")} == {
        "fresh": 0,
        "stale": 0,
        "missing": 3,
        "bytes": 0,
    }
    assert before["labels"]["small"]["bytes"] > 0
    table = station("stats", "--deployment", station.deployment_id)
    assert table.exit_code == 0, table.output
    for said in (
        "Label",
        "Fresh",
        "medium",
        "3 captures and 6 blobs looked at: 0 lost thumbnails",
        "regenerate --label …`",
    ):
        assert said in table.output

    lost = next(key for key in station.blobs() if "/small-" in key)
    station.s3.delete_object(Bucket=THUMBNAILS, Key=lost)
    folder = lost.split("/")[2]
    orphan = f"thumbnails/{station.deployment_id}/{folder}/-/small-old.jpg"
    station.s3.put_object(Bucket=THUMBNAILS, Key=orphan, Body=b"x" * 1500)
    for arguments, end in (
        (["--dry-run"], "; without --dry-run they are mended."),
        ([], "; the first are forgotten, the others deleted."),
    ):
        swept = station("sweep", *arguments)
        assert swept.exit_code == 0, swept.output
        assert (
            f"3 captures and 6 blobs looked at: 1 lost thumbnail, 1 blob nobody points to (1.5 kB){end}"
            in swept.output
        )
    assert orphan not in station.blobs()
    assert "looked at: 0 lost thumbnails, 0 blobs nobody points to.\n" in station("sweep").output

    rendered = station("regenerate", "--deployment", station.deployment_id)
    assert (rendered.exit_code, rendered.output) == (0, "1 rendered, 2 fresh already, 0 failed.\n")
    large = station("regenerate", "--label", "large", "--from", "2026-06-02", "--to", "2026-06-03")
    assert large.output == "2 rendered, 0 fresh already, 0 failed.\n"
    assert stats(station)["labels"]["large"]["fresh"] == 2
    assert "3 rendered, 0 fresh" in station("regenerate", "--force").output


def test_without_waiting_it_says_where_to_look(station: Station) -> None:
    told = station("regenerate", "--no-wait")
    assert told.exit_code == 0, told.output
    job_id = told.output.split()[1].rstrip(".")
    assert f"GET {station.url}/api/v2/jobs/{job_id}" in told.output
    wait_until(lambda: station.client.get(f"jobs/{job_id}")["status"] == "SUCCESS")


def test_one_clear_sentence_when_it_cannot_begin(station: Station) -> None:
    for result, said in (
        (station("regenerate", "--label", "huge"), "The labels are: small, medium, large."),
        (station("regenerate", "--from", "yesterday"), "from"),
        (station("stats", "--deployment", "daaaaaaaaaa"), "There is no deployment with the id 'daaaaaaaaaa'"),
        (nightjar(station.url, "thumbnails", "sweep", "--project", "p/../x"), "There is no project"),
        (station("sweep", token="wrong"), "does not accept this token"),
        (station("stats", token=""), "No token: give --token"),
        (nightjar("http://127.0.0.1:1", "thumbnails", "stats", "--project", "p"), "is not reachable"),
    ):
        assert result.exit_code == 2, result.output
        assert said in result.output


Answer = tuple[int, dict[str, Any]]


@pytest.fixture
def scripted() -> Iterator[tuple[str, list[Answer]]]:
    """A server that starts the job j1, and tells of it what it is told to, the last of it for ever."""
    answers: list[Answer] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(202, {"job_id": "j1", "project_id": "p1"})

        def do_GET(self) -> None:
            self._answer(*(answers.pop(0) if len(answers) > 1 else answers[0]))

        def _answer(self, status: int, content: dict[str, Any]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers
    server.shutdown()
    server.server_close()


def a_job(status: str, progress: float = 0.0, left: int | None = None, **counts: int) -> Answer:
    params = [{"name": key, "key": key, "value": value} for key, value in counts.items()]
    return 200, {
        "id": "j1",
        "name": "Regenerate [bold] \x1b[2Jthumbnails",
        "status": status,
        "progress": {
            "summary": {"status": status, "progress": progress},
            "stages": [{"key": "render", "params": params}],
        },
        "remaining_seconds": left,
        "reason": "no sign of life for 6 min" if status == "FAILURE" else None,
    }


def test_large_numbers_are_readable_and_failures_end_it_with_one(scripted: Any) -> None:
    url, answers = scripted
    told = {"rendered": 1204, "fresh": 3796, "failed": 2, "unreadable": 3}
    answers += [a_job("PENDING"), (503, {}), a_job("STARTED", 0.5), a_job("SUCCESS", 1.0, **told)]
    result = nightjar(url, "thumbnails", "regenerate", "--project", "p1")
    assert result.exit_code == 1
    assert "1,204 rendered, 3,796 fresh already, 3 unreadable, 2 failed.\n" in result.output
    assert f"Which and why: GET {url}/api/v2/jobs/j1." in result.output


@pytest.mark.parametrize("command", ["regenerate", "stats", "sweep"])
def test_a_job_that_did_not_come_to_its_end_says_why_and_what_to_do(scripted: Any, command: str) -> None:
    url, answers = scripted
    for status, why in (("FAILURE", "no sign of life for 6 min"), ("REVOKED", "it was cancelled")):
        answers[:] = [a_job("STARTED"), a_job(status)]
        result = nightjar(url, "thumbnails", command, "--project", "p1")
        assert result.exit_code == 1
        assert f"{why}. What it had done by then is kept. POST {url}/api/v2/jobs/j1/retry" in result.output


def test_a_server_that_is_lost_half_way_is_told_of(scripted: Any) -> None:
    url, answers = scripted
    answers += [a_job("STARTED"), (500, {"detail": "Something went wrong here."})]
    result = nightjar(url, "thumbnails", "sweep", "--project", "p1")
    assert result.exit_code == 1
    assert f"no longer followed. The job goes on. How far it is: GET {url}/api/v2/jobs/j1" in result.output


def test_a_label_that_is_no_longer_configured_is_told_apart(scripted: Any) -> None:
    url, answers = scripted
    now = {"fresh_my_small": 1, "stale_my_small": 20_000, "missing_my_small": 0, "bytes_my_small": 7}
    answers += [a_job("SUCCESS", 1.0, captures=20_001, stale_old=5, bytes_old=8_000_000, **now)]
    lines = nightjar(url, "thumbnails", "stats", "--project", "p1").output.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    assert ["my_small", "1", "20,000", "0", "7 bytes"] in cells
    assert ["old, no longer configured", "0", "5", "0", "8.0 MB"] in cells
    assert any(line.startswith("20,001 captures and 0 blobs") for line in lines)


def test_in_a_log_a_line_comes_now_and_then(scripted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    url, answers = scripted
    monkeypatch.setattr(following, "PLAIN_LINE_SECONDS", 0.0)
    answers += [a_job("PENDING"), a_job("STARTED", 0.25, 75), a_job("CANCELING", 0.5), a_job("SUCCESS", 1.0)]
    result = nightjar(url, "thumbnails", "sweep", "--project", "p1")
    assert result.output.splitlines()[:3] == [
        "0%, waiting for a worker",
        "25%, about 0:01:15 left",
        "50%, being cancelled",
    ]
    answers[:] = [a_job("STARTED", 0.25, 75), a_job("SUCCESS", 1.0)]
    as_json = nightjar(url, "thumbnails", "stats", "--project", "p1", "--json")
    assert json.loads(as_json.stdout)["labels"] == {}
    assert "25%" in as_json.stderr


def test_in_a_terminal_a_bar_moves_and_no_name_moves_the_cursor(scripted: Any) -> None:
    url, answers = scripted
    answers += [a_job("PENDING"), a_job("STARTED", 0.25, 75), a_job("SUCCESS", 1.0)]
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    paused: list[float] = []
    job = following.follow(
        Client(url, TOKEN), "j1", console, lambda each: paused.append(each) or time.sleep(0.15)
    )
    assert following.status_of(job) == "SUCCESS"
    assert paused == sorted(paused)
    assert len(paused) == 2
    seen = screen.getvalue()
    assert "25%" in seen
    assert "0:01:15 left" in seen
    assert "[bold]" in seen
    assert "\x1b[2Jthumbnails" not in seen


def test_ctrl_c_stops_following_and_says_that_the_job_goes_on(scripted: Any) -> None:
    url, answers = scripted
    answers += [a_job("PENDING"), a_job("STARTED", 0.1)]
    program = "import sys; from cli.main import main; main()"
    arguments = ["thumbnails", "regenerate", "--project", "p1", "--server", url, "--token", TOKEN]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: len(answers) == 1)  # it was told the first, and follows
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert f"No longer followed; the job goes on. How far it is: GET {url}/api/v2/jobs/j1" in told
