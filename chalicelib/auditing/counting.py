"""What findings come to, counted by brute force and from what the default filters say, without the code that
settles."""

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import islice

from chalicelib.auditing import grouping, store
from chalicelib.auditing.grouping import Recounted
from chalicelib.auditing.naming import Noted, follows, read
from chalicelib.counts import Counts
from chalicelib.findings.rules import Filters
from chalicelib.sessions.rules import Rule
from chalicelib.taxa import reading as taxa

AT_ONCE = 8
_SOME = 1000


@dataclass(slots=True)
class Tally:
    """What captures come to: how many bytes they have, on how many of them there are findings, and on how
    many a box; and how many occurrences there are of each taxon."""

    bytes: int = 0
    processed: int = 0
    boxed: int = 0
    taxa: Counter[str] = field(default_factory=Counter)

    @property
    def counts(self) -> dict[str, int]:
        """By key of a count, without what is 0."""
        named = self.taxa.total()
        found = {
            "detections": named,
            "occurrences": named,
            "processed": self.processed,
            "bytes": self.bytes,
            "with_detections": self.boxed,
        }
        return {key: number for key, number in found.items() if number}

    def add(self, other: "Tally") -> None:
        """Adds what others come to."""
        self.bytes += other.bytes
        self.processed += other.processed
        self.boxed += other.boxed
        self.taxa += other.taxa


class Passing:
    """What passes a project's default filters. It remembers which taxa do."""

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._known: dict[str, bool] = {}

    def learn(self, some: Iterable[Noted]) -> None:
        """Looks up the taxa of some findings. No request where the filters do not ask; else a dozen for each
        hundred that are new."""
        new = {each for noted in some for each in noted["names"]} - self._known.keys()
        if not new or not (self._filters.include or self._filters.exclude):
            return
        tree = {each.id: each.parent_id for each in taxa.with_above(new, consistent=True).values()}
        for each in new:
            line, at = set[str](), each
            while at and at not in line:
                line.add(at)
                at = tree.get(at) or ""
            wanted = not self._filters.include or any(one in line for one in self._filters.include)
            self._known[each] = wanted and not any(one in line for one in self._filters.exclude)

    def tally(self, noted: Noted) -> Tally:
        """What the findings of one capture come to, whose taxa have been looked up."""
        passing = Counter[str]()
        for taxon_id, scores in noted["names"].items():
            for score in scores:
                if score >= self._filters.score and self._known.get(taxon_id, True):
                    passing[taxon_id] += 1
        return Tally(processed=1, boxed=int(noted["boxes"] > 0), taxa=passing)


def from_facts(capture_ids: Iterable[str]) -> dict[str, Noted]:
    """The findings of captures that have any, from what was said of them. One request for each, eight at
    once."""
    wanted = list(capture_ids)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        found = zip(wanted, pool.map(store.said_of, wanted), strict=True)
        truths = ((each, follows(rows).findings) for each, rows in found)
        return {each: findings for each, findings in truths if findings is not None}


@dataclass(frozen=True, slots=True)
class Station:
    """What is true of a deployment: its sessions with what was found in them, and by segment what its undated
    captures are and what was found on those. `strays` are the places where findings lie without a capture."""

    recounted: Recounted
    undated: Mapping[str, Tally]
    strays: tuple[str, ...]

    @property
    def counts(self) -> Counts:
        """What its counters are to say."""
        whole = self.whole
        return replace(self.recounted.counts, found=whole.counts, taxa_count=len(whole.taxa))

    @property
    def whole(self) -> Tally:
        """What was found on all its captures."""
        whole = Tally()
        for each in self.undated.values():
            whole.add(each)
        for run in self.recounted.runs:
            whole.bytes += run.counts.get("bytes", 0)
            whole.processed += run.counts.get("processed", 0)
            whole.boxed += run.counts.get("with_detections", 0)
            whole.taxa.update(run.taxa)
        return whole


def station(deployment_id: str, rule: Rule, passing: Passing, wrong: Iterable[str]) -> Station:
    """Counts a deployment: its captures by their own rows, and what was found on them as it lies in time, but
    of those captures whose findings are `wrong` from the facts. One request per eight hundred captures, one
    per some thousand with findings, and one for each that is wrong."""
    reading = _Reading(deployment_id, frozenset(wrong))
    known = grouping.recounted(reading.places(), rule)
    starts = [grouping.second(run.start) for run in known.runs]
    by_run, undated = defaultdict[int, Tally](Tally), defaultdict[str, Tally](Tally)
    for taken, size in zip(reading.seconds, reading.sizes, strict=True):
        by_run[bisect_right(starts, taken) - 1].bytes += size
    for part, size in reading.undated_sizes.items():
        undated[part].bytes += size
    findings = reading.findings()
    while some := list(islice(findings, _SOME)):
        passing.learn(noted for _, noted in some)
        for place, noted in some:
            second, segment = grouping.taken_at(place), grouping.undated_part(place)
            if second is not None:
                by_run[bisect_right(starts, second) - 1].add(passing.tally(noted))
            elif segment is not None:
                undated[segment].add(passing.tally(noted))
    runs = [
        replace(run, counts=by_run[number].counts, taxa=dict(by_run[number].taxa))
        for number, run in enumerate(known.runs)
    ]
    return Station(replace(known, runs=runs), undated, tuple(reading.strays))


@dataclass(slots=True)
class _Reading:
    """Reads where the captures of a deployment stand and how many bytes they have, then what was found on
    them, each with its place."""

    deployment_id: str
    wrong: frozenset[str]
    strays: list[str] = field(default_factory=list)
    seconds: "array[int]" = field(default_factory=lambda: array("q"))
    sizes: "array[int]" = field(default_factory=lambda: array("q"))
    undated_sizes: Counter[str] = field(default_factory=Counter)
    _there: set[int] = field(default_factory=set)
    _places_of_wrong: dict[str, str] = field(default_factory=dict)

    def places(self) -> Iterator[str]:
        for place, size in store.places(self.deployment_id):
            self._there.add(hash(place))  # a number takes a third of the room of a place
            if capture_of(place) in self.wrong:
                self._places_of_wrong[capture_of(place)] = place
            taken, part = grouping.taken_at(place), grouping.undated_part(place)
            if taken is not None:
                self.seconds.append(taken)
                self.sizes.append(size)
            elif part is not None:
                self.undated_sizes[part] += size
            yield place

    def findings(self) -> Iterator[tuple[str, Noted]]:
        for place, text in store.placed(self.deployment_id):
            if hash(place) not in self._there or grouping.is_hidden(place):
                self.strays.append(place)
            elif capture_of(place) not in self.wrong:
                yield place, read(text)
        for capture_id, noted in from_facts(self._places_of_wrong).items():
            yield self._places_of_wrong[capture_id], noted


def capture_of(place: str) -> str:
    """The capture that stands there in time."""
    return place.rpartition("#")[2]
