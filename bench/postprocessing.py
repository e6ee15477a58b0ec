"""What post-processing costs: the small size filter over 100,000 detections, and class masking over 20,000
classifications of 500 classes.

    PYTHONPATH=. python bench/postprocessing.py [--scale 0.01]

Both on DynamoDB Local and moto's S3. Captures have ten detections each; half of the boxes are too small, and
half of the classes are masked. Each run is a job, worked on in a process of its own whose most memory counts:
first, again (nothing is to be written), and undone. Requests are those that left; units what the engine says
they took. `--scale` makes everything smaller.
"""

import argparse
import json
import multiprocessing
import os
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
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
}

import boto3

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm, Category
from chalicelib.aws import clock
from chalicelib.aws.table import Row
from chalicelib.captures import store as capture_rows
from chalicelib.captures.rules import Capture, Facts
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.detections import store as detections
from chalicelib.detections import vectors
from chalicelib.detections.rules import Box, Classification, Detection, box_id, classification_id
from chalicelib.jobs.rules import STEP, Job
from chalicelib.jobs.service import Jobs, Start
from chalicelib.jobs.types import TYPES
from chalicelib.jobs.working import Working
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project
from chalicelib.taxa import service as taxa
from chalicelib.taxa.rules import TaxaList
from localstack.embedded.engines import start_dynamodb_local, start_moto

ROOT = Path(__file__).resolve().parents[1]
DETECTIONS, CLASSIFICATIONS, CLASSES = 100_000, 20_000, 500
ON_ONE = 10
FIRST = datetime(2020, 6, 1, 21)
CLASSIFIER = "classifier"


@dataclass
class Cost:
    """What one job took: seconds, requests by operation, units, steps, and the most memory in MB."""

    seconds: float = 0.0
    table: Counter[str] = field(default_factory=Counter)
    storage: Counter[str] = field(default_factory=Counter)
    written: float = 0.0
    read: float = 0.0
    memory: float = 0.0
    steps: int = 0
    told: dict[str, Any] = field(default_factory=dict)


def table(url: str) -> None:
    """An empty table."""
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    wanted = dict(template["Resources"]["Table"]["Properties"])
    # Nobody reads the stream here, and with every record in it the engine takes longer for each request.
    for name in ("PointInTimeRecoverySpecification", "TimeToLiveSpecification", "StreamSpecification"):
        del wanted[name]
    boto3.client("dynamodb", endpoint_url=url).create_table(TableName="table", **wanted)
    connect(url)


def connect(url: str) -> None:
    """Lets this process use the table there."""
    Row.Meta.table_name, Row.Meta.host, Row._connection = "table", url, None


# ---------------------------------------------------------------------------------------------- what is there


def station(project: Project) -> Deployment:
    """A deployment without captures."""
    now = clock.now()
    return deployments.make(project, Deployment(ids.new_deployment_id(), project.id, "Edge", now, now))


def a_capture(deployment: Deployment, number: int) -> Capture:
    """A photograph, one a minute."""
    key = f"photos/{deployment.id}/{number}.jpg"
    now = datetime(2026, 6, 1, tzinfo=UTC)
    facts = Facts(key, f"{number}.jpg", "v", 2_000_000, now, "ready", width=4000, height=3000)
    taken = FIRST + timedelta(minutes=number)
    capture_id = ids.capture_id(deployment.id, "photos", key)
    return Capture(capture_id, deployment.project_id, taken, 0, facts, stamp="-")


def fill(deployment: Deployment, number: int, classes: int) -> None:
    """A capture with ten boxes, every other one small; with as many logits each as there are classes."""
    chance, capture, now = random.Random(number), a_capture(deployment, number), clock.now()
    boxes = []
    for at in range(ON_ONE):
        side = 60.0 if at % 2 else 250.0
        x, y = chance.uniform(0, 3700), chance.uniform(0, 2700)
        box = Box(x, y, x + side, y + side)
        boxes.append(Detection(box_id(capture.id, "detector", box, ""), "detector", box, 0.9, now))
    logits = [tuple(chance.gauss(0, 3) for _ in range(classes)) for _ in boxes]
    packed = vectors.packed(capture.id, [vectors.Vectors(None, each or None) for each in logits])
    references = packed.references if packed else [None] * len(boxes)
    names = [
        Classification(
            id=classification_id(box.id, CLASSIFIER),
            algorithm=CLASSIFIER,
            taxon_id=ids.taxon_id(f"Species {votes.index(max(votes)) if votes else 0}"),
            label=None,
            score=0.7,
            created_at=now,
            vectors=reference,
        )
        for box, votes, reference in zip(boxes, logits, references, strict=True)
    ]
    if packed:
        vectors.keep(packed)
    capture_rows.row_of(capture).save()
    detections.keep([*boxes, *names])


