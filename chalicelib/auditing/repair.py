"""Repairing by the settler: what is wrong is marked, then settled; what it never looks at is added up anew.

A deployment's sessions and undated segments are settled from its captures, then its counts are made what
these come to: so its count is the sum of its parts at every moment, whatever arrives meanwhile.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from chalicelib.auditing.rules import Drift
from chalicelib.aws import lease
from chalicelib.capture_sets import service as capture_sets
from chalicelib.capture_sets import settled as sets
from chalicelib.deployments import settled
from chalicelib.errors import LeaseLost
from chalicelib.sessions import service as sessions
from chalicelib.settling.rules import Owner, Touched
from chalicelib.settling.service import Settling

Clock = Callable[[], datetime]

_SESSIONS = "sessions"
_UNDATED = "undated "


def settling(now: Clock) -> Settling:
    """A settler that settles itself what is marked as a whole, as that of a job does."""
    return Settling(now)


def parts_of(drifts: Iterable[Drift]) -> list[str]:
    """Which parts of a deployment have to be settled, each once: "sessions", or a part of the undated."""
    parts = dict[str, None]()
    for each in drifts:
        if each.field.startswith(_UNDATED):
            parts[each.field.removeprefix(_UNDATED)] = None
        elif each.owner.startswith("session ") or each.field == "session":
            parts[_SESSIONS] = None
    return list(parts)


def mark(owner: Owner, parts: Iterable[str], now: Clock) -> None:
    """Marks what is to be settled of a deployment, or a project. One request per part."""
    touched = Touched()
    if owner.kind == "PROJECT":
        touched.everything(owner)
    for each in parts:
        if each == _SESSIONS:
            touched.everything(owner)
        else:
            touched.capture(owner, f"UNDATED#{owner.id}-{each}")
    settling(now).mark(touched)


def add_up(deployment_id: str, now: Clock) -> bool:
    """Makes the counts of a deployment what its sessions and undated segments come to; False if another
    settler is at it. Two requests and those of `sessions.add_up`."""
    return _under(settled.take_lease(deployment_id, now), sessions.add_up)


def count_set(set_id: str, strayed: Iterable[str], now: Clock) -> bool:
    """Files members where their captures are, and counts all of a set anew; False if another settler is at
    it. Three requests for each that strayed, two and those of counting."""
    capture_sets.refile(strayed)
    return _under(sets.take_lease(set_id, now), sets.recount)


def _under(held: lease.Lease[lease.L] | None, write: Callable[[lease.Lease[lease.L]], None]) -> bool:
    if held is None:
        return False
    try:
        write(held)
    except LeaseLost:
        return False
    finally:
        lease.release(held)
    return True
