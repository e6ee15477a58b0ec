"""Who is rendering a thumbnail, or has tried to and failed: one attempt at a time, then ever rarer. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.errors import Busy, Conflict, NightjarError, SourceGone, SourceSlow, StorageFault, Unreadable

Kind = Literal["gone", "replaced", "slow", "unreadable", "fault"]

CLAIM = timedelta(seconds=60)
"""How long an attempt may take; whoever has heard nothing of it by then takes it for dead."""

SOONEST = timedelta(seconds=30)
"""How long after a first failure nobody tries again; each further one doubles it."""

LATEST = timedelta(days=1)

DEATHS = 2
"""So many attempts may end without a word before they count as failures."""

_ERRORS: dict[Kind, type[NightjarError]] = {
    "gone": SourceGone,
    "replaced": Conflict,
    "slow": SourceSlow,
    "unreadable": Unreadable,
    "fault": StorageFault,
}


@dataclass(frozen=True, slots=True)
class Attempt:
    """The latest attempt at one thumbnail: under way until `until`, or failed (`kind`), and then not to be
    tried again until then. `tries` counts it and those that failed before it, since the last success."""

    token: str
    tries: int
    until: datetime
    kind: Kind | None = None
    reason: str | None = None


def claimed(before: Attempt | None, token: str, now: datetime) -> Attempt:
    """The attempt of whoever takes it up now."""
    return Attempt(token, (before.tries if before else 0) + 1, now + CLAIM)


def failed(attempt: Attempt, error: Exception, now: datetime) -> Attempt:
    """What is remembered of an attempt that ended by `error`."""
    kind: Kind = next((kind for kind, known in _ERRORS.items() if type(error) is known), "fault")
    reason = error.detail if isinstance(error, NightjarError) else "Rendering it failed by a fault of ours."
    return Attempt(attempt.token, attempt.tries, now + _back_off(attempt.tries), kind, reason)


def is_under_way(attempt: Attempt | None, now: datetime) -> bool:
    """Whether somebody is at it, for all one can know."""
    return attempt is not None and attempt.kind is None and now < attempt.until


def refusal(attempt: Attempt | None, now: datetime) -> NightjarError | None:
    """Why nobody is to try at `now`; None if somebody may."""
    if attempt is None:
        return None
    if attempt.kind:
        return _ERRORS[attempt.kind](attempt.reason or "") if now < attempt.until else None
    if is_under_way(attempt, now):
        return Busy("The thumbnail is being rendered; ask again in a moment.")
    # It ended without a word: most likely it took its function down, and would take the next one, too.
    if attempt.tries > DEATHS and now < attempt.until + _back_off(attempt.tries - DEATHS):
        return Busy("Rendering the thumbnail keeps breaking off; it will be tried again later.")
    return None


def _back_off(tries: int) -> timedelta:
    doubled: int = 1 << min(tries - 1, 20)
    return min(SOONEST * doubled, LATEST)
