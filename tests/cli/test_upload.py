"""`nightjar upload` against a small server of its own that speaks the API and S3's form over real HTTP."""

import csv
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from click.testing import CliRunner, Result

from cli import client as client_module
from cli import upload as upload_module
from cli.main import main

AWKWARD = Path(__file__).parents[3] / "shared/data/awkward_names.json"
JPEG = b"\xff\xd8\xff\xe0" + bytes(2000)
TOKEN = "a-good-token"


@dataclass
class FakeServer:
    """What the server holds, and the answers it is told to give instead of its own."""

    url: str = ""
    projects: dict[str, dict[str, Any]] = field(default_factory=dict)
    deployments: dict[str, dict[str, Any]] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    announced: list[dict[str, Any]] = field(default_factory=list)
    posted: list[dict[str, str]] = field(default_factory=list)
    # (method and path begin so, status, headers, body), each used once, in order
    instead: list[tuple[str, int, dict[str, str], bytes]] = field(default_factory=list)
    seconds_per_post: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def key(self, deployment_id: str, filename: str) -> str:
        return f"{deployment_id}/{filename}"

    def create(self, kind: dict[str, dict[str, Any]], body: dict[str, Any]) -> dict[str, Any]:
        row = {"id": f"id{len(self.projects) + len(self.deployments)}", **body}
        kind[row["id"]] = row
        return row

    def answer(self, method: str, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        room, _, rest = path.removeprefix("/api/v2/").partition("/")
        kind = {"projects": self.projects, "deployments": self.deployments}.get(room)
        if kind is not None and not rest:
            if method == "POST":
                return 201, self.create(kind, body)
            return 200, {"count": len(kind), "next": None, "previous": None, "results": list(kind.values())}
        if kind is not None and rest in kind:
            mine = [key for key in self.objects if key.startswith(f"{rest}/")]
            return 200, {**kind[rest], "captures_count": len(mine)}
        if path == "/api/v2/captures/uploads" and body.get("deployment_id") in self.deployments:
            return self.announce(body)
        return 404, {"detail": "Not found."}

    def announce(self, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.announced.append(body)
        key = self.key(body["deployment_id"], body["filename"])
        have = self.objects.get(key)
        if have is not None and sha256(have).hexdigest() == body["sha256"]:
            return 200, {"capture_id": key, "status": "present"}
        holders = (name for name, data in self.objects.items() if sha256(data).hexdigest() == body["sha256"])
        return 201, {
            "capture_id": key,
            "url": f"{self.url}/bucket",
            "fields": {"key": key, "policy": "p"},
            "duplicate_of": next(holders, None),
        }

    def store(self, content_type: str, body: bytes) -> None:
        boundary = content_type.partition("boundary=")[2].encode()
        fields: dict[str, str] = {}
        head, *parts, tail = body.split(b"--" + boundary)
        assert (head, tail.strip()) == (b"", b"--")
        for part in parts:
            assert "file" not in fields, "the file must come last"
            headers, _, value = part.partition(b"\r\n\r\n")
            name = re.search(rb'; name="([^"]*)"', headers)
            assert name
            value = value.removesuffix(b"\r\n")
            fields[name[1].decode()] = "" if name[1] == b"file" else value.decode()
        self.objects[fields["key"]] = value
        self.posted.append(fields)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    fake: FakeServer

    def log_message(self, *_: Any) -> None: ...

    def handle(self) -> None:
        try:
            super().handle()
        except ConnectionError:
            self.close_connection = True

    def _respond(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        with self.fake.lock:
            status, headers, answer = self._answer(path, body)
        if path == "/bucket":
            time.sleep(self.fake.seconds_per_post)
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(answer))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _respond  # noqa: N815 - the names http.server calls

    def _answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        for i, (start, status, headers, answer) in enumerate(self.fake.instead):
            if f"{self.command} {path}".startswith(start):
                del self.fake.instead[i]
                return status, headers, answer
        if path == "/bucket":
            assert "Authorization" not in self.headers
            self.fake.store(self.headers["Content-Type"], body)
            return 204, {}, b""
        if self.headers.get("Authorization") != f"Token {TOKEN}":
            return 401, {}, b'{"detail": "Invalid token."}'
        status, value = self.fake.answer(self.command, path, json.loads(body or b"{}"))
        return status, {}, json.dumps(value).encode()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    fake = FakeServer(deployments={"d1": {"id": "d1", "name": "Edge"}})
    http = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"fake": fake}))
    fake.url = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield fake
    http.shutdown()
    http.server_close()


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "card"
    path.mkdir()
    return path


