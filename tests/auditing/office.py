"""A project whose counters are audited, the desk of who does it, and what is looked at of both."""

import json
from datetime import datetime, timedelta
from typing import Any

from desk import Desk
from study import CLASSIFIER, DETECTOR, box
from world import World, a_deployment, a_project, add_captures, night

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm
from chalicelib.auditing.job import AUDIT, audit_with
from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.capture_sets import service as capture_sets
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.captures.rules import Capture
from chalicelib.captures.tidying import Tidying
from chalicelib.detections import service as detections
from chalicelib.detections.schemas import BoxBody, CaptureResults
from chalicelib.jobs import logs
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Start
from chalicelib.occurrences import store as occurrences
from chalicelib.thumbnails.rules import Shelf

EVENING = datetime(2026, 6, 9, 21, 30)
DAY = timedelta(days=1)
NIGHTS = [*night(EVENING, 5), *night(EVENING + DAY, 5)]
MOTH, BEE = ids.taxon_id("Noctua pronuba"), ids.taxon_id("Apis mellifera")


class Office:
    """A project with two stations and a capture set, and what algorithms and people found on captures; all
    settled, and the desk of who audits them."""

    def __init__(self, endpoint: str) -> None:
        self.world, self.desk = World(endpoint), Desk()
        self.desk.add(audit_with(self.desk.jobs.now, self.desk._sleep))
        self.project = a_project()
        self.deployment = a_deployment(self.project)
        self.other = a_deployment(self.project, name="Meadow")
        self.captures = add_captures(self.deployment, [*NIGHTS, None, None])
        add_captures(self.other, [EVENING])
        self.set = self.a_set([each.id for each in self.captures[3:]])
        for key in (DETECTOR, CLASSIFIER):
            algorithms.ensure(Algorithm(key, key, self.world.now()))
        self.say(self.captures[3], box(0, ("Noctua pronuba", 0.9)), box(1, ("Apis mellifera", 0.3)))
        self.say(self.captures[6], box(0, ("Noctua pronuba", 0.8)), box(1, ("Apis mellifera", 0.75)), box(2))
        self.say(self.captures[7])
        self.say(self.captures[-1], box(0, ("Noctua pronuba", 0.6)))
        self.world.drain()

    def say(self, capture: Capture, *boxes: BoxBody, **more: Any) -> None:
        said = CaptureResults(
            capture_id=capture.id, **{"algorithm": DETECTOR, **more}, detections=list(boxes)
        )
        [outcome] = detections.save(self.project.id, [said], self.world.now(), None)
        assert not outcome.error, outcome

    def occurrences(self, capture: Capture) -> list[str]:
        return [each.id for each in occurrences.held(capture.id).standing if each.determination]

    def place(self, capture: Capture) -> str:
        return keys.capture_at(capture.id, capture.timestamp)

    def a_set(self, members: list[str]) -> CaptureSet:
        now = self.world.now()
        own = CaptureSet(ids.new_set_id(), self.project.id, "Moths", "manual", now, now, "first")
        made = capture_sets.make(own)
        capture_sets.add(made, members)
        return made

    def audit(self, deployment_id: str | None = None, **config: Any) -> Job:
        job = self.desk.jobs.start(Start(AUDIT.key, self.project.id, deployment_id, config))
        self.desk.drain()
        found = self.desk.job(job.id)
        assert found.status == "SUCCESS", found.reason
        return found

    def remove(self, capture: Capture) -> None:
        tidying = Tidying(Shelf("nightjar-thumbnails-bucket"), self.world.now)
        assert captures.remove(capture_rows.see(capture.id), capture.id, "", tidying)


def told(job: Job) -> tuple[Any, ...]:
    """What was drifted, repaired, busy."""
    values = {each.key: each.value for each in job.stages[0].params}
    assert isinstance(values["checked"], int)
    assert values["checked"] > 0 or values["busy"]
    return values["drifted"], values["repaired"], values["busy"]


def lines(job: Job) -> list[str]:
    return [each.message for each in logs.newest(job.id, 1000) if each.level == "WARNING"][::-1]


_PASSING = {"settled", "lease_token", "lease_expires", "version", "stamp"}


def counters() -> dict[tuple[str, str], dict[str, Any]]:
    """All rows that keep counters, and what they keep."""
    found = {}
    kept = {"DEPLOYMENT", "PROJECT", "SESSION", "SEGMENT", "SET", "MEMBER", "UNSETTLED"}
    kept |= {"OCCURRENCE", "FINDINGS", "TAXON", "STATION_TAXON"}
    connection = Row._get_connection()
    for item in connection.scan()["Items"]:
        pk, sk = item["pk"]["S"], item["sk"]["S"]
        if sk.partition("#")[0] in kept:
            found[pk, sk] = {
                name: json.loads(value["S"]) if name == "found" and "S" in value else value
                for name, value in item.items()
                if name not in _PASSING
            }
    return found
