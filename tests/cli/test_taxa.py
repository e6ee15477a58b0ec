"""`nightjar taxa` against the real embedded stack, and against a server that answers as it is told."""

import csv
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from running import TOKEN, Running

from cli import checklist
from cli import client as client_module
from cli.main import main

HEADER = "name,rank,parent,gbif_key,common_name\n"


def nightjar(url: str, *arguments: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(main, ["taxa", *arguments, "--server", url, "--token", token])


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)


@pytest.fixture(scope="module")
def stack() -> Iterator[Running]:
    made = Running()
    yield made
    assert made.stop() == 0


def written(folder: Path, text: str, encoding: str = "utf-8") -> str:
    file = folder / "moths.csv"
    file.write_bytes(text.encode(encoding))
    return str(file)


class TestAgainstTheStack:
    def test_a_file_of_several_pieces_whose_parents_come_last(self, stack: Running, tmp_path: Path) -> None:
        lines = [f"Genus{at} s{at},SPECIES,genus{at // 10},,\r\n" for at in range(2500)]
        lines += [f"Genus{at},GENUS,Fam,,\r\n" for at in range(250)]
        file = written(
            tmp_path, HEADER.strip() + "\r\n" + "".join(lines) + "\r\nFam,FAMILY,,,\r\n", "utf-8-sig"
        )
        first = nightjar(stack.url, "import", file)
        assert (first.exit_code, first.output) == (
            0,
            "2,751 created, 0 updated, 0 unchanged, 0 failed.\n",
        )
        again = nightjar(stack.url, "import", file)
        assert (again.exit_code, again.output) == (
            0,
            "0 created, 0 updated, 2,751 unchanged, 0 failed.\n",
        )
        listed = nightjar(stack.url, "list", "--q", "GENUS17")
        assert listed.exit_code == 0
        assert listed.output.endswith("122 taxa.\n")
        assert "Genus17 " in listed.output
        assert nightjar(stack.url, "list", "--q", "fam").output.endswith("1 taxon.\n")
        assert nightjar(stack.url, "list", "--q", "nobody").output == "0 taxa.\n"

    def test_bad_lines_are_told_by_their_numbers_in_the_file(self, stack: Running, tmp_path: Path) -> None:
        text = (
            f'{HEADER}Child,,Parent,,\n\n"Two\nlines",,,,\n=E,,,,\nA,,B,,\nB,,A,,\n"x"y,,,,\nParent,,,huge,\n'
        )
        report = tmp_path / "report.csv"
        told = nightjar(stack.url, "import", written(tmp_path, text), "--report", str(report))
        assert told.exit_code == 1
        assert "1 created, 0 updated, 0 unchanged, 6 failed.\n" in told.output
        assert "Not taken" in told.output
        with report.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(each["line"], each["name"], each["field"]) for each in rows] == [
            ("2", "Child", "parent"),
            ("6", "'=E", "name"),
            ("7", "A", "parent"),
            ("8", "B", "parent"),
            ("9", "", "line"),
            ("10", "Parent", "gbif_key"),
        ]

    @pytest.mark.parametrize(
        ("text", "encoding", "why"),
        [
            ("rank\nGENUS\n", "utf-8", "has no column 'name'"),
            ("name\nNachtfalter\u00fc\n", "latin-1", "not in UTF-8"),
            ("name\n", "utf-8", "has no lines"),
            ("", "utf-8", "has no column 'name'"),
        ],
    )
    def test_what_is_no_table_is_not_sent(
        self, stack: Running, tmp_path: Path, text: str, encoding: str, why: str
    ) -> None:
        told = nightjar(stack.url, "import", written(tmp_path, text, encoding))
        assert (told.exit_code, why in told.output) == (2, True), told.output

    def test_what_cannot_begin(self, stack: Running, tmp_path: Path) -> None:
        file = written(tmp_path, "name\nA\n")
        assert nightjar(stack.url, "import", str(tmp_path / "nothing")).exit_code == 2
        assert nightjar(stack.url, "import", file, token="wrong").exit_code == 2
        assert nightjar("http://127.0.0.1:1", "import", file).exit_code == 2
        assert nightjar("http://127.0.0.1:1", "list").exit_code == 2
        assert nightjar(stack.url, "import", file, "--report", str(tmp_path / "no" / "r.csv")).exit_code == 2
        assert nightjar(stack.url, "list", "--q", "x" * 81).exit_code == 2