def photo(folder: Path, name: str, more: bytes = b"") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(JPEG + name.encode(errors="surrogateescape") + more)
    return path


def upload(server: FakeServer | str, folder: Path, *options: str, token: str = TOKEN) -> Result:
    url = server if isinstance(server, str) else server.url
    arguments = ["upload", str(folder), "--deployment", "d1", "--server", url, "--token", token, *options]
    return CliRunner().invoke(main, arguments)


def table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def test_sends_every_photograph_whole(server: FakeServer, folder: Path) -> None:
    for i in range(30):
        photo(folder, f"card1/100MEDIA/IMG_{i:04}.JPG", bytes(100_000))
    result = upload(server, folder, "--recursive")
    assert result.exit_code == 0, result.output
    assert "30 new, 0 already here, 0 failed." in result.output
    assert server.objects == {
        f"d1/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in folder.rglob("*.JPG")
    }
    assert server.posted[0]["policy"] == "p"
    assert {body["size"] for body in server.announced} == {102_000 + 4 + len("card1/100MEDIA/IMG_0000.JPG")}


def test_the_second_run_sends_only_what_is_missing(server: FakeServer, folder: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        photo(folder, name)
    upload(server, folder)
    photo(folder, "b.jpg", b"other")
    photo(folder, "c.jpg")
    server.posted.clear()
    result = upload(server, folder)
    assert "2 new, 1 already here, 0 failed." in result.output
    assert sorted(fields["key"] for fields in server.posted) == ["d1/b.jpg", "d1/c.jpg"]


def test_leaves_out_what_is_no_photograph_and_says_why(
    server: FakeServer, folder: Path, tmp_path: Path
) -> None:
    photo(folder, "a.jpg")
    for name in ("._a.jpg", ".DS_Store", "Thumbs.db", ".trash/x.jpg", "notes.txt"):
        photo(folder, name)
    (folder / "empty.jpg").touch()
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "self.jpg").symlink_to(folder / "self.jpg")
    os.mkfifo(folder / "pipe.jpg")
    report = tmp_path / "report.csv"
    result = upload(server, folder, "--recursive", "--report", str(report))
    assert result.exit_code == 0, result.output
    assert list(server.objects) == ["d1/a.jpg"]
    rows = table(report)
    assert {name: row["reason"].split()[0] for name, row in rows.items() if row["outcome"] == "left out"} == {
        "._a.jpg": "macOS",
        ".DS_Store": "hidden",
        "Thumbs.db": "hidden",
        ".trash": "hidden",
        "notes.txt": "not",
        "empty.jpg": "empty",
        "loop": "a",
        "self.jpg": "a",
        "pipe.jpg": "not",
    }
    assert all(name in result.output for name in rows)


def test_only_subfolders_suggests_recursive(server: FakeServer, folder: Path) -> None:
    photo(folder, "100MEDIA/a.jpg")
    result = upload(server, folder)
    assert result.exit_code == 2
    assert "only 1 subfolder: add --recursive" in result.output


def test_a_stumbling_server_is_tried_again(server: FakeServer, folder: Path) -> None:
    photo(folder, "a.jpg")
    server.instead = [
        ("POST /api/v2/captures", 503, {}, b""),
        ("POST /api/v2/captures", 429, {"Retry-After": "0"}, b""),
        ("POST /bucket", 503, {}, b"<Error><Code>SlowDown</Code></Error>"),
        ("POST /bucket", 400, {}, b"<Error><Code>RequestTimeout</Code></Error>"),
    ]
    result = upload(server, folder)
    assert result.exit_code == 0, result.output
    assert not server.instead
    assert len(server.objects["d1/a.jpg"]) == len(JPEG) + 5


