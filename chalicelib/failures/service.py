"""What the queue could not get done: noted while it is tried again, kept when it is given up, put back.

Order, everywhere: what is to be done later is written before what says so is deleted. Whoever dies between
leaves it twice, which ingest does not mind.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from chalicelib.aws import queues
from chalicelib.aws.queues import Received
from chalicelib.errors import NotFound
from chalicelib.failures import store
from chalicelib.failures.rules import reason_of
from chalicelib.settings import Settings

log = logging.getLogger("nightjar")

ROUNDS = 50
"""How often one run of the watch asks for dead letters, ten at a time."""

MOST = 1000
"""How many are put back in one call, give or take a piece."""

PIECE = 100


@dataclass(frozen=True, slots=True)
class Replayed:
    """How many were put back, and how many stay: those still being tried, and those beyond `MOST`."""

    replayed: int
    left: int


@dataclass(frozen=True, slots=True)
class Failing:
    """What keeping failures needs from outside: the queues and the time."""

    settings: Settings
    now: Callable[[], datetime]

    def failed(self, body: str, receives: int, error: Exception) -> None:
        """Notes that a message failed, and why. One request."""
        store.note(body, reason_of(error), receives, self.now())

    def recovered(self, body: str) -> None:
        """Forgets the failures of a message that has passed. One request."""
        store.forget(body)

    def collect(self) -> int:
        """Moves dead letters into the table; returns how many. One request of the queue if there are none,
        else two per ten, and one of the table for each. What cannot be written stays in the queue, and the
        fault is raised at the end."""
        kept = 0
        faults: list[Exception] = []
        for _ in range(ROUNDS):
            dead = queues.receive(self.settings.ingest_dead_letters_url)
            if not dead:
                break
            written = self._keep(dead, faults)
            queues.delete(self.settings.ingest_dead_letters_url, written)
            kept += len(written)
        if kept:
            log.warning("%d messages are given up: `nightjar ingest failures` lists them", kept)
        if faults:
            raise faults[0]
        return kept

    def _keep(self, dead: Sequence[Received], faults: list[Exception]) -> list[str]:
        """Writes dead letters, each by itself; returns the handles of those that are written."""
        written = []
        for each in dead:
            try:
                # To be received here was no try.
                store.give_up(each.body, max(each.receives - 1, 1), self.now())
            except Exception as fault:  # whatever is wrong with one, the others must not be left for it
                log.exception("a dead letter could not be kept; it stays in its queue")
                faults.append(fault)
            else:
                written.append(each.handle)
        return written

    def replay(self, ids: Sequence[str]) -> Replayed:
        """Puts messages back on the queue, but for those it has still. Two requests of the table per hundred
        and one for each, one of the queue per ten.

        Raises NotFound, with nothing put back, if one of them is not there.
        """
        ids = list(dict.fromkeys(ids))
        for piece in _pieces(ids):
            there = {failure.id for failure in store.find(piece, self.now())}
            for each in piece:
                if each not in there:
                    raise NotFound(f"There is no failure {each!r}. It may have passed meanwhile.")
        replayed = sum(self._put_back(piece)[0] for piece in _pieces(ids))
        return Replayed(replayed, len(ids) - replayed)

    def replay_all(self) -> Replayed:
        """Puts what is given up back on the queue, the oldest first. One request of the table per hundred
        that it looks at, one for each that it puts back, one per thousand that there are; one of the queue
        per ten."""
        remaining = store.ids()
        replayed = left = 0
        while replayed < MOST and (piece := list(islice(remaining, PIECE))):
            sent, still_there = self._put_back(piece)
            replayed += sent
            left += still_there - sent
        return Replayed(replayed, left + sum(1 for _ in remaining))

    def _put_back(self, ids: Sequence[str]) -> tuple[int, int]:
        """How many were put back, of how many that were there."""
        found = store.find(ids, self.now())
        given_up = [failure for failure in found if failure.state == "given_up"]
        for at in range(0, len(given_up), queues.AT_ONCE):
            sent = given_up[at : at + queues.AT_ONCE]
            queues.send_many(self.settings.ingest_queue_url, [failure.body for failure in sent])
            for failure in sent:
                store.drop(failure)
        return len(given_up), len(found)


def _pieces(ids: Sequence[str]) -> list[Sequence[str]]:
    return [ids[at : at + PIECE] for at in range(0, len(ids), PIECE)]