def filled(project: Project, captures: int, classes: int) -> Deployment:
    """A deployment with so many captures."""
    made, begin = station(project), time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(partial(fill, made, classes=classes), range(captures)))
    print(f"  {captures * ON_ONE:,} detections put in {time.perf_counter() - begin:.0f} s", flush=True)
    return made


# ----------------------------------------------------------------------------------------------- what is done


def watch(cost: Cost) -> None:
    """Adds up what is asked of the table and the storage from now on."""

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
    session: Any = boto3.DEFAULT_SESSION
    emitter = session._session.get_component("event_emitter")
    emitter.register("after-call.s3", lambda model, **_: cost.storage.update([model.name]))


def is_over(end: float) -> bool:
    """Whether a moment has passed."""
    return time.monotonic() >= end


def work(url: str, job_id: str, told: Any) -> None:
    """Works on a job until it has ended, as a process of its own."""
    connect(url)
    boto3.setup_default_session()
    cost = Cost()
    watch(cost)
    messages: list[Any] = []
    working = Working(Jobs(TYPES, clock.now, messages.append))
    begin = time.perf_counter()
    working.take_up()
    while messages:
        message, end = messages.pop(0), time.monotonic() + STEP.total_seconds()
        working.step(message["job"], message["step"], partial(is_over, end))
        cost.steps += 1
    cost.seconds = time.perf_counter() - begin
    job = working.jobs.find(job_id)
    assert job.status == "SUCCESS", (job.status, job.reason)
    cost.told = {param.key: param.value for stage in job.stages for param in stage.params}
    status = Path("/proc/self/status").read_text()
    cost.memory = int(status.partition("VmHWM:")[2].split()[0]) / 1000
    told.put(cost)


def measured(name: str, url: str, job: Job) -> Cost:
    """Works on a job, in a process of its own; tells what it took."""
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=work, args=(url, job.id, told))
    process.start()
    cost: Cost = told.get()
    process.join()
    table, storage = sum(cost.table.values()), sum(cost.storage.values())
    print(
        f"| {name} | {cost.seconds:.1f} | {table:,} | {storage:,} | {cost.written:,.0f} | {cost.read:,.0f} | "
        f"{cost.memory:.0f} | {cost.steps} |\n  {dict(cost.table)} {dict(cost.storage)}\n"
        f"  { {key: value for key, value in cost.told.items() if value} }",
        flush=True,
    )
    return cost


def thrice(name: str, url: str, deployment: Deployment, task: str, **config: Any) -> None:
    """Runs a task, runs it again, and undoes the first run."""
    jobs = Jobs(TYPES, clock.now, lambda _: None)
    scope = {"deployment_id": deployment.id}
    start = Start(
        "post_processing",
        deployment.project_id,
        deployment.id,
        {"task": task, "config": config, "scope": scope},
    )
    first = jobs.start(start)
    cost = measured(name, url, first)
    assert cost.told["rows_written"] > 0
    again = measured(f"{name}, again", url, jobs.start(start))
    assert again.told["rows_written"] == again.told["occurrences_updated"] == 0
    undone = measured(f"{name}, undone", url, jobs.undo(first.id))
    assert undone.told["rows_removed"] == cost.told["rows_written"]


def the_list(taxa_count: int) -> str:
    """A list of every other species."""
    now = clock.now()
    made = taxa.make_list(TaxaList(ids.new_taxa_list_id(), "Ours", now, now))
    taxa.add(made.id, [ids.taxon_id(f"Species {at}") for at in range(0, taxa_count, 2)])
    return made.id


def main() -> None:
    """Fills, runs, tells."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--scale", type=float, default=1.0)
    scale = asked.parse_args().scale
    s3, engine = start_moto(), start_dynamodb_local()
    try:
        os.environ["AWS_ENDPOINT_URL_S3"] = s3.url
        for bucket in ("photos-bucket", "thumbnails-bucket"):
            boto3.client("s3").create_bucket(Bucket=bucket)
        table(engine.url)
        now = clock.now()
        project = projects.make(Project(ids.new_project_id(), "Moths", created_at=now, updated_at=now))
        categories = [Category(at, f"Species {at}") for at in range(CLASSES)]
        algorithms.ensure(Algorithm(CLASSIFIER, CLASSIFIER, now), categories, with_taxa=True)
        print("| run | s | table | storage | units written | units read | MB | steps |")
        many = filled(project, max(int(DETECTIONS * scale) // ON_ONE, 1), 0)
        thrice("small_size_filter", engine.url, many, "small_size_filter")
        some = filled(project, max(int(CLASSIFICATIONS * scale) // ON_ONE, 1), CLASSES)
        config = {"taxa_list_id": the_list(CLASSES), "algorithm_id": CLASSIFIER}
        thrice("class_masking", engine.url, some, "class_masking", **config)
    finally:
        for each in (s3, engine):
            each.stop()


if __name__ == "__main__":
    main()
