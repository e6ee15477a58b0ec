"""Taking in a checklist: all taxa of a text at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from chalicelib.errors import Conflict
from chalicelib.taxa import reading, store
from chalicelib.taxa.checklist import Bad, Checklist, parse
from chalicelib.taxa.planning import Plan, plan

ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Report:
    """What became of the lines of a text: how many made a taxon, changed one, said what was known already;
    and those that could not be taken, in their order."""

    created: int
    updated: int
    unchanged: int
    failed: Sequence[Bad]


def take(text: str, now: datetime) -> Report:
    """Makes and changes the taxa that a text tells of. What it says already writes nothing, so doing it
    twice does no harm. One request per hundred names, and for what is above them as `reading.with_above`;
    one per hundred taxa that are written.

    Raises Invalid as `checklist.parse`; Conflict if others change the same taxa all the time: what was
    written by then stays, and doing it again goes on.
    """
    told = parse(text)
    created: set[str] = set()
    updated: set[str] = set()
    for _ in range(ATTEMPTS):
        made = _planned(told, now)
        if _write(made, created, updated):
            return _report(told, made, created, updated)
    raise Conflict("Others are changing the same taxa; the same import again goes on where this one stopped.")


def _planned(told: Checklist, now: datetime) -> Plan:
    named = {each for line in told.lines for each in (line.id, line.parent_id) if each}
    return plan(told.lines, reading.with_above(named, consistent=True), now)


def _write(made: Plan, created: set[str], updated: set[str]) -> bool:
    """Writes what is planned, as far as nobody else has changed it, and notes what was; False if somebody
    has."""
    refused = False
    for at in range(0, len(made.created), store.AT_ONCE):
        new = made.created[at : at + store.AT_ONCE]
        if store.write(new, ()):
            created |= {each.id for each in new}
        else:
            refused = True
    for at in range(0, len(made.changed), store.AT_ONCE):
        changed = made.changed[at : at + store.AT_ONCE]
        if store.write((), changed):
            updated |= {each.id for each, _ in changed}
        else:
            refused = True
    return not refused


def _report(told: Checklist, made: Plan, created: set[str], updated: set[str]) -> Report:
    changed = updated - created
    failed = sorted([*told.bad, *made.bad], key=lambda each: each.number)
    unchanged = len(told.lines) - len(made.bad) - len(created) - len(changed)
    return Report(len(created), len(changed), unchanged, failed)