class Server:
    """Answers one import after the other as it is told."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.sent: list[str] = []
        own, left = self, list(answers)

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: Any) -> None: ...

            def do_POST(self) -> None:
                own.sent.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["csv"])
                status, content = left.pop(0)
                self.send_response(status)
                self.end_headers()
                self.wfile.write(json.dumps(content).encode())

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def done(created: int, *failed: int) -> tuple[int, Any]:
    told = [{"line": line, "name": "\x1b[2Jx", "field": "name", "reason": "why"} for line in failed]
    return 200, {
        "counts": {"created": created, "updated": 0, "unchanged": 0, "failed": len(failed)},
        "failed": told,
    }


def test_a_server_that_stops_half_way(tmp_path: Path) -> None:
    file = written(tmp_path, "name\n" + "".join(f"T{at}\n" for at in range(1500)))
    report = tmp_path / "report.csv"
    with Server(done(999, 3), (409, {"detail": "Others are at it."})) as server:
        told = nightjar(server.url, "import", file, "--report", str(report))
    assert told.exit_code == 1
    assert "999 created, 0 updated, 0 unchanged, 1 failed." in told.output
    assert "Stopped half-way: Others are at it. The same command goes on" in told.output
    assert "\x1b[2J" not in told.output
    assert "3,\x1b[2Jx,name,why" in report.read_text(encoding="utf-8")
    assert [len(each.splitlines()) for each in server.sent] == [1001, 501]


def test_a_server_that_is_busy_is_asked_again(tmp_path: Path) -> None:
    with Server((503, {"detail": "Busy."}), done(1)) as server:
        assert nightjar(server.url, "import", written(tmp_path, "name\nA\n")).exit_code == 0


@pytest.mark.parametrize("answer", [{}, {"counts": {}}, {"counts": 7, "failed": []}, done(0, 99)[1]])
def test_a_server_that_answers_otherwise(tmp_path: Path, answer: Any) -> None:
    with Server((200, answer)) as server:
        told = nightjar(server.url, "import", written(tmp_path, "name\nA\n"))
    assert (told.exit_code, "the server's answer to an import lacks" in told.output) == (2, True)


def test_pieces_are_small_enough_for_a_server() -> None:
    name, note = "夜" * 150, "蛾" * 3000
    text = f"name;note;p\n{name};{'x' * 500_000};\n" + "".join(f"{name}{at};{note};\n" for at in range(300))
    told = checklist.read(text.encode())
    assert [each["line"] for each in told.bad] == [2]
    pieces = list(checklist.chunks(told))
    assert len(pieces) > 1
    assert [number for numbers, _ in pieces for number in numbers] == list(range(3, 303))
    assert all(len(json.dumps({"csv": piece})) < 1_000_000 for _, piece in pieces)


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), min_size=1))
def test_parents_come_first_and_nothing_is_lost(lines: list[tuple[int, int | None]]) -> None:
    text = "Parent,Name\n" + "".join(f"{'' if up is None else up},{at}\n" for at, up in lines)
    sent = checklist.read(text.encode()).lines
    assert sorted(each.number for each in sent) == list(range(2, len(lines) + 2))
    parents = dict(reversed([(at, up) for at, up in lines]))
    order = list(dict.fromkeys(int(each.cells[1]) for each in sent))
    for at, up in parents.items():
        above = {at}
        while up in parents and up not in above:
            above.add(up)
            up = parents[up]  # noqa: PLW2901
        if up not in above and parents[at] in parents:
            assert order.index(parents[at]) < order.index(at)  # type: ignore[arg-type]
