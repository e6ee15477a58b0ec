"""`nightjar sync` against the real embedded stack, and against a server that answers as it is told."""

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner, Result
from running import ROOT, TOKEN, Running

from cli import client as client_module
from cli import following, saving
from cli.main import main

BUCKET = "somebody-elses-bucket"
NIGHT = [f"moths/2024060{day}{hour}3000.jpg" for day in (1, 2) for hour in (21, 22, 23)]


def nightjar(url: str, *arguments: str, token: str = TOKEN, typed: str | None = None) -> Result:
    return CliRunner().invoke(main, ["sync", *arguments, "--server", url, "--token", token], input=typed)


class Stations(Running):
    """A stack in a process of its own, and a bucket of somebody else's."""

    def __init__(self) -> None:
        super().__init__()
        self.s3 = boto3.client("s3", endpoint_url=self.engine)
        self.s3.create_bucket(Bucket=BUCKET)

    def project(self) -> str:
        return str(self.client.post("projects", {"name": "Moths"})["id"])

    def station(self, project_id: str, name: str, prefix: str | None) -> str:
        """A station whose photographs are under `prefix`; without one it is not connected."""
        body = {"project_id": project_id, "name": name}
        if prefix is not None:
            place = {"bucket": BUCKET, "prefix": prefix, "endpoint_url": self.engine}
            keys = {"access_key": "AKIAIOSFODNN7EXAMPLE", "secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCY"}
            source = self.client.post("storage", {"project_id": project_id, "name": name, **place, **keys})
            body["data_source"] = source["id"]
        return str(self.client.post("deployments", body)["id"])

    def put(self, *keys: str, data: bytes = b"a photograph") -> None:
        for key in keys:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)

    def __call__(self, *arguments: str, **more: Any) -> Result:
        return nightjar(self.url, *arguments, **more)


def without_sessions(line: str) -> str:
    """The line without its sessions."""
    return line.rstrip().rstrip(".").partition(";")[0]


@pytest.fixture(scope="module")
def stations() -> Iterator[Stations]:
    made = Stations()
    yield made
    assert made.stop() == 0


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)
    monkeypatch.setattr(following, "FIRST_PAUSE_SECONDS", 0.02)
    monkeypatch.setattr(saving, "PAUSES", (0.002, 0.002))


def test_a_station_follows_its_bucket_and_a_report_names_every_object(
    stations: Stations, tmp_path: Path
) -> None:
    project_id = stations.project()
    edge = stations.station(project_id, "Edge", "moths")
    stations.put(*NIGHT, "moths/notes.txt", "moths/trap.jpg")
    report = tmp_path / "report.csv"

    first = stations(edge, "--report", str(report))
    assert first.exit_code == 0, first.output
    counted, saved = first.output.splitlines()
    assert counted == "7 new, 1 skipped, 1 undated; 2 sessions, 0 before."
    assert saved == f"What became of every object: {report.resolve()}"
    assert list(tmp_path.iterdir()) == [report]
    rows = list(csv.DictReader(report.open(encoding="utf-8", newline="")))
    assert sorted((row["outcome"], row["object"], row["undated"]) for row in rows) == sorted(
        [("new", f"s3://{BUCKET}/{key}", "") for key in NIGHT]
        + [("new", f"s3://{BUCKET}/moths/trap.jpg", "undated")]
        + [("skipped", f"s3://{BUCKET}/moths/notes.txt", "")]
    )

    stations.s3.delete_object(Bucket=BUCKET, Key="moths/notes.txt")
    assert stations(edge).output == "Nothing has changed, 7 photographs.\n"

    stations.put(NIGHT[0], data=b"another photograph")
    stations.put("moths/20240602235900.jpg")
    stations.s3.delete_object(Bucket=BUCKET, Key=NIGHT[1])
    kept = stations(edge)
    assert kept.exit_code == 0, kept.output
    assert kept.output.startswith("1 new, 1 changed, 5 unchanged, 1 missing (kept)")
    assert "/report, or the next time `nightjar sync " + edge + " --report FILE.csv`." in kept.output

    marked = stations(edge, "--missing", "mark")
    assert marked.output.startswith("7 unchanged, 1 missing (1 marked)"), marked.output
    unasked = stations(edge, "--missing", "delete")
    assert unasked.exit_code == 2
    assert "no longer in the bucket are deleted for good: say --yes." in unasked.output
    deleted = stations(edge, "--missing", "delete", "--yes")
    assert deleted.exit_code == 0, deleted.output
    assert deleted.output.startswith("7 unchanged, 1 missing (1 deleted)"), deleted.output
    assert stations(edge).output == "Nothing has changed, 7 photographs.\n"


