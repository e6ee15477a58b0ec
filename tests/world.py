"""A small world to test in: projects, deployments and captures in a real table, and its stream played to
the settler as Lambda would, or worse."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3

from chalicelib import ids
from chalicelib.aws import clock, stream
from chalicelib.aws.table import Row
from chalicelib.captures import store as captures
from chalicelib.captures.rules import Capture, Facts
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.projects import service as projects
from chalicelib.projects import tallies
from chalicelib.projects.rules import Project
from chalicelib.sessions import store as sessions
from chalicelib.sessions.grouping import Session
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_project(**settings: Any) -> Project:
    """A project in the table."""
    project = Project(ids.new_project_id(), created_at=NOW, updated_at=NOW, **{"name": "Moths", **settings})
    return projects.make(project)


def a_deployment(project: Project, **settings: Any) -> Deployment:
    """A deployment in the table."""
    deployment = Deployment(
        id=ids.new_deployment_id(),
        project_id=project.id,
        created_at=NOW,
        updated_at=NOW,
        **{"name": "Forest edge", **settings},
    )
    return deployments.make(project, deployment)


def a_capture(deployment: Deployment, timestamp: datetime | None, name: str | None = None) -> Capture:
    """A capture as a value; equal names give equal ids."""
    filename = name or f"{timestamp:%Y%m%d_%H%M%S}.jpg"
    key = f"photos/{deployment.id}/{filename}"
    facts = Facts(
        key=key,
        filename=filename,
        version="v1",
        size=2_000_000,
        sha256=None,
        last_modified=NOW,
        state="ready",
        content_type="image/jpeg",
        width=1600,
        height=1200,
    )
    return Capture(ids.capture_id(deployment.id, "photos", key), deployment.project_id, timestamp, 0, facts)


def add_captures(deployment: Deployment, timestamps: Iterable[datetime | None]) -> list[Capture]:
    """Captures in the table, one for each timestamp."""
    made = [
        a_capture(deployment, timestamp, f"{number}-{timestamp}.jpg")
        for number, timestamp in enumerate(timestamps)
    ]
    with Row.batch_write() as batch:
        for capture in made:
            batch.save(captures.row_of(capture))
    return made


def night(start: datetime, frames: int, minutes: int = 10) -> list[datetime]:
    """So many moments, at equal distances."""
    return [start + timedelta(minutes=minutes * number) for number in range(frames)]


def standing(deployment: Deployment) -> list[Session]:
    """The sessions that stand in the table."""
    return list(sessions.standing(deployment.id, None))


class Killed(BaseException):
    """The process was killed here."""


@dataclass
class World:
    """The stream of the present table, and a settler that reads it."""

    endpoint: str
    now: Callable[[], datetime] = clock.now
    deferred: list[Owner] = field(default_factory=list)
    _iterator: str = ""

    def __post_init__(self) -> None:
        self.settling = Settling(self.now, self.deferred.append)
        self._streams = boto3.client("dynamodbstreams", endpoint_url=self.endpoint)
        tables = boto3.client("dynamodb", endpoint_url=self.endpoint)
        arn = tables.describe_table(TableName=Row.Meta.table_name)["Table"]["LatestStreamArn"]
        [shard] = self._streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]
        self._iterator = self._streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]

    def records(self) -> list[dict[str, Any]]:
        """The stream's records since last asked."""
        found: list[dict[str, Any]] = []
        while True:
            answer = self._streams.get_records(ShardIterator=self._iterator)
            self._iterator = answer["NextShardIterator"]
            if not answer["Records"]:
                return found
            found += answer["Records"]

    def deliver(self, records: list[dict[str, Any]]) -> None:
        """Plays records to the settler, as one batch."""
        self.settling.changes(stream.changes({"Records": records}))

    def drain(self, batch: int = 100) -> None:
        """Plays the stream and the deferred jobs until nothing comes any more."""
        for _ in range(1000):
            records = self.records()
            for at in range(0, len(records), batch):
                self.deliver(records[at : at + batch])
            jobs, self.deferred[:] = list(dict.fromkeys(self.deferred)), []
            for owner in jobs:
                self._regroup(owner)
            if not records and not jobs:
                return
        raise AssertionError("the stream never came to rest")

    def _regroup(self, owner: Owner) -> None:
        """As the job does that a deferred owner has."""
        if owner.kind == "PROJECT":
            for tally in tallies.tallies_of(owner.id):
                self._regroup(Owner("DEPLOYMENT", tally.deployment_id))
            self.settling.count_sets(owner.id, lambda: False)
            return
        while self.settling.budget(owner).state == "more":
            pass


@dataclass
class Reaper:
    """Kills whoever asks the table for anything, now and then, before the request leaves or after it was
    carried out: from then on until `revive`, every request fails."""

    chance: random.Random
    share: float
    dead: bool = False
    kills: int = 0

    def __enter__(self) -> "Reaper":
        self._client = Row._get_connection().connection.client
        for moment in ("before-call.dynamodb", "after-call.dynamodb"):
            self._client.meta.events.register_first(moment, self._strike)
        return self

    def __exit__(self, *_: object) -> None:
        for moment in ("before-call.dynamodb", "after-call.dynamodb"):
            self._client.meta.events.unregister(moment, self._strike)

    def revive(self) -> None:
        """A new process takes the dead one's place."""
        self.dead = False

    def _strike(self, **_: object) -> None:
        if not self.dead and self.chance.random() < self.share:
            self.dead = True
            self.kills += 1
        if self.dead:
            raise Killed


WRITES = ("PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "PutObject", "DeleteObjects")


@dataclass
class Assassin:
    """Kills whoever makes the write number `turn` (from 0) of the table or the buckets, before it leaves or
    after it was carried out, and all who come after, until `revive`. Without a turn it only counts."""

    turn: int | None = None
    afterwards: bool = False
    writes: int = 0
    kills: int = 0
    dead: bool = False

    def __enter__(self) -> "Assassin":
        from chalicelib.aws import objects

        tables, buckets = Row._get_connection().connection.client, objects._client()
        self._events = [(tables.meta.events, "dynamodb"), (buckets.meta.events, "s3")]
        for events, service in self._events:
            events.register_first(f"before-call.{service}", self._before)
            events.register_first(f"after-call.{service}", self._after)
        return self

    def __exit__(self, *_: object) -> None:
        for events, service in self._events:
            events.unregister(f"before-call.{service}", self._before)
            events.unregister(f"after-call.{service}", self._after)

    def revive(self) -> None:
        """A new process takes the dead one's place, and lives."""
        self.dead, self.turn = False, None

    def _before(self, model: Any, **_: object) -> None:
        if model.name in WRITES:
            self._strike(not self.afterwards)
            self.writes += 1
        elif self.dead:
            raise Killed

    def _after(self, model: Any, **_: object) -> None:
        if model.name in WRITES and self.afterwards:
            self.writes -= 1
            self._strike(now=True)
            self.writes += 1

    def _strike(self, now: bool) -> None:
        if now and not self.dead and self.writes == self.turn:
            self.dead = True
            self.kills += 1
        if self.dead:
            raise Killed
