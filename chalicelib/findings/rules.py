"""What was found on captures, and how it counts. Pure.

A capture's findings are all that counting needs of it: how many boxes were drawn on it, and of which taxon,
with which scores, its occurrences are. A project's default filters decide which of them count; they are
applied when findings are added up, so that changing them needs no capture to be looked at again.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

DEFAULT_SCORE = 0.5

Lineage = Callable[[str], tuple[str, ...]]
"""A taxon's id, then its parent's, its grandparent's …"""


@dataclass(frozen=True, slots=True)
class Findings:
    """Of one capture that an algorithm or a person has looked at. `names`: by taxon, the scores of the
    occurrences that are determined as it, from 0 to 1, ascending. `algorithms` are the keys of those that
    have looked. Occurrences nobody has named are boxes, and nothing else."""

    boxes: int = 0
    names: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    algorithms: tuple[str, ...] = ()

    def text(self) -> str:
        """As one line of JSON, the same for the same findings."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> "Findings":
        """What `text` wrote."""
        plain = json.loads(text)
        names = {taxon: tuple(scores) for taxon, scores in plain["names"].items()}
        return cls(plain["boxes"], names, tuple(plain["algorithms"]))


def findings_of(boxes: int, named: Iterable[tuple[str, float]], algorithms: Iterable[str]) -> Findings:
    """Findings from the (taxon, score) of each occurrence that has a name."""
    names: dict[str, list[float]] = {}
    for taxon, score in named:
        names.setdefault(taxon, []).append(score)
    sorted_names = {taxon: tuple(sorted(names[taxon])) for taxon in sorted(names)}
    return Findings(boxes, sorted_names, tuple(sorted(set(algorithms))))


@dataclass(frozen=True, slots=True)
class Filters:
    """A project's default filters: what scores less than `score` does not count (scores are from 0 to 1), nor
    do taxa that are not among, or below, those to `include`, where there are any, nor those to `exclude` and
    what is below them. Exclusion outranks inclusion. `taxonomy` changes when a taxon is put below another:
    what was counted before may count otherwise since."""

    score: float = DEFAULT_SCORE
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    taxonomy: str = ""

    def text(self) -> str:
        """As one line of JSON, the same for the same filters."""
        plain = {
            "score": self.score,
            "include": sorted(self.include),
            "exclude": sorted(self.exclude),
            "taxonomy": self.taxonomy,
        }
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def of(cls, text: str | None) -> "Filters":
        """What `text` wrote; the defaults for None."""
        if text is None:
            return cls()
        plain = json.loads(text)
        return cls(plain["score"], tuple(plain["include"]), tuple(plain["exclude"]), plain["taxonomy"])

    @property
    def by_taxa(self) -> bool:
        """Whether a taxon's place among the others matters."""
        return bool(self.include or self.exclude)

    def admits(self, lineage: Iterable[str]) -> bool:
        """Whether a taxon counts, given its id and those of all above it."""
        above = set(lineage)
        if self.include and not above & set(self.include):
            return False
        return not above & set(self.exclude)


USUAL = Filters()
"""The filters of a project that has set none."""


@dataclass(frozen=True, slots=True)
class CachedCount:
    """A count that is kept of whatever holds captures: declared here, and nowhere else.

    From this settling, the audit, the answers of the API and docs/counts.md are made. `of` counts the
    findings of one capture, of whose occurrences those that pass the filters are given by taxon; the counts
    of many add up. Without it, the count is of the captures themselves. `owners`: of whom the API tells it,
    and under which name.
    """

    key: str
    what: str
    of: Callable[[Findings, Mapping[str, int]], int] | None
    owners: Mapping[str, str]


BYTES = "bytes"

COUNTED = (
    CachedCount(
        "detections",
        "Boxes whose occurrences pass the project's default filters.",
        lambda _, kept: sum(kept.values()),
        {
            "capture": "detections_count",
            "session": "detections_count",
            "deployment": "detections_count",
            "project": "detections_count",
            "set": "detections_count",
        },
    ),
    CachedCount(
        "occurrences",
        "Occurrences with a determination that pass the project's default filters.",
        lambda _, kept: sum(kept.values()),
        {
            "capture": "occurrences_count",
            "session": "occurrences_count",
            "deployment": "occurrences_count",
            "project": "occurrences_count",
            "set": "occurrences_count",
        },
    ),
    CachedCount(
        "processed",
        "Captures that an algorithm has looked at, whether or not it found anything.",
        lambda _findings, _kept: 1,
        {
            "session": "captures_processed_count",
            "deployment": "captures_processed_count",
            "project": "captures_processed_count",
            "set": "source_images_processed_count",
        },
    ),
    CachedCount(
        BYTES,
        "Bytes of the photographs.",
        None,
        {
            "session": "captures_total_size",
            "deployment": "captures_total_size",
            "project": "captures_total_size",
        },
    ),
    CachedCount(
        "with_detections",
        "Captures with a box on them, whatever the default filters say of it.",
        lambda findings, _: int(findings.boxes > 0),
        {
            "session": "captures_with_detections_count",
            "deployment": "captures_with_detections_count",
            "project": "captures_with_detections_count",
            "set": "source_images_with_detections_count",
        },
    ),
)
"""Every count of findings there is. That of taxa is not among them: counts of many captures add up, taxa do
not; they are counted one by one (`Found.taxa`)."""