def test_retry_after_is_heeded() -> None:
    answer = client_module.requests.Response()
    for asked, seconds in (("7", 7), ("9999", 60), ("Mon, 01 Jan 2001 00:00:00 GMT", 0), ("soon", None)):
        answer.headers["Retry-After"] = asked
        assert client_module._retry_after(answer) == seconds


def test_failures_are_named_with_the_servers_reason(server: FakeServer, folder: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        photo(folder, name)
    server.instead = [
        ("POST /api/v2/captures", 400, {}, b'{"detail": "Invalid.", "fields": {"size": "too large"}}'),
        (
            "POST /bucket",
            403,
            {},
            b"<Error><Code>AccessDenied</Code><Message>Policy expired</Message></Error>",
        ),
    ]
    report = tmp_path / "report.csv"
    result = upload(server, folder, "--workers", "1", "--report", str(report))
    assert result.exit_code == 1
    assert "1 new, 0 already here, 2 failed." in result.output
    reasons = [row["reason"] for row in table(report).values()]
    assert reasons == [
        "Invalid.; size: too large",
        "the storage refused it: AccessDenied: Policy expired",
        "",
    ]
    assert all(reason in result.output for reason in reasons)
    assert "2 new, 1 already here, 0 failed." in upload(server, folder).output


@pytest.mark.parametrize(
    "change", [lambda path: path.unlink(), lambda path: path.write_bytes(JPEG + b"longer")]
)
def test_a_file_that_changes_fails_alone(
    server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], object]
) -> None:
    photo(folder, "a.jpg")
    unlucky = photo(folder, "b.jpg")
    look = upload_module.find

    def look_then_change(*arguments: Any, **options: Any) -> upload_module.Found:
        found = look(*arguments, **options)
        change(unlucky)
        return found

    monkeypatch.setattr("cli.main.find", look_then_change)
    result = upload(server, folder)
    assert result.exit_code == 1
    assert "1 new, 0 already here, 1 failed." in result.output
    assert re.search(r"b\.jpg.*cannot be read: (No such file|it changed)", result.output)


def test_one_clear_sentence_when_it_cannot_begin(server: FakeServer, folder: Path, tmp_path: Path) -> None:
    photo(folder, "a.jpg")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{probe.getsockname()[1]}"
    for result, said in (
        (upload(server, folder, token=""), "No token: give --token, or set NIGHTJAR_TOKEN"),
        (upload(server, folder, token="wrong"), "does not accept this token: Invalid token."),
        (upload(server, folder, "--deployment", "d/../9"), "There is no station 'd/../9'"),
        (upload(nobody, folder), "is not reachable (no connection to"),
        (upload("localhost:8000", folder), "must begin with http"),
        (upload(server, folder, "--report", str(tmp_path / "no/r.csv")), "cannot be written: No such file"),
        (upload(server, folder / "none"), "does not exist"),
    ):
        assert result.exit_code == 2, result.output
        assert said in result.output
    assert not server.announced


def test_a_server_that_is_no_nightjar(server: FakeServer, folder: Path) -> None:
    photo(folder, "a.jpg")
    server.instead = [("GET", 200, {}, b"<html>"), ("GET", 301, {"Location": "https://x.example/"}, b"")]
    assert "does not answer like a Nightjar server" in upload(server, folder).output
    assert "moved to https://x.example/" in upload(server, folder).output


def test_gives_up_when_nothing_works_any_more(server: FakeServer, folder: Path) -> None:
    for i in range(30):
        photo(folder, f"{i:02}.jpg")
    server.instead = [("POST", 401, {}, b'{"detail": "Token revoked."}')] * 30
    result = upload(server, folder, "--workers", "2")
    assert result.exit_code == 1
    told = re.search(r"0 new, 0 already here, (\d+) failed, (\d+) not sent yet\.", result.output)
    assert told
    failed, left = int(told[1]), int(told[2])
    # Twice as many as there are workers; and those under way when that was seen, which may be some.
    assert 4 <= failed < 30
    assert failed + left == 30
    assert "Too many failed in a row" in result.output


