"""Settling: making derived rows true again, by marks, a lease, a recomputation, and one more look.

1. Mark: what a change touched is marked in the table before anything else; from then on it cannot be lost.
2. Lease: one settler per owner. Whoever does not get it ends: the holder looks again before it leaves.
3. Settle: recompute the marked parts from the rows below, write what differs, remove the marks that were
   not renewed meanwhile.
4. Look again, after the lease is released: nobody marks after looking, so no mark is left with no one to
   see it, except by a crash or a fault; the watch finds those by their age.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from chalicelib.aws import lease
from chalicelib.aws.stream import Change
from chalicelib.deployments import settled
from chalicelib.errors import LeaseLost
from chalicelib.projects import service as projects
from chalicelib.sessions import service as sessions
from chalicelib.settling import rules, store
from chalicelib.settling.rules import Owner
from chalicelib.settling.store import Mark

log = logging.getLogger("nightjar")

L = TypeVar("L", bound=lease.LeasedRow)

ROUNDS = 20
"""How often a settler looks again before it leaves the rest to the watch."""

WATCHED = 100
"""How many owners the watch settles in one run."""


@dataclass(frozen=True, slots=True)
class Settling:
    """What settling needs from outside: the time, and a way to have an owner settled by a job."""

    now: Callable[[], datetime]
    defer: Callable[[Owner], None]

    def changes(self, changes: list[Change]) -> None:
        """Marks what a batch of the stream touched, then settles it.

        Raises only if marking failed, so that the batch comes again; what fails later is marked.
        """
        touched = rules.touched((each.pk, each.sk, each.before, each.after) for each in changes)
        store.put(touched, self.now())
        for owner in touched.owners():
            self._try(owner)

    def deferred(self, owner: Owner) -> None:
        """Settles an owner as a job: a mark on all of it, too, a budget's worth at a time."""
        self._owner(owner, everything=True)

    def overdue(self) -> int:
        """Settles what was marked longer ago than a lease lasts; returns how many owners that were."""
        owners = store.older_than(self.now() - lease.LIFETIME - timedelta(seconds=5), WATCHED)
        for owner in owners:
            self._try(owner)
        return len(owners)

    def _try(self, owner: Owner) -> None:
        try:
            self._owner(owner, everything=False)
        except Exception:  # the mark is in the table: the watch tries again, and the batch goes on
            log.exception("could not settle %s; its mark stays and the watch will try again", owner.pk)

    def _owner(self, owner: Owner, *, everything: bool) -> None:
        # Marks are read before the lease is taken, which reads the owner's row: what is settled for a mark
        # is settled by rules at least as new as the mark.
        for _ in range(ROUNDS):
            marks = store.of_owner(owner)
            parts, whole = store.split(marks)
            if whole and not parts and not everything and owner.kind == "DEPLOYMENT":
                self.defer(owner)
                return
            if not marks or not self._round(owner, marks, everything=everything):
                return
            everything = False  # one budget's worth: the next is another message

    def _round(self, owner: Owner, marks: list[Mark], *, everything: bool) -> bool:
        """Settles once under the lease; False if another has it, or there is no such owner."""
        if owner.kind == "PROJECT":
            project = projects.take_lease(owner.id, self.now)
            return _under(project, lambda held: _settle_project(held, marks))
        deployment = settled.take_lease(owner.id, self.now)
        return _under(deployment, lambda held: self._deployment(held, owner, marks, everything=everything))

    def _deployment(
        self, held: settled.DeploymentLease, owner: Owner, marks: list[Mark], *, everything: bool
    ) -> None:
        parts, whole = store.split(marks)
        if whole and everything:
            _settle_all(held, whole)
        days = [mark for mark in parts if rules.undated_segment(mark.part) is None]
        for one in rules.joined(rules.period(mark.part, mark.hours) for mark in days):
            rest = sessions.settle(held, one.start, one.end)
            if rest:
                store.mark_rest(owner, rest, self.now())
        for mark in parts:
            segment = rules.undated_segment(mark.part)
            if segment is not None:
                sessions.settle_undated(held, segment)
        _remove(held, parts)


def _settle_all(held: settled.DeploymentLease, mark: Mark) -> None:
    rest = sessions.settle_rest(held, mark.start)
    if rest is None:
        _remove(held, [mark])
    else:
        store.move_on(mark, rest)


def _settle_project(held: projects.ProjectLease, marks: list[Mark]) -> None:
    projects.settle(held)
    _remove(held, marks)


def _remove(held: lease.Lease[L], marks: list[Mark]) -> None:
    """Removes what is settled, but only as the holder of the lease still: another settler may be about to
    write what it read before these marks were made."""
    if marks:
        lease.write_under(held, [])
    for mark in marks:
        store.remove(mark)


def _under(held: lease.Lease[L] | None, settle: Callable[[lease.Lease[L]], None]) -> bool:
    """Settles under a lease and gives it back; False if there is none."""
    if held is None:
        return False
    try:
        settle(held)
    except LeaseLost as lost:
        log.info("%s", lost)
    finally:
        lease.release(held)
    return True
