"""The engines start, say what they are, and never stay behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from localstack.embedded.children import EngineError, free_port, start_engine, status_of
from localstack.embedded.clients import Clients, connect
from localstack.embedded.engines import Engines, start_dynamodb_local, start_moto
from localstack.embedded.java import parse_version
from localstack.embedded.resources import create_resources, environment

ROOT = Path(__file__).parents[2]
PROC = Path("/proc")
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def descendants(pid: int) -> set[int]:
    children = (PROC / str(pid) / "task" / str(pid) / "children").read_text().split()
    found = {int(child) for child in children}
    return found.union(*(descendants(child) for child in found))


def alive(pid: int) -> bool:
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def await_end(pids: set[int]) -> set[int]:
    """Those that still run after some seconds."""
    deadline = time.monotonic() + 10
    while (left := {pid for pid in pids if alive(pid)}) and time.monotonic() < deadline:
        time.sleep(0.05)
    return left


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_402"', 8),
        ('openjdk version "25" 2025-09-16 LTS', 25),
        ('openjdk version "26-ea" 2026-03-17', 26),
        ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
    ],
)
def test_java_versions(text: str, version: int | None) -> None:
    assert parse_version(text) == version


def test_engines_answer_and_say_what_they_are(embedded_engines: Engines, clients: Clients) -> None:
    assert embedded_engines.title.startswith("DynamoDB Local 3.")
    assert "moto " in embedded_engines.title
    assert clients.dynamodb.list_tables()["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert clients.sqs.list_queues()["ResponseMetadata"]["HTTPStatusCode"] == 200


@linux
def test_nothing_stays_behind_after_stop() -> None:
    engine = start_moto()
    family = {engine.process.pid} | descendants(engine.process.pid)
    assert len(family) == 2
    engine.stop()
    engine.stop()
    assert not engine.running
    assert await_end(family) == set()
    assert status_of(engine.url) is None


@linux
def test_nothing_stays_behind_when_the_parent_is_killed() -> None:
    source = """
import time
from localstack.embedded.engines import start_engines
start_engines()
print("started", flush=True)
time.sleep(60)
"""
    command = [sys.executable, "-c", source]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert "started" in parent.stdout.readline()
    # A child of a thread that is just ending belongs to another a moment later.
    deadline = time.monotonic() + 10
    while len(family := descendants(parent.pid)) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(family) == 4  # two leashes, java and moto
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert await_end(family) == set()


@linux
def test_an_engine_ends_when_its_leash_is_killed() -> None:
    engine = start_moto()
    family = {engine.process.pid} | descendants(engine.process.pid)
    os.kill(engine.process.pid, signal.SIGKILL)
    engine.stop()
    assert await_end(family) == set()


def test_an_engine_that_does_not_start_says_why() -> None:
    def command(_port: int) -> list[str]:
        return [sys.executable, "-c", "raise SystemExit('no licence for tea')"]

    with pytest.raises(EngineError, match="no licence for tea"):
        start_engine("Kettle", "1", command, port=free_port())


def test_a_table_on_disk_outlives_its_engine(tmp_path: Path, embedded_engines: Engines) -> None:
    for expected in (0, 1):
        engine = start_dynamodb_local(data=tmp_path)
        clients = connect(Engines(engine, embedded_engines.moto))
        resources = create_resources(clients, "disk-")
        assert clients.dynamodb.scan(TableName=resources.table)["Count"] == expected
        clients.dynamodb.put_item(TableName=resources.table, Item={"pk": {"S": "a"}, "sk": {"S": "b"}})
        engine.stop()


def test_the_template_becomes_resources_once(
    embedded_engines: Engines, clients: Clients, unique: str
) -> None:
    resources = create_resources(clients, f"{unique}-")
    assert create_resources(clients, f"{unique}-") == resources
    assert resources.table == unique
    assert resources.buckets["PhotosBucket"] == f"{unique}-photos-bucket"
    assert resources.queues["IngestDeadLetters"].name == f"{unique}-ingest-dead-letters"
    assert "/stream/" in resources.stream_arn
    there = environment(resources, embedded_engines)
    assert there["NIGHTJAR_JOBS_QUEUE_URL"] == resources.queues["JobsQueue"].url
    assert there["AWS_ENDPOINT_URL_DYNAMODB"] == embedded_engines.table.url


def test_a_property_nobody_knows_is_named(tmp_path: Path, clients: Clients) -> None:
    template = tmp_path / "resources.json"
    template.write_text(
        '{"Resources": {"Chute": {"Type": "AWS::SQS::Queue", "Properties": {"FifoQueue": true}}}}'
    )
    with pytest.raises(ValueError, match=r"Chute.*FifoQueue"):
        create_resources(clients, "never-", template)
