"""A small study to test in: stations, captures, sets, and algorithms and people who say what is on them. And
what all counters of it must say, added up by brute force from the facts alone."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from world import World, a_deployment, a_project, add_captures, night

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm
from chalicelib.aws import clock, keys, table
from chalicelib.aws.table import Row
from chalicelib.capture_sets import members as member_rows
from chalicelib.capture_sets import service as sets
from chalicelib.capture_sets import store as set_rows
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.captures import reading as captures
from chalicelib.captures import service as captures_verbs
from chalicelib.captures import store as capture_rows
from chalicelib.captures.rules import Capture
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments import service as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.detections import service as detections
from chalicelib.detections import store as detection_rows
from chalicelib.detections.schemas import BoxBody, CaptureResults, NameBody
from chalicelib.findings import store as findings
from chalicelib.findings.rules import Filters
from chalicelib.occurrences import store as occurrences
from chalicelib.occurrences.rules import Identification
from chalicelib.projects import service as projects
from chalicelib.sessions import reading as sessions
from chalicelib.settling import store as marks
from chalicelib.settling.rules import Owner
from chalicelib.taxa import service as taxa
from chalicelib.thumbnails.rules import Shelf

EVENING = datetime(2026, 6, 9, 21, 30)
DETECTOR, CLASSIFIER = "detector", "classifier"


def box(number: int = 0, *names: tuple[str, float], score: float = 0.9, **more: Any) -> BoxBody:
    """A box, each number another one, and what the classifier takes it for."""
    corners = (10.0 * number + 1, 5.0, 10.0 * number + 9, 50.0)
    said = [NameBody(algorithm=CLASSIFIER, taxon=name, score=sure) for name, sure in names]
    return BoxBody(bbox=corners, score=score, classifications=said, **more)


@dataclass
class Study:
    """A project in the present table, its stream, and its captures."""

    endpoint: str
    captures_per_station: int = 6
    stations: int = 2
    now: Callable[[], datetime] = clock.now
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.endpoint, self.now)
        self.project = a_project()
        self.deployments: list[Deployment] = [a_deployment(self.project) for _ in range(self.stations)]
        self.captures: list[Capture] = []
        for deployment in self.deployments:
            self.captures += add_captures(deployment, night(EVENING, self.captures_per_station))
        for key in (DETECTOR, CLASSIFIER):
            algorithms.ensure(Algorithm(key, key, self.world.now()))
        self.sets: list[CaptureSet] = []
        self.world.drain()

    def say(self, capture: Capture, *boxes: BoxBody, **more: Any) -> detections.Outcome:
        """An algorithm has looked at a capture, and drew those boxes."""
        [outcome] = self.say_many({capture.id: boxes}, **more)
        return outcome

    def say_many(self, said: Mapping[str, Sequence[BoxBody]], **more: Any) -> list[detections.Outcome]:
        """An algorithm has looked at captures."""
        job = more.pop("job", None)
        bodies = [
            CaptureResults(capture_id=each, **{"algorithm": DETECTOR, **more}, detections=list(boxes))
            for each, boxes in said.items()
        ]
        return detections.save(self.project.id, bodies, self.world.now(), job)

    def identify(
        self, occurrence_id: str, name: str | None, user: str = "ada", **more: Any
    ) -> Identification:
        """A person takes an occurrence for a taxon."""
        taxon_id = taxa.ensure({name: ("SPECIES", None)})[name].id if name else None
        made = Identification(
            ids.new_identification_id(occurrence_id), user, taxon_id, self.world.now(), **more
        )
        occurrences.keep_identifications([made])
        return made

    def know(self, *names: str) -> None:
        """Those taxa are known: their ids by name are `taxa`."""
        made = taxa.ensure(dict.fromkeys(names, ("SPECIES", None)))
        self.taxa = {name: made[name].id for name in names}

    def withdraw(self, identification: Identification) -> None:
        """The person no longer does."""
        occurrences.keep_identifications([replace(identification, withdrawn=True)])

    def set_of(self, captures: Iterable[Capture]) -> CaptureSet:
        """A capture set of those."""
        now = self.world.now()
        made = CaptureSet(ids.new_set_id(), self.project.id, "Moths", "manual", now, now, "g1")
        sets.make(made)
        sets.add(made, [each.id for each in captures])
        self.sets.append(made)
        return made

    def filter(self, **filters: Any) -> None:
        """The project's default filters change."""
        present = projects.find(self.project.id)
        projects.change(replace(present, filters=Filters(**filters)), present.updated_at, self.world.now())

    def remove(self, capture: Capture) -> None:
        """The capture's photograph is deleted."""
        tidying = Tidying(Shelf("nightjar-thumbnails-bucket"), self.world.now)
        captures_verbs.remove(capture_rows.see(capture.id), capture.id, "", tidying)

    def boxes(self, capture: Capture) -> list[str]:
        """The ids of the detections on a capture."""
        return [each.id for each in detection_rows.present(capture.id).results.detections if each.box]

    def determination(self, occurrence_id: str) -> tuple[str, float] | None:
        """The name and the score an occurrence goes by."""
        held = occurrences.held(ids.capture_of(occurrence_id))
        found = next(each for each in held.standing if each.id == occurrence_id).determination
        return (found.taxon_id, found.score) if found else None

    def check(self) -> None:
        """Everything derived is what follows from the facts, and nothing is left to be done."""
        self.world.drain()
        truth = Truth(self.project.id)
        for deployment in self.deployments:
            truth.of_deployment(deployment)
        truth.of_project()
        for made in self.sets:
            truth.of_set(made)


