"""What a capture set costs: populating it with everything, and one change in a set of any size.

    PYTHONPATH=. python bench/counters.py [--sizes 1000,10000,100000]

For each size it fills a deployment in a DynamoDB Local of its own, populates a set with all of it as the job
does, in a process of its own, whose most memory counts; then, one after the other, takes a few captures out,
adds them again and corrects the time of some, and settles after each as the stream's handler does. Requests
are those that left; units what the engine says they took.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
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
from chalicelib.aws import clock
from chalicelib.aws.stream import Change
from chalicelib.aws.table import Row
from chalicelib.capture_sets import service as sets
from chalicelib.capture_sets.populating import KEY
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture, Facts
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.jobs.rules import STEP
from chalicelib.jobs.service import Jobs, Start
from chalicelib.jobs.types import TYPES
from chalicelib.jobs.working import Working
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling
from localstack.embedded.engines import start_dynamodb_local

ROOT = Path(__file__).resolve().parents[1]
FIRST = datetime(2015, 6, 1, 21)
A_NIGHT = 400
TRIED = 5
FLAT = 0.2


@dataclass
class Cost:
    """Requests by operation, and units read and written."""

    requests: Counter[str] = field(default_factory=Counter)
    units: float = 0.0
    seconds: float = 0.0
    memory: float = 0.0
    members: int = 0


class Meter:
    """Adds up what is asked of the table between `with` and its end."""

    def __enter__(self) -> Cost:
        self.cost = Cost()
        self._events = Row._get_connection().connection.client.meta.events
        self._events.register("before-parameter-build.dynamodb", self._asked)
        self._events.register("after-call.dynamodb", self._answered)
        self._begin = time.perf_counter()
        return self.cost

    def __exit__(self, *_: object) -> None:
        self.cost.seconds = time.perf_counter() - self._begin
        self._events.unregister("before-parameter-build.dynamodb", self._asked)
        self._events.unregister("after-call.dynamodb", self._answered)

    def _asked(self, params: dict[str, Any], **_: Any) -> None:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")

    def _answered(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        self.cost.requests[model.name] += 1
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self.cost.units += each.get("CapacityUnits", 0.0)


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


def fill(deployment: Deployment, size: int) -> list[Capture]:
    """So many captures, 400 a night, and the sessions they make."""

    def capture(number: int) -> Capture:
        night, frame = divmod(number, A_NIGHT)
        taken = FIRST + timedelta(days=night, minutes=frame)
        key = f"photos/{deployment.id}/{number}.jpg"
        now = datetime(2026, 6, 1, tzinfo=UTC)
        facts = Facts(key, f"{number}.jpg", "v", 2_000_000, now, "ready", width=1600, height=1200)
        capture_id = ids.capture_id(deployment.id, "photos", key)
        return Capture(capture_id, deployment.project_id, taken, 0, facts, stamp="-")

    made = [capture(number) for number in range(size)]

    def keep(batch: list[Capture]) -> None:
        with Row.batch_write() as writing:
            for each in batch:
                writing.save(capture_rows.row_of(each))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(keep, (made[at : at + 250] for at in range(0, size, 250))))
    settling = settler()
    settling.mark_all(Owner("DEPLOYMENT", deployment.id))
    while settling.budget(Owner("DEPLOYMENT", deployment.id)).state != "done":
        pass
    settling.changes([Change(f"PROJECT#{deployment.project_id}", f"DEPLOYMENT#{deployment.id}", None, {})])
    return made


def settler() -> Settling:
    """A settler that leaves nothing to jobs."""
    return Settling(clock.now, lambda _: None)


def work(url: str, job_id: str, told: Any) -> None:
    """Works on a job until it has ended, as a process of its own."""
    connect(url)
    messages: list[Any] = []
    working = Working(Jobs(TYPES, clock.now, messages.append))
    with Meter() as cost:
        working.take_up()
        while messages:
            message, end = messages.pop(0), time.monotonic() + STEP.total_seconds()
            working.step(message["job"], message["step"], lambda end=end: time.monotonic() >= end)  # type: ignore[misc]
    job = working.jobs.find(job_id)
    assert job.status == "SUCCESS", (job.status, job.reason)
    status = Path("/proc/self/status").read_text()
    cost.memory = int(status.partition("VmHWM:")[2].split()[0]) / 1000
    told.put(cost)


def populate(url: str, made: CaptureSet) -> Cost:
    """Populates a set, in a process of its own."""
    jobs = Jobs(TYPES, clock.now, lambda _: None)
    job = jobs.start(Start(KEY, made.project_id, None, {"set_id": made.id}))
    context = multiprocessing.get_context("spawn")
    told = context.Queue()
    process = context.Process(target=work, args=(url, job.id, told))
    process.start()
    cost: Cost = told.get()
    process.join()
    cost.members = sets.find(made.id).captures_count
    return cost


def changes(made: CaptureSet, some: list[Capture]) -> Iterator[tuple[str, Callable[[], list[Change]]]]:
    """Single changes, by what they are; each gives what the stream tells of it."""
    chosen = some[:: len(some) // TRIED][:TRIED]
    for one in chosen:
        at = f"{made.generation}#{timeline.position(one)}"
        pk, sk = f"SET#{made.id}", f"MEMBER#{made.generation}#{one.id}"
        own = f"DEPLOYMENT#{one.deployment_id}", f"CAPTURE#{one.id}"

        def out(one: Capture = one, row: tuple[str, str] = (pk, sk), at: str = at) -> list[Change]:
            sets.remove(made, [one.id])
            return [Change(*row, {"at": at}, None)]

        def back(one: Capture = one, row: tuple[str, str] = (pk, sk), at: str = at) -> list[Change]:
            sets.add(made, [one.id])
            return [Change(*row, None, {"at": at})]

        def moved(one: Capture = one, row: tuple[str, str] = own) -> list[Change]:
            assert one.moment
            captures.date(one.id, one.moment + timedelta(seconds=1))
            image = {"owner": f"PROJECT#{one.project_id}"}
            later = replace(one, timestamp=one.moment + timedelta(seconds=1))
            before, after = timeline.position(one), timeline.position(later)
            return [Change(*row, {**image, "at": before}, {**image, "at": after})]

        yield "taken out", out
        yield "added", back
        yield "moved in time", moved


def measure(size: int) -> tuple[Cost, dict[str, list[Cost]]]:
    """Populating, and the single changes, of one size."""
    engine = start_dynamodb_local()
    try:
        table(engine.url)
        now = clock.now()
        project = projects.make(Project(ids.new_project_id(), "Moths", now, now))
        made = Deployment(ids.new_deployment_id(), project.id, "Edge", now, now)
        some = fill(deployments.make(project, made), size)
        chosen = sets.make(CaptureSet(ids.new_set_id(), project.id, "All", "full", now, now, "first"))
        populated = populate(engine.url, chosen)
        assert populated.members == size, populated.members
        single: dict[str, list[Cost]] = {}
        for what, change in changes(sets.find(chosen.id), some):
            told = change()
            with Meter() as cost:
                settler().changes(told)
            single.setdefault(what, []).append(cost)
        assert sets.find(chosen.id).captures_count == size
        return populated, single
    finally:
        engine.stop()


def main() -> None:
    """Measures each size, and tells whether a change costs the same in all."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--sizes", default="1000,10000,100000")
    sizes = [int(each) for each in asked.parse_args().sizes.split(",")]
    singles = {}
    print("| captures | populate s | requests | units | MB |")
    for size in sizes:
        populated, singles[size] = measure(size)
        requests = sum(populated.requests.values())
        print(
            f"| {size:,} | {populated.seconds:.1f} | {requests:,} | {populated.units:,.0f} "
            f"| {populated.memory:.0f} |",
            flush=True,
        )
    print("| one change | " + " | ".join(f"{size:,}: requests, units" for size in sizes) + " | flat? |")
    for what in singles[sizes[0]]:
        cells, units = [], []
        for size in sizes:
            costs = singles[size][what]
            count = statistics.median(sum(each.requests.values()) for each in costs)
            units.append(statistics.median(each.units for each in costs))
            cells.append(f"{count:.0f}, {units[-1]:.1f}")
        flat = max(units) <= min(units) * (1 + FLAT)
        print(f"| {what} | " + " | ".join(cells) + f" | {'yes' if flat else 'no'} |")


if __name__ == "__main__":
    main()
