"""The verbs of sessions: settle a stretch of a deployment's time, count its undated captures."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import chain

from chalicelib import ids
from chalicelib.captures import timeline
from chalicelib.counts import Counts
from chalicelib.deployments import settled
from chalicelib.deployments.rules import Deployment
from chalicelib.findings.rules import BYTES, of_bytes, total
from chalicelib.sessions import finding, reading, store, writing
from chalicelib.sessions.effects import Effect, captures_in, effect_of
from chalicelib.sessions.grouping import Plan, Session, Undated, Window, beginning, plan, sweep

BUDGET = 20_000
"""About how many captures one call reads before it leaves the rest to the next: a few seconds' work."""

_ROWS = 90
"""Sessions per transaction, which holds a hundred rows with the counts."""


def settle(
    held: settled.DeploymentLease, start: datetime, until: datetime, budget: int = BUDGET
) -> datetime | None:
    """Makes the sessions and counts of a deployment true where captures changed between two moments.

    Reads from `start`, or from the session that may go on there, to the first session after `until` that
    begins where it began before; writes only what differs, in one transaction. Where that is too much for
    one, writes nothing and returns the moment from which all is to be settled, by `settle_rest`: a beginning
    in common means that nothing changes from there on only where all sessions are of one time. Raises
    LeaseLost if another has taken over.
    """
    deployment = settled.deployment_under(held)
    begin = _begin(deployment, start)
    window, wanted = _look(deployment, begin, until, budget)
    if window.resume or len(wanted.put) + len(wanted.delete) > _ROWS:
        return begin
    _write(held, begin, window, wanted)
    return None


def settle_rest(
    held: settled.DeploymentLease, start: datetime | None, budget: int = BUDGET
) -> tuple[Effect, datetime | None]:
    """Makes all sessions and counts of a deployment true from `start` on (None: from the beginning).

    Reads on whatever it meets, so that it may be cut off anywhere and begun again. Returns what it did, and
    None when done, or the moment from which the rest is still to be settled. Raises LeaseLost if another has
    taken over.
    """
    deployment = settled.deployment_under(held)
    begin = _begin(deployment, start) if start else None
    window, wanted = _look(deployment, begin, datetime.max, budget)
    _write(held, begin, window, wanted)
    return effect_of(window, wanted), window.resume


def settle_undated(held: settled.DeploymentLease, segment: str) -> None:
    """Recounts the undated captures of one segment, and what was found on them. Three reads; a write only if
    anything differs."""
    deployment = settled.deployment_under(held)
    before = store.undated(deployment.id, segment)
    count, size = timeline.undated(deployment.id, segment)
    found = finding.undated(deployment.id, segment, deployment.inherited.filters)
    now = Undated(count, found + of_bytes(size))
    if now != before:
        writing.undated(held, segment, before, now)


def settle_found_undated(held: settled.DeploymentLease) -> None:
    """Recounts the segments of undated captures on which anything was found: other filters may count it
    otherwise. One request, and those of `settle_undated` for each of them."""
    standing = reading.undated_segments(settled.deployment_under(held).id)
    for segment, undated in standing.items():
        if set(undated.found.counts) - {BYTES}:
            settle_undated(held, segment)


def add_up(held: settled.DeploymentLease) -> None:
    """Makes the counts of a deployment what its sessions and its undated segments, as they stand, come to.

    Settling changes counts by what it changes beside them, so it never mends one that was wrong before. Some
    three reads, one more per megabyte of sessions and of the project's taxa, one write per 25 of these that
    differ, and a transaction. Raises LeaseLost if another has taken over.
    """
    deployment = settled.deployment_under(held)
    undated = list(reading.undated_segments(deployment.id).values())
    standing = list(reading.stored(deployment.id))
    found = total(each.found for each in undated) + total(each.found for each in standing)
    undated_count = sum(each.count for each in undated)
    counts = Counts(
        captures_count=captures_in(standing) + undated_count,
        sessions_count=len(standing),
        undated_count=undated_count,
        first_timestamp=min((each.start for each in standing), default=None),
        last_timestamp=max((each.end for each in standing), default=None),
        found=found.counts,
        taxa_count=len(found.taxa),
    )
    settled.replace_counts(held, counts, found.taxa)