@dataclass
class Tally:
    """What some captures come to."""

    captures: int = 0
    processed: int = 0
    boxed: int = 0
    bytes: int = 0
    names: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        self.captures += other.captures
        self.processed += other.processed
        self.boxed += other.boxed
        self.bytes += other.bytes
        self.names += other.names

    @property
    def counts(self) -> dict[str, int]:
        """As they are kept."""
        told = {
            "detections": self.names.total(),
            "occurrences": self.names.total(),
            "processed": self.processed,
            "with_detections": self.boxed,
            "bytes": self.bytes,
        }
        return {key: number for key, number in told.items() if number}


class Truth:
    """What follows from facts, by brute force."""

    def __init__(self, project_id: str) -> None:
        self.project = projects.find(project_id)
        self.whole, self.seen = Tally(), dict[str, Tally]()

    def of_capture(self, capture: Capture) -> Tally:
        tally = Tally(captures=1, bytes=capture.facts.size)
        held = occurrences.held(capture.id)
        results = held.results
        tally.processed = int(bool(results.detections))
        expected = {}
        for each in results.detections:
            if each.box is None:
                continue
            tally.boxed = 1
            name = self._name(each.id, held)
            expected[each.id] = name
            if name and name[1] >= self.project.filters.score and self._is_wanted(name[0]):
                tally.names[name[0]] += 1
        standing = {
            each.id: (each.determination.taxon_id, each.determination.score) if each.determination else None
            for each in held.standing
        }
        assert standing == expected
        assert bool(held.findings and held.findings.findings) == bool(results.detections)
        placed = list(_findings_of(capture))
        assert len(placed) == (0 if capture.hidden else tally.processed)
        self.seen[capture.id] = tally
        return tally

    def _is_wanted(self, taxon_id: str) -> bool:
        line, at = [], taxon_id
        while at:
            line.append(at)
            at = taxa.find(at).parent_id or ""
        filters = self.project.filters
        inside = not filters.include or any(each in filters.include for each in line)
        return inside and not any(each in filters.exclude for each in line)

    def _name(self, detection_id: str, held: occurrences.Held) -> tuple[str, float] | None:
        people = sorted(
            (each.created_at, each.id, each.taxon_id)
            for each in held.identifications
            if each.occurrence_id == detection_id and each.taxon_id and not each.withdrawn
        )
        if people:
            return people[-1][2], 1.0
        said = [each for each in held.results.classifications if each.detection_id == detection_id]
        replaced = {one for each in said for one in each.replaces}
        ranked = sorted(
            (each.is_last and each.id not in replaced, each.score, each.created_at, each.id, each.taxon_id)
            for each in said
            if each.taxon_id and each.score is not None
        )
        return (ranked[-1][4] or "", ranked[-1][1] or 0.0) if ranked else None

    def of_deployment(self, deployment: Deployment) -> None:
        standing = deployments.find(deployment.id, consistent=True)
        whole = Tally()
        there = _captures_of(deployment)
        stored = list(sessions.stored(deployment.id))
        undated = Tally()
        by_session = {each.id: Tally() for each in stored}
        for capture in there:
            tally = self.of_capture(capture)
            if capture.hidden:
                continue
            whole.add(tally)
            if capture.timestamp is None:
                undated.add(tally)
                continue
            [home] = [each for each in stored if each.start <= capture.timestamp <= each.end]
            by_session[home.id].add(tally)
        for each in stored:
            expected = by_session[each.id]
            assert (each.captures_count, each.found.counts, each.found.taxa) == (
                expected.captures,
                expected.counts,
                dict(expected.names),
            )
        segments = sessions.undated_segments(deployment.id).values()
        assert sum(each.count for each in segments) == undated.captures
        assert standing.counts.captures_count == whole.captures
        assert dict(standing.counts.found) == whole.counts
        assert standing.counts.taxa_count == len(whole.names)
        assert standing.inherited.filters == self.project.filters
        assert marks.of_owner(Owner("DEPLOYMENT", deployment.id)) == []
        self.whole.add(whole)

    def of_project(self) -> None:
        counts = self.project.counts
        assert counts.captures_count == self.whole.captures
        assert dict(counts.found) == self.whole.counts
        assert counts.taxa_count == len(self.whole.names)
        pk = keys.project(self.project.id)[0]
        kept = {sk.removeprefix("TAXON#"): number for sk, number in findings.counted_under(pk, "TAXON#")}
        assert kept == dict(self.whole.names)
        assert marks.of_owner(Owner("PROJECT", self.project.id)) == []

    def of_set(self, made: CaptureSet) -> None:
        standing = set_rows.get(made.id)
        assert standing
        whole = Tally()
        for member in member_rows.filed(standing.id, standing.generation):
            capture = captures.whole([member.capture_id])[member.capture_id]
            if not capture.hidden:
                whole.add(self.seen[member.capture_id])
        assert standing.captures_count == whole.captures
        assert dict(standing.found) == {each: n for each, n in whole.counts.items() if each != "bytes"}
        assert standing.taxa_count == len(whole.names)
        pk, begin = keys.taxon_count(keys.capture_set(made.id)[0], "", standing.generation)
        kept = {sk.removeprefix(begin): number for sk, number in findings.counted_under(pk, begin)}
        assert kept == dict(whole.names)
        assert marks.of_owner(Owner("SET", made.id)) == []


def _captures_of(deployment: Deployment) -> list[Capture]:
    wanted = [keys.time_of_capture(at) and at.rpartition("#")[2] for at in captures.places(deployment.id)]
    return list(captures.whole(wanted).values())


def _findings_of(capture: Capture) -> Iterable[Row]:
    pk, begin = keys.placed_findings(capture.deployment_id, "")
    rows = table.query(Row, pk, Row.sk.startswith(begin), consistent=True)
    return (row for row in rows if row.sk.endswith(capture.id))