def test_all_stations_of_a_project_that_have_a_data_source(stations: Stations) -> None:
    project_id = stations.project()
    orchard = stations.station(project_id, "Orchard [bold]", "orchard")
    stations.station(project_id, "Meadow", "meadow")
    alone = stations.station(project_id, "Alone", None)
    stations.put("orchard/20240601213000.jpg", "meadow/20240601213000.jpg", "meadow/20240601214000.jpg")

    told = stations("--project", project_id)
    assert told.exit_code == 0, told.output
    lines = told.output.splitlines()
    assert lines[0].startswith("2 syncs started. `nightjar jobs list --project")
    assert sorted(zip(lines[1::2], map(without_sessions, lines[2::2]), strict=True)) == [
        ("Meadow:", "2 new"),
        ("Orchard [bold]:", "1 new"),
    ]
    started = stations("--project", project_id, "--no-wait")
    assert started.exit_code == 0, started.output
    job_ids = started.output.partition(" started: ")[2].partition(".")[0].split(", ")
    assert len(job_ids) == 2
    for job_id in job_ids:
        watched = CliRunner().invoke(
            main, ["jobs", "watch", job_id, "--server", stations.url, "--token", TOKEN]
        )
        assert watched.exit_code == 0, watched.output
    assert stations(orchard).output == "Nothing has changed, 1 photograph.\n"

    for result, said in (
        (stations(alone), "Deployment must have a data source"),
        (stations(alone), "POST /api/v2/storage makes one"),
        (stations("--project", stations.project()), "No station of this project has a data source. POST"),
        (stations("daaaaaaaaaa"), "There is no station 'daaaaaaaaaa'"),
        (stations("--project", "p/../x"), "There is no project with the id 'p/../x'"),
        (stations(orchard, token="wrong"), "does not accept this token"),
        (stations(orchard, token=""), "No token: give --token"),
        (nightjar("http://127.0.0.1:1", orchard), "is not reachable"),
    ):
        assert result.exit_code == 2, result.output
        assert said in result.output


def test_an_empty_bucket_deletes_nothing(stations: Stations) -> None:
    station = stations.station(stations.project(), "Emptied", "emptied")
    stations.put("emptied/20240601213000.jpg")
    assert without_sessions(stations(station).output) == "1 new"
    stations.s3.delete_object(Bucket=BUCKET, Key="emptied/20240601213000.jpg")
    told = stations(station, "--missing", "delete", "--yes")
    assert told.output.startswith("1 missing (kept)"), told.output


CSV = "outcome,reason,object,bytes,capture_id,undated\r\n" + "new,,s3://b/ä.jpg,1,d1-x,\r\n" * 20_000