def test_ctrl_c_stops_cleanly_and_the_same_command_continues(server: FakeServer, folder: Path) -> None:
    for i in range(40):
        photo(folder, f"{i:02}.jpg")
    server.seconds_per_post = 0.1
    command = [
        sys.executable,
        "-c",
        "from cli.main import main; main()",
        "upload",
        str(folder),
        "--deployment",
        "d1",
    ]
    environment = {**os.environ, "NIGHTJAR_URL": server.url, "NIGHTJAR_TOKEN": TOKEN}
    process = subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    while len(server.posted) < 4:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=10)
    assert process.returncode == 130, output
    assert "The same command continues" in output
    assert "Traceback" not in output
    assert len(server.objects) < 40
    sent = int(re.search(r"Stopped: (\d+) new", output)[1])  # type: ignore[index]
    assert sent <= len(server.objects) <= sent + 4  # one a worker may have arrived unacknowledged
    server.seconds_per_post = 0
    assert f"{len(server.objects)} already here, 0 failed." in upload(server, folder).output
    assert len(server.objects) == 40


def test_a_card_copied_twice_is_a_quiet_summary(server: FakeServer, folder: Path, tmp_path: Path) -> None:
    for i in range(3):
        (folder / f"{i}.jpg").write_bytes(b"\xff\xd8\xff" + bytes([i]) * 100)
    assert "3 new, 0 already here, 0 failed.\n" in upload(server, folder).output
    assert "0 new, 3 already here, 0 failed.\n" in upload(server, folder).output
    report = tmp_path / "report.csv"
    folder.rename(tmp_path / "card")
    (tmp_path / "other").mkdir()
    (tmp_path / "card").rename(tmp_path / "other" / "copy")
    result = upload(server, tmp_path / "other", "--recursive", "--report", str(report))
    assert result.exit_code == 0
    assert "3 new, 0 already here, 0 failed.\n3 of the new ones are here under another name" in result.output
    assert table(report)["copy/1.jpg"]["reason"] == "a copy of d1/1.jpg"


@pytest.mark.skipif(not AWKWARD.exists(), reason="the shared test data is not on this machine")
def test_awkward_names_arrive_as_they_are(server: FakeServer, folder: Path, tmp_path: Path) -> None:
    names = [name for name in json.loads(AWKWARD.read_text()) if not name.startswith(".")]
    for name in names:
        photo(folder, name)
    result = upload(server, folder, "--report", str(tmp_path / "report.csv"))
    photographs = {name for name in names if name.lower().strip().endswith((".jpg", ".png"))}
    assert result.exit_code == 0, result.output
    assert {body["filename"] for body in server.announced} == photographs
    assert {key.removeprefix("d1/") for key in server.objects} == photographs
    assert {name.lstrip("'") for name in table(tmp_path / "report.csv")} == set(names)


def test_hostile_names_reach_neither_spreadsheet_nor_terminal(
    server: FakeServer, folder: Path, tmp_path: Path
) -> None:
    for name in ("=HYPERLINK(1).jpg", "+1.jpg", "@x.jpg", "[red]b.jpg"):
        photo(folder, name)
    photo(folder, os.fsdecode(b"\xff\x1b[2J.jpg"))
    report = tmp_path / "report.csv"
    result = upload(server, folder, "--report", str(report))
    assert result.exit_code == 1
    assert "4 new, 0 already here, 1 failed." in result.output
    assert "\\udcff\\x1b[2J.jpg" in result.output
    assert "\x1b" not in result.output
    assert {"'=HYPERLINK(1).jpg", "'+1.jpg", "'@x.jpg", "[red]b.jpg"} < set(table(report))


def test_plain_lines_when_the_output_is_no_terminal(
    server: FakeServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.main.PLAIN_LINE_SECONDS", 0.0)
    photo(folder, "a.jpg")
    assert "0 of 1 files, 0 bytes of 2.0 kB" in upload(server, folder).output


def test_content_type_is_what_the_bytes_say() -> None:
    for name, head, kind in (
        ("a.png", JPEG, "image/jpeg"),
        ("a.jpg", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("a.jpg", b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
        ("A.TIF", b"<html>", "image/tiff"),
        ("a", b"", "application/octet-stream"),
    ):
        assert client_module.content_type(name, head) == kind


def test_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output.startswith("nightjar, version 0.")
