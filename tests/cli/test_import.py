"""`nightjar import megadetector` against the real embedded stack, and against a server that answers as it is
told."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner, Result
from PIL import Image
from running import ROOT, TOKEN, Running

from cli import client as client_module
from cli.main import main
from cli.results import steps

PATIENCE = 120.0
PAGE = 100

Answer = tuple[int, Any]


def nightjar(url: str, *arguments: str, token: str = TOKEN) -> Result:
    return CliRunner().invoke(main, ["import", "megadetector", *arguments, "--server", url, "--token", token])


@pytest.fixture(autouse=True)
def no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "FIRST_PAUSE_SECONDS", 0.002)


def box(category: str = "1", conf: float = 0.9, x: float = 0.25, *classes: list[Any]) -> dict[str, Any]:
    made = {"category": category, "conf": conf, "bbox": [x, 0.5, 0.25, 0.25]}
    return made | ({"classifications": list(classes)} if classes else {})


def picture(file: str, *detections: Any, **more: Any) -> dict[str, Any]:
    return {"file": file, "detections": list(detections), **more}


def saved(folder: Path, *pictures: Any, **more: Any) -> str:
    held = {
        "info": {"format_version": "1.4", "detector": "md_v5a.0.0.pt", "classifier": "euro"},
        "detection_categories": {"0": "empty", "1": "animal", "2": "person", "3": "vehicle"},
        "classification_categories": {"7": "Red fox", "8": "Badger"},
        "images": list(pictures),
        **more,
    }
    path = folder / "md.json"
    path.write_text(json.dumps(held), encoding="utf-8")
    return str(path)


def rows_of(report: Path) -> dict[str, dict[str, str]]:
    with report.open(encoding="utf-8", newline="") as file:
        return {row["file"]: row for row in csv.DictReader(file)}


def outcomes(told: str) -> dict[str, tuple[int, int]]:
    """The table at the end: pictures and detections by outcome."""
    lines = (line.strip("│").split("│") for line in told.splitlines() if line.startswith("│"))
    cells = ([cell.strip().replace(",", "") for cell in line] for line in lines)
    return {line[0]: (int(line[1]), int(line[2])) for line in cells if len(line) == 3 and line[1].isdigit()}


def all_saved(body: dict[str, Any]) -> Answer:
    """Every capture is saved, anew."""
    told = [
        {"capture_id": each["capture_id"], "status": "saved", "written": 1, "removed": 0}
        for each in body["captures"]
    ]
    return 200, {"captures_count": len(told), "results": told}


@dataclass
class Scripted:
    """A server with captures, which answers results as it is told to."""

    url: str = ""
    captures: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Station and path by id."""
    saves: Callable[[dict[str, Any]], Answer] = all_saved
    posted: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    pages: int = 0

    def have(self, *paths: str, station: str = "Edge") -> None:
        at = len(self.captures)
        self.captures |= {f"c{at + number}": (station, path) for number, path in enumerate(paths)}

    def get(self, path: str, query: dict[str, list[str]]) -> Answer:
        count = len(self.captures)
        if path == "deployments/d1":
            return 200, {"id": "d1", "project_id": "p1", "name": "Edge [bold]", "captures_count": count}
        if path == "projects/p1":
            return 200, {"id": "p1", "name": "Valley", "captures_count": count}
        if path == "captures" and query["project_id"] == ["p1"] and query.get("deployment") in (None, ["d1"]):
            self.pages += 1
            begin = int(query.get("cursor", ["0"])[0])
            found = [
                {"id": each, "path": path, "deployment": {"id": "d", "name": station}}
                for each, (station, path) in list(self.captures.items())[begin : begin + PAGE]
            ]
            link = f"http://elsewhere/api/v2/captures?project_id=p1&limit=100&cursor={begin + PAGE}"
            return 200, {"count": count, "next": link if begin + PAGE < count else None, "results": found}
        return 404, {"detail": f"There is no {path}."}

    def sent(self) -> dict[str, Any]:
        """What was sent of each capture, by its path."""
        every = [each for body in self.posted for each in body["captures"]]
        return {self.captures[each["capture_id"]][1]: each for each in every}


