"""What is known of a message that could not be processed. Pure."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.errors import NightjarError

State = Literal["retrying", "given_up"]

SILENCE = timedelta(hours=1)
"""A message that fails comes again every six minutes. One of which nothing was heard for so long is taken
for gone: the queue lost it, or was lost. If it is there after all, replaying it does no harm."""

LONGEST_REASON = 1000

NO_ANSWER = "the function ended without an answer: it ran out of time or memory"


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that could not be processed, and why. `tries` is how often it was handed out."""

    id: str
    state: State
    reason: str
    body: str
    tries: int
    first_at: datetime
    last_at: datetime


def failure_id(body: str) -> str:
    """The same for the same message, however often it is sent."""
    return hashlib.sha256(body.encode()).hexdigest()[:24]


def reason_of(error: Exception) -> str:
    """What went wrong, for people."""
    told = error.detail if isinstance(error, NightjarError) else f"{type(error).__name__}: {error}"
    return writable(told.strip())[:LONGEST_REASON]


def state_by(noted: State, last_at: datetime, now: datetime) -> State:
    """How it stands with a message by now."""
    return "given_up" if now - last_at > SILENCE else noted


def writable(text: str) -> str:
    """`text` without what no UTF-8 can hold: JSON may name half a character."""
    return text.encode(errors="replace").decode()
