"""Samplers that take something of each session. Pure.

`EachSession` meets the sessions one after the other and has each sampled by a sampler of its own; the others
here are such, and know nothing but the frames of one session, in the order of time.
"""

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any

from chalicelib.capture_sets.frames import Frame, Sampler
from chalicelib.capture_sets.lowest import Lowest, Rank

OfOne = Callable[[Any], Sampler]
"""Makes the sampler of one session: a new one with None, else one that goes on from a state."""


class EachSession:
    """Samples each session by itself, and tells of it as soon as the next one begins.

    Captures of no session are in no sample. State: the session that is open, and the state of its sampler.
    """

    def __init__(self, of_one: OfOne, state: Any = None) -> None:
        self._of_one = of_one
        session_id, inner = state or (None, None)
        self._session_id: str | None = session_id
        self._sampler = of_one(inner)

    def meet(self, frame: Frame) -> list[str]:
        """What is certain of this session, and the rest of the one before if that has ended."""
        if frame.session_id is None:
            return []
        ended: list[str] = []
        if frame.session_id != self._session_id:
            ended = self.end()
            self._session_id = frame.session_id
        return ended + self._sampler.meet(frame)

    def end(self) -> list[str]:
        """The rest of the last session."""
        rest = self._sampler.end()
        # Each session gets a sampler that has seen no other: nothing of one can narrow or shift the next.
        self._session_id, self._sampler = None, self._of_one(None)
        return rest

    def state(self) -> Any:
        """The open session and what is known of it."""
        return [self._session_id, self._sampler.state()]


class LastAndLowest:
    """The last capture, and `others` more with the lowest ranks. State: the ids of the last and of these."""

    def __init__(self, others: int, rank: Rank, state: Any = None) -> None:
        last, lowest = state or (None, None)
        self._last: str | None = last
        self._lowest = Lowest(others, rank, lowest)

    def meet(self, frame: Frame) -> list[str]:
        """What was the last is one of the others now."""
        if self._last is not None:
            self._lowest.add(self._last)
        self._last = frame.capture_id
        return []

    def end(self) -> list[str]:
        """The others, and the last one."""
        found = self._lowest.end() + ([self._last] if self._last is not None else [])
        self._last = None
        return found

    def state(self) -> Any:
        """What it holds."""
        return [self._last, self._lowest.state()]


class Largest:
    """The `most` captures with the largest files, the earlier of equal ones.

    State: how many were met, and of those it holds the size, the place counted backwards, and the id.
    """

    def __init__(self, most: int, state: Any = None) -> None:
        self._most = most
        met, held = state or (0, ())
        self._met: int = met
        self._heap: list[tuple[int, int, str]] = [(size, place, each) for size, place, each in held]
        heapq.heapify(self._heap)

    def meet(self, frame: Frame) -> list[str]:
        """Nothing is certain before the end."""
        entry = (frame.size, -self._met, frame.capture_id)
        self._met += 1
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)
        return []

    def end(self) -> list[str]:
        """The largest first."""
        found = [capture_id for *_, capture_id in sorted(self._heap, reverse=True)]
        self._heap.clear()
        return found

    def state(self) -> Any:
        """What it holds."""
        return [self._met, [list(entry) for entry in sorted(self._heap)]]


class EveryNth:
    """The first capture, and each n-th after it. State: how many were met."""

    def __init__(self, n: int, state: Any = None) -> None:
        self._n = n
        self._met: int = state or 0

    def meet(self, frame: Frame) -> list[str]:
        """The capture, if its turn has come."""
        its_turn = self._met % self._n == 0
        self._met += 1
        return [frame.capture_id] if its_turn else []

    def end(self) -> list[str]:
        """Nothing is left to tell."""
        return []

    def state(self) -> Any:
        """How many were met."""
        return self._met


class FromStart:
    """The capture at `place`, counted from 0. State: how many were met."""

    def __init__(self, place: int, state: Any = None) -> None:
        self._place = place
        self._met: int = state or 0

    def meet(self, frame: Frame) -> list[str]:
        """The capture, if it is the one."""
        is_it = self._met == self._place
        self._met += 1
        return [frame.capture_id] if is_it else []

    def end(self) -> list[str]:
        """Nothing is left to tell."""
        return []

    def state(self) -> Any:
        """How many were met."""
        return self._met


class FromEnd:
    """The capture `places` before the end: 1 is the last. State: the ids of as many, the latest last."""

    def __init__(self, places: int, state: Any = None) -> None:
        self._places = places
        self._latest: deque[str] = deque(state or (), maxlen=places)

    def meet(self, frame: Frame) -> list[str]:
        """Nothing is certain before the end."""
        self._latest.append(frame.capture_id)
        return []

    def end(self) -> list[str]:
        """The capture, if there are enough."""
        found = [self._latest[0]] if len(self._latest) == self._places else []
        self._latest.clear()
        return found

    def state(self) -> Any:
        """What it holds."""
        return list(self._latest)