TAXA = "taxa_count"
TAXA_WHAT = "Different taxa among the occurrences that count."


@dataclass(frozen=True, slots=True)
class Found:
    """What findings come to: by key of a count, and by taxon the occurrences that pass. What is 0 is not
    there, so that the same is equal."""

    counts: Mapping[str, int] = field(default_factory=dict)
    taxa: Mapping[str, int] = field(default_factory=dict)

    def plain(self) -> dict[str, dict[str, int]]:
        """As JSON."""
        return {"counts": dict(self.counts), "taxa": dict(self.taxa)}

    @classmethod
    def of(cls, plain: Mapping[str, Any] | None) -> "Found":
        """What `plain` wrote; nothing for None."""
        return cls(plain["counts"], plain["taxa"]) if plain else NOTHING

    def __hash__(self) -> int:
        return hash((frozenset(self.counts.items()), frozenset(self.taxa.items())))

    def __add__(self, other: "Found") -> "Found":
        return Found(_sum(self.counts, other.counts, 1), _sum(self.taxa, other.taxa, 1))

    def __sub__(self, other: "Found") -> "Found":
        """What there is more, which may be less: a difference, to be added to something."""
        return Found(_sum(self.counts, other.counts, -1), _sum(self.taxa, other.taxa, -1))

    def told(self, owner: str) -> dict[str, int]:
        """The counts as the API tells them of that kind of owner."""
        return {**told(owner, self.counts), TAXA: len(self.taxa)}


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class Looked:
    """What a capture's findings come to by the filters of its project; whether anybody has looked at it, and
    which algorithms have."""

    found: Found = NOTHING
    processed: bool = False
    algorithms: tuple[str, ...] = ()


NEVER = Looked()
"""Of a capture at which nobody has looked."""


def told(owner: str, counts: Mapping[str, int]) -> dict[str, int]:
    """Counts by key under the names the API has for them, of that kind of owner."""
    return {each.owners[owner]: counts.get(each.key, 0) for each in COUNTED if owner in each.owners}


def found(findings: Findings, filters: Filters, lineage: Lineage) -> Found:
    """What the findings of one capture come to."""
    kept = {
        taxon: passing
        for taxon, scores in findings.names.items()
        if (passing := sum(score >= filters.score for score in scores))
        and (not filters.by_taxa or filters.admits(lineage(taxon)))
    }
    counts = {each.key: each.of(findings, kept) for each in COUNTED if each.of}
    return Found(_without_zero(counts), kept)


def of_bytes(size: int) -> Found:
    """What photographs of so many bytes come to, besides what was found on them."""
    return Found({BYTES: size}) if size else NOTHING


def total(parts: Iterable[Found]) -> Found:
    """What the findings of many come to."""
    counts, taxa = Counter[str](), Counter[str]()
    for each in parts:
        counts.update(each.counts)
        taxa.update(each.taxa)
    return Found(_without_zero(counts), _without_zero(taxa))


def steps(before: Found, after: Found, room: int) -> list[Found]:
    """How to get from one to the other when only `room` taxa can change at a time: every state on the way,
    the last of them `after`. The counts change with the last."""
    changing = sorted((after - before).taxa)
    found_on_the_way = []
    taxa = dict(before.taxa)
    for number in range(room, len(changing), room):
        for taxon in changing[number - room : number]:
            taxa[taxon] = after.taxa.get(taxon, 0)
        found_on_the_way.append(Found(before.counts, _without_zero(taxa)))
    return [*found_on_the_way, after]


def _sum(one: Mapping[str, int], other: Mapping[str, int], sign: int) -> dict[str, int]:
    return _without_zero({key: one.get(key, 0) + sign * other.get(key, 0) for key in {*one, *other}})


def _without_zero(counts: Mapping[str, int]) -> dict[str, int]:
    return {key: number for key, number in counts.items() if number}
