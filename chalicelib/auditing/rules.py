"""What differs between the counters that are kept and those that were recounted. Pure."""

import hashlib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.auditing.grouping import Run
from chalicelib.counts import NONE, Counts
from chalicelib.findings.rules import COUNTED
from chalicelib.sessions.grouping import Session

Value = int | float | str | None


@dataclass(frozen=True, slots=True)
class Drift:
    """A counter that is not as it should be: whose, which, what is kept, and what is true. None: nothing."""

    owner: str
    field: str
    stored: Value
    true: Value

    @property
    def told(self) -> str:
        """In a line of a log, from which the command reads it again."""
        return f"{self.owner}: {self.field} is {_told(self.stored)}, true is {_told(self.true)}"


def compare(
    owner: str, stored: Mapping[str, Value], true: Mapping[str, Value], missing: Value = None
) -> list[Drift]:
    """What is wrong by name; what one side lacks is `missing`."""
    pairs = ((name, stored.get(name, missing), true.get(name, missing)) for name in {**stored, **true})
    return [Drift(owner, name, kept, real) for name, kept, real in sorted(pairs) if kept != real]


def differing(kind: str, owner: str, stored: Counts, true: Counts, prefix: str = "") -> list[Drift]:
    """The counters of one row that are wrong, named as the API names them of that kind of owner."""
    return compare(owner, _counters(kind, stored, prefix), _counters(kind, true, prefix))


def _counters(kind: str, counts: Counts, prefix: str) -> dict[str, Value]:
    names = [name for name in Counts.__dataclass_fields__ if name != "found"]
    own = {name: _value(getattr(counts, name)) for name in names}
    own |= dict.fromkeys((each.owners[kind] for each in COUNTED if kind in each.owners), 0)
    return {f"{prefix}{name}": value for name, value in (own | found(kind, counts.found)).items()}


def found(kind: str, counts: Mapping[str, int], taxa: Mapping[str, int] = NONE.found) -> dict[str, Value]:
    """Counts of findings by key, as the API names them of that kind of owner; and of occurrences by taxon."""
    names = {each.key: each.owners[kind] for each in COUNTED if kind in each.owners}
    return {**{names.get(key, key): number for key, number in counts.items()}, **by_taxon(taxa)}


def by_taxon(taxa: Mapping[str, int]) -> dict[str, Value]:
    """How many occurrences there are by taxon, each under a name of its own."""
    return {f"{TAXON}{taxon_id}": number for taxon_id, number in taxa.items()}


TAXON = "taxon "


def under(name: str, values: Mapping[str, Value]) -> dict[str, Value]:
    """Values of a part of an owner: named after that part and themselves."""
    return {f"{name} {each}": value for each, value in values.items()}


def sessions(deployment_id: str, stored: Iterable[Session], true: Iterable[Run]) -> list[Drift]:
    """What is wrong with the sessions of a deployment: those that start, or else end, at the same moment are
    held against each other; the others are missing, or there are too many of them."""
    left = sorted(stored, key=lambda each: (each.start, each.id))
    open_runs, pairs = list(true), list[tuple[Session, Run]]()
    for name in ("start", "end"):
        by_moment = {getattr(each, name): each for each in open_runs}
        others = []
        for each in left:
            run = by_moment.pop(getattr(each, name), None)
            if run:
                pairs.append((each, run))
            else:
                others.append(each)
        left, open_runs = others, list(by_moment.values())
    wrong = [
        drift
        for one, run in pairs
        for drift in compare(
            f"session {one.id}",
            {**_facts(one), **found("session", one.found.counts, one.found.taxa)},
            {**_facts(run), **found("session", run.counts, run.taxa)},
            0,
        )
    ]
    wrong += [Drift(f"session {each.id}", "session", _whole(each), None) for each in left]
    wrong += [Drift(f"deployment {deployment_id}", "session", None, _whole(each)) for each in open_runs]
    return wrong


def _facts(one: Session | Run) -> dict[str, Value]:
    return {
        "start": one.start.isoformat(),
        "end": one.end.isoformat(),
        "captures_count": one.captures_count,
    }


def _whole(one: Session | Run) -> str:
    return f"{one.start.isoformat()} to {one.end.isoformat()} ({one.captures_count})"


@dataclass(frozen=True, slots=True)
class Sums:
    """What a project's deployments come to: their true counts, how many they are, and how often they had been
    settled by then. `is_complete`: none of them was too busy to be counted. `taxa_off`: by how much what they
    add to the project's taxa is too little, where that is wrong."""

    counts: Counts = NONE
    deployments_count: int = 0
    writings: int = 0
    is_complete: bool = True
    taxa_off: Mapping[str, int] = field(default_factory=dict)

    def plus(self, one: Counts, writings: int, taxa_off: Mapping[str, int] = NONE.found) -> "Sums":
        """With one deployment more."""
        so_far = self.counts
        firsts = [each for each in (so_far.first_timestamp, one.first_timestamp) if each]
        lasts = [each for each in (so_far.last_timestamp, one.last_timestamp) if each]
        counts = Counts(
            captures_count=so_far.captures_count + one.captures_count,
            sessions_count=so_far.sessions_count + one.sessions_count,
            undated_count=so_far.undated_count + one.undated_count,
            first_timestamp=min(firsts, default=None),
            last_timestamp=max(lasts, default=None),
            found=added(so_far.found, one.found),
        )
        off = added(self.taxa_off, taxa_off)
        is_complete = self.is_complete and len(off) <= MOST_OFF
        writings = self.writings + writings
        return Sums(counts, self.deployments_count + 1, writings, is_complete, off if is_complete else {})

    def plain(self) -> dict[str, Any]:
        """As JSON."""
        counts = {name: _value(getattr(self.counts, name)) for name in Counts.__dataclass_fields__}
        return {**asdict(self), "counts": counts}

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Sums":
        """What `plain` wrote."""
        moments = {
            name: datetime.fromisoformat(value)
            for name, value in plain["counts"].items()
            if isinstance(value, str)
        }
        return cls(**{**plain, "counts": Counts(**{**plain["counts"], **moments})})


MOST_OFF = 2000
"""Of so many taxa it is remembered by how much they are wrong: what a step hands to the next is one row."""


def added(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The sum by name; what comes to 0 is not there."""
    sums = {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}
    return {name: number for name, number in sums.items() if number}


def less(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """How much more there is by name of the one than of the other; what is the same is not there."""
    return added(one, {name: -number for name, number in other.items()})


def digest(drifts: Collection[Drift]) -> str:
    """Tells whether what is wrong is what was wrong before."""
    return hashlib.sha256("\n".join(sorted(each.told for each in drifts)).encode()).hexdigest()[:16]


def _value(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _told(value: Value) -> str:
    return "none" if value is None else str(value)
