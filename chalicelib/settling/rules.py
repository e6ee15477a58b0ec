"""What a change of the table leaves to be settled. Pure.

A mark says which part of an owner's derived rows may be wrong: some hours of a day of a deployment, a
segment of its undated captures, or all of it; a segment of a capture set; a taxon of a project. Marks only
ever ask for a recomputation, so one too many does no harm, and one that comes twice is one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from chalicelib.capture_sets.rules import is_counted, segment_of

ALL = "ALL"
SETS = "SETS"
"""All capture sets of a project that were counted by other filters than it has by now."""
RESULTS = "RESULTS"
"""What was found on a capture."""
_UNDATED = "UNDATED-"
_TAXON = "TAXON#"
_SEGMENT = 2  # characters of base32: at most 1,024 segments

Image = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose derived rows: `kind` is DEPLOYMENT, PROJECT, SET or CAPTURE."""

    kind: str
    id: str

    @property
    def pk(self) -> str:
        """The partition of the owner's own row."""
        return f"{self.kind}#{self.id}"

    @classmethod
    def of(cls, pk: str) -> "Owner":
        """The owner whose partition that is."""
        kind, _, own_id = pk.partition("#")
        return cls(kind, own_id)


@dataclass(slots=True)
class Touched:
    """What is to be marked: per owner and part, the hours of the day (none where the part is no day).
    `ruled` are the projects that have changed the rule of sessions for some of their deployments, `moved` the
    captures that are elsewhere in time than they were, or have gone; `arrived`, by project, those that are
    there since, or elsewhere; `found` those of which something was said, or taken back. `taxonomy`: a taxon
    stands below another than it did."""

    parts: dict[tuple[Owner, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    ruled: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    arrived: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    found: set[str] = field(default_factory=set)
    taxonomy: bool = False

    def everything(self, owner: Owner) -> None:
        """All of an owner."""
        self.parts[owner, ALL] |= set()

    def part(self, owner: Owner, part: str) -> None:
        """A part of an owner that is no day."""
        self.parts[owner, part] |= set()

    def capture(self, owner: Owner, at: str) -> None:
        """The place in a deployment's timeline where a capture is, or was; hidden ones touch nothing."""
        place, _, rest = at.partition("#")
        if place == "HIDDEN":
            return
        if place == "UNDATED":
            own_part = rest.partition("-")[2]
            self.parts[owner, _UNDATED + own_part[:_SEGMENT]] |= set()
        else:
            moment = datetime.fromisoformat(rest.partition("#")[0].partition(".")[0])
            self.parts[owner, moment.date().isoformat()].add(moment.hour)

    def owners(self) -> list[Owner]:
        """The owners with anything to settle, each once, in order of appearance."""
        return list(dict.fromkeys(owner for owner, _ in self.parts))


def touched(changes: Iterable[tuple[str, str, Image | None, Image | None]]) -> Touched:
    """What changes (pk, sk, before, after) leave to be settled."""
    result = Touched()
    for pk, sk, before, after in changes:
        if pk.startswith("SYNCED#"):  # where a row's sk is whatever an object is called
            continue
        kind = sk.partition("#")[0]
        if pk.startswith("SET#"):
            _member(result, Owner.of(pk), sk, before or {}, after or {})
        elif pk.startswith("CAPTURE#"):
            if kind in _SAID:
                result.found.add(pk.partition("#")[2])
        elif pk.startswith("PROJECT#"):
            _project(result, Owner.of(pk), sk, before, after)
        elif pk.startswith("DEPLOYMENT#"):
            _within(result, Owner.of(pk), sk, before, after)
        elif kind == "TAXON" and before and after and _differ(before, after, ("parent_id",)):
            result.taxonomy = True
    return result


_SAID = ("DETECTION", "CLASSIFICATION", "IDENTIFICATION")


_OWN_RULE = ("session_time_gap_seconds", "session_max_duration_seconds", "session_cut_time")
_INHERITED_RULE = (
    "inherited_gap_seconds",
    "inherited_max_duration_seconds",
    "inherited_cut_time",
    "inherited_filters",
)
_INHERITED = ("draft", *_OWN_RULE, "duplicates", "filters")


def _member(result: Touched, owner: Owner, sk: str, before: Image, after: Image) -> None:
    """A member of a capture set, which counts for what was found on it, unless it is hidden; where it stands
    in time is all the same."""
    kind, _, rest = sk.partition("#")
    if kind == "MEMBER" and _counts_as(before) != _counts_as(after):
        generation, _, capture_id = rest.partition("#")
        result.part(owner, f"{generation}#{segment_of(capture_id)}")


def _counts_as(member: Image) -> Any:
    is_there = "at" in member and is_counted(str(member["at"]).partition("#")[2])
    return (member.get("findings"),) if is_there else None


def _within(result: Touched, owner: Owner, sk: str, before: Image | None, after: Image | None) -> None:
    """What lies in a deployment's partition, its own row included."""
    kind, _, rest = sk.partition("#")
    if kind == "CAPTURE":
        _capture(result, owner, rest, before or {}, after or {})
    elif kind == "FINDINGS":
        result.capture(owner, rest)
    elif kind == "DEPLOYMENT" and before and after:
        _deployment(result, owner, before, after)


def _capture(result: Touched, owner: Owner, capture_id: str, before: Image, after: Image) -> None:
    old, new = before.get("at"), after.get("at")
    if old == new:
        if new and before.get("bytes") != after.get("bytes"):
            result.capture(owner, str(new))
        return
    for at in (old, new):
        if at:
            result.capture(owner, at)
    if old:
        result.moved.add(capture_id)
    if new and "owner" in after:
        result.arrived[str(after["owner"]).removeprefix("PROJECT#")].add(capture_id)


def _deployment(result: Touched, owner: Owner, before: Image, after: Image) -> None:
    if _differ(before, after, (*_OWN_RULE, *_INHERITED_RULE)):
        result.everything(owner)
    if _differ(before, after, _INHERITED_RULE):
        result.ruled.add(after["project_id"])


def _project(result: Touched, owner: Owner, sk: str, before: Image | None, after: Image | None) -> None:
    kind, _, rest = sk.partition("#")
    if kind == "STATION_TAXON":
        result.part(owner, f"{_TAXON}{rest.partition('#')[0]}")
    is_tally = kind == "DEPLOYMENT"
    settings_changed = kind == "PROJECT" and before and after and _differ(before, after, _INHERITED)
    if is_tally or settings_changed:
        result.everything(owner)
    if kind == "PROJECT" and before and after and _differ(before, after, ("filters",)):
        result.part(owner, SETS)


def _differ(before: Image, after: Image, names: Iterable[str]) -> bool:
    return any(before.get(name) != after.get(name) for name in names)


@dataclass(frozen=True, slots=True)
class Period:
    """A period to settle, both ends inclusive."""

    start: datetime
    end: datetime


def period(day: str, hours: Iterable[int]) -> Period:
    """The period that a mark on some hours of a day asks for."""
    hours = sorted(hours) or [0, 23]
    midnight = datetime.combine(date.fromisoformat(day), time())
    return Period(
        midnight + timedelta(hours=int(hours[0])),
        midnight + timedelta(hours=int(hours[-1]) + 1) - timedelta(seconds=1),
    )


def joined(periods: Iterable[Period]) -> list[Period]:
    """The periods in order, those that overlap or follow each other within a day made one: settling one
    reads on into the next anyway."""
    result: list[Period] = []
    for one in sorted(periods, key=lambda each: each.start):
        if result and one.start - result[-1].end <= timedelta(days=1):
            result[-1] = Period(result[-1].start, max(result[-1].end, one.end))
        else:
            result.append(one)
    return result


def undated_segment(part: str) -> str | None:
    """The segment of undated captures that a mark's part names, if it names one."""
    return part.removeprefix(_UNDATED) if part.startswith(_UNDATED) else None


def taxon(part: str) -> str | None:
    """The taxon that a mark's part names, if it names one."""
    return part.removeprefix(_TAXON) if part.startswith(_TAXON) else None


def segments(parts: Iterable[str]) -> dict[str, list[str]]:
    """The segments of a capture set that the parts of marks name, by generation."""
    found: dict[str, list[str]] = {}
    for part in parts:
        generation, _, segment = part.partition("#")
        found.setdefault(generation, []).append(segment)
    return found