@pytest.fixture
def server() -> Iterator[Scripted]:
    made = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None: ...

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            self._answer(*made.get(url.path.removeprefix("/api/v2/"), parse_qs(url.query)))

        def do_POST(self) -> None:
            assert self.path == "/api/v2/projects/p1/results"
            data = self.rfile.read(int(self.headers["Content-Length"]))
            body = json.loads(data)
            made.posted.append(body)
            made.sizes.append(len(data))
            self._answer(*made.saves(body))

        def _answer(self, status: int, content: Any) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(content).encode())

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{running.server_port}"
    threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True).start()
    yield made
    running.shutdown()
    running.server_close()


def test_what_is_sent_of_a_picture(server: Scripted, tmp_path: Path) -> None:
    server.have("a.jpg", "b.jpg", "c.jpg", "twins.jpg")
    file = saved(
        tmp_path,
        picture("a.jpg", box("1", 0.9, 0.25, ["8", 0.2], ["7", 0.6]), box("2", 0.4, 0.5)),
        picture("b.jpg"),
        picture("c.jpg", box("0", 0.3)),
        picture("twins.jpg", box("1", 0.3), box("2", 0.5), box("1", 0.7)),
    )
    told = nightjar(server.url, file, "--deployment", "d1")
    assert told.exit_code == 0, told.output
    [body] = server.posted
    assert body["algorithms"] == [
        {"key": "md_v5a_0_0", "name": "md_v5a.0.0.pt", "task_type": "detection", "description": ""},
        {"key": "euro", "name": "euro", "task_type": "classification", "description": ""},
    ]
    sent = server.sent()
    assert {
        (each["algorithm"], each["frame"], each["unit"], each["replace"]) for each in body["captures"]
    } == {("md_v5a_0_0", "displayed", "fractions", False)}

    def named(label: str, score: float, *, terminal: bool, by: str = "md_v5a_0_0") -> dict[str, Any]:
        return {"algorithm": by, "taxon": label, "score": score, "terminal": terminal}

    assert sent["a.jpg"]["detections"] == [
        {
            "bbox": [0.25, 0.5, 0.5, 0.75],
            "score": 0.9,
            "source_id": "",
            "classifications": [
                named("animal", 0.9, terminal=False),
                named("Red fox", 0.6, terminal=True, by="euro"),
            ],
        },
        {
            "bbox": [0.5, 0.5, 0.75, 0.75],
            "score": 0.4,
            "source_id": "",
            "classifications": [named("person", 0.4, terminal=True)],
        },
    ]
    assert sent["b.jpg"]["detections"] == sent["c.jpg"]["detections"] == []
    twins = [
        (each["source_id"], each["score"], each["classifications"][0]["taxon"])
        for each in sent["twins.jpg"]["detections"]
    ]
    assert twins == [("1", 0.7, "animal"), ("2", 0.5, "person")]
    assert outcomes(told.output) == {"imported": (2, 4), "empty": (2, 0)}
    assert "4 pictures of md_v5a.0.0.pt and euro, for Edge [bold]\n" in told.output
    assert "Matched: 4 by the path, 0 by the end of the path, 0 by the bare name; 0 not.\n" in told.output
    assert "the best is taken: 1 lesser ones were not." in told.output


