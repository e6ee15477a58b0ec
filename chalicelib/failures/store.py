"""Messages of the ingest queue that could not be processed, kept until they are, or put back.

Each has one row, whatever was heard of it how often. A row goes only when its message has passed or is in
the queue anew.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row, instant
from chalicelib.failures.rules import NO_ANSWER, Failure, State, failure_id, state_by


class FailureRow(Row):
    """A message that could not be processed."""

    state = UnicodeAttribute()
    reason = UnicodeAttribute()
    body = UnicodeAttribute()
    tries = NumberAttribute()
    first_at = Instant()
    last_at = Instant()


def note(body: str, reason: str, tries: int, now: datetime) -> None:
    """Notes that a message failed and will come again. One request."""
    _write(body, "retrying", now, [FailureRow.reason.set(reason), FailureRow.tries.set(tries)])


def give_up(body: str, tries: int, now: datetime) -> None:
    """Notes that a message will not come again. What is known of why, and of its tries, stays. One
    request."""
    unless_known: list[Action] = [
        FailureRow.reason.set(FailureRow.reason | NO_ANSWER),
        FailureRow.tries.set(FailureRow.tries | tries),
    ]
    _write(body, "given_up", now, unless_known)


def forget(body: str) -> None:
    """Forgets a message that has passed; nothing if it was not noted. One request."""
    FailureRow(*keys.failure(failure_id(body))).delete()


def drop(failure: Failure) -> None:
    """Forgets a message, unless something was heard of it since it was read. One request."""
    row = FailureRow(*keys.failure(failure.id))
    table.accepted(lambda: row.delete(FailureRow.last_at == failure.last_at))


def find(wanted_ids: Sequence[str], now: datetime) -> list[Failure]:
    """Those of them that there are, in that order, read consistently. One request per hundred."""
    wanted = [keys.failure(each) for each in wanted_ids]
    rows = table.get_many([(FailureRow, key) for key in wanted], consistent=True)
    return [_failure(rows[key], now) for key in wanted if key in rows]


def listed(limit: int, after: str | None, now: datetime) -> tuple[list[Failure], str | None]:
    """A page of them, the oldest first, and the position it ended at. Two requests."""
    return table.page_of_rows(
        FailureRow,
        keys.FAILURES,
        None,
        limit,
        after,
        key_of=lambda rank: keys.failure(rank.rpartition("#")[2]),
        value_of=lambda row: _failure(row, now),
    )


def ids() -> Iterator[str]:
    """The ids of all, the oldest first. One request per thousand, as they are taken."""
    any_time = FailureRow.rank > "0"
    found = table.query(FailureRow, keys.FAILURES, any_time, index=keys.BY_OWNER, page=1000)
    return (row.pk.partition("#")[2] for row in found)


def count() -> int | None:
    """How many there are, if that is not too many to count. One request."""
    return table.count(FailureRow, keys.FAILURES, None)


def _write(body: str, noted: State, now: datetime, actions: list[Action]) -> None:
    failure = failure_id(body)
    FailureRow(*keys.failure(failure)).update(
        actions=[
            FailureRow.owner.set(keys.FAILURES),
            FailureRow.rank.set(FailureRow.rank | f"{instant(now)}#{failure}"),
            FailureRow.state.set(noted),
            FailureRow.body.set(body),
            FailureRow.first_at.set(FailureRow.first_at | now),
            FailureRow.last_at.set(now),
            *actions,
        ]
    )


def _failure(row: FailureRow, now: datetime) -> Failure:
    return Failure(
        id=row.pk.partition("#")[2],
        state=state_by("retrying" if row.state == "retrying" else "given_up", row.last_at, now),
        reason=row.reason,
        body=row.body,
        tries=int(row.tries),
        first_at=row.first_at,
        last_at=row.last_at,
    )
