"""What syncing with a large bucket costs: for the first time, with nothing changed, with a little changed.

    PYTHONPATH=. python bench/sync.py [--objects 100000] [--killed]

It fills a bucket in an emulated S3, and syncs a deployment with it as the jobs' worker does, in steps of ten
seconds, on a DynamoDB Local of its own; each sync in a process of its own, whose most memory counts. Requests
are those that left; units what the engine says they took. The floor is listing the bucket, and doing nothing
with it, in the same run.

With --killed it makes the first sync once more, on another table, in processes that are killed (SIGKILL) at
seven places chosen in advance, each followed by a new one, and holds what is left against what an undisturbed
sync has left: captures, what is known, sessions, counts, and the report.
"""

import argparse
import csv
import gzip
import hashlib
import io
import json
import multiprocessing
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "b", "AWS_SECRET_ACCESS_KEY": "b"}
os.environ |= {
    "NIGHTJAR_TABLE": "table",
    "NIGHTJAR_PHOTOS_BUCKET": "photos-bucket",
    "NIGHTJAR_THUMBNAILS_BUCKET": "thumbnails-bucket",
    "NIGHTJAR_INGEST_QUEUE_URL": "http://127.0.0.1:1/ingest",
    "NIGHTJAR_INGEST_DEAD_LETTERS_URL": "http://127.0.0.1:1/ingest-dead-letters",
    "NIGHTJAR_JOBS_QUEUE_URL": "http://127.0.0.1:1/jobs",
    "NIGHTJAR_PRIVATE_ENDPOINTS": "allow",
}

import boto3

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.aws.table import Row
from chalicelib.captures import timeline
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.jobs.rules import STEP, Job
from chalicelib.jobs.service import Jobs, Start
from chalicelib.jobs.types import TYPES
from chalicelib.jobs.working import Working
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project
from chalicelib.sessions import store as sessions
from chalicelib.settings import settings
from chalicelib.sources import listing
from chalicelib.sources import service as sources
from chalicelib.sources.listing import Budget, Filter
from chalicelib.sources.rules import Source
from chalicelib.syncing import job as syncing
from chalicelib.syncing import store as known
from localstack.embedded.engines import Engine, start_dynamodb_local, start_moto

ROOT = Path(__file__).resolve().parents[1]
BUCKET = "somebody-elses-bucket"
FIRST = datetime(2019, 6, 1, 21)
A_NIGHT = 400
ADDED, CHANGED, REMOVED = 500, 200, 100
MOST = 250
"""MB a worker may take."""


@dataclass
class Cost:
    """What one sync took. Seconds, requests by operation, units, and the most memory in MB."""

    seconds: float = 0.0
    table: Counter[str] = field(default_factory=Counter)
    storage: Counter[str] = field(default_factory=Counter)
    written: float = 0.0
    read: float = 0.0
    memory: float = 0.0
    told: dict[str, Any] = field(default_factory=dict)
    steps: int = 0


@dataclass(frozen=True)
class Place:
    """Where a worker is killed: at its so-manieth request of that operation that holds `mark`, before it
    leaves or after it was carried out."""

    operation: str
    number: int
    afterwards: bool = False
    mark: bytes = b""

    def __str__(self) -> str:
        when = "after" if self.afterwards else "before"
        what = f" of {self.mark.decode()}" if self.mark else ""
        return f"{when} {self.operation}{what} {self.number:,}"


PLACES = (
    Place("PutItem", 1500, mark=b"CAPTURE#"),
    Place("BatchWriteItem", 45, afterwards=True),
    Place("UpdateItem", 4, mark=b"UNSETTLED#"),
    Place("PutObject", 1),
    Place("PutObject", 1, afterwards=True),
    Place("PutItem", 2, afterwards=True, mark=b"JOB#"),
    Place("TransactWriteItems", 1, mark=b"SESSION#"),
)
"""In the midst of a page of captures, and of what is known of them; before a mark; around the keeping of a
part of the report; after a step was written, before the next was asked for; in the midst of regrouping."""


# ---------------------------------------------------------------------------------------------- what is there


def names() -> Iterator[str]:
    """Names as cameras give them: a photograph every two minutes, some 400 a night."""
    number = 0
    while True:
        night, frame = divmod(number, A_NIGHT)
        yield f"moths/{FIRST + timedelta(days=night, minutes=2 * frame):%Y/%m/%Y%m%d%H%M%S}-snapshot.jpg"
        number += 1


def fill(s3: Any, keys: list[str], body: Callable[[str], bytes]) -> None:
    """Puts an object for each of the keys."""
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=BUCKET, Key=key, Body=body(key)), keys))


