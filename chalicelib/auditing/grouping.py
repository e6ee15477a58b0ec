"""Which captures make one session, by brute force and from what the rule says. Pure.

Without the code that settles: an audit by the same code would share its errors.
"""

import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from chalicelib.counts import Counts
from chalicelib.sessions.rules import Rule

_EPOCH = datetime(1970, 1, 1)
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Run:
    """Captures that make one session: the first and the last second, both inclusive, and how many. What was
    found on them: `counts` by key of a count, `taxa` the occurrences by taxon; what is 0 is not there."""

    start: datetime
    end: datetime
    captures_count: int
    counts: Mapping[str, int] = field(default_factory=dict)
    taxa: Mapping[str, int] = field(default_factory=dict)


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
        """What its counters are to say of captures and sessions."""
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
        if (taken := taken_at(place)) is not None:
            dated.append(taken)
        elif part := undated_part(place):
            undated[part] += 1
    return Recounted(runs(dated, rule), undated)


def taken_at(place: str) -> int | None:
    """The second at which a capture was taken that stands there; None for an undated or a hidden one."""
    kind, _, rest = place.partition("#")
    if kind != "CAPTURE":
        return None
    return second(datetime.fromisoformat(rest.partition("#")[0].partition(".")[0]))


def undated_part(place: str) -> str | None:
    """In which segment of its deployment an undated capture counts; None for any other."""
    kind, _, rest = place.partition("#")
    return rest.partition("-")[2][:2] if kind == "UNDATED" else None


def is_hidden(place: str) -> bool:
    """Whether the capture that stands there counts nowhere."""
    return place.startswith("HIDDEN#")


def segment(capture_id: str) -> str:
    """In which segment of a capture set a capture counts: one of a thousand of its deployment."""
    deployment_id, _, own = capture_id.partition("-")
    return f"{deployment_id}-{own[:2]}"
