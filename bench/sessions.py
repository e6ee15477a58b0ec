"""What grouping a deployment into sessions costs: all of it, one photograph more, and a changed gap.

    python bench/sessions.py [--sizes 1200,10000,100000,1000000]

For each size it fills a deployment in a DynamoDB Local of its own and settles it as the regroup job does,
once from nothing and once more when nothing has changed; adds single photographs in the middle; changes the
gap from two hours to four. Each part has a process of its own, whose most memory counts. Requests are those
that left; units what the engine says they took, which is too little for transactions: there the rows written
count. The floor is reading the timeline once, and doing nothing with it.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

os.environ |= {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "b", "AWS_SECRET_ACCESS_KEY": "b"}

import boto3

from chalicelib import ids
from chalicelib.aws import keys
from chalicelib.aws.stream import Change
from chalicelib.aws.table import Row
from chalicelib.captures import store as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture, Facts, Seen
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project
from chalicelib.sessions.effects import NOTHING, Effect
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling
from localstack.embedded.engines import start_dynamodb_local

ROOT = Path(__file__).resolve().parents[1]
TABLE = "bench"
SIZES = (1_200, 10_000, 100_000, 1_000_000)
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

FIRST = datetime(1999, 6, 1, 21)
A_NIGHT = 100
PAUSED = 3
"""One night of so many has a pause of two and a half hours: two sessions by a gap of two, one by four."""

BEYOND = 10_000
ADDED = 5
ALIKE = 0.2
LARGE = 10_000
"""What is smaller fits into a page or two, and is not judged: only shown."""

FEW = 12
MEGABYTES = 300
PUBLISHED = "14-22 s for 1,263 captures in 69 sessions"

UNITS = ("requests", "read-units", "write-units", "rows", "sessions-of-them")
WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems")

T = TypeVar("T")


@dataclass
class Cost:
    """What something took: seconds, requests, capacity units; rows written or deleted, and how many of them
    are sessions."""

    seconds: float = 0.0
    requests: Counter[str] = field(default_factory=Counter)
    read: float = 0.0
    written: float = 0.0
    rows: int = 0
    sessions: int = 0


@dataclass
class Whole:
    """Grouping all of a deployment: from nothing, and again; the floor; megabytes at most, and before."""

    size: int
    first: Cost
    again: Cost
    effects: tuple[Effect, Effect]
    floor: float
    most: float
    imported: float


@dataclass
class OneMore:
    """Settling the deployment, then the project, after each of a few captures that were added."""

    size: int
    deployment: list[Cost]
    project: list[Cost]


@dataclass
class Wider:
    """Regrouping by another gap."""

    size: int
    cost: Cost
    effect: Effect
    expected: int


class Meter:
    """Adds up what is asked of the table between `with` and its end."""

    def __enter__(self) -> Cost:
        self.cost = Cost()
        self._events = Row._get_connection().connection.client.meta.events
        self._handlers = (
            ("before-parameter-build.dynamodb", self._asked),
            ("before-send.dynamodb", self._sent),
            ("after-call.dynamodb", self._answered),
        )
        for event, handler in self._handlers:
            self._events.register(event, handler)
        self._begin = time.perf_counter()
        return self.cost

    def __exit__(self, *_: object) -> None:
        self.cost.seconds = time.perf_counter() - self._begin
        for event, handler in self._handlers:
            self._events.unregister(event, handler)

    def _asked(self, params: dict[str, Any], model: Any, **_: Any) -> None:
        params.setdefault("ReturnConsumedCapacity", "TOTAL")
        if model.name in WRITES:
            for item in params.get("TransactItems", [{"": params}]):
                [write] = item.values()
                key = write.get("Item") or write["Key"]
                self.cost.rows += 1
                self.cost.sessions += key["sk"]["S"].startswith(keys.SESSIONS)

    def _sent(self, event_name: str, **_: Any) -> None:
        self.cost.requests[event_name.rpartition(".")[2]] += 1

    def _answered(self, parsed: dict[str, Any], model: Any, **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        units = sum(
            each.get("CapacityUnits", 0.0)
            for each in (consumed if isinstance(consumed, list) else [consumed])
        )
        if model.name in WRITES:
            self.cost.written += units
        else:
            self.cost.read += units


# ------------------------------------------------------------------------------------------ what is measured


def moments() -> Iterator[datetime]:
    """The photographs of a light trap, night after night: one every three minutes."""
    number = 0
    while True:
        for frame in range(A_NIGHT):
            paused = number % PAUSED == 0 and frame >= A_NIGHT // 2
            yield FIRST + timedelta(days=number, minutes=3 * frame + (150 if paused else 0))
        number += 1


def sessions_of(size: int) -> tuple[int, int]:
    """How many sessions so many photographs make by a gap of two hours, and by one of four."""
    nights = -(-size // A_NIGHT)
    halved = sum((size - night * A_NIGHT) > A_NIGHT // 2 for night in range(0, nights, PAUSED))
    return nights + halved, nights


def a_capture(deployment: Deployment, timestamp: datetime, name: str) -> Capture:
    facts = Facts(
        key=name,
        filename=name,
        version="v",
        size=1,
        sha256=None,
        last_modified=NOW,
        state="ready",
        content_type="image/jpeg",
        width=1,
        height=1,
    )
    return Capture(ids.capture_id(deployment.id, "b", name), deployment.project_id, timestamp, 0, facts)


def load(size: int) -> Deployment:
    """A deployment in a project of its own, with so many captures that are not settled."""
    project = projects.make(Project(ids.new_project_id(), "Bench", created_at=NOW, updated_at=NOW))
    unmade = Deployment(ids.new_deployment_id(), project.id, "Bench", created_at=NOW, updated_at=NOW)
    deployment = deployments.make(project, unmade)
    client = boto3.client("dynamodb", endpoint_url=Row.Meta.host)
    told = Told(f"{size:,} captures: loaded", size)

    def put(part: Sequence[tuple[int, datetime]]) -> int:
        rows = (captures.row_of(a_capture(deployment, moment, f"{number}")) for number, moment in part)
        wanted: Any = [{"PutRequest": {"Item": row.serialize()}} for row in rows]
        while wanted:
            wanted = client.batch_write_item(RequestItems={TABLE: wanted})["UnprocessedItems"].get(TABLE)
        return len(part)

    with ThreadPoolExecutor(3) as threads:
        for some in chunks(chunks(enumerate(islice(moments(), size)), 25), 400):
            told.more(sum(threads.map(put, some)))
    return deployment


def chunks(values: Iterable[T], length: int) -> Iterator[list[T]]:
    coming = iter(values)
    while chunk := list(islice(coming, length)):
        yield chunk


def whole(deployment_id: str, size: int) -> Whole:
    imported = megabytes()
    with Meter() as first:
        effect = regroup(deployment_id, Told(f"{size:,} captures: grouped", size))
    most = megabytes()
    begin = time.perf_counter()
    assert sum(1 for _ in timeline.taken(deployment_id)) == size
    floor = time.perf_counter() - begin
    print(f"{size:,} captures: read once in {floor:.2f} s", flush=True)
    with Meter() as again:
        unchanged = regroup(deployment_id, Told(f"{size:,} captures: grouped again", size))
    counts = deployments.find(deployment_id, consistent=True).counts
    assert (counts.captures_count, counts.sessions_count) == (size, sessions_of(size)[0])
    return Whole(size, first, again, (effect, unchanged), floor, max(most, megabytes()), imported)


def regroup(deployment_id: str, told: "Told") -> Effect:
    """As the job does it: marks all, then settles a budget at a time until nothing is marked."""
    owner, settling = Owner("DEPLOYMENT", deployment_id), Settling(clock, never)
    settling.mark_all(owner)
    effect = NOTHING
    while (budget := settling.budget(owner)).state == "more":
        told.more(budget.effect.captures)
        effect += budget.effect
    assert budget.state == "done"
    return effect


def one_more(deployment_id: str, size: int) -> OneMore:
    deployment = deployments.find(deployment_id)
    settling, result = Settling(clock, never), OneMore(size, [], [])
    nights = -(-size // A_NIGHT)
    for number in range(ADDED):
        night = FIRST + timedelta(days=nights // 2 + number)
        capture = a_capture(deployment, night + timedelta(minutes=31), f"more {number}")
        assert captures.write(Seen(), capture)
        at = {"at": timeline.position(capture)}
        with Meter() as cost:
            settling.changes([Change(*keys.capture(capture.id), None, at)])
        result.deployment.append(cost)
        with Meter() as cost:
            settling.changes([Change(*keys.tally(deployment.project_id, deployment_id), {}, {})])
        result.project.append(cost)
    counts = deployments.find(deployment_id, consistent=True).counts
    assert counts == projects.find(deployment.project_id).counts
    assert (counts.captures_count, counts.sessions_count) == (size + ADDED, sessions_of(size)[0])
    return result


def wider(deployment_id: str, size: int) -> Wider:
    seen = deployments.find(deployment_id)
    deployments.change(replace(seen, session_time_gap_seconds=4 * 3600), seen.updated_at, clock())
    with Meter() as cost:
        effect = regroup(deployment_id, Told(f"{size:,} captures: regrouped", size))
    before, after = sessions_of(size)
    assert deployments.find(deployment_id, consistent=True).counts.sessions_count == after
    # A session that joins two: one row changes, another goes.
    return Wider(size, cost, effect, 2 * (before - after))


def clock() -> datetime:
    return datetime.now(UTC)


def never(owner: Owner) -> None:
    raise AssertionError(f"{owner} was to be settled by a job")


def megabytes() -> float:
    """The most memory this process has had."""
    [line] = [each for each in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in each]
    return int(line.split()[1]) / 1024


class Told:
    """Says how far long work is, every five seconds."""

    def __init__(self, what: str, of: int) -> None:
        self._what, self._of, self._done, self._last = what, of, 0, time.monotonic()

    def more(self, done: int) -> None:
        self._done += done
        if time.monotonic() > self._last + 5:
            self._last = time.monotonic()
            print(f"{self._what} {100 * self._done / self._of:.0f} %", flush=True)


# ------------------------------------------------------------------------------------------------ the tables


def told_of_whole(runs: list[Whole]) -> None:
    print("\nA  All of a deployment, as the regroup job does it (two to a night: every third)\n")
    head = ("captures", "sessions", "regroup", "seconds", *UNITS, "us/capture", "x-floor")
    lines = []
    for run in runs:
        per = f"{run.floor * 1e6 / run.size:.1f}"
        lines.append([f"{run.size:,}", "", "floor", f"{run.floor:.2f}", *("" for _ in UNITS), per, "1.00"])
        for name, cost, effect in (
            ("first", run.first, run.effects[0]),
            ("again", run.again, run.effects[1]),
        ):
            sessions = effect.created + effect.touched + effect.unchanged
            per = f"{cost.seconds * 1e6 / run.size:.1f}"
            ratio = f"{cost.seconds / run.floor:.2f}"
            lines.append(
                [f"{run.size:,}", f"{sessions:,}", name, f"{cost.seconds:.2f}", *numbers(cost), per, ratio]
            )
    show(head, lines)
    print("\nMost memory of the process that did all three, and what it had when it had imported everything:")
    show(
        ["captures", "MB", "MB-imported"],
        [[f"{run.size:,}", f"{run.most:.0f}", f"{run.imported:.0f}"] for run in runs],
    )
    print(
        f"\nAntenna published {PUBLISHED}, on another machine and another database:"
        "\nthe two stand beside each other, and no ratio can be claimed."
    )


def told_of_one_more(runs: list[OneMore]) -> None:
    print(f"\nB  One capture more, in the middle ({ADDED} times; medians)\n")
    lines = []
    for run in runs:
        for name, costs in (("deployment", run.deployment), ("project", run.project)):
            lines.append(
                [
                    f"{run.size:,}",
                    name,
                    f"{1000 * median(costs, lambda cost: cost.seconds):.0f}",
                    f"{median(costs, lambda cost: cost.requests.total()):.0f}",
                    f"{median(costs, lambda cost: cost.read):.1f}",
                    f"{median(costs, lambda cost: cost.written):.1f}",
                    f"{median(costs, lambda cost: cost.rows):.0f}",
                    f"{median(costs, lambda cost: cost.sessions):.0f}",
                    " ".join(f"{name} {count}" for name, count in sorted(costs[0].requests.items())),
                ]
            )
    show(("captures", "settled", "ms", *UNITS, "of"), lines)


def told_of_wider(runs: list[Wider]) -> None:
    print("\nC  The gap changed from 2 h to 4 h\n")
    lines = [
        [
            f"{run.size:,}",
            f"{run.effect.touched:,}",
            f"{run.effect.deleted:,}",
            f"{run.effect.created:,}",
            f"{run.effect.unchanged:,}",
            f"{run.expected:,}",
            f"{run.cost.seconds:.2f}",
            *numbers(run.cost),
        ]
        for run in runs
    ]
    show(
        ("captures", "changed", "deleted", "new", "unchanged", "expected", "seconds", *UNITS),
        lines,
    )


def verdicts(parts: tuple[list[Whole], list[OneMore], list[Wider]]) -> None:
    all_of, more, wide = parts
    print()
    large = [run for run in all_of if run.size >= LARGE] or all_of
    for name, of in (
        ("us per capture of the floor itself", lambda run: 1e6 * run.floor / run.size),
        ("us per capture of the first grouping", lambda run: 1e6 * run.first.seconds / run.size),
        ("floors that the first grouping takes", lambda run: run.first.seconds / run.floor),
        ("floors that an unchanged regroup takes", lambda run: run.again.seconds / run.floor),
        ("requests per capture of an unchanged regroup", lambda run: run.again.requests.total() / run.size),
        ("read units per capture of an unchanged regroup", lambda run: run.again.read / run.size),
        ("rows per capture that the first grouping writes", lambda run: run.first.rows / run.size),
    ):
        each = [of(run) for run in large]
        verdict(f"linear? {name}: {listed(each)}", each[-1] <= (1 + ALIKE) * each[0])
    for name, of_cost in (
        ("requests", lambda cost: cost.requests.total()),
        ("read units", lambda cost: cost.read),
        ("rows written", lambda cost: cost.rows),
        ("ms", lambda cost: 1000 * cost.seconds),
    ):
        for owner in ("deployment", "project"):
            some = [run for run in more if run.size >= LARGE] or more
            each = [median(getattr(run, owner), of_cost) for run in some]
            verdict(f"flat? {name}, {owner}: {listed(each)}", max(each) <= (1 + ALIKE) * min(each))
    most = max(cost.requests.total() for run in more for cost in run.deployment)
    verdict(f"{FEW} requests at the most for one more, the deployment alone? {most}", most <= FEW)
    rows = sum(run.again.sessions for run in all_of)
    transactions = sum(run.again.requests["TransactWriteItems"] for run in all_of)
    verdict(
        f"an unchanged regroup writes nothing? {rows} rows of sessions, {transactions} transactions",
        not rows and not transactions,
    )
    exact = all(run.cost.sessions == run.expected for run in wide)
    verdict("a changed gap writes the changed sessions and no other?", exact)
    peak = all_of[-1]
    verdict(f"{MEGABYTES} MB at the most at {peak.size:,}? {peak.most:.0f} MB", peak.most <= MEGABYTES)


def listed(values: list[float]) -> str:
    return ", ".join(f"{each:.3g}" for each in values)


def verdict(what: str, holds: bool) -> None:
    print(f"{'yes' if holds else 'NO ':3}  {what}")


def median(costs: list[Cost], of: Callable[[Cost], float]) -> float:
    return statistics.median(map(of, costs))


def numbers(cost: Cost) -> list[str]:
    return [
        f"{cost.requests.total():,}",
        f"{cost.read:,.1f}",
        f"{cost.written:,.1f}",
        f"{cost.rows:,}",
        f"{cost.sessions:,}",
    ]


def show(head: Sequence[str], lines: list[list[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(head, *lines, strict=True)]
    for line in (head, *lines):
        print("  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


# --------------------------------------------------------------------------------------------------- running


def make_table(endpoint: str) -> None:
    """The table of the service, without its stream: the engine slows down with every record in it."""
    template = json.loads((ROOT / ".chalice" / "resources.json").read_text())
    wanted = template["Resources"]["Table"]["Properties"]
    for name in ("PointInTimeRecoverySpecification", "TimeToLiveSpecification", "StreamSpecification"):
        del wanted[name]
    boto3.client("dynamodb", endpoint_url=endpoint).create_table(TableName=TABLE, **wanted)


def use(endpoint: str) -> None:
    """The table, for this process. For each page of a query the engine fetches all that is left, unless there
    is a limit, so that reading a whole timeline grows with its square; the real one does not. A limit that no
    page reaches spares that, and changes neither requests nor units."""
    Row.Meta.table_name, Row.Meta.host = TABLE, endpoint
    events = Row._get_connection().connection.client.meta.events
    events.register(
        "before-parameter-build.dynamodb.Query", lambda params, **_: params.setdefault("Limit", BEYOND)
    )


def apart(endpoint: str, work: Callable[..., T], *arguments: Any) -> T:
    """Does it in a process of its own."""
    own = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=own, initializer=use, initargs=(endpoint,)) as process:
        return process.submit(work, *arguments).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), metavar="N,N,…")
    sizes = [int(each) for each in parser.parse_args().sizes.split(",")]
    engine = start_dynamodb_local()
    parts: tuple[list[Whole], list[OneMore], list[Wider]] = [], [], []
    try:
        make_table(engine.url)
        for size in sizes:
            deployment = apart(engine.url, load, size)
            parts[0].append(apart(engine.url, whole, deployment.id, size))
            parts[1].append(apart(engine.url, one_more, deployment.id, size))
            parts[2].append(apart(engine.url, wider, deployment.id, size))
            print(f"{size:,} captures: done", flush=True)
    finally:
        engine.stop()
    print(f"\n{engine.title}, {os.cpu_count()} cores")
    told_of_whole(parts[0])
    told_of_one_more(parts[1])
    told_of_wider(parts[2])
    verdicts(parts)


if __name__ == "__main__":
    main()
