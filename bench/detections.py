"""What results of algorithms cost until every counter is settled: many in bulk, and one in a set of any size.

    PYTHONPATH=. python bench/detections.py [--sizes 1000,10000,100000] [--bulk 10000]

For each size it fills a deployment in a DynamoDB Local of its own, populates a set with all of it, and turns
the table's stream on. Then it saves one detection with a name on each of `--bulk` captures (of all, if there
are fewer), fifty captures at a time as the job does, and plays the stream to the settler in batches of a
hundred until nothing comes any more. Then single detections, one after the other, each settled to its end.
Requests are those that left; units what the engine says they took.
"""

import argparse
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import counters
from counters import Cost, Meter

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm
from chalicelib.aws import clock, stream
from chalicelib.aws import table as tables
from chalicelib.capture_sets import reading as set_rows
from chalicelib.capture_sets import service as sets
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.captures.rules import Capture
from chalicelib.deployments import reading as deployment_rows
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.detections import service as detections
from chalicelib.detections.schemas import BoxBody, CaptureResults, NameBody
from chalicelib.projects import service as projects
from chalicelib.projects.rules import Project
from localstack.embedded.engines import start_dynamodb_local

PIECE, BATCH = 50, 100
NAMES = [f"Species {number}" for number in range(40)]


@dataclass
class Stream:
    """The table's stream, from when it was turned on."""

    url: str

    def __post_init__(self) -> None:
        client = boto3.client("dynamodb", endpoint_url=self.url)
        wanted = {"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
        client.update_table(TableName="table", StreamSpecification=wanted)
        arn = client.describe_table(TableName="table")["Table"]["LatestStreamArn"]
        self._client = boto3.client("dynamodbstreams", endpoint_url=self.url)
        [shard] = self._client.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._iterator = self._client.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def records(self) -> Iterator[dict[str, Any]]:
        """What has come since last asked."""
        while True:
            answer = self._client.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return
            yield from answer["Records"]

    def settle(self) -> int:
        """Plays it until nothing comes any more; how many batches that were."""
        settler, batches = counters.settler(), 0
        while records := list(self.records()):
            for at in range(0, len(records), BATCH):
                settler.changes(stream.changes({"Records": records[at : at + BATCH]}))
                batches += 1
        return batches


def said(capture: Capture, number: int) -> CaptureResults:
    """One detection with a name."""
    name = NameBody(algorithm="classifier", taxon=NAMES[number % len(NAMES)], score=0.9)
    x1 = 1.0 + number % 1000
    box = BoxBody(bbox=(x1, 5.0, x1 + 89, 80.0), score=0.8, classifications=[name])
    return CaptureResults(capture_id=capture.id, algorithm="detector", detections=[box])


def save(project_id: str, results: list[CaptureResults]) -> None:
    """Saves results as the job does."""
    for at in range(0, len(results), PIECE):
        outcomes = detections.save(project_id, results[at : at + PIECE], clock.now())
        assert not any(each.error for each in outcomes), outcomes


@dataclass
class Measured:
    """Of one size: in bulk, saving and settling; how often set and deployment were written; and singles."""

    many: int
    saved: Cost
    settled: Cost
    set_writes: int
    station_writes: int
    singles: list[Cost]


def measure(size: int, bulk: int) -> Measured:
    """One size."""
    engine = start_dynamodb_local()
    try:
        counters.table(engine.url)
        now = clock.now()
        project = projects.make(Project(ids.new_project_id(), "Moths", now, now))
        made = Deployment(ids.new_deployment_id(), project.id, "Edge", now, now)
        some = counters.fill(deployments.make(project, made), size)
        chosen = sets.make(CaptureSet(ids.new_set_id(), project.id, "All", "full", now, now, "first"))
        assert counters.populate(engine.url, chosen).members == size
        for key in ("detector", "classifier"):
            algorithms.ensure(Algorithm(key, key, now))
        played = Stream(engine.url)
        many = min(bulk, size)
        before = _writes(chosen.id, made.id)
        with Meter() as saved:
            save(project.id, [said(each, number) for number, each in enumerate(some[:many])])
        with Meter() as settled:
            played.settle()
        after = _writes(chosen.id, made.id)
        assert sets.find(chosen.id).found["detections"] == many
        singles = []
        for one in some[many // 7 : many : many // 7][:5]:
            with Meter() as cost:
                save(project.id, [said(one, 501)])
                played.settle()
            singles.append(cost)
        found = sets.find(chosen.id).found
        assert found["detections"] == many + len(singles), found
        assert projects.find(project.id).counts.found["detections"] == many + len(singles)
        return Measured(many, saved, settled, after[0] - before[0], after[1] - before[1], singles)
    finally:
        engine.stop()


def _writes(set_id: str, deployment_id: str) -> tuple[int, int]:
    rows = tables.get_many([deployment_rows.wanted(deployment_id)], consistent=True)
    return set_rows.stored(set_id)[1], deployment_rows.writings(rows, deployment_id)


def main() -> None:
    """Measures each size, and tells whether one detection costs the same in all."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    asked.add_argument("--sizes", default="1000,10000,100000")
    asked.add_argument("--bulk", type=int, default=10_000)
    given = asked.parse_args()
    units = []
    print(
        "| captures in the set | detections in bulk | saving: requests, units each | settling: requests,"
        " units each | set written | deployment written | s | one detection: requests, units |"
    )
    for size in (int(each) for each in given.sizes.split(",")):
        found = measure(size, given.bulk)
        one = statistics.median(sum(each.requests.values()) for each in found.singles)
        units.append(statistics.median(each.units for each in found.singles))
        saved, settled = found.saved, found.settled
        print(
            f"| {size:,} | {found.many:,} | {_each(saved, found.many)} | {_each(settled, found.many)} "
            f"| {found.set_writes} | {found.station_writes} | {saved.seconds + settled.seconds:.0f} "
            f"| {one:.0f}, {units[-1]:.1f} |",
            flush=True,
        )
    print(f"flat: {'yes' if max(units) <= min(units) * (1 + counters.FLAT) else 'no'}")


def _each(cost: Cost, many: int) -> str:
    return f"{sum(cost.requests.values()) / many:.2f}, {cost.units / many:.2f}"


if __name__ == "__main__":
    main()
