"""A lease: who may write an owner's derived rows, until when.

It lies on the owner's own row, as `lease_token` and `lease_expires`. Taking it reads the row in the same
request. It expires by itself; only its token releases it; and whoever writes under it makes
`lease_token = mine` a condition of the write, so a holder that was overtaken can write nothing.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.aws import table
from chalicelib.aws.keys import Key
from chalicelib.aws.table import Instant, Row
from chalicelib.errors import LeaseLost

LIFETIME = timedelta(seconds=60)
"""From each write under it. Only a crash, or a stall of this length, lets a lease expire."""

Clock = Callable[[], datetime]


class LeasedRow(Row):
    """A row that a lease can be taken on."""

    lease_token = UnicodeAttribute(null=True)
    lease_expires = Instant(null=True)


class SettledRow(LeasedRow):
    """A row whose counts are written by differences. `settled` grows by one with every settling that wrote:
    what was computed from an older state is refused."""

    settled = NumberAttribute(default=0)


L = TypeVar("L", bound=LeasedRow)
S = TypeVar("S", bound=SettledRow)


@dataclass(frozen=True, slots=True)
class Lease(Generic[L]):
    """A lease that was taken: its token, and the owner's row as it was at that moment."""

    token: str
    row: L
    clock: Clock

    def held(self) -> Condition:
        """The condition under which its holder may write."""
        return type(self.row).lease_token == self.token


def take(row: type[L], key: Key, clock: Clock) -> Lease[L] | None:
    """Takes the lease on the row at `key`; None while another holds it, or if there is no such row."""
    token, owner = secrets.token_hex(8), row(*key)
    # With my own token it is free, too: then the answer to this very request was lost, and it came twice.
    free = row.lease_token.does_not_exist() | (row.lease_expires < clock()) | (row.lease_token == token)
    actions: list[Action] = [row.lease_token.set(token), row.lease_expires.set(clock() + LIFETIME)]
    if not table.accepted(lambda: owner.update(actions=actions, condition=row.pk.exists() & free)):
        return None
    return Lease(token, owner, clock)


def renewal(lease: Lease[L]) -> Action:
    """The action that makes a write under a lease renew it."""
    return type(lease.row).lease_expires.set(lease.clock() + LIFETIME)


def writes(lease: Lease[S]) -> int:
    """How often the owner was settled with something to write, as of the last write under this lease."""
    return int(lease.row.settled or 0)


def as_settled(lease: Lease[S]) -> Condition:
    """The condition under which a holder may write what it computed: the lease is held, and nobody, nor an
    earlier try of its own, has written since."""
    row, before = type(lease.row), writes(lease)
    unchanged = row.settled == before
    if not before:
        unchanged |= row.settled.does_not_exist()
    wanted: Condition = lease.held() & unchanged
    return wanted


def settling(lease: Lease[S]) -> list[Action]:
    """The actions that make a write under a lease count as one more, and renew it."""
    return [type(lease.row).settled.set(writes(lease) + 1), renewal(lease)]


def write_under(lease: Lease[L], actions: list[Action]) -> None:
    """Changes the owner's own row, and renews the lease. Raises LeaseLost if another has taken it.

    Without actions it proves that the lease is still held: whoever found nothing to write has met no
    condition yet, and may have slept through its end.
    """
    renewed = [*actions, renewal(lease)]
    if not table.accepted(lambda: lease.row.update(actions=renewed, condition=lease.held())):
        raise LeaseLost(f"Another worker is settling {lease.row.pk} by now.")


def release(lease: Lease[L]) -> None:
    """Gives the lease back, if it is still the holder's."""
    row = type(lease.row)
    actions: list[Action] = [row.lease_token.remove(), row.lease_expires.remove()]
    table.accepted(lambda: lease.row.update(actions=actions, condition=lease.held()))
