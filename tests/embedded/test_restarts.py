"""With a data folder, the stack may be stopped or killed any time: what was sent is there, and ingested."""

import hashlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
import pytest
import requests
from PIL import Image

from chalicelib import ids
from chalicelib.aws.table import Row
from chalicelib.captures.rules import Capture, Facts
from chalicelib.captures.store import row_of
from localstack.embedded.clients import connect
from localstack.embedded.engines import start_engines
from localstack.embedded.resources import create_resources

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "the token of this run"
PHOTOS, THUMBNAILS = "nightjar-photos-bucket", "nightjar-thumbnails-bucket"
SENDERS = 4
ENOUGH = 20
KEPT = 2000
CATCHING_UP = re.compile(r"Catching up on ([\d,]+) photographs")


class Service:
    """The stack in a process of its own, on a folder."""

    def __init__(self, data: Path) -> None:
        bare = {
            name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "NIGHTJAR_"))
        }
        own = {"PORT": "0", "NIGHTJAR_ADMIN_TOKEN": TOKEN, "NIGHTJAR_DATA": str(data)}
        began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "localstack.embedded"],
            cwd=ROOT,
            env={**bare, **own},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.said = ""
        for line in self.process.stdout:
            self.said += line
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                self.api = f"{found[0]}/api/v2"
                break
        else:
            raise AssertionError(f"the stack ended before it was ready: {self.process.communicate()}")
        self.seconds = time.monotonic() - began

    @property
    def caught_up(self) -> int:
        found = CATCHING_UP.search(self.said)
        return int(found[1].replace(",", "")) if found else 0

    def get(self, path: str, **query: Any) -> Any:
        answer = requests.get(f"{self.api}{path}", params=query, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        headers = {"Authorization": f"Token {TOKEN}"}
        answer = requests.post(f"{self.api}{path}", json=body, headers=headers, timeout=30)
        answer.raise_for_status()
        return answer.json()

    def deployment(self) -> dict[str, Any]:
        project = self.post("/projects", {"name": "kept"})
        made: dict[str, Any] = self.post("/deployments", {"project_id": project["id"], "name": "kept"})
        return made

    def captures(self, deployment: dict[str, Any]) -> list[Any]:
        found: list[Any] = []
        query = {"project_id": deployment["project_id"], "limit": 100}
        while page := self.get("/captures", **query, offset=len(found))["results"]:
            found += page
        return found

    def s3(self, deployment: dict[str, Any]) -> "S3Client":
        """S3 of this run, which moves from port to port."""
        form = self.announce(deployment, "where.jpg", b"x")
        address = urlsplit(form["url"])
        return boto3.client("s3", endpoint_url=f"{address.scheme}://{address.netloc}")

    def announce(self, deployment: dict[str, Any], name: str, body: bytes) -> Any:
        sha256 = hashlib.sha256(body).hexdigest()
        asked = {"filename": name, "content_type": "image/jpeg", "size": len(body), "sha256": sha256}
        return self.post("/captures/uploads", {"deployment_id": deployment["id"], **asked})

    def end(self, number: int) -> tuple[int, str]:
        """Sends the signal; returns the exit status and what was said as errors."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=60)
        return self.process.returncode, errors


def photograph(number: int) -> bytes:
    drawn = io.BytesIO()
    Image.effect_noise((640, 480), 20 + number).convert("RGB").save(drawn, "JPEG")
    return drawn.getvalue()


def wait_until(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.1)


def send_until_it_ends(
    service: Service, deployment: dict[str, Any], enough: int, number: int
) -> dict[str, bytes]:
    """Sends photographs, several at a time, signals the stack when so many are acknowledged, goes on until
    nothing answers any more, and returns what was acknowledged."""
    acknowledged: dict[str, bytes] = {}
    signalled = threading.Event()
    ended: list[tuple[int, str]] = []

    def send(lane: int) -> None:
        for turn in range(200):
            name, body = f"card {lane}/20260609_21{turn // 60:02}{turn % 60:02}.jpg", photograph(turn % 50)
            try:
                form = service.announce(deployment, name, body)
                answer = requests.post(form["url"], data=form["fields"], files={"file": body}, timeout=30)
            except requests.RequestException:
                assert signalled.is_set()
                return
            if answer.status_code == 204:
                acknowledged[name] = body
            if len(acknowledged) >= enough:
                signalled.set()

    with ThreadPoolExecutor(SENDERS) as sending:
        lanes = [sending.submit(send, lane) for lane in range(SENDERS)]
        assert signalled.wait(60)
        ended.append(service.end(number))
        for lane in lanes:
            lane.result()
    if number == signal.SIGTERM:
        assert ended == [(0, "")]
    return acknowledged


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_acknowledged_is_there_and_ingested_after_the_end(tmp_path: Path, number: int) -> None:
    first = Service(tmp_path)
    deployment = first.deployment()
    sent = send_until_it_ends(first, deployment, ENOUGH, number)

    second = Service(tmp_path)
    s3 = second.s3(deployment)
    there = {entry["Key"] for entry in s3.list_objects_v2(Bucket=PHOTOS)["Contents"]}
    for name, body in sent.items():
        found = s3.get_object(Bucket=PHOTOS, Key=f"photos/{deployment['id']}/{name}")
        assert found["Body"].read() == body
        assert found["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'  # noqa: S324 - it is S3's
        assert found["ContentType"] == "image/jpeg"
        assert found["Metadata"] == {"sha256": hashlib.sha256(body).hexdigest()}
    assert 0 < second.caught_up <= len(there), "nothing was waiting: send more before the end"

    captures: list[Any] = []

    def all_ingested() -> bool:
        # Pages move while captures come in: one may be seen twice and another not at all.
        captures[:] = {each["id"]: each for each in second.captures(deployment)}.values()
        return len(captures) == len(there)

    wait_until(all_ingested)
    assert sent.keys() <= {each["path"] for each in captures}
    urls = [url for each in captures for url in each["thumbnails"].values()]
    with ThreadPoolExecutor(SENDERS) as looking:
        statuses = list(looking.map(lambda url: requests.get(url, timeout=30).status_code, urls))
    assert set(statuses) == {200}
    second.end(signal.SIGTERM)


def capture_of(deployment: dict[str, Any], name: str, etag: str) -> Capture:
    key = f"photos/{deployment['id']}/{name}"
    now = datetime.now(UTC)
    facts = Facts(
        key=key, filename=name, version=etag.strip('"'), size=1, last_modified=now, state="unreadable"
    )
    capture_id = ids.capture_id(deployment["id"], PHOTOS, key)
    return Capture(capture_id, deployment["project_id"], now.replace(tzinfo=None), 0, facts)


def test_thousands_of_kept_objects_hold_up_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = Service(tmp_path)
    deployment = first.deployment()
    first.end(signal.SIGTERM)

    engines = start_engines(tmp_path)
    clients = connect(engines)
    clients.s3.create_bucket(Bucket=PHOTOS)  # without notifications, as yet

    def put(name: str) -> str:
        key = f"photos/{deployment['id']}/{name}"
        return clients.s3.put_object(Bucket=PHOTOS, Key=key, Body=name.encode())["ETag"]

    names = [f"{number}.jpg" for number in range(KEPT)]
    with ThreadPoolExecutor(8) as putting:
        etags = list(putting.map(put, names))
    resources = create_resources(clients)
    monkeypatch.setattr(Row.Meta, "table_name", resources.table)
    monkeypatch.setattr(Row.Meta, "host", engines.table.url)
    monkeypatch.setattr(Row, "_connection", None)
    with Row.batch_write() as writing:
        for name, etag in zip(names, etags, strict=True):
            writing.save(row_of(capture_of(deployment, name, etag)))
    put("missed.jpg")
    put("0.jpg ")  # another object, not a newer version of 0.jpg
    clients.s3.put_object(Bucket=PHOTOS, Key=f"photos/{deployment['id']}/1.jpg", Body=b"newer")
    engines.stop()

    second = Service(tmp_path)
    assert second.caught_up == 3
    assert second.seconds < 15, "this takes about 4 s on an idle machine"
    wait_until(lambda: second.get(f"/deployments/{deployment['id']}")["captures_count"] == KEPT + 2)
    second.end(signal.SIGTERM)
