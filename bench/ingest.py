"""How fast `make run` takes photographs in, beside nothing but decoding them and encoding their thumbnails.

    python bench/ingest.py [--photographs 2:120 24:24]

For each size (megapixels:count) it draws photographs, renders their eager thumbnails one after another in
this process, then starts the whole service, sends them by `nightjar upload` and waits until every one is a
capture, counted and in its session. Everything runs on this machine: the sender, the storage, the table and
the functions share its cores with the codec.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import requests
from PIL import Image, ImageChops

from chalicelib.thumbnails import codec
from chalicelib.thumbnails.photograph import open_photograph
from chalicelib.thumbnails.rules import DEFAULT_SPECS

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "bench"
SIZES = {2: (1632, 1224), 24: (6000, 4000)}
PATIENCE = 600
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
HEADERS = {"Authorization": f"Token {TOKEN}"}


@dataclass
class Run:
    """What was measured; times in seconds."""

    megapixels: int
    count: int
    pure: float
    wall: float
    processor: dict[str, float]


def draw(folder: Path, megapixels: int, count: int) -> None:
    """Grainy photographs that differ in every block, a minute apart."""
    size = SIZES[megapixels]
    base = Image.merge(
        "RGB", [Image.radial_gradient("L").resize(size).rotate(90 * turn) for turn in range(3)]
    )
    grain = Image.effect_noise((size[0] // 2, size[1] // 2), 24).resize(size, Image.Resampling.BILINEAR)
    for number in range(count):
        moved = ImageChops.offset(grain, 13 * number, 7 * number)
        picture = ImageChops.add(base, Image.merge("RGB", [moved] * 3), 1, -128)
        picture.save(folder / f"20260609_{21 + number // 60:02}{number % 60:02}00.jpg", quality=88)


def pure_seconds(folder: Path) -> float:
    """Decoding and encoding alone, one photograph after another."""
    eager = [spec for spec in DEFAULT_SPECS if spec.eager]
    datas = [path.read_bytes() for path in sorted(folder.iterdir())]
    codec.render(open_photograph(datas[0]), eager)
    begin = time.perf_counter()
    for data in datas:
        codec.render(open_photograph(data), eager)
    return time.perf_counter() - begin


def served_seconds(folder: Path, count: int) -> tuple[float, dict[str, float]]:
    """From the first byte sent to the last photograph settled; and the processor time of each process."""
    service = subprocess.Popen(
        [sys.executable, "-m", "localstack.embedded"],
        cwd=ROOT,
        env={**os.environ, "PORT": "0", "NIGHTJAR_ADMIN_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert service.stdout
        url = next(found[0] for line in service.stdout if (found := re.search(r"http://127\S+", line)))
        project = post(url, "projects", {"name": "Bench"})
        deployment = post(url, "deployments", {"project_id": project["id"], "name": "Bench"})
        # The first photograph finds everything cold; it is not counted.
        warm(url, deployment["id"], folder)
        before = processor_times(service.pid)
        begin = time.perf_counter()
        nightjar = str(Path(sys.executable).with_name("nightjar"))
        sender = [nightjar, "upload", str(folder), "--deployment", deployment["id"]]
        with subprocess.Popen(
            sender,
            cwd=ROOT,
            env={**os.environ, "NIGHTJAR_URL": url, "NIGHTJAR_TOKEN": TOKEN},
            stdout=subprocess.DEVNULL,
        ):
            wait_for(url, deployment["id"], count + 1)
        wall = time.perf_counter() - begin
        after = processor_times(service.pid)
        return wall, {name: after[name] - before.get(name, 0) for name in after}
    finally:
        service.terminate()
        service.wait()


def warm(url: str, deployment_id: str, folder: Path) -> None:
    picture = Image.open(next(iter(sorted(folder.iterdir()))))
    data = BytesIO()
    picture.resize((320, 240)).save(data, "JPEG")
    from cli.client import Client

    Client(url, TOKEN).send_photograph(deployment_id, "20260609_200000.jpg", data.getvalue())
    wait_for(url, deployment_id, 1)


def post(url: str, path: str, body: dict[str, str]) -> dict[str, str]:
    answer = requests.post(f"{url}/api/v2/{path}", json=body, headers=HEADERS, timeout=30)
    answer.raise_for_status()
    made: dict[str, str] = answer.json()
    return made


def wait_for(url: str, deployment_id: str, count: int) -> None:
    """Returns once so many captures are counted."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        answer = requests.get(f"{url}/api/v2/deployments/{deployment_id}", timeout=30).json()
        if answer["captures_count"] >= count:
            return
        time.sleep(0.5)
    raise TimeoutError(f"{count} photographs were not all there after {PATIENCE} s.")


def processor_times(pid: int) -> dict[str, float]:
    """Processor seconds so far of the service's process and of each engine below it."""
    times = {"functions": ticks(pid)}
    for child in descendants(pid):
        command = Path(f"/proc/{child}/cmdline").read_text()
        name = "table" if "java" in command else "storage and queues"
        times[name] = times.get(name, 0) + ticks(child)
    return times


def descendants(pid: int) -> list[int]:
    # A child is listed with the thread that started it.
    lists = (path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/children"))
    children = [int(child) for text in lists for child in text.split()]
    return children + [below for child in children for below in descendants(child)]


def ticks(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def measure(megapixels: int, count: int) -> Run:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        draw(folder, megapixels, count)
        pure = pure_seconds(folder)
        wall, processor = served_seconds(folder, count)
    return Run(megapixels, count, pure, wall, processor)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photographs", nargs="+", default=["2:120", "24:24"], metavar="MEGAPIXELS:COUNT")
    for text in parser.parse_args().photographs:
        run = measure(*map(int, text.split(":")))
        each = run.wall / run.count
        print(
            f"{run.megapixels} megapixels, {run.count} photographs on {os.cpu_count()} cores:"
            f" {1 / each:.1f} photographs/s; {1000 * each:.0f} ms each, beside"
            f" {1000 * run.pure / run.count:.0f} ms of decoding and encoding alone:"
            f" ratio {run.wall / run.pure:.2f}"
        )
        for process, seconds in run.processor.items():
            print(f"    {process}: {1000 * seconds / run.count:.0f} ms of processor time each")


if __name__ == "__main__":
    main()
