"""A deployment with a data source in a foreign bucket, and the desk at which it is synced."""

import csv
import io
from dataclasses import dataclass
from typing import Any

import requests
from api import TOKEN, Api
from desk import Desk
from foreign import BUCKET

from chalicelib.captures import store as captures
from chalicelib.captures import timeline
from chalicelib.captures.registering import capture_id
from chalicelib.captures.rules import Capture
from chalicelib.deployments.rules import Deployment
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Start
from chalicelib.syncing.job import sync_with

NIGHT = [f"moths/edge/2024060{day}{hour}3000.jpg" for day in (1, 2) for hour in (21, 22, 23)]
"""The keys of two nights of three photographs."""


@dataclass
class Station:
    """A deployment with a data source."""

    deployment: Deployment
    s3: Any
    api: Api

    def __post_init__(self) -> None:
        self.desk = Desk()
        self.desk.add(sync_with(self.desk.jobs.now, self.desk._sleep))

    def put(self, *keys: str, body: bytes = b"a photograph") -> None:
        """Puts objects into the foreign bucket."""
        for key in keys:
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def take(self, *keys: str) -> None:
        """Takes objects out of it."""
        for key in keys:
            self.s3.delete_object(Bucket=BUCKET, Key=key)

    def start(self, missing: str = "keep") -> Job:
        """A sync, queued."""
        known = self.deployment
        return self.desk.jobs.start(
            Start("data_storage_sync", known.project_id, known.id, {"missing": missing})
        )

    def sync(self, missing: str = "keep") -> Job:
        """A sync from its beginning to its end."""
        job = self.start(missing)
        self.desk.drain()
        return self.desk.job(job.id)

    def capture(self, key: str) -> Capture | None:
        """The capture of an object."""
        return captures.get(capture_id(self.deployment.id, key))

    def captures(self) -> list[Capture]:
        """All there are, by their keys."""
        span = timeline.Span(self.deployment.project_id, self.deployment.id)
        return sorted(timeline.page(span, "timestamp", 5000), key=lambda each: each.facts.key)

    def keys(self) -> list[str]:
        """The keys of all captures there are."""
        return [each.facts.key for each in self.captures()]

    def report(self, job: Job) -> list[dict[str, str]]:
        """The report of a sync, as somebody downloads it."""
        status, answer = self.api.get(f"/jobs/{job.id}/report", Authorization=f"Token {TOKEN}")
        assert status == 200, answer
        file = requests.get(answer["url"], timeout=10)
        assert file.headers["Content-Disposition"].endswith('.csv"')
        return list(csv.DictReader(io.StringIO(file.text)))


def told(job: Job) -> dict[str, Any]:
    """What the first stage of a sync counted, without what is 0."""
    return {each.key: each.value for each in job.stages[0].params if each.value and each.key != "report"}