@pytest.mark.parametrize(
    ("detector", "classifier", "keys"),
    [
        ("md_v5b.0.0.pt", None, ["md_v5b_0_0", "unnamed_classifier"]),
        ("speciesnet", "speciesnet", ["speciesnet", "speciesnet_classifier"]),
        ("x" * 300, "x" * 300, ["x" * 120, "x" * 109 + "_classifier"]),
        ("tab\there", "the best of", ["tab_here", "the_best_of"]),
    ],
)
def test_algorithms_get_keys_a_server_takes_and_never_the_same(
    server: Scripted, tmp_path: Path, detector: str, classifier: str | None, keys: list[str]
) -> None:
    server.have("a.jpg")
    info = {"format_version": "1.4", "detector": detector, "classifier": classifier}
    file = saved(tmp_path, picture("a.jpg", box("1", 0.9, 0.25, ["7", 0.6])), info=info)
    told = nightjar(server.url, file, "--deployment", "d1", "--replace")
    assert told.exit_code == 0, told.output
    [body] = server.posted
    assert [each["key"] for each in body["algorithms"]] == keys
    assert all(1 <= len(each["name"]) <= 80 and each["name"].isprintable() for each in body["algorithms"])
    [capture] = body["captures"]
    assert [each["algorithm"] for each in capture["detections"][0]["classifications"]] == keys
    assert capture["replace"] is True


def test_every_picture_is_in_the_report_with_what_became_of_it(server: Scripted, tmp_path: Path) -> None:
    server.have("card/found.jpg", "card/empty.jpg", "card/broken.jpg", "card/half.jpg", "card/bad.jpg")
    server.have("card/same.jpg", "cord/same.jpg", "card/there.jpg", "card/refused.jpg")
    impossible = box(conf=7.0)

    def saves(body: dict[str, Any]) -> Answer:
        _, answer = all_saved(body)
        for each in answer["results"]:
            if server.captures[each["capture_id"]][1] == "card/there.jpg":
                each["written"] = 0
            if server.captures[each["capture_id"]][1] == "card/refused.jpg":
                each |= {"status": "error", "error": "=It \x1b[2J cannot be."}
        return 200, answer

    server.saves = saves
    file = saved(
        tmp_path,
        picture("card/found.jpg", box()),
        picture("card/empty.jpg"),
        {"file": "card/broken.jpg", "failure": "Failure image access", "detections": None},
        picture("card/half.jpg", box(), impossible),
        picture("card/bad.jpg", impossible),
        picture("same.jpg", box()),
        picture("card/there.jpg", box(), box(x=0.5)),
        picture("card/refused.jpg", box()),
        picture("=none.jpg", box()),
    )
    report = tmp_path / "report.csv"
    told = nightjar(server.url, file, "--deployment", "d1", "--report", str(report))
    assert told.exit_code == 1
    rows = rows_of(report)
    assert list(next(iter(rows.values()))) == [
        "file",
        "capture_id",
        "outcome",
        "reason",
        "detections",
        "matched_by",
    ]
    assert {file: (row["outcome"], row["capture_id"], row["detections"]) for file, row in rows.items()} == {
        "card/found.jpg": ("imported", "c0", "1"),
        "card/empty.jpg": ("empty", "c1", "0"),
        "card/broken.jpg": ("no result", "c2", "0"),
        "card/half.jpg": ("imported", "c3", "1"),
        "card/bad.jpg": ("failed", "c4", "0"),
        "same.jpg": ("ambiguous", "", "0"),
        "card/there.jpg": ("already there", "c7", "2"),
        "card/refused.jpg": ("failed", "c8", "0"),
        "'=none.jpg": ("no match", "", "0"),
    }
    assert rows["card/broken.jpg"]["reason"] == "Failure image access"
    assert rows["same.jpg"]["reason"] == "several captures could be it: c5, c6"
    assert rows["card/half.jpg"]["reason"].startswith("detections[1]: a score of 7.0")
    assert rows["card/refused.jpg"]["reason"].startswith("'=It \\x1b[2J")
    assert rows["card/found.jpg"]["matched_by"] == "path"
    assert set(server.sent()) == {
        f"card/{name}.jpg" for name in ("found", "empty", "half", "there", "refused")
    }
    assert outcomes(told.output) == {
        "imported": (2, 2),
        "empty": (1, 0),
        "already there": (1, 2),
        "no result": (1, 0),
        "failed": (2, 0),
        "no match": (1, 0),
        "ambiguous": (1, 0),
    }
    assert "\x1b" not in told.output
    for said in (
        "No match: `nightjar upload` sends",
        "Ambiguous: take in one station's folder at a time, by --below FOLDER.",
        "Detections that cannot be true were not taken.",
        f"What became of every picture: {report}",
    ):
        assert said in told.output


