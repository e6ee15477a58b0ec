"""What differs between the counters that are kept and those that were recounted. Pure.

Grouping is done here once more, by brute force and from what the rule says, without the code that settles: an
audit by the same code would share its errors.
"""

import hashlib
import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from chalicelib.counts import NONE, Counts
from chalicelib.sessions.grouping import Session
from chalicelib.sessions.rules import Rule

Value = int | str | None

_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400


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


@dataclass(frozen=True, slots=True)
class Run:
    """Captures that make one session: the first and the last second, both inclusive, and how many."""

    start: datetime
    end: datetime
    captures_count: int


def second(moment: datetime) -> int:
    """A camera's time as a number, so that a million of them take eight megabytes."""
    return (moment - _EPOCH) // timedelta(seconds=1)


def runs(seconds: Iterable[int], rule: Rule) -> list[Run]:
    """What the seconds at which captures were taken, in any order, are as sessions."""
    gap = rule.gap.total_seconds()
    cap = rule.cap.total_seconds() if rule.cap is not None else math.inf
    found: list[Run] = []
    first = last = count = 0
    for each in sorted(seconds):
        if count and (each - last >= gap or each - first > cap or _day(each, rule) != _day(last, rule)):
            found.append(_run(first, last, count))
            count = 0
        first, last, count = (first if count else each), each, count + 1
    return [*found, _run(first, last, count)] if count else found


def _day(at: int, rule: Rule) -> int:
    """Which day it is, where days begin at the rule's time of day. Without one it is always the same."""
    if rule.cut is None:
        return 0
    since_midnight = (datetime.combine(_EPOCH, rule.cut) - _EPOCH).total_seconds()
    return (at - math.ceil(since_midnight)) // _DAY


def _run(first: int, last: int, count: int) -> Run:
    return Run(_EPOCH + timedelta(seconds=first), _EPOCH + timedelta(seconds=last), count)


@dataclass(frozen=True, slots=True)
class Recounted:
    """What a deployment's captures are: its sessions, and the undated ones by their segment."""

    runs: list[Run]
    undated: Mapping[str, int]

    @property
    def counts(self) -> Counts:
        """What its counters are to say."""
        undated = sum(self.undated.values())
        return Counts(
            captures_count=undated + sum(each.captures_count for each in self.runs),
            sessions_count=len(self.runs),
            undated_count=undated,
            first_timestamp=self.runs[0].start if self.runs else None,
            last_timestamp=self.runs[-1].end if self.runs else None,
        )


def recounted(places: Iterable[str], rule: Rule) -> Recounted:
    """What captures are that stand at these places: CAPTURE#time#id, UNDATED#id, HIDDEN#…, in any order."""
    dated, undated = array("q"), defaultdict[str, int](int)
    for place in places:
        kind, _, rest = place.partition("#")
        if kind == "CAPTURE":
            dated.append(second(datetime.fromisoformat(rest.partition("#")[0].partition(".")[0])))
        elif kind == "UNDATED":
            undated[rest.partition("-")[2][:2]] += 1
    return Recounted(runs(dated, rule), undated)


def differing(owner: str, stored: Counts, true: Counts, prefix: str = "") -> list[Drift]:
    """The counters of one row that are wrong."""
    names = Counts.__dataclass_fields__
    return compare(
        owner,
        {f"{prefix}{name}": _value(getattr(stored, name)) for name in names},
        {f"{prefix}{name}": _value(getattr(true, name)) for name in names},
    )


def compare(
    owner: str, stored: Mapping[str, Value], true: Mapping[str, Value], missing: Value = None
) -> list[Drift]:
    """What is wrong by name; what one side lacks is `missing`."""
    pairs = ((name, stored.get(name, missing), true.get(name, missing)) for name in {**stored, **true})
    return [Drift(owner, name, kept, real) for name, kept, real in sorted(pairs) if kept != real]


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
    wrong = [drift for one, run in pairs for drift in compare(f"session {one.id}", _facts(one), _facts(run))]
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
    settled by then. `is_complete`: none of them was too busy to be counted."""

    counts: Counts = NONE
    deployments_count: int = 0
    writings: int = 0
    is_complete: bool = True

    def plus(self, one: Counts, writings: int) -> "Sums":
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
        )
        return Sums(counts, self.deployments_count + 1, self.writings + writings, self.is_complete)

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


def segment(place: str) -> str | None:
    """In which segment of a capture set a capture counts that stands there; None for a hidden one."""
    kind, _, rest = place.partition("#")
    if kind == "CAPTURE":
        return f"CAPTURE#{rest.partition('T')[0]}"
    deployment_id, _, own = rest.partition("-")
    return f"UNDATED#{deployment_id}-{own[:2]}" if kind == "UNDATED" else None


def digest(drifts: Iterable[Drift]) -> str:
    """Tells whether what is wrong is what was wrong before."""
    return hashlib.sha256("\n".join(sorted(each.told for each in drifts)).encode()).hexdigest()[:16]


def _value(value: int | datetime | None) -> Value:
    return value.isoformat() if isinstance(value, datetime) else value


def _told(value: Value) -> str:
    return "none" if value is None else str(value)
