"""A capture as sampling sees it, and which of them pass a set's filters. Pure."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from chalicelib.capture_sets.methods import Filters, filters_of

Check = Callable[["Frame"], bool]


@dataclass(frozen=True, slots=True)
class Frame:
    """One capture. `timestamp` is the camera's wall clock, naive, to the second, with `millisecond` beside
    it; `size` is its file's, in bytes. `session_id` is None for what is in no session: undated, or new.

    Frames come deployment by deployment in the order of their ids; within one by timestamp, millisecond and
    capture id, the undated ones last. So the frames of a session come together, or with some of no session
    in between.
    """

    capture_id: str
    deployment_id: str
    session_id: str | None
    timestamp: datetime | None
    millisecond: int
    size: int
    has_detections: bool

    @property
    def moment(self) -> datetime | None:
        """When it was taken, to the millisecond."""
        return self.timestamp.replace(microsecond=self.millisecond * 1000) if self.timestamp else None


class Sampler(Protocol):
    """Draws a sample of the frames it meets, in one pass. Between any two of them it may be put away: another
    that is made with its state goes on as if nothing had happened."""

    def meet(self, frame: Frame) -> list[str]:
        """The ids of captures that are in the sample whatever comes, each told once."""

    def end(self) -> list[str]:
        """All others that are in it. Nothing, the second time."""

    def state(self) -> Any:
        """What it knows, as plain JSON: no more than a fixed multiple of what it is to find."""


def passes(kwargs: Mapping[str, Any]) -> Check:
    """Whether a capture passes the common filters among the checked kwargs of any method."""
    checks = tuple(_checks(filters_of(kwargs)))
    return lambda frame: all(check(frame) for check in checks)


def _checks(filters: Filters) -> Iterator[Check]:
    """One for each filter that is used."""
    if filters.deployment_ids:
        deployments = frozenset(filters.deployment_ids)
        yield lambda frame: frame.deployment_id in deployments
    if filters.event_ids:
        sessions = frozenset(filters.event_ids)
        yield lambda frame: frame.session_id in sessions
    yield from map(_dated, _times(filters))


def _dated(fits: Callable[[datetime], bool]) -> Check:
    """What is undated fits no time."""
    return lambda frame: frame.timestamp is not None and fits(frame.timestamp)


def _times(filters: Filters) -> Iterator[Callable[[datetime], bool]]:
    """One for each filter of times that is used."""
    start, end = filters.date_start, filters.date_end
    if start is not None:
        yield lambda moment: moment.date() >= start
    if end is not None:
        yield lambda moment: moment.date() <= end
    if filters.month_start is not None or filters.month_end is not None:
        months = _circle(filters.month_start, filters.month_end, range(1, 13))
        yield lambda moment: moment.month in months
    if filters.hour_start is not None or filters.hour_end is not None:
        # From noon to noon is once around the clock, not one hour.
        around = filters.hour_start == filters.hour_end
        hours = frozenset(range(24)) if around else _circle(filters.hour_start, filters.hour_end, range(24))
        yield lambda moment: moment.hour in hours


def _circle(start: int | None, end: int | None, numbers: range) -> frozenset[int]:
    """The numbers from `start` to `end`, both inclusive, None for the first and the last there is; past the
    last and on from the first, if `start` is the greater."""
    first = numbers[0] if start is None else start
    last = numbers[-1] if end is None else end
    if first <= last:
        return frozenset(number for number in numbers if first <= number <= last)
    return frozenset(number for number in numbers if number >= first or number <= last)