def test_a_bare_name_is_enough_for_a_station_and_not_for_a_project(server: Scripted, tmp_path: Path) -> None:
    server.have("card/a.jpg")
    file = saved(tmp_path, picture("disk/a.jpg", box()))
    for arguments, fate in (
        (["--deployment", "d1"], "imported"),
        (["--deployment", "d1", "--no-by-name"], "by name only"),
        (["--project", "p1"], "by name only"),
        (["--project", "p1", "--by-name"], "imported"),
    ):
        server.posted.clear()
        told = nightjar(server.url, file, *arguments)
        assert outcomes(told.output) == {fate: (1, int(fate == "imported"))}, told.output
        assert told.exit_code == len(server.posted) ^ 1
        assert ("1 by the bare name (not taken)" in told.output) == (fate != "imported")
        assert ("--by-name takes them" in told.output) == (fate != "imported")


def test_in_a_project_the_station_is_the_folder_of_its_photographs(server: Scripted, tmp_path: Path) -> None:
    server.have("card/1.jpg", "2.jpg", station="Edge")
    server.have("card/1.jpg", "2.jpg", station="Orchard")
    file = saved(
        tmp_path, *[picture(f"2024/{name}", box()) for name in ("Edge/card/1.jpg", "Orchard/2.jpg", "2.jpg")]
    )
    report = tmp_path / "report.csv"
    told = nightjar(server.url, file, "--project", "p1", "--report", str(report))
    assert told.exit_code == 1
    assert {file: row["capture_id"] for file, row in rows_of(report).items()} == {
        "2024/Edge/card/1.jpg": "c0",
        "2024/Orchard/2.jpg": "c3",
        "2024/2.jpg": "",
    }
    assert outcomes(told.output) == {"imported": (2, 2), "ambiguous": (1, 0)}
    assert "Ambiguous: take in one station's folder at a time, by --deployment ID --below" in told.output
    assert "0 by the path, 2 by the end of the path" in told.output


def test_below_a_folder(server: Scripted, tmp_path: Path) -> None:
    server.have("1.jpg", "2.jpg")
    file = saved(
        tmp_path,
        picture("D:\\traps\\A\\1.jpg", box()),
        picture("D:\\traps\\A\\2.jpg"),
        picture("D:\\traps\\B\\1.jpg", box()),
    )
    report = tmp_path / "report.csv"
    told = nightjar(server.url, file, "--deployment", "d1")
    assert outcomes(told.output) == {"empty": (1, 0), "ambiguous": (2, 0)}
    told = nightjar(server.url, file, "--deployment", "d1", "--below", "D:/traps/A/", "--report", str(report))
    assert told.exit_code == 0, told.output
    assert outcomes(told.output) == {"imported": (1, 1), "empty": (1, 0), "left out": (1, 0)}
    assert "2 by the path" in told.output
    left_out = rows_of(report)["D:\\traps\\B\\1.jpg"]
    assert (left_out["outcome"], left_out["reason"]) == ("left out", "not below D:/traps/A/")
    told = nightjar(server.url, file, "--deployment", "d1", "--below", "traps")
    assert (told.exit_code, "Its first folders: D:." in told.output) == (2, True)


def test_a_dry_run_sends_nothing(server: Scripted, tmp_path: Path) -> None:
    server.have("a.jpg", "b.jpg")
    report = tmp_path / "report.csv"
    file = saved(tmp_path, picture("a.jpg", box(), box(x=0.5)), picture("b.jpg"))
    told = nightjar(server.url, file, "--deployment", "d1", "--dry-run", "--report", str(report))
    assert (told.exit_code, server.posted) == (0, [])
    assert outcomes(told.output) == {"matched": (2, 2)}
    assert {row["outcome"] for row in rows_of(report).values()} == {"matched"}
    assert "This was a dry run: nothing was sent." in told.output


