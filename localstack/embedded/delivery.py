"""Delivers stream records to a function in order, until each is handled or given up."""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from localstack.embedded.invocation import Function, failed_items

log = logging.getLogger("nightjar.embedded")

Record = dict[str, Any]

RETRIES = 4
FIRST_PAUSE_SECONDS = 0.2  # doubled each time: with four retries a poison record costs three seconds


@dataclass(frozen=True)
class Outcome:
    """How a call went: how many records, counted from the first, are handled for good."""

    handled: int
    names_the_culprit: bool
    """Whether the function said which record it failed at; if it raised, nobody knows."""


@dataclass(frozen=True)
class Delivery:
    """One lane's way to its function. What stands behind a failing record waits: that is the order.

    A batch that fails is bisected until the failing record is alone, or cut at the record that the
    function names. Alone it is tried `retries` times more, then handed to `give_up`, and the rest goes on.
    """

    function: Function
    give_up: Callable[[Record, int], None]
    """Called with the record and how often it was tried."""
    pause: Callable[[float], bool]
    """Waits so many seconds; True when it is time to stop."""
    retries: int = RETRIES

    def deliver(self, records: Sequence[Record]) -> bool:
        """True when all are handled or given up, False when told to stop before that."""
        waiting = deque([list(records)])
        tries = 0
        while waiting:
            batch = waiting.popleft()
            outcome = self._call(batch)
            rest = batch[outcome.handled :]
            if outcome.handled:
                tries = 0
            if len(rest) > 1:
                cut = 1 if outcome.names_the_culprit else len(rest) // 2
                waiting.extendleft([rest[cut:], rest[:cut]])
            elif rest:
                tries += 1
                if tries > self.retries:
                    self.give_up(rest[0], tries)
                    tries = 0
                else:
                    waiting.appendleft(rest)
                    if self.pause(FIRST_PAUSE_SECONDS * 2 ** (tries - 1)):
                        return False
        return True

    def _call(self, batch: list[Record]) -> Outcome:
        try:
            answer = self.function({"Records": batch})
        except Exception:  # the edge: whatever the function raised, AWS would send the batch again
            log.exception("%s failed at a batch of %d", self.function.name, len(batch))
            return Outcome(0, names_the_culprit=False)
        failed = failed_items(answer)
        if not failed:
            return Outcome(len(batch), names_the_culprit=False)
        places = {record["dynamodb"]["SequenceNumber"]: place for place, record in enumerate(batch)}
        if not all(item in places for item in failed):
            log.error("%s names records it was not given: %s", self.function.name, failed)
            return Outcome(0, names_the_culprit=False)
        return Outcome(min(places[item] for item in failed), names_the_culprit=True)