@dataclass
class Scripted:
    """A server that tells what it is told to, path by path, the last of it for ever; and what it was asked.
    It is the storage, too."""

    url: str = ""
    answers: dict[str, list[tuple[int, Any]]] = field(default_factory=dict)
    asked: list[tuple[str, Any, str | None]] = field(default_factory=list)
    reports: list[tuple[int, bytes]] = field(default_factory=list)
    """Status, and the bytes that are sent of the report."""

    def will(self, path: str, *answers: tuple[int, Any]) -> None:
        self.answers[path] = list(answers)

    def will_sync(self, *jobs: dict[str, Any]) -> None:
        self.will("deployments/d1/sync", (202, {"job_id": "j1", "deployment_id": "d1", "project_id": "p1"}))
        self.will("jobs/j1", *((200, each) for each in jobs))
        self.will("jobs/j1/report", (200, {"url": f"{self.url}/storage/report.csv?signed", "expires_in": 60}))


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    made = Scripted()
    zipped = gzip.compress(CSV.encode())

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            self._note(None)
            if self.path.startswith("/storage/"):
                return self._storage()
            return self._answer()

        def do_POST(self) -> None:
            self._note(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer()

        def _note(self, body: Any) -> None:
            path = self.path.removeprefix("/api/v2/")
            made.asked.append((path, body, self.headers["Authorization"]))

        def _answer(self) -> None:
            path = self.path.removeprefix("/api/v2/").removesuffix("?logs_limit=1")
            answers = made.answers.get(path) or [(404, {"detail": f"There is no {path}."})]
            status, content = answers.pop(0) if len(answers) > 1 else answers[0]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

        def _storage(self) -> None:
            status, sent = made.reports.pop(0) if made.reports else (200, zipped)
            self.send_response(status)
            if status == 200:
                self.send_header("Content-Encoding", "gzip")
                self.send_header("Content-Length", str(len(zipped)))
            self.end_headers()
            self.wfile.write(sent)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


def a_job(status: str, job_id: str = "j1", station: str = "Edge", **counts: int) -> dict[str, Any]:
    params = [{"name": key, "key": key, "value": value} for key, value in counts.items()]
    listed = [each for each in params if "events" not in each["key"]]
    listed.append({"name": "Report", "key": "report", "value": "/api/v2/jobs/j1/report"})
    stages = [
        {"name": "Data storage sync", "key": "data_storage_sync", "status": "SUCCESS", "params": listed},
        {"key": "regroup_events", "params": [each for each in params if "events" in each["key"]]},
    ]
    return {
        "id": job_id,
        "name": "Sync",
        "status": status,
        "deployment": {"id": "d1", "name": station},
        "progress": {"summary": {"progress": 1.0 if status == "SUCCESS" else 0.5}, "stages": stages},
        "reason": "It \x1b[2J broke." if status == "FAILURE" else None,
    }


MANY = {
    "new": 1204,
    "changed": 12,
    "unchanged": 98_784,
    "missing": 3,
    "skipped": 17,
    "failed": 2,
    "undated": 40,
    "total_files": 100_002,
    "events_before": 7,
    "events_after": 42,
}


def test_the_last_line_tells_all_there_is_and_how_to_get_the_list(scripted: Scripted) -> None:
    scripted.will_sync(a_job("PENDING"), a_job("STARTED"), a_job("SUCCESS", **MANY))
    told = nightjar(scripted.url, "d1")
    assert told.exit_code == 1
    assert told.output == (
        "1,204 new, 12 changed, 98,784 unchanged, 3 missing (kept), 17 skipped, 2 failed, 40 undated;"
        " 42 sessions, 7 before.\n"
        f"Which and why: GET {scripted.url}/api/v2/jobs/j1/report,"
        " or the next time `nightjar sync d1 --report FILE.csv`.\n"
    )
    assert scripted.asked[0] == ("deployments/d1/sync", {"missing": "keep"}, f"Token {TOKEN}")


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"unchanged": 98_784, "total_files": 98_784}, "Nothing has changed, 98,784 photographs."),
        ({"unchanged": 1, "skipped": 2, "total_files": 1}, "Nothing has changed, 1 photograph, 2 skipped."),
        ({}, "No photographs there."),
        ({"skipped": 2}, "No photographs there, 2 skipped."),
        ({"new": 5, "total_files": 5}, "5 new."),
        ({"changed": 1, "events_before": 1, "events_after": 1}, "1 changed; 1 session, 1 before."),
        ({"missing": 3, "marked": 3, "unchanged": 1}, "1 unchanged, 3 missing (3 marked)."),
        (
            {"missing": 3, "deleted": 1, "skipped": 1, "events_before": 2},
            "3 missing (1 deleted, the others kept), 1 skipped; 0 sessions, 2 before.",
        ),
        ({"missing": 3}, "3 missing (kept)."),
    ],
)
def test_the_last_line_leaves_out_what_is_none(scripted: Scripted, counts: dict[str, int], line: str) -> None:
    scripted.will_sync(a_job("SUCCESS", **counts))
    told = nightjar(scripted.url, "d1", "--missing", "mark")
    assert (told.exit_code, told.output.splitlines()[0]) == (0, line)
    hinted = bool(counts.get("missing") or counts.get("skipped"))
    assert ("Which and why" in told.output) == hinted
    assert scripted.asked[0][1] == {"missing": "mark"}


def test_without_waiting_it_says_where_to_look(scripted: Scripted) -> None:
    scripted.will_sync(a_job("SUCCESS"))
    told = nightjar(scripted.url, "d1", "--no-wait")
    assert (told.exit_code, len(scripted.asked)) == (0, 1)
    assert told.output.startswith(f"Started: j1. How far it is: GET {scripted.url}/api/v2/jobs/j1")


