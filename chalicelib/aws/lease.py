"""A lease: who may write an owner's derived rows, until when.

It lies on the owner's own row, as `lease_token` and `lease_expires`. Taking it reads the row in the same
request. It expires by itself; only its token releases it; and whoever writes under it makes
`lease_token = mine` a condition of the write, so a holder that was overtaken can write nothing.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from pynamodb.attributes import UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.aws import table
from chalicelib.aws.keys import Key
from chalicelib.aws.table import Instant, Row
from chalicelib.errors import LeaseLost

LIFETIME = timedelta(seconds=60)
"""Longer than the settle function may run, so that only a crash lets a lease expire."""


class LeasedRow(Row):
    """A row that a lease can be taken on."""

    lease_token = UnicodeAttribute(null=True)
    lease_expires = Instant(null=True)


L = TypeVar("L", bound=LeasedRow)


@dataclass(frozen=True, slots=True)
class Lease(Generic[L]):
    """A lease that was taken: its token, and the owner's row as it was at that moment."""

    token: str
    row: L

    def held(self) -> Condition:
        """The condition under which its holder may write."""
        return type(self.row).lease_token == self.token


def take(row: type[L], key: Key, now: datetime, lifetime: timedelta = LIFETIME) -> Lease[L] | None:
    """Takes the lease on the row at `key`; None while another holds it, or if there is no such row."""
    token = secrets.token_hex(8)
    owner = row(*key)
    free = row.lease_token.does_not_exist() | (row.lease_expires < now)
    actions: list[Action] = [row.lease_token.set(token), row.lease_expires.set(now + lifetime)]
    if not table.accepted(lambda: owner.update(actions=actions, condition=row.pk.exists() & free)):
        return None
    return Lease(token, owner)


def write_under(lease: Lease[L], actions: list[Action]) -> None:
    """Changes the owner's own row. Raises LeaseLost if another has taken the lease."""
    if not table.accepted(lambda: lease.row.update(actions=actions, condition=lease.held())):
        raise LeaseLost(f"Another worker is settling {lease.row.pk} by now.")


def release(lease: Lease[L]) -> None:
    """Gives the lease back, if it is still the holder's."""
    row = type(lease.row)
    actions: list[Action] = [row.lease_token.remove(), row.lease_expires.remove()]
    table.accepted(lambda: lease.row.update(actions=actions, condition=lease.held()))
