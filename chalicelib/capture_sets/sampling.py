"""How a capture set is sampled: in one pass over the captures, which may be left off and gone on with between
any two of them. Pure; random choices are hashes of the captures' ids (`lowest.py`), never chance.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from chalicelib.capture_sets import each_session, methods
from chalicelib.capture_sets.each_session import EachSession
from chalicelib.capture_sets.frames import Check, Frame, Sampler, passes
from chalicelib.capture_sets.lowest import Lowest, Rank, ranks
from chalicelib.capture_sets.stratified import Stratified
from chalicelib.errors import Invalid

__all__ = ["Frame", "Sampler", "passes", "sampler_of"]


def sampler_of(method: str, kwargs: Mapping[str, Any], state: Any = None) -> Sampler:
    """A sampler of a method with its checked kwargs; with the state of another, it goes on where that was.

    Raises Invalid for kwargs that do not fit, for a method that draws by a seed and has none, and for the
    methods that draw nothing: by hand and starred.
    """
    settings = methods.read(method, kwargs)
    if not isinstance(settings, methods.Filters):
        why = "its captures are named one by one, not drawn"
        raise Invalid(f"A set of the method {method!r} cannot be sampled: {why}.", {"method": why})
    of_one = _of_one_session(settings)
    sampler = EachSession(of_one, state) if of_one else _of_all(settings, state)
    return _Filtered(passes(kwargs), sampler)


def _of_all(settings: methods.Filters, state: Any) -> Sampler:
    """The sampler of a method that knows no sessions, or all of them together."""
    match settings:
        case methods.Random():
            return Lowest(settings.size, _ranks(settings), state)
        case methods.StratifiedRandom():
            return Stratified(settings.size, _seed(settings), state)
        case methods.Interval():
            apart = timedelta(minutes=settings.minute_interval)
            return _Apart(apart, frozenset(settings.exclude_events), state)
        case methods.DetectionsOnly():
            return _Every(lambda frame: frame.has_detections)
    return _Every(lambda _: True)


def _of_one_session(settings: methods.Filters) -> each_session.OfOne | None:
    """What makes the samplers of single sessions, for a method that takes something of each."""
    match settings:
        case methods.RandomFromEachEvent():
            rank = _ranks(settings)
            return lambda state: Lowest(settings.num_each, rank, state)
        case methods.LastAndRandomFromEachEvent():
            rank = _ranks(settings)
            return lambda state: each_session.LastAndLowest(settings.num_each, rank, state)
        case methods.GreatestFileSizeFromEachEvent():
            return lambda state: each_session.Largest(settings.num_each, state)
        case methods.Nth():
            return lambda state: each_session.EveryNth(settings.n, state)
        case methods.Positional():
            return _at(settings.position)
    return None


def _at(position: int) -> each_session.OfOne:
    if position < 0:
        return lambda state: each_session.FromEnd(-position, state)
    return lambda state: each_session.FromStart(position, state)


def _seed(settings: methods.Seeded) -> int:
    if settings.seed is None:
        why = "draw one when the set is made, and keep it"
        raise Invalid(f"Nothing can be drawn at random without a seed: {why}.", {"seed": why})
    return settings.seed


def _ranks(settings: methods.Seeded) -> Rank:
    return ranks(_seed(settings))


class _Filtered:
    """A sampler that meets only what passes the filters."""

    def __init__(self, passing: Check, sampler: Sampler) -> None:
        self._passes = passing
        self._sampler = sampler

    def meet(self, frame: Frame) -> list[str]:
        """What is certain now."""
        return self._sampler.meet(frame) if self._passes(frame) else []

    def end(self) -> list[str]:
        """The rest."""
        return self._sampler.end()

    def state(self) -> Any:
        """What the sampler knows."""
        return self._sampler.state()


class _Every:
    """Every capture of a kind. It has nothing to remember."""

    def __init__(self, is_one: Check) -> None:
        self._is_one = is_one

    def meet(self, frame: Frame) -> list[str]:
        """The capture, if it is of the kind."""
        return [frame.capture_id] if self._is_one(frame) else []

    def end(self) -> list[str]:
        """Nothing is left to tell."""
        return []

    def state(self) -> Any:
        """Nothing."""
        return None


class _Apart:
    """Of each deployment the first capture, and then each that is at least `apart` after the last one taken.

    What is undated, and what is in an excluded session, is as if it were not there; what is in no session is
    in no excluded one. State: the deployment, and the moment of the last one taken.
    """

    def __init__(self, apart: timedelta, excluded: frozenset[str], state: Any) -> None:
        self._apart = apart
        self._excluded = excluded
        deployment_id, moment = state or (None, None)
        self._deployment_id: str | None = deployment_id
        self._last = datetime.fromisoformat(moment) if moment else datetime.min

    def meet(self, frame: Frame) -> list[str]:
        """The capture, if it is long enough after the one before."""
        moment = frame.moment
        if moment is None or frame.session_id in self._excluded:
            return []
        if frame.deployment_id == self._deployment_id and moment - self._last < self._apart:
            return []
        self._deployment_id, self._last = frame.deployment_id, moment
        return [frame.capture_id]

    def end(self) -> list[str]:
        """Nothing is left to tell."""
        return []

    def state(self) -> Any:
        """The deployment and the moment."""
        return [self._deployment_id, self._last.isoformat()]
