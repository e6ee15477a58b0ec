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
from typing import Literal, TypeVar

from chalicelib.aws import lease
from chalicelib.aws.stream import Change
from chalicelib.capture_sets import reading as set_rows
from chalicelib.capture_sets import service as capture_sets
from chalicelib.capture_sets import settled as sets
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.deployments import settled
from chalicelib.errors import Busy, LeaseLost
from chalicelib.occurrences import settled as occurrences
from chalicelib.projects import service as projects
from chalicelib.sessions import service as sessions
from chalicelib.sessions.effects import NOTHING, Effect
from chalicelib.settling import rules, store
from chalicelib.settling.rules import Owner, Touched
from chalicelib.settling.store import Mark

log = logging.getLogger("nightjar")

L = TypeVar("L", bound=lease.LeasedRow)

ROUNDS = 20
"""How often a settler looks again before it leaves the rest to the watch."""

WATCHED = 100
"""How many owners the watch settles in one run."""

POSTPONED = timedelta(minutes=1)
LONGEST_POSTPONED = timedelta(hours=6)
"""How long the watch leaves a mark that waits for a job: twice as long each time it finds it."""


@dataclass(frozen=True, slots=True)
class Budget:
    """How far a budget's worth of settling came: nothing is marked any more, there is (or may be) more, or
    another settler is at it; and what it did to the sessions."""

    state: Literal["done", "more", "busy"]
    effect: Effect = NOTHING


def _never(owner: Owner) -> None:
    raise AssertionError(f"a job's own settler left {owner.pk} to a job")


@dataclass(frozen=True, slots=True)
class Settling:
    """What settling needs from outside: the time, and a way to have a deployment, or all of a project,
    settled by a job; jobs themselves need none."""

    now: Callable[[], datetime]
    defer: Callable[[Owner], None] = _never

    def changes(self, changes: list[Change]) -> None:
        """Marks what a batch of the stream touched, then settles it.

        Captures of which something was said are settled at once, and members of capture sets follow them.
        Raises only if that or marking failed, so that the batch comes again; what fails later is marked.
        """
        touched = rules.touched((each.pk, each.sk, each.before, each.after) for each in changes)
        marks = store.put(touched, self.now())
        for capture_id in sorted(touched.found | touched.moved):
            self._capture(capture_id, moved=capture_id in touched.moved)
        for project_id, capture_ids in touched.arrived.items():
            capture_sets.follow(project_id, sorted(capture_ids))
        if touched.taxonomy:
            projects.follow_taxonomy(self.now())
        for project_id in touched.ruled:
            _tried(self.defer, Owner("PROJECT", project_id))
        for owner in touched.owners():
            _tried(lambda one: self._owner(one, marks[one]), owner)

    def mark(self, touched: Touched) -> None:
        """Marks what is about to be touched, or was, for whoever settles next. One request per part."""
        store.put(touched, self.now())

    def look_again(self, owner: Owner) -> None:
        """Settles what is marked of an owner, after somebody has had its lease for something else."""
        self._owner(owner)

    def mark_all(self, owner: Owner) -> None:
        """Marks all of a deployment, for a job to settle. One request."""
        touched = Touched()
        touched.everything(owner)
        store.put(touched, self.now())

    def budget(self, owner: Owner) -> Budget:
        """Settles what is marked of a deployment as a job does: of a mark on all of it, a budget's worth."""
        marks = store.of_owner(owner)
        if not marks:
            return Budget("done")
        effects: list[Effect] = []
        done = self._round(owner, marks, effects.append)
        return Budget("more" if done else "busy", sum(effects, NOTHING))

    def count_sets(self, project_id: str, time_is_up: Callable[[], bool]) -> Literal["done", "more", "busy"]:
        """Counts the capture sets of a project anew that were counted by other filters than it has by now, as
        a job does, if that is marked. Two requests per hundred sets, and those of counting."""
        owner = Owner("PROJECT", project_id)
        while mark := _for_a_job(owner, store.of_owner(owner)):
            states = []
            for found in set_rows.of_project(project_id):
                states.append(self._counted_anew(found))
                if time_is_up():
                    return "more"
            if not all(states):
                return "busy"
            store.remove(mark)
        return "done"

    def _counted_anew(self, found: CaptureSet) -> bool:
        """False if another settler has the set."""
        filters = projects.find(found.project_id).filters
        if found.filters == filters:
            return True
        held = sets.take_lease(found.id, self.now)
        if held is None:
            return sets.find(found.id) is None
        is_done = _under(held, lambda lease_held: sets.recount(lease_held, filters))
        self.look_again(Owner("SET", found.id))
        return is_done

    def overdue(self) -> int:
        """Settles what was marked longer ago than a lease lasts; returns how many owners that were."""
        owners = store.older_than(self.now() - lease.LIFETIME - timedelta(seconds=5), WATCHED)
        for owner in owners:
            _tried(self._again, owner)
        return len(owners)

    def _capture(self, capture_id: str, *, moved: bool) -> None:
        """Settles what was found on a capture, and tells the sets it is in. What others keep changing is
        marked: it is not to hold up what comes behind it."""
        try:
            settled = occurrences.settle(capture_id)
        except Busy:
            log.warning("%s keeps changing; it is marked, and the watch will settle it", capture_id)
            touched = Touched()
            touched.part(Owner("CAPTURE", capture_id), rules.RESULTS)
            store.put(touched, self.now())
            settled = None
        if settled or moved:
            told = (settled.findings, settled.version) if settled else (None, 0)
            capture_sets.refile(capture_id, told, moved=moved)

    def _again(self, owner: Owner) -> None:
        """Settles an owner for the watch. What waits for a job goes to the end of the line, ever further: a
        large project must not hide the others, nor a job that fails be started every minute."""
        waiting = self._owner(owner)
        if waiting:
            wait = min(POSTPONED * (1 << min(waiting.deferrals, 20)), LONGEST_POSTPONED)
            store.postpone(waiting, self.now() + wait)

    def _owner(self, owner: Owner, marks: list[Mark] | None = None) -> Mark | None:
        """Settles what is marked of an owner; returns the mark that is left to a job, if there is one."""
        # Marks are known before the lease is taken, which reads the owner's row: what is settled for a mark
        # is settled by rules at least as new as the mark.
        for number in range(ROUNDS):
            marks = store.of_owner(owner) if number or marks is None else marks
            waiting = _for_a_job(owner, marks)
            if waiting and len(marks) == 1:
                self.defer(owner)
                return waiting
            if not marks or not self._round(owner, marks):
                return None
        return None

    def _round(self, owner: Owner, marks: list[Mark], told: Callable[[Effect], None] | None = None) -> bool:
        """Settles once under the lease; False if another has it, or there is no such owner. A mark on all of
        a deployment is settled only for whoever is `told` what that did."""
        if owner.kind == "CAPTURE":
            self._capture(owner.id, moved=True)
            return all(store.remove(mark) for mark in marks)
        if owner.kind == "PROJECT":
            project = projects.take_lease(owner.id, self.now)
            return _under(project, lambda held: _settle_project(held, marks))
        if owner.kind == "SET":
            found = sets.take_lease(owner.id, self.now)
            if found is None and sets.find(owner.id) is None:
                for mark in marks:  # the last members' going is told when the set has gone already
                    store.remove(mark)
            stale: list[bool] = []
            return _under(found, lambda held: stale.append(not self._set(held, marks))) and not any(stale)
        deployment = settled.take_lease(owner.id, self.now)
        return _under(deployment, lambda held: self._deployment(held, owner, marks, told))

    def _set(self, held: sets.SetLease, marks: list[Mark]) -> bool:
        """False if all of it is to be counted anew first."""
        filters, proven = sets.filters_for(held), False
        if filters is None:
            # By a job that the watch starts. The marks stay: should the filters be changed back before that,
            # nothing is counted anew.
            touched = Touched()
            touched.part(Owner("PROJECT", sets.set_under(held).project_id), rules.SETS)
            store.put(touched, self.now())
            return False
        for generation, segments in rules.segments(mark.part for mark in marks).items():
            proven = sets.settle_segments(held, generation, segments, filters)
        _remove(held, marks, proven=proven)
        return True

    def _deployment(
        self,
        held: settled.DeploymentLease,
        owner: Owner,
        marks: list[Mark],
        told: Callable[[Effect], None] | None,
    ) -> None:
        parts, whole = store.split(marks)
        if whole and told:
            told(_settle_all(held, whole))
        days = [mark for mark in parts if rules.undated_segment(mark.part) is None]
        before = settled.writes(held)
        for one in rules.joined(rules.period(mark.part, mark.hours) for mark in days):
            before = settled.writes(held)
            rest = sessions.settle(held, one.start, one.end)
            if rest:
                store.mark_rest(owner, rest, self.now())
        for mark in parts:
            segment = rules.undated_segment(mark.part)
            if segment is not None:
                before = settled.writes(held)
                sessions.settle_undated(held, segment)
        _remove(held, parts, proven=settled.writes(held) > before)


