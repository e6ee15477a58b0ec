"""Choosing at random, and yet the same each time. Pure.

A capture's rank is a hash of its id, with the seed as the key: it looks like chance, but depends on nothing
else. Those with the lowest ranks are the sample. Whatever order and pages they come in, it is the same one;
and a capture that is added to a million changes it by one at the most, and mostly not at all.
"""

import heapq
from collections.abc import Callable, Iterable
from hashlib import blake2b

from chalicelib.capture_sets.frames import Frame

Rank = Callable[[str], int]
RANKS = 2**64
"""Ranks are from 0 to one less."""


def ranks(seed: int) -> Rank:
    """The rank of each capture id under a seed."""
    keyed = blake2b(digest_size=8, key=str(seed).encode())

    def rank(capture_id: str) -> int:
        hashing = keyed.copy()
        hashing.update(capture_id.encode())
        return int.from_bytes(hashing.digest(), "big")

    return rank


class Lowest:
    """A sampler that finds the `most` captures with the lowest ranks, or all if there are no more.

    Its state is a list of their ids, the lowest rank first.
    """

    def __init__(self, most: int, rank: Rank, state: Iterable[str] | None = None) -> None:
        self._most = most
        self._rank = rank
        # The highest rank is on top of the heap: it goes first.
        self._heap = [(-rank(capture_id), capture_id) for capture_id in state or ()]
        heapq.heapify(self._heap)
        self._held = {capture_id for _, capture_id in self._heap}

    def add(self, capture_id: str) -> None:
        """Meets one capture. One whose time is corrected meanwhile may come twice, and is still one."""
        if capture_id in self._held:
            return
        entry = (-self._rank(capture_id), capture_id)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            _, dropped = heapq.heapreplace(self._heap, entry)
            self._held.remove(dropped)
        else:
            return
        self._held.add(capture_id)

    def meet(self, frame: Frame) -> list[str]:
        """Nothing is certain before the end."""
        self.add(frame.capture_id)
        return []

    def end(self) -> list[str]:
        """The sample, in the order of the ids."""
        found = sorted(self._held)
        self._heap.clear()
        self._held.clear()
        return found

    def state(self) -> list[str]:
        """What it holds."""
        return [capture_id for _, capture_id in sorted(self._heap, reverse=True)]