def world(table: Engine, s3: Engine) -> tuple[Source, Deployment]:
    """An empty table, and in it a project with a data source and a deployment."""
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    wanted = dict(template["Resources"]["Table"]["Properties"])
    del wanted["PointInTimeRecoverySpecification"], wanted["TimeToLiveSpecification"]
    # Nobody reads it here, and with every record in it the engine takes longer for each request.
    del wanted["StreamSpecification"]
    boto3.client("dynamodb", endpoint_url=table.url).create_table(TableName="table", **wanted)
    connect(table.url)
    now = clock.now()
    project = projects.make(Project(ids.new_project_id(), "Moths", created_at=now, updated_at=now))
    made = Source(ids.new_source_id(), project.id, "Others", BUCKET, now, now, "moths", endpoint_url=s3.url)
    source = sources.make(made, None, private=True)
    deployment = Deployment(ids.new_deployment_id(), project.id, "Edge", now, now, data_source=source.id)
    return source, deployments.make(project, deployment)


def connect(url: str) -> None:
    """Lets this process use the table there."""
    Row.Meta.table_name, Row.Meta.host, Row._connection = "table", url, None


# ----------------------------------------------------------------------------------------------- what is done


def watch(cost: Cost) -> None:
    """Adds up what is asked of the table and the storages from now on."""

    def asked(params: dict[str, Any], **_: Any) -> None:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")

    def answered(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        cost.table[model.name] += 1
        consumed = parsed.get("ConsumedCapacity", [])
        each = consumed if isinstance(consumed, list) else [consumed]
        units = sum(one.get("CapacityUnits", 0.0) for one in each)
        if model.name in ("Query", "GetItem", "BatchGetItem"):
            cost.read += units
        else:
            cost.written += units

    events = Row._get_connection().connection.client.meta.events
    events.register("before-parameter-build.dynamodb", asked)
    events.register("after-call.dynamodb", answered)
    storage().register("after-call.s3", lambda model, **_: cost.storage.update([model.name]))


def storage() -> Any:
    """The events of all clients of storages that this process is going to make."""
    session: Any = boto3.DEFAULT_SESSION
    return session._session.get_component("event_emitter")


def beware(place: Place) -> None:
    """Has this process killed at that place."""
    seen = Counter[str]()

    def strike(model: Any, params: dict[str, Any], **_: Any) -> None:
        body = params.get("body", b"")
        if model.name == place.operation and (not place.mark or place.mark in bytes(body)):
            seen["times"] += 1
            if seen["times"] == place.number:
                if not place.afterwards:
                    os.kill(os.getpid(), signal.SIGKILL)
                seen["doomed"] = 1

    def after(model: Any, **_: Any) -> None:
        if model.name == place.operation and seen["doomed"]:
            os.kill(os.getpid(), signal.SIGKILL)

    table = Row._get_connection().connection.client.meta.events
    for service, events in (("dynamodb", table), ("s3", storage())):
        events.register(f"before-call.{service}", strike)
        events.register(f"after-call.{service}", after)


def most_memory() -> float:
    """The most memory this process has had, in MB. Not by `getrusage`, which counts what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1000


def is_over(end: float) -> bool:
    """Whether a moment has passed."""
    return time.monotonic() >= end


def work(url: str, job_id: str, place: Place | None, told: Any) -> None:
    """Works on a job until it has ended, as a process of its own."""
    connect(url)
    boto3.setup_default_session()
    cost = Cost()
    watch(cost)
    if place:
        beware(place)
    messages: list[Any] = []
    working = Working(Jobs(TYPES, clock.now, messages.append))
    begin = time.perf_counter()
    working.take_up()
    while messages:
        message = messages.pop(0)
        end = time.monotonic() + STEP.total_seconds()
        working.step(message["job"], message["step"], partial(is_over, end))
        cost.steps += 1
    cost.seconds = time.perf_counter() - begin
    cost.memory = most_memory()
    job = working.jobs.find(job_id)
    assert job.status == "SUCCESS", (job.status, job.reason)
    cost.told = {param.key: param.value for stage in job.stages for param in stage.params}
    told.put(cost)


def sync(url: str, deployment: Deployment, places: tuple[Place, ...] = ()) -> tuple[Job, Cost]:
    """Syncs a deployment, by as many workers as are killed, and one more."""
    jobs = Jobs(TYPES, clock.now, lambda _: None)
    job = jobs.start(Start(syncing.KEY, deployment.project_id, deployment.id, {"missing": "delete"}))
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    for place in (*places, None):
        process = context.Process(target=work, args=(url, job.id, place, told))
        process.start()
        if place is None:
            cost = told.get()
        process.join()
        wanted = -signal.SIGKILL if place else 0
        assert process.exitcode == wanted, f"{place}: ended with {process.exitcode}"
        if place:
            print(f"  killed {place}, at step {jobs.find(job.id).step + 1}", flush=True)
    return jobs.find(job.id), cost


def floor(source: Source) -> float:
    """Seconds for the listing alone."""
    begin = time.perf_counter()
    for _ in listing.pages(source, Filter(), Budget(600, 1 << 40), private=True):
        pass
    return time.perf_counter() - begin


def left(deployment: Deployment, job: Job) -> dict[str, str]:
    """Digests of all that a sync leaves, without what is of one run alone: ids of sessions, times of writing,
    the job's own id."""
    now = deployments.find(deployment.id, consistent=True)
    span = timeline.Span(deployment.project_id, deployment.id)
    captures = ((each.facts.key, each.timestamp, each.facts.version, each.facts.state) for each in _all(span))
    rows = ((each.key, each.version, each.size, each.fate) for each in known.known(deployment.id, "", None))
    nights = ((s.start, s.end, s.captures_count) for s in sessions.standing(deployment.id, None))
    counts = {param.key: param.value for param in job.stages[0].params if param.key != "report"}
    return {
        "captures": _digest(captures),
        "known": _digest(rows),
        "sessions": _digest(nights),
        "counts": _digest([counts, now.counts, now.data_source_total_files, now.data_source_total_size]),
        "report": _digest(sorted(_report(job))),
    }


def _all(span: timeline.Span) -> Iterator[Any]:
    after = None
    while page := timeline.page(span, "timestamp", 1000, after):
        yield from page
        after = timeline.position(page[-1])


def _report(job: Job) -> Iterator[tuple[str, ...]]:
    s3 = boto3.client("s3")
    body = s3.get_object(Bucket=settings().thumbnails_bucket, Key=f"reports/{job.id}/report.csv")[
        "Body"
    ].read()
    text = gzip.decompress(body).decode() if body[:2] == b"\x1f\x8b" else body.decode()
    for outcome, reason, where, size, _, undated in csv.reader(io.StringIO(text)):
        yield outcome, reason, where, size, undated


def _digest(values: Any) -> str:
    digest, number = hashlib.sha256(), 0
    for number, each in enumerate(values, 1):  # noqa: B007  (asked for after it)
        digest.update(repr(each).encode())
    return f"{number:,} · {digest.hexdigest()[:12]}"


# ----------------------------------------------------------------------------------------------- what is told


def tell(name: str, cost: Cost, beneath: float) -> None:
    """A line of the table, and what was counted."""
    table, storage = sum(cost.table.values()), sum(cost.storage.values())
    print(
        f"| {name} | {cost.seconds:.1f} | {cost.seconds / beneath:.2f} | {table:,} | {storage:,} | "
        f"{cost.written:,.0f} | {cost.read:,.0f} | {cost.memory:.0f} | {cost.steps} |"
    )
    counted = {key: value for key, value in cost.told.items() if value and key != "report"}
    print(f"  {dict(cost.table)} {dict(cost.storage)}\n  {counted}", flush=True)


def main() -> None:
    """Fills, syncs, tells."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--objects", type=int, default=100_000)
    asked.add_argument("--killed", action="store_true")
    given = asked.parse_args()
    s3, table = start_moto(), start_dynamodb_local()
    other: Engine | None = None
    try:
        for service in ("S3", "SSM", "STS"):
            os.environ[f"AWS_ENDPOINT_URL_{service}"] = s3.url
        client = boto3.client("s3")
        for bucket in (BUCKET, "photos-bucket", "thumbnails-bucket"):
            client.create_bucket(Bucket=bucket)
        keys = list(islice(names(), given.objects + ADDED))
        begin = time.perf_counter()
        fill(client, keys[: given.objects], str.encode)
        print(f"{given.objects:,} objects put in {time.perf_counter() - begin:.0f} s", flush=True)
        source, deployment = world(table, s3)
        beneath = floor(source)
        print(f"floor: listing alone {beneath:.1f} s (the emulated S3 sorts the bucket for every page)")
        print("| sync | s | × floor | table | storage | units written | units read | MB | steps |")
        job, cost = sync(table.url, deployment)
        tell("first", cost, beneath)
        undisturbed = left(deployment, job)
        assert cost.memory <= MOST, cost.memory
        if given.killed:
            other = start_dynamodb_local()
            _, again = world(other, s3)
            job, _ = sync(other.url, again, PLACES)
            disturbed = left(again, job)
            for what, digest in undisturbed.items():
                print(f"  {what}: {digest} undisturbed, {disturbed[what]} killed seven times", flush=True)
            assert disturbed == undisturbed
            connect(table.url)
        tell("unchanged", sync(table.url, deployment)[1], beneath)
        fill(client, keys[given.objects :], str.encode)
        fill(client, keys[: CHANGED * 7 : 7], lambda key: f"again {key}".encode())
        for key in keys[3 : REMOVED * 7 : 7]:
            client.delete_object(Bucket=BUCKET, Key=key)
        tell("a little changed", sync(table.url, deployment)[1], beneath)
    finally:
        for engine in (s3, table, other):
            if engine:
                engine.stop()


if __name__ == "__main__":
    main()
