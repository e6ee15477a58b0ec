"""`nightjar counts` against a server that answers as it is told."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cli import client as client_module
from cli import following
from cli.main import main

DRIFTS = [
    "deployment d1: captures_count is 999, true is 20",
    "session d1-s1: end is 2026-06-10T21:40:00, true is 2026-06-10T22:10:00",
    "deployment d1: session is 2026-06-09T12:00:00 to 2026-06-09T15:00:00 (2), true is none",
    "set c1: segment d1-ab source_images_processed_count is 0, true is 2",
    "capture d1-abcd: findings in time taxon Noctua pronuba is none, true is 0.8, 0.9",
    "occurrence d1-abcd-k: determination is Apis mellifera, true is Noctua pronuba",
]


class Server:
    """Starts the job j1, and tells of it what `job` is; `asked` is what was sent to it."""

    def __init__(self) -> None:
        self.status, self.answer = 202, dict[str, Any]({"job_id": "j1"})
        self.job: dict[str, Any] = {}
        self.asked: list[tuple[str, Any]] = []
        own = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                own.asked.append((self.path, sent))
                self._answer(own.status, own.answer)

            def do_GET(self) -> None:
                self._answer(200, own.job)

            def _answer(self, status: int, content: dict[str, Any]) -> None:
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def tell(self, status: str = "SUCCESS", drifts: tuple[str, ...] = (), **counts: int) -> None:
        params = [{"name": key, "key": key, "value": value} for key, value in counts.items()]
        told = [f"[2026-06-09 21:30:00] WARNING {each}" for each in drifts]
        self.job = {
            "id": "j1",
            "status": status,
            "progress": {"summary": {"progress": 1.0}, "stages": [{"key": "audit", "params": params}]},
            "reason": "no sign of life for 6 min" if status == "FAILURE" else None,
            "logs": {"stdout": ["[2026-06-09 21:30:01] INFO Finished.", *told[::-1]], "stderr": []},
        }

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(following, "FIRST_PAUSE_SECONDS", 0.02)
    made = Server()
    yield made
    made.stop()


def audit(server: Server, *arguments: str, project: str = "p1") -> Result:
    options = ["--project", project, *arguments, "--server", server.url, "--token", "t"]
    return CliRunner().invoke(main, ["counts", "audit", *options])


def cells(result: Result) -> list[list[str]]:
    rows = [line.split("│")[1:-1] for line in result.output.splitlines() if "│" in line]
    return [[cell.strip() for cell in row] for row in rows]


def test_all_is_true(server: Server) -> None:
    server.tell(checked=1200, drifted=0, repaired=0, busy=0)
    result = audit(server)
    assert (result.exit_code, result.output) == (0, "1,200 counters checked: none drifted.\n")
    assert server.asked == [("/api/v2/projects/p1/counts/audit", {})]
    server.tell(checked=1, drifted=0, repaired=0, busy=2)
    result = audit(server, "--deployment", "d1")
    assert result.exit_code == 0
    assert "1 counter checked: none drifted.\nNot compared: 2. They are being settled" in result.output


def test_what_has_drifted_is_told_each_once(server: Server) -> None:
    server.tell(drifts=(*DRIFTS, DRIFTS[0]), checked=12, drifted=8, repaired=0, busy=0)
    result = audit(server, "--set", "c1")
    assert result.exit_code == 1
    assert server.asked[-1][1] == {"collection": "c1"}
    assert cells(result) == [
        ["deployment d1", "captures_count", "999", "20"],
        ["session d1-s1", "end", "2026-06-10T21:40:00", "2026-06-10T22:10:00"],
        ["deployment d1", "session", "2026-06-09T12:00:00 to 2026-06-09T15:00:00 (2)", "none"],
        ["set c1", "segment d1-ab source_images_processed_count", "0", "2"],
        ["capture d1-abcd", "findings in time taxon Noctua pronuba", "none", "0.8, 0.9"],
        ["occurrence d1-abcd-k", "determination", "Apis mellifera", "Noctua pronuba"],
    ]
    assert "… and 2 more.\n12 counters checked: 8 drifted.\n" in result.output
    assert "The same command with --repair mends them." in result.output


def test_what_was_repaired_is_well(server: Server) -> None:
    server.tell(drifts=tuple(DRIFTS), checked=12, drifted=4, repaired=4, busy=0)
    result = audit(server, "--repair")
    assert result.exit_code == 0
    assert server.asked[-1][1] == {"repair": True}
    assert result.output.endswith("12 counters checked: 4 drifted, 4 repaired.\n")
    server.tell(drifts=tuple(DRIFTS), checked=12, drifted=4, repaired=3, busy=0)
    assert audit(server, "--repair").exit_code == 1


def test_what_cannot_begin_or_does_not_end(server: Server) -> None:
    result = audit(server, "--set", "c1", "--deployment", "d1")
    assert (result.exit_code, "either --deployment or --set" in result.output) == (2, True)
    server.tell("FAILURE")
    result = audit(server)
    assert (result.exit_code, "no sign of life for 6 min" in result.output) == (1, True)
    server.status, server.answer = 404, {"detail": "There is no project with the id 'p1'."}
    result = audit(server)
    assert (result.exit_code, "There is no project" in result.output) == (2, True)
    server.status, server.answer = 202, {}
    assert audit(server).exit_code == 2