def test_many_are_listed_by_pages_and_sent_in_batches(
    server: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "PLAIN_LINE_SECONDS", 0.0)
    names = [f"night/{number:05}.jpg" for number in range(1_234)]
    server.have(*names)
    file = saved(tmp_path, *[picture(name, box()) for name in names])
    told = nightjar(server.url, file, "--deployment", "d1")
    assert told.exit_code == 0, told.output
    assert server.pages == 13
    assert sorted(len(body["captures"]) for body in server.posted) == [34] + [50] * 24
    assert len(server.posted[0]["captures"]) == 50
    assert sorted(server.sent()) == names
    assert outcomes(told.output) == {"imported": (1_234, 1_234)}
    assert "Captures listed: 1,234 of 1,234\n" in told.output
    assert "Pictures sent: 1,234 of 1,234\n" in told.output


def test_batches_are_small_enough_for_a_server(server: Scripted, tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(60)]
    server.have(*names)
    boxes = [box(x=0.7 * number / 300, conf=0.123456) for number in range(300)]
    file = saved(tmp_path, *[picture(name, *boxes) for name in names])
    assert nightjar(server.url, file, "--deployment", "d1").exit_code == 0
    assert {len(body["captures"]) for body in server.posted} == {6}
    long = {"7": "ä" * 180}
    boxes = [box("1", 0.9, 0.7 * number / 300, ["7", 0.5]) for number in range(300)]
    file = saved(tmp_path, *[picture(name, *boxes) for name in names], classification_categories=long)
    assert nightjar(server.url, file, "--deployment", "d1").exit_code == 0
    assert max(server.sizes) < 1_000_000
    assert len({len(body["captures"]) for body in server.posted}) > 1


def refusing(*paths: str, server: Scripted, status: int = 400) -> Callable[[dict[str, Any]], Answer]:
    def saves(body: dict[str, Any]) -> Answer:
        held = {server.captures[each["capture_id"]][1] for each in body["captures"]}
        return (status, {"detail": "No name."}) if held & set(paths) else all_saved(body)

    return saves


@pytest.mark.parametrize("status", [400, 409, 413])
def test_one_that_is_refused_keeps_no_other_from_being_taken(
    server: Scripted, tmp_path: Path, status: int
) -> None:
    names = [f"{number}.jpg" for number in range(120)]
    server.have(*names)
    server.saves = refusing("7.jpg", "60.jpg", "61.jpg", server=server, status=status)
    told = nightjar(server.url, saved(tmp_path, *map(picture, names)), "--deployment", "d1")
    assert told.exit_code == 1
    assert outcomes(told.output) == {"empty": (117, 0), "failed": (3, 0)}
    assert told.output.count("No name.") == 3
    assert "The same command tries the failed ones again" in told.output
    assert len(server.posted) < 40


def test_a_server_that_takes_none_is_not_asked_for_ever(server: Scripted, tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(500)]
    server.have(*names)
    server.saves = lambda _: (400, {"detail": "There is no algorithm."})
    told = nightjar(server.url, saved(tmp_path, *map(picture, names)), "--deployment", "d1")
    assert told.exit_code == 1
    assert outcomes(told.output) == {"failed": (20, 0), "not sent": (480, 0)}
    assert "Stopped as too many were refused in a row: There is no algorithm. The same command" in told.output
    assert len(server.posted) < 60