def _look(
    deployment: Deployment, begin: datetime | None, until: datetime, budget: int
) -> tuple[Window, Plan]:
    near, beyond = _standing(deployment.id, begin, until)
    sized = finding.Sized(timeline.sized(deployment.id, begin, _expected_end(near, until)))
    window = sweep(sized, chain(near, beyond), deployment.rule, until, budget)
    found = finding.in_intervals(deployment.id, window.intervals, deployment.inherited.filters)
    found = [each + of_bytes(size) for each, size in zip(found, sized.within(window.intervals), strict=True)]
    return window, plan(window, lambda: ids.new_session_id(deployment.id), found)


def _begin(deployment: Deployment, start: datetime) -> datetime:
    latest = store.starting_by(deployment.id, start, 1, consistent=True)
    return beginning(latest[0] if latest else None, start, deployment.rule)


def _standing(
    deployment_id: str, begin: datetime | None, until: datetime
) -> tuple[list[Session], Iterator[Session]]:
    """The sessions from `begin` to the first one past `until`, and those beyond, not read yet."""
    if until == datetime.max:
        return [], store.standing(deployment_id, begin, page=300)
    sessions = store.standing(deployment_id, begin, page=10)
    near = []
    for session in sessions:
        near.append(session)
        if session.start > until:
            break
    return near, sessions


def _expected_end(near: list[Session], until: datetime) -> datetime | None:
    return near[-1].start if near and near[-1].start > until else None


def _write(held: settled.DeploymentLease, begin: datetime | None, window: Window, wanted: Plan) -> None:
    deployment = settled.deployment_under(held)
    ends = _ends(deployment.id, deployment.counts, begin, window, {one.id for one in wanted.delete})
    moved = ends != (deployment.counts.first_timestamp, deployment.counts.last_timestamp)
    before = {session.id: session for session in window.standing}
    for chunk in _chunks(wanted, even_if_empty=moved):
        gone = {each.id: before[each.id] for each in (*chunk.put, *chunk.delete) if each.id in before}
        writing.sessions(held, chunk, gone, ends)


def _chunks(wanted: Plan, *, even_if_empty: bool) -> Iterator[Plan]:
    """What goes into one transaction each: all of it, if it fits."""
    if len(wanted.put) + len(wanted.delete) <= _ROWS:
        if wanted.put or wanted.delete or even_if_empty:
            yield wanted
        return
    # In the order of time, so that sessions overlap at one place at the most, should nobody go on.
    put = {session.id for session in wanted.put}
    changes = sorted((*wanted.put, *wanted.delete), key=lambda session: session.start)
    for at in range(0, len(changes), _ROWS):
        piece = changes[at : at + _ROWS]
        yield Plan([each for each in piece if each.id in put], [each for each in piece if each.id not in put])


def _ends(
    deployment_id: str, counts: Counts, begin: datetime | None, window: Window, deleted: set[str]
) -> tuple[datetime | None, datetime | None]:
    """First and last timestamp of the deployment, once the window is written."""
    first, last = counts.first_timestamp, counts.last_timestamp
    if first is None or begin is None or first >= begin:
        first = window.intervals[0].start if window.intervals else _first_standing(deployment_id, deleted)
    if window.intervals:
        last = (
            window.intervals[-1].end if window.ended else max(last or datetime.min, window.intervals[-1].end)
        )
    elif window.ended:
        last = _last_before(deployment_id, begin)
    return first, last


def _first_standing(deployment_id: str, deleted: set[str]) -> datetime | None:
    standing = store.standing(deployment_id, None, 10)
    return next((session.start for session in standing if session.id not in deleted), None)


def _last_before(deployment_id: str, begin: datetime | None) -> datetime | None:
    if begin is None:
        return None
    earlier = store.starting_by(deployment_id, begin - timedelta(seconds=1), 1, consistent=True)
    return earlier[0].end if earlier else None
