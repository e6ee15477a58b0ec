"""`nightjar jobs` against the real embedded stack, and against a server that answers as it is told."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner, Result
from running import ROOT, TOKEN, Running

from chalicelib.jobs.rules import FINAL, STATUSES
from cli import client as client_module
from cli import following
from cli import jobs as jobs_module
from cli.main import main


def nightjar(url: str, *arguments: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(main, ["jobs", *arguments, "--server", url, "--token", token])


class Station(Running):
    """A stack in a process of its own, with a project and a station in it."""

    def __init__(self) -> None:
        super().__init__()
        self.project_id = self.client.post("projects", {"name": "Moths"})["id"]
        edge = self.client.post("deployments", {"project_id": self.project_id, "name": "Edge"})
        self.deployment_id = edge["id"]

    def __call__(self, *arguments: str, **more: str) -> Result:
        return nightjar(self.url, *arguments, **more)

    def make(self, name: str, **more: Any) -> str:
        body = {"job_type_key": "read_again", "project_id": self.project_id, "name": name, **more}
        return str(self.client.post("jobs", body)["id"])

    def status(self, job_id: str) -> str:
        return str(self.client.get(f"jobs/{job_id}")["status"])


@pytest.fixture(scope="module")
def stack() -> Iterator[Station]:
    made = Station()
    yield made
    assert made.stop() == 0


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(following, "FIRST_PAUSE_SECONDS", 0.02)


def test_a_job_is_listed_cancelled_gone_on_with_and_followed(stack: Station) -> None:
    first = stack.make("The first", deployment_id=stack.deployment_id)
    second = stack.make("The [bold]second")
    listed = stack("list", "--project", stack.project_id)
    assert listed.exit_code == 0, listed.output
    lines = [line for line in listed.output.splitlines() if "│" in line]
    assert [line.split("│")[1].strip() for line in lines] == [second, first]
    assert "The [bold]second" in lines[0]
    assert "Edge" in lines[1]
    assert "not started" in lines[1]

    waiting = stack("watch", first)
    assert waiting.exit_code == 2
    assert f"POST {stack.url}/api/v2/jobs/{first}/run starts it." in waiting.output

    cancelled = stack("cancel", first)
    assert (cancelled.exit_code, cancelled.output) == (0, "Cancelled at 0%.\n")
    stopped = stack("watch", first)
    assert stopped.exit_code == 1
    assert "The first: cancelled at 0%: asked 0.\n" in stopped.output
    assert f"`nightjar jobs retry {first}` goes on with it." in stopped.output

    again = stack("retry", first)
    assert again.exit_code == 0, again.output
    assert again.output.startswith("The first: done after 0:00:0")
    assert again.output.endswith(": asked 0.\n")
    assert stack("watch", first).output == again.output

    for status, found in (("success", [first]), ("CREATED", [second]), ("FAILURE", [])):
        told = stack("list", "--project", stack.project_id, "--status", status, "--json")
        assert [each["id"] for each in json.loads(told.output)] == found
    narrow = ("--deployment", stack.deployment_id, "--type", "read_again")
    [only] = json.loads(stack("list", "--project", stack.project_id, *narrow, "--json").output)
    whole = stack.client.get(f"jobs/{first}")
    assert whole.pop("logs")["stdout"]
    assert only == whole
    assert stack("list", "--project", stack.project_id, "--type", "sweep").output == "No such jobs.\n"
    one = stack("list", "--project", stack.project_id, "--limit", "1").output
    assert first not in one
    assert "There are older ones: --limit 2 shows more." in one


def test_from_its_beginning_and_without_waiting(stack: Station) -> None:
    job_id = stack.make("Anew")
    assert stack("cancel", job_id).exit_code == 0
    told = stack("retry", job_id, "--anew", "--no-wait")
    assert (told.exit_code, told.output) == (
        0,
        f"It goes on from 0%: `nightjar jobs watch {job_id}` follows it.\n",
    )
    assert stack("watch", job_id).exit_code == 0
    assert stack.status(job_id) == "SUCCESS"


def test_one_clear_sentence_when_it_cannot_begin(stack: Station) -> None:
    done = stack.make("Done", start_now=True)
    assert stack("watch", done).exit_code == 0
    for result, said in (
        (stack("cancel", done), "The job is SUCCESS: it cannot cancel now."),
        (stack("retry", done), "The job is SUCCESS: it cannot retry now."),
        (stack("watch", "jaaaaaaaaaa"), "There is no job 'jaaaaaaaaaa' that this token may see"),
        (stack("cancel", "../projects"), "There is no job '../projects'"),
        (stack("retry", "x"), "`nightjar jobs list --project ID` lists those there are."),
        (stack("list", "--project", "paaaaaaaaaa"), "There is no project with the id 'paaaaaaaaaa'."),
        (stack("list", "--project", stack.project_id, "--deployment", "x"), "deployment"),
        (stack("list", "--project", stack.project_id, token="wrong"), "does not accept this token"),
        (stack("cancel", done, token=""), "No token: give --token"),
        (nightjar("http://127.0.0.1:1", "watch", done), "is not reachable"),
    ):
        assert result.exit_code == 2, result.output
        assert said in result.output
    assert stack("list").exit_code == 2
    assert stack("list", "--project", stack.project_id, "--status", "huge").exit_code == 2


def test_the_statuses_are_the_servers() -> None:
    assert jobs_module._STATUSES == STATUSES
    assert set(jobs_module._WORDS) == set(STATUSES)
    assert following.FINAL == FINAL


Answer = tuple[int, dict[str, Any]]


@pytest.fixture
def scripted() -> Iterator[tuple[str, list[Answer], list[tuple[str, Any]]]]:
    """A server that tells what it is told to, the last of it for ever: its URL, answers, what was asked."""
    answers: list[Answer] = []
    asked: list[tuple[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            asked.append((self.path, None))
            self._answer()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked.append((self.path, json.loads(body)))
            self._answer()

        def _answer(self) -> None:
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", answers, asked
    server.shutdown()
    server.server_close()


def a_job(status: str, progress: float = 0.0, **more: Any) -> dict[str, Any]:
    params = [{"name": "Done", "key": "done_so_far", "value": int(progress * 20_000)}]
    return {
        "id": "j1",
        "name": "Sweep",
        "status": status,
        "created_at": "2026-06-09T21:30:00Z",
        "deployment": None,
        "progress": {
            "summary": {"status": status, "progress": progress},
            "stages": [
                {"name": "Count", "key": "count", "status": "SUCCESS", "params": []},
                {"name": "Mend", "key": "mend", "status": "STARTED", "params": params},
            ],
        },
        "remaining_seconds": None,
        "reason": None,
        **more,
    }


def test_a_job_that_fails_says_why_how_far_it_came_and_what_to_do(scripted: Any) -> None:
    url, answers, _ = scripted
    why = "no sign of life for 36 min at step 2 of stage 'Mend'"
    answers += [(200, each) for each in (a_job("STARTED", 0.5), a_job("FAILURE", 0.5, reason=why))]
    told = nightjar(url, "watch", "j1")
    assert told.exit_code == 1
    assert told.output == (
        f"Sweep: failed at 50% ({why}): done so far 10,000.\n`nightjar jobs retry j1` goes on with it.\n"
    )


def test_who_cancels_during_a_step_is_told_that_it_takes_a_moment(scripted: Any) -> None:
    url, answers, asked = scripted
    answers.append((200, a_job("CANCELING", 0.5)))
    told = nightjar(url, "cancel", "j1")
    assert (told.exit_code, told.output) == (0, "It stops at the end of the step that is under way.\n")
    assert asked == [("/api/v2/jobs/j1/cancel", {})]


def test_a_change_is_asked_for_once_however_the_server_stumbles(scripted: Any) -> None:
    url, answers, asked = scripted
    answers.append((503, {"detail": "Try again."}))
    for what in ("cancel", "retry"):
        assert nightjar(url, what, "j1").exit_code == 2
    assert [path for path, _ in asked] == ["/api/v2/jobs/j1/cancel", "/api/v2/jobs/j1/retry"]


@pytest.mark.parametrize(("options", "resume"), [([], True), (["--anew"], False)])
def test_a_retry_goes_on_unless_it_is_to_begin_anew(scripted: Any, options: list[str], resume: bool) -> None:
    url, answers, asked = scripted
    answers.append((200, a_job("RETRY", 0.5)))
    told = nightjar(url, "retry", "j1", "--no-wait", *options)
    assert (told.exit_code, asked) == (0, [("/api/v2/jobs/j1/retry", {"resume": resume})])


def test_a_list_tells_how_long_it_takes_and_why_it_failed(scripted: Any) -> None:
    url, answers, asked = scripted
    results = [
        a_job("STARTED", 0.25, remaining_seconds=75),
        a_job("FAILURE", 0.5, reason="It \x1b[2J broke.", deployment={"id": "d1", "name": None}),
        a_job("SOMETHING NEW"),
    ]
    answers.append((200, {"results": results, "next": None, "count": 3}))
    told = nightjar(url, "list", "--project", "p1", "--limit", "500")
    lines = told.output.splitlines()
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    when = "2026-06-09 21:30"
    assert cells == [
        ["j1", "Sweep", "", "running", "25%", when, "about 0:01:15 left"],
        ["j1", "Sweep", "d1", "failed", "50%", when, "It \\x1b[2J broke."],
        ["j1", "Sweep", "", "SOMETHING NEW", "0%", when, ""],
    ]
    assert "\x1b" not in told.output
    assert asked == [("/api/v2/jobs?project_id=p1&limit=100", None)]


def test_watch_is_a_bar_that_moves_and_names_the_stage(scripted: Any) -> None:
    url, answers, _ = scripted
    answers += [
        (200, a_job("PENDING")),
        (200, a_job("PENDING")),
        *[(200, a_job("STARTED", 0.25, remaining_seconds=75))] * 2,
        (200, a_job("CANCELING", 0.5)),
        (200, a_job("SUCCESS", 1.0)),
    ]
    program = "import sys; from cli.main import main; main()"
    arguments = ["jobs", "watch", "j1", "--server", url, "--token", TOKEN]
    master, slave = os.openpty()
    kept = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], cwd=ROOT, env=kept, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = _read_all(master)
    assert process.wait(timeout=30) == 0
    for said in ("Sweep: Mend", "waiting for a worker", "25%", "about 0:01:15 left", "being cancelled"):
        assert said in seen
    assert "Sweep: done: done so far 20,000." in seen


def _read_all(terminal: int) -> str:
    seen, until = b"", time.monotonic() + 60
    while time.monotonic() < until:
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the other end was closed
            break
        if not more:
            break
        seen += more
    os.close(terminal)
    return seen.decode()
