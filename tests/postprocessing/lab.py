"""A study whose captures are post-processed by jobs; and the rows of facts, whole, to compare them by."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from desk import Desk
from study import CLASSIFIER, DETECTOR, Study
from world import Assassin

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm, Category
from chalicelib.aws import clock
from chalicelib.aws.table import Row
from chalicelib.captures.rules import Capture
from chalicelib.detections.rules import Classification, terminal
from chalicelib.detections.schemas import BoxBody, NameBody
from chalicelib.detections.store import present
from chalicelib.jobs.rules import Job
from chalicelib.jobs.service import Start
from chalicelib.jobs.types import TYPES
from chalicelib.taxa import service as taxa
from chalicelib.taxa.rules import NOT_IDENTIFIABLE, TaxaList

NOBODY = ids.taxon_id(NOT_IDENTIFIABLE)
LABELS = ("Noctua pronuba", "Autographa gamma", "Agrotis segetum")
WRITES = ("PutItem", "UpdateItem", "TransactWriteItems", "BatchWriteItem", "PutObject", "DeleteObjects")


def large(number: int = 0, *names: NameBody, **more: Any) -> BoxBody:
    """A box of 100 by 100 pixels, each number another one."""
    at = 110.0 * number
    return BoxBody(bbox=(at, 200, at + 100, 300), score=0.9, classifications=list(names), **more)


def voted(logits: list[float] | None = None, scores: list[float] | None = None, **more: Any) -> NameBody:
    """What the classifier takes a box for, with what it made that from: the best of `LABELS`."""
    votes = logits or scores or []
    best = LABELS[votes.index(max(votes))]
    return NameBody(algorithm=CLASSIFIER, taxon=best, logits=logits, scores=scores, **more)


def taxon(name: str) -> str:
    """The id of a taxon."""
    return ids.taxon_id(name)


@dataclass
class Lab:
    """A study, and a desk for its jobs."""

    study: Study
    desk: Desk = field(default_factory=lambda: Desk(pieces=1))

    def __post_init__(self) -> None:
        self.desk.add(*TYPES.values())

    @property
    def station(self) -> dict[str, str]:
        """The scope of the first station."""
        return {"deployment_id": self.study.deployments[0].id}

    def start(self, task: str, scope: Mapping[str, str] | None = None, **config: Any) -> Job:
        """A run, begun."""
        params = {"task": task, "config": config, "scope": dict(scope or self.station)}
        return self.desk.jobs.start(Start("post_processing", self.study.project.id, None, params))

    def run(self, task: str, scope: Mapping[str, str] | None = None, **config: Any) -> dict[str, Any]:
        """A run, ended well; what it counted."""
        return self.done(self.start(task, scope, **config))

    def undo(self, job: Job) -> dict[str, Any]:
        """A run, undone; what that counted."""
        return self.done(self.desk.jobs.undo(job.id))

    def done(self, job: Job) -> dict[str, Any]:
        """What a job has counted, once it has ended well and every counter follows from the facts."""
        self.desk.drain()
        self.study.check()
        found = self.desk.job(job.id)
        assert found.status == "SUCCESS", found.reason
        return counts(found)

    def last(self) -> Job:
        """The newest run."""
        return max(self._jobs(), key=lambda job: job.created_at)

    def _jobs(self) -> list[Job]:
        from chalicelib.jobs.listing import page

        found = page(self.study.project.id, {"type_key": "post_processing"}, 100, None).jobs
        return [self.desk.job(each.id) for each in found]

    def vote(self) -> None:
        """Gives the classifier its categories."""
        made = Algorithm(CLASSIFIER, CLASSIFIER, clock.now())
        algorithms.ensure(made, [Category(at, each) for at, each in enumerate(LABELS)], with_taxa=True)

    def names(self, capture: Capture) -> dict[str, list[tuple[str | None, float | None]]]:
        """What terminal classifications say of each detection of a capture, the best first."""
        results = present(capture.id).results
        found: dict[str, list[tuple[str | None, float | None]]] = {}
        for each in sorted(terminal(results.classifications), key=lambda one: -(one.score or 0)):
            found.setdefault(each.detection_id, []).append((each.taxon_id, each.score))
        return found

    def rows(self, capture: Capture, algorithm: str) -> list[Classification]:
        """What an algorithm says of a capture."""
        return [each for each in present(capture.id).results.classifications if each.algorithm == algorithm]


def list_of(*names: str, project_id: str | None = None) -> str:
    """A list of taxa."""
    now = clock.now()
    made = taxa.make_list(TaxaList(ids.new_taxa_list_id(), "Ours", now, now, project_id=project_id))
    made_of = taxa.ensure(dict.fromkeys(names, ("SPECIES", None)))
    taxa.add(made.id, [each.id for each in made_of.values()])
    return made.id


def counts(job: Job) -> dict[str, Any]:
    """What a job has counted."""
    return {each.key: each.value for each in job.stages[0].params}


def facts() -> dict[str, Any]:
    """Every row of the table that is a fact of a capture, as it lies there."""
    client, start, found = Row._get_connection().connection.client, None, {}
    while True:
        more = {"ExclusiveStartKey": start} if start else {}
        answer = client.scan(TableName=Row.Meta.table_name, ConsistentRead=True, **more)
        for item in answer["Items"]:
            if item["sk"]["S"].startswith(("DETECTION#", "CLASSIFICATION#", "IDENTIFICATION#")):
                found[item["sk"]["S"]] = item
        start = answer.get("LastEvaluatedKey")
        if start is None:
            return found


def said(rows: Mapping[str, Any]) -> dict[str, Any]:
    """What rows say, without when and by which job they were written."""
    told = {}
    for key, row in rows.items():
        told[key] = {name: value for name, value in row.items() if name not in ("created_at", "job")}
        if "vectors" in row:
            told[key]["vectors"] = row["vectors"]["S"].partition("#")[2]
    return told


__all__ = ["CLASSIFIER", "DETECTOR", "Assassin"]