def test_trouble_that_passes_is_waited_out_and_what_lasts_is_gone_on_with(
    server: Scripted, tmp_path: Path
) -> None:
    names = [f"{number}.jpg" for number in range(120)]
    server.have(*names)
    firsts = iter([503, 429])

    def saves(body: dict[str, Any]) -> Answer:
        if server.captures[body["captures"][-1]["capture_id"]][1] == "119.jpg":
            return 500, {"detail": "Busy."}
        status = next(firsts, 200)
        return all_saved(body) if status == 200 else (status, {"detail": "Busy."})

    server.saves = saves
    file, report = saved(tmp_path, *map(picture, names)), tmp_path / "report.csv"
    told = nightjar(server.url, file, "--deployment", "d1", "--report", str(report))
    assert told.exit_code == 1
    assert outcomes(told.output) == {"empty": (100, 0), "not sent": (20, 0)}
    assert "Stopped half-way: Busy. The same command goes on" in told.output
    assert sum(row["outcome"] == "not sent" for row in rows_of(report).values()) == 20
    server.saves = all_saved
    assert nightjar(server.url, file, "--deployment", "d1").exit_code == 0


def test_what_cannot_begin(server: Scripted, tmp_path: Path) -> None:
    file = saved(tmp_path, picture("a.jpg", box()))
    none = nightjar(server.url, file, "--deployment", "d1")
    assert (none.exit_code, "has no captures yet" in none.output) == (2, True)
    server.have("a.jpg")
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "none.json").write_text('{"images": [], "detection_categories": {}}')
    for arguments, said in (
        ([file], "Name a station with --deployment, or a project"),
        ([file, "--deployment", "d1", "--project", "p1"], "one of the two"),
        ([file, "--deployment", "d2"], "There is no station 'd2'"),
        ([file, "--project", "../x"], "There is no project '../x'"),
        ([str(tmp_path / "nothing.json"), "--deployment", "d1"], "does not exist"),
        ([str(tmp_path / "list.json"), "--deployment", "d1"], "is no file of MegaDetector results"),
        ([str(tmp_path / "none.json"), "--deployment", "d1"], "has no pictures"),
        ([file, "--deployment", "d1", "--report", str(tmp_path / "no" / "r.csv")], "cannot be written"),
    ):
        told = nightjar(server.url, *arguments)
        assert (told.exit_code, said in told.output) == (2, True), (arguments, told.output)
    assert nightjar("http://127.0.0.1:1", file, "--deployment", "d1").exit_code == 2
    assert server.posted == []


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ((401, {"detail": "Who are you?"}), "does not accept this token: Who are you?"),
        ((404, {"detail": "There is no project."}), "There is no project."),
        ((200, {}), "does not tell what became of the captures"),
        ((200, {"results": [7]}), "does not tell what became of the captures"),
        ((202, {"job_id": "j1", "results": []}), "does not tell what became of the captures"),
    ],
)
def test_a_server_that_answers_otherwise(server: Scripted, tmp_path: Path, answer: Answer, said: str) -> None:
    server.have("a.jpg")
    server.saves = lambda _: answer
    told = nightjar(server.url, saved(tmp_path, picture("a.jpg", box())), "--deployment", "d1")
    assert (told.exit_code, said in told.output) == (2, True), told.output


