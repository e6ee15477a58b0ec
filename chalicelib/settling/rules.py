"""What a change of the table leaves to be settled. Pure.

A mark says which part of an owner's derived rows may be wrong: some hours of a day of a deployment, a
segment of its undated captures, or all of it. Marks only ever ask for a recomputation, so one too many
does no harm, and one that comes twice is one.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any

from chalicelib.capture_sets.rules import segment_of

ALL = "ALL"
_UNDATED = "UNDATED-"
_SEGMENT = 2  # characters of base32: at most 1,024 segments

Image = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose derived rows: `kind` is DEPLOYMENT or PROJECT."""

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
    there since, or elsewhere."""

    parts: dict[tuple[Owner, str], set[int]] = field(default_factory=lambda: defaultdict(set))
    ruled: set[str] = field(default_factory=set)
    moved: set[str] = field(default_factory=set)
    arrived: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def everything(self, owner: Owner) -> None:
        """All of an owner."""
        self.parts[owner, ALL] |= set()

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
            _member(result, Owner.of(pk), before or {}, after or {})
        elif pk.startswith("PROJECT#"):
            _project(result, Owner.of(pk), kind, before, after)
        elif kind == "CAPTURE":
            _capture(result, Owner.of(pk), sk, before or {}, after or {})
        elif kind == "DEPLOYMENT" and before and after:
            _deployment(result, Owner.of(pk), before, after)
    return result


_OWN_RULE = ("session_time_gap_seconds", "session_max_duration_seconds", "session_cut_time")
_INHERITED_RULE = ("inherited_gap_seconds", "inherited_max_duration_seconds", "inherited_cut_time")
_INHERITED = ("draft", *_OWN_RULE, "duplicates")


def _member(result: Touched, owner: Owner, before: Image, after: Image) -> None:
    """A member of a capture set. A set's own row, its segments and marks have no place in time."""
    for at in {before.get("at"), after.get("at")} - {None}:
        generation, _, place = str(at).partition("#")
        segment = segment_of(place)
        if segment and before.get("at") != after.get("at"):
            result.parts[owner, f"{generation}#{segment}"] |= set()


def _capture(result: Touched, owner: Owner, sk: str, before: Image, after: Image) -> None:
    old, new = before.get("at"), after.get("at")
    if old == new:
        return
    for at in (old, new):
        if at:
            result.capture(owner, at)
    capture_id = sk.partition("#")[2]
    if old:
        result.moved.add(capture_id)
    if new and "owner" in after:
        result.arrived[str(after["owner"]).removeprefix("PROJECT#")].add(capture_id)


def _deployment(result: Touched, owner: Owner, before: Image, after: Image) -> None:
    if _differ(before, after, (*_OWN_RULE, *_INHERITED_RULE)):
        result.everything(owner)
    if _differ(before, after, _INHERITED_RULE):
        result.ruled.add(after["project_id"])


def _project(result: Touched, owner: Owner, kind: str, before: Image | None, after: Image | None) -> None:
    is_tally = kind == "DEPLOYMENT"
    settings_changed = kind == "PROJECT" and before and after and _differ(before, after, _INHERITED)
    if is_tally or settings_changed:
        result.everything(owner)


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