def test_a_report_is_uncompressed_and_the_storage_gets_no_token(scripted: Scripted, tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "report.csv"
    real.write_text("an older one")
    link.symlink_to(real)
    scripted.will_sync(a_job("SUCCESS", **MANY))
    scripted.reports[:] = [(503, b""), (200, b"\x1f\x8b half of it")]
    told = nightjar(scripted.url, "d1", "--report", str(link))
    assert told.exit_code == 1  # two have failed
    assert told.output.endswith(f"7 before.\nWhat became of every object: {real}\n")
    assert real.read_bytes() == CSV.encode()
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == [real, link]
    tokens = {token for path, _, token in scripted.asked if path.startswith("/storage/")}
    assert tokens == {None}


def test_a_password_out_of_netrc_is_not_sent_to_the_storage(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    scripted.will_sync(a_job("SUCCESS", new=1, total_files=1))
    assert nightjar(scripted.url, "d1", "--report", str(tmp_path / "r.csv")).exit_code == 0
    assert [token for path, _, token in scripted.asked if path.startswith("/storage/")] == [None]


@pytest.mark.parametrize(
    ("reports", "why"),
    [
        ([(403, b"<Error><Code>AccessDenied</Code></Error>")], "the storage refused it: AccessDenied"),
        ([(200, b"")] * 3, ""),
    ],
)
def test_a_report_that_cannot_be_had_leaves_what_was_there(
    scripted: Scripted, tmp_path: Path, reports: list[tuple[int, bytes]], why: str
) -> None:
    report = tmp_path / "report.csv"
    report.write_text("an older one")
    scripted.will_sync(a_job("SUCCESS", new=1, total_files=1))
    scripted.reports[:] = reports
    told = nightjar(scripted.url, "d1", "--report", str(report))
    assert told.exit_code == 1
    assert told.output.startswith("1 new.\nError: The report could not be had: " + why)
    assert f"GET {scripted.url}/api/v2/jobs/j1/report tells where it is." in told.output
    assert scripted.reports == []
    assert [(each, each.read_text()) for each in tmp_path.iterdir()] == [(report, "an older one")]


def test_a_job_that_failed_says_why_and_what_report_there_is_is_saved(
    scripted: Scripted, tmp_path: Path
) -> None:
    report = tmp_path / "report.csv"
    scripted.will_sync(a_job("FAILURE", new=4))
    told = nightjar(scripted.url, "d1", "--report", str(report))
    assert told.exit_code == 1
    assert "The job j1 did not come to its end: It \\x1b[2J broke. What it had done by then" in told.output
    assert report.read_bytes() == CSV.encode()
    scripted.will("jobs/j1/report", (404, {"detail": "This job has no report, or not yet."}))
    told = nightjar(scripted.url, "d1", "--report", str(report))
    assert told.exit_code == 1
    assert "The report could not be had: This job has no report, or not yet." in told.output


def test_a_report_that_cannot_be_written_is_told_before_anything_is_started(
    scripted: Scripted, tmp_path: Path
) -> None:
    scripted.will_sync(a_job("SUCCESS"))
    pipe, circle = tmp_path / "pipe", tmp_path / "circle"
    os.mkfifo(pipe)
    circle.symlink_to(circle)
    for path in (tmp_path / "none" / "report.csv", tmp_path, pipe, circle, tmp_path / ("x" * 300)):
        told = nightjar(scripted.url, "d1", "--report", str(path))
        assert told.exit_code == 2, (path, told.output)
    assert nightjar(scripted.url, "d1", "--report", "/dev/null").exit_code == 2
    assert scripted.asked == []
    assert sorted(tmp_path.iterdir()) == [circle, pipe]


def test_what_does_not_go_together_is_refused_before_anything_is_started(scripted: Scripted) -> None:
    for arguments in (
        [],
        ["d1", "--project", "p1"],
        ["--project", "p1", "--report", "report.csv"],
        ["d1", "--no-wait", "--report", "report.csv"],
        ["d1", "--missing", "lose"],
        ["d1", "--missing", "delete"],
        ["--project", "p1", "--missing", "delete", "--no-wait"],
    ):
        told = nightjar(scripted.url, *arguments)
        assert told.exit_code == 2, (arguments, told.output)
    assert scripted.asked == []


def test_a_sync_that_runs_already_is_named(scripted: Scripted) -> None:
    at_work = "Sync has to wait: the job jyvh3cbsvyh is at work on the same."
    scripted.will("deployments/d1/sync", (409, {"detail": at_work}))
    told = nightjar(scripted.url, "d1")
    assert told.exit_code == 2
    assert "already, by the job jyvh3cbsvyh: `nightjar jobs watch jyvh3cbsvyh` follows it." in told.output
    scripted.will("deployments/d1/sync", (409, {"detail": "The job \x1b[2J before it is at work."}))
    told = nightjar(scripted.url, "d1")
    assert told.exit_code == 2
    assert "The job \\x1b[2J before it is at work." in told.output
    scripted.will("deployments/d1/sync", (202, {}))
    assert nightjar(scripted.url, "d1").exit_code == 2


def test_stations_of_a_project_are_told_one_after_the_other(scripted: Scripted) -> None:
    path = "deployments/sync-all?project_id=p1"
    answer = {"project_id": "p1", "queued": 3, "job_ids": ["j1", "j2", "j3"], "running": ["d4", "d5"]}
    scripted.will(path, (202, answer))
    named = {"results": [{"id": "d4", "name": "Me\x1badow"}], "next": None, "count": 1}
    scripted.will("deployments?project_id=p1&limit=100", (200, named))
    scripted.will("jobs/j1", (200, a_job("FAILURE")))
    scripted.will("jobs/j2", (200, a_job("SUCCESS", "j2", "Orch\x1bard", new=1, total_files=1)))
    scripted.will("jobs/j3", (404, {}), (200, a_job("SUCCESS", "j3", unchanged=2, total_files=2)))
    told = nightjar(scripted.url, "--project", "p1", "--missing", "delete", "--yes")
    assert told.exit_code == 1
    assert told.stdout.splitlines() == [
        "Being synced already: Me\\x1badow, d5.",
        "3 syncs started. `nightjar jobs list --project p1 --type data_storage_sync` lists them.",
        "Edge:",
        "Orch\\x1bard:",
        "1 new.",
        "j3:",
        "Nothing has changed, 2 photographs.",
    ]
    assert "The job j1 did not come to its end: It \\x1b[2J broke." in told.stderr
    assert scripted.asked[0][:2] == (path, {"missing": "delete"})

    scripted.will(path, (202, {**answer, "job_ids": []}))
    scripted.will("deployments?project_id=p1&limit=100", (404, {}))
    told = nightjar(scripted.url, "--project", "p1")
    assert told.exit_code == 2
    assert told.stdout == "Being synced already: d4, d5.\n"
    assert "Nothing was started. `nightjar jobs list --project p1" in told.stderr


PROGRAM = [sys.executable, "-c", "import sys; from cli.main import main; main()"]


@pytest.mark.parametrize(
    ("typed", "code", "asks"), [("y\n", 0, 2), ("n\n", 2, 0), ("\x04", 2, 0), ("\n", 2, 0)]
)
def test_on_a_terminal_it_asks_before_it_deletes(
    scripted: Scripted, typed: str, code: int, asks: int
) -> None:
    scripted.will_sync(a_job("SUCCESS", missing=1, deleted=1, unchanged=1, total_files=1))
    master, slave = os.openpty()
    arguments = ["sync", "d1", "--missing", "delete", "--server", scripted.url, "--token", TOKEN]
    kept = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=ROOT, env=kept, stdin=slave, stdout=slave, stderr=slave
    )
    os.close(slave)
    seen = _read_until(master, b"[y/N]")
    os.write(master, typed.encode())
    seen += _read_until(master, None)
    assert process.wait(timeout=30) == code
    assert "Captures of objects that are no longer in the bucket are deleted for good. Go on?" in seen
    assert len(scripted.asked) == asks
    assert ("1 missing (1 deleted)" if code == 0 else "Nothing was started, nothing is deleted.") in seen
    os.close(master)


def test_ctrl_c_stops_following_and_leaves_no_file_behind(scripted: Scripted, tmp_path: Path) -> None:
    scripted.will_sync(a_job("STARTED"))
    arguments = [
        "sync",
        "d1",
        "--report",
        str(tmp_path / "r.csv"),
        "--server",
        scripted.url,
        "--token",
        TOKEN,
    ]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    until = time.monotonic() + 60
    while len(scripted.asked) < 3 and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    told, _ = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "No longer followed; the job goes on." in told
    assert list(tmp_path.iterdir()) == []


def _read_until(terminal: int, end: bytes | None) -> str:
    """What a terminal shows, up to `end` or until the other end is closed."""
    seen, until = b"", time.monotonic() + 60
    while time.monotonic() < until and (end is None or end not in seen):
        try:
            more = os.read(terminal, 4096)
        except OSError:  # the other end was closed
            break
        if not more:
            break
        seen += more
    return seen.decode()