def is_marked(owner: Owner) -> bool:
    """Whether something of an owner is still to be settled. One request."""
    return bool(store.of_owner(owner))


def _tried(settle: Callable[[Owner], object], owner: Owner) -> None:
    try:
        settle(owner)
    except Exception:  # the mark is in the table: the watch tries again, and the batch goes on
        log.exception("could not settle %s; its mark stays and the watch will try again", owner.pk)


def _settle_all(held: settled.DeploymentLease, mark: Mark) -> Effect:
    effect, rest = sessions.settle_rest(held, mark.start)
    if rest is None:
        sessions.settle_found_undated(held)
        _remove(held, [mark])
    else:
        store.move_on(mark, rest)
    return effect


def _for_a_job(owner: Owner, marks: list[Mark]) -> Mark | None:
    """The mark that only a job settles, if there is one: all of a deployment, all sets of a project."""
    part = {"DEPLOYMENT": rules.ALL, "PROJECT": rules.SETS}.get(owner.kind)
    return next((mark for mark in marks if mark.part == part), None)


def _settle_project(held: projects.ProjectLease, marks: list[Mark]) -> None:
    marks = [mark for mark in marks if mark.part != rules.SETS]
    taxa = [named for mark in marks if (named := rules.taxon(mark.part))]
    proven = projects.settle_taxa(held, taxa) if taxa else False
    if len(marks) > len(taxa):
        proven = projects.settle(held)
    _remove(held, marks, proven=proven)


def _remove(held: lease.Lease[L], marks: list[Mark], *, proven: bool = False) -> None:
    """Removes what is settled, but only if the lease was still held when all of it had been read: another
    settler may be about to write what it read before these marks were made. `proven`: the last thing that
    was settled was written under the lease, which shows it."""
    if marks and not proven:
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
