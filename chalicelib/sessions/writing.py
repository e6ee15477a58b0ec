"""Writing sessions, and what the undated captures come to, together with the deployment's counts.

Each write is one transaction. Where it would change more taxa than one holds, the taxa go a part at a time:
out of a session before it is deleted, into one after it is written. What stands in between adds up, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from pynamodb.transactions import TransactWrite

from chalicelib.deployments import settled
from chalicelib.findings.reading import ROOM
from chalicelib.findings.rules import Found, steps, total
from chalicelib.sessions import store
from chalicelib.sessions.effects import captures_in
from chalicelib.sessions.grouping import Plan, Session, Undated

_MOST = 96
"""Rows of a transaction beside those of the deployment and its tally."""

Ends = tuple[datetime | None, datetime | None]


def sessions(held: settled.DeploymentLease, chunk: Plan, before: Mapping[str, Session], ends: Ends) -> None:
    """Writes and deletes sessions; `before` are those of them that stand. `ends` are the first and last
    timestamp of the deployment by then. Raises LeaseLost if another has taken over."""
    gone = list(before.values())
    taxa = len(_more(chunk.put, gone).taxa)
    if len(chunk.put) + len(chunk.delete) + taxa <= _MOST:
        _write(held, chunk.put, chunk.delete, gone, ends)
        return
    emptied = [_emptied(held, before[each.id], ends) for each in chunk.delete]
    standing = [before[each.id] for each in chunk.put if each.id in before]
    stripped = [_with_taxa_of(before.get(each.id), each) for each in chunk.put]
    _write(held, stripped, chunk.delete, [*standing, *emptied], ends)
    for each, wanted in zip(stripped, chunk.put, strict=True):
        _in_steps(held, each, wanted.found, ends)


def undated(held: settled.DeploymentLease, segment: str, before: Undated, now: Undated) -> None:
    """Writes what the undated captures of a segment come to. Raises LeaseLost if another has taken over."""
    for found in steps(before.found, now.found, ROOM):
        after = Undated(now.count, found)
        more, counts = after.found - before.found, settled.deployment_under(held).counts
        settled.write(
            held,
            replace(
                counts,
                undated_count=counts.undated_count + after.count - before.count,
                captures_count=counts.captures_count + after.count - before.count,
                found=_sum(counts.found, more),
            ),
            partial(_undated_too, settled.deployment_under(held).id, segment, after),
            more.taxa,
        )
        before = after


def _undated_too(deployment_id: str, segment: str, after: Undated, transaction: TransactWrite) -> None:
    store.write_undated(transaction, deployment_id, segment, after)


def _emptied(held: settled.DeploymentLease, session: Session, ends: Ends) -> Session:
    return _in_steps(held, session, Found(session.found.counts), ends)


def _in_steps(held: settled.DeploymentLease, session: Session, found: Found, ends: Ends) -> Session:
    for state in steps(session.found, found, ROOM):
        if state != session.found:
            after = replace(session, found=state)
            _write(held, [after], [], [session], ends)
            session = after
    return session


def _with_taxa_of(before: Session | None, session: Session) -> Session:
    taxa = before.found.taxa if before else {}
    return replace(session, found=Found(session.found.counts, taxa))


def _write(
    held: settled.DeploymentLease,
    put: Sequence[Session],
    delete: Sequence[Session],
    gone: Sequence[Session],
    ends: Ends,
) -> None:
    deployment, more = settled.deployment_under(held), _more(put, gone)
    counts = deployment.counts
    settled.write(
        held,
        replace(
            counts,
            captures_count=counts.captures_count + captures_in(put) - captures_in(gone),
            sessions_count=counts.sessions_count + len(put) - len(gone),
            first_timestamp=ends[0],
            last_timestamp=ends[1],
            found=_sum(counts.found, more),
        ),
        lambda transaction: store.write(transaction, deployment.project_id, put, delete),
        more.taxa,
    )


def _more(put: Sequence[Session], gone: Sequence[Session]) -> Found:
    return total(each.found for each in put) - total(each.found for each in gone)


def _sum(counts: Mapping[str, int], more: Found) -> Mapping[str, int]:
    return (Found(counts) + Found(more.counts)).counts