def test_ctrl_c_stops_it_and_the_same_command_goes_on(server: Scripted, tmp_path: Path) -> None:
    names = [f"{number}.jpg" for number in range(400)]
    server.have(*names)
    four = threading.Semaphore(0)

    def saves(body: dict[str, Any]) -> Answer:
        if body["captures"][0]["capture_id"] != "c0":
            four.release()
            time.sleep(1.5)
        return all_saved(body)

    server.saves = saves
    file, report = saved(tmp_path, *map(picture, names)), tmp_path / "report.csv"
    command = [str(Path(sys.executable).with_name("nightjar")), "import", "megadetector", file]
    with subprocess.Popen(
        [*command, "--deployment", "d1", "--report", str(report), "--server", server.url, "--token", TOKEN],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as process:
        assert all(four.acquire(timeout=60) for _ in range(4))
        process.send_signal(signal.SIGINT)
        told, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in told
    assert outcomes(told) == {"empty": (250, 0), "not sent": (150, 0)}
    assert "Stopped. The same command goes on" in told
    assert len(rows_of(report)) == 400


# The embedded stack


class Stack(Running):
    """A stack in a process of its own, and stations whose photographs have arrived."""

    def station(self, name: str, folder: Path, count: int, project_id: str = "") -> tuple[str, str]:
        """A station with the photographs of a folder: the ids of its project and of it."""
        project_id = project_id or str(self.client.post("projects", {"name": name})["id"])
        made = str(self.client.post("deployments", {"project_id": project_id, "name": name})["id"])
        arguments = [str(folder), "--deployment", made, "--recursive", "--server", self.url, "--token", TOKEN]
        sent = CliRunner().invoke(main, ["upload", *arguments])
        assert sent.exit_code == 0, sent.output
        until = time.monotonic() + PATIENCE
        while self.client.get(f"deployments/{made}")["captures_count"] < count:
            assert time.monotonic() < until, "they never arrived"
            time.sleep(0.2)
        return project_id, made

    def found(self, project_id: str, deployment_id: str) -> dict[str, Any]:
        """What was found on each capture of a station, by its path."""
        listed = self.client.pages("captures", {"project_id": project_id, "deployment": deployment_id})
        return {each["path"]: self.client.get(f"captures/{each['id']}/detections") for each in listed}


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    made = Stack()
    yield made
    assert made.stop() == 0


def draw(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (320, 240), (shade % 256, shade // 256, 160)).save(path)


def said_of(looked: dict[str, Any]) -> list[Any]:
    """Boxes with their names, as (algorithm, taxon, score), from left to right."""
    return sorted(
        (
            each["bbox_normalized"],
            each["score"],
            sorted((name["algorithm"], name["taxon"], name["score"]) for name in each["classifications"]),
        )
        for each in looked["detections"]
    )


def test_results_of_two_stations_are_found_on_their_captures(stack: Stack, tmp_path: Path) -> None:
    names = ["card/1.jpg", "card/2.jpg", "card/3.jpg"]
    for number, name in enumerate(names):
        draw(tmp_path / "Edge" / name, number)
        draw(tmp_path / "Orchard" / name, number + 100)
    project_id, edge = stack.station("Edge", tmp_path / "Edge", 3)
    _, orchard = stack.station("Orchard", tmp_path / "Orchard", 3, project_id)
    file = saved(
        tmp_path,
        picture("traps/Edge/card/1.jpg", box("1", 0.9, 0.25, ["7", 0.6], ["8", 0.3]), box("2", 0.5, 0.5)),
        picture("traps/Edge/card/2.jpg"),
        {"file": "traps/Edge/card/3.jpg", "failure": "Failure image access", "detections": None},
        picture("traps/Orchard/card/1.jpg", box("3", 0.8)),
        picture("traps/Orchard/card/4.jpg", box("3", 0.8)),
    )
    told = nightjar(stack.url, file, "--project", project_id)
    assert told.exit_code == 1
    assert outcomes(told.output) == {
        "imported": (2, 3),
        "empty": (1, 0),
        "no result": (1, 0),
        "no match": (1, 0),
    }
    of_edge = stack.found(project_id, edge)
    assert (
        said_of(of_edge["card/1.jpg"])
        == [
            ([0.25, 0.5, 0.5, 0.75], 0.9, [("euro", "Red fox", 0.6), ("md_v5a_0_0", "animal", 0.9)]),
            ([0.5, 0.5, 0.75, 0.75], 0.5, [("md_v5a_0_0", "person", 0.5)]),
        ]
        or said_of(of_edge["card/1.jpg"])[::-1]
    )
    terminal = [
        name["taxon"]
        for each in of_edge["card/1.jpg"]["detections"]
        for name in each["classifications"]
        if name["terminal"]
    ]
    assert sorted(terminal) == ["Red fox", "person"]
    assert (of_edge["card/2.jpg"]["algorithms"], of_edge["card/2.jpg"]["detections"]) == (["md_v5a_0_0"], [])
    assert of_edge["card/3.jpg"]["algorithms"] == []
    of_orchard = stack.found(project_id, orchard)
    assert said_of(of_orchard["card/1.jpg"]) == [
        ([0.25, 0.5, 0.5, 0.75], 0.8, [("md_v5a_0_0", "vehicle", 0.8)])
    ]
    assert of_orchard["card/2.jpg"]["algorithms"] == []
    keys = {each["key"]: each["task_type"] for each in stack.client.pages("ml/algorithms", {"limit": "100"})}
    assert (keys["md_v5a_0_0"], keys["euro"]) == ("detection", "classification")

    again = nightjar(stack.url, file, "--deployment", edge, "--below", "traps/Edge")
    assert again.exit_code == 0, again.output
    assert outcomes(again.output) == {"already there": (2, 2), "no result": (1, 0), "left out": (2, 0)}

    fewer = saved(tmp_path, picture("card/1.jpg", box("2", 0.5, 0.5)), picture("card/2.jpg"))
    replaced = nightjar(stack.url, fewer, "--deployment", edge, "--replace")
    assert outcomes(replaced.output) == {"imported": (1, 1), "already there": (1, 0)}, replaced.output
    assert [each[1] for each in said_of(stack.found(project_id, edge)["card/1.jpg"])] == [0.5]


def test_a_label_that_is_no_name_of_a_taxon_is_told(stack: Stack, tmp_path: Path) -> None:
    for number in range(8):
        draw(tmp_path / "odd" / f"{number}.jpg", number + 200)
    project_id, odd = stack.station("Odd", tmp_path / "odd", 8)
    pictures = [
        picture(f"{number}.jpg", box("1", 0.9, 0.25, ["8" if number == 3 else "7", 0.6]))
        for number in range(8)
    ]
    file = saved(tmp_path, *pictures, classification_categories={"7": "Red fox", "8": "=1+1"})
    report = tmp_path / "report.csv"
    told = nightjar(stack.url, file, "--deployment", odd, "--report", str(report))
    assert told.exit_code == 1
    assert outcomes(told.output) == {"imported": (7, 7), "failed": (1, 0)}
    assert "begins like a formula" in rows_of(report)["3.jpg"]["reason"]
    assert stack.found(project_id, odd)["3.jpg"]["detections"] == []


def test_real_camera_trap_results(stack: Stack, data: Path, tmp_path: Path) -> None:
    folder = data / "cameratrap" / "ena24"
    file = folder / "md_annotations.json"
    if not file.is_file():
        pytest.skip(f"the optional camera trap results are not at {file}")
    names = {path.name for path in folder.glob("*.jpg")}
    project_id, station = stack.station("ENA24", folder, len(names))
    told = nightjar(stack.url, str(file), "--deployment", station)
    held = json.loads(file.read_text())
    known = {each["file"]: each for each in held["images"] if each["file"] in names}
    found = stack.found(project_id, station)
    assert set(known) <= set(found)
    assert len(known) > 3
    for name, each in known.items():
        looked = found[name]
        assert len(looked["detections"]) == len(each["detections"]), name
        wanted = []
        for one in each["detections"]:
            x, y, width, height = one["bbox"]
            names_of = [("md_v5_0_0", held["detection_categories"][one["category"]], one["conf"])]
            if classes := one.get("classifications"):
                best = max(classes, key=lambda pair: pair[1])
                names_of.append(("ecosystem1_v2", held["classification_categories"][best[0]], best[1]))
            wanted.append(([x, y, x + width, y + height], one["conf"], sorted(names_of)))
        for (corners, *rest), (expected, *others) in zip(said_of(looked), sorted(wanted), strict=True):
            assert corners == pytest.approx([min(max(corner, 0), 1) for corner in expected], abs=1e-6)
            assert rest == others
    sent = sum(each.get("failure") is None for each in known.values())
    table = outcomes(told.output)
    assert sum(table.get(each, (0, 0))[0] for each in ("imported", "empty")) == sent
    assert told.exit_code == (0 if set(table) <= {"imported", "empty", "no result"} else 1)
