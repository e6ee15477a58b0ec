"""The one table: what every row has, and reading rows of several kinds in one request."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from pynamodb.attributes import Attribute, UnicodeAttribute
from pynamodb.constants import STRING
from pynamodb.exceptions import PynamoDBException
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, LocalSecondaryIndex
from pynamodb.models import Model
from pynamodb.pagination import ResultIterator
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys
from chalicelib.errors import foreign_cursor
from chalicelib.settings import settings

CARRIED = ("end", "facts", "thumbnails")
"""What `by_owner` carries besides keys: what a page of captures shows, and the ends of sessions, to match
the two. Counters are not among it, so counting writes no index."""

CONFLICTS = 6
"""How often a write is tried while others' transactions are in its way: for about a second."""

COUNTED = 1000
"""Where counting stops that no counter does for us."""

BATCH = 100
"""The most keys one BatchGetItem takes."""


class Timeline(LocalSecondaryIndex["Row"]):
    """The rows of one partition in the order of time; may be read consistently. Besides keys it carries how
    many bytes a capture has, so that grouping a night adds them up on the way."""

    class Meta:
        index_name = keys.TIMELINE
        projection = IncludeProjection(["bytes"])

    pk = UnicodeAttribute(hash_key=True)
    at = UnicodeAttribute(range_key=True)


class ByOwner(GlobalSecondaryIndex["Row"]):
    """What belongs to an owner, in the order of `rank`; a moment behind the table."""

    class Meta:
        index_name = keys.BY_OWNER
        projection = IncludeProjection(list(CARRIED))

    owner = UnicodeAttribute(hash_key=True)
    rank = UnicodeAttribute(range_key=True)


class Row(Model):
    """What every row has. Each room declares its own rows in its store."""

    class Meta:
        table_name = ""
        host: str | None = None
        region = None
        max_pool_connections = 32
        retry_configuration = {"mode": "standard", "total_max_attempts": 6}  # noqa: RUF012

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    at = UnicodeAttribute(null=True)
    owner = UnicodeAttribute(null=True)
    rank = UnicodeAttribute(null=True)
    timeline = Timeline()
    by_owner = ByOwner()

    @classmethod
    def _get_connection(cls) -> Any:
        # The table's name comes from the environment, which imports must not read. And every kind of row
        # lies in the same table: one connection, one client serves them all.
        if not Row.Meta.table_name:
            Row.Meta.table_name = settings().table
        return super()._get_connection() if cls is Row else Row._get_connection()


R = TypeVar("R", bound=Row)
V = TypeVar("V")


class Moment(Attribute[datetime]):
    """A camera's wall clock: naive, to the second."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return keys.moment(value)

    def deserialize(self, value: str) -> datetime:
        return datetime.fromisoformat(value)


class Instant(Attribute[datetime]):
    """An audit time: UTC, aware, to the microsecond."""

    attr_type = STRING

    def serialize(self, value: datetime) -> str:
        return instant(value)

    def deserialize(self, value: str) -> datetime:
        return datetime.fromisoformat(value)


def instant(value: datetime) -> str:
    """An audit time as the table and the API write it: UTC, sorts by time."""
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def integer(number: float | None) -> int | None:
    """A whole number as the table gave it, or None."""
    return None if number is None else int(number)


def put_or_drop(attribute: Any, value: Any) -> Action:
    """The action that gives an attribute a value, or takes it away for None."""
    action: Action = attribute.remove() if value is None else attribute.set(value)
    return action


def get(row: type[R], key: keys.Key, *, consistent: bool = False) -> R | None:
    """One row, or None. One request."""
    try:
        return row.get(*key, consistent_read=consistent)
    except row.DoesNotExist:
        return None


def get_many(
    wanted: Iterable[tuple[type[Row], keys.Key]], *, consistent: bool = False
) -> dict[keys.Key, Any]:
    """The rows that exist among `wanted`, by key. One request per hundred keys."""
    kinds = {key: row for row, key in wanted}
    pending: list[dict[str, Any]] = [{"pk": pk, "sk": sk} for pk, sk in kinds]
    found: dict[keys.Key, Any] = {}
    connection = Row._get_connection()
    attempt = 0
    while pending:
        answer = connection.batch_get_item(pending[:BATCH], consistent_read=consistent)
        for item in answer["Responses"][Row.Meta.table_name]:
            key = (item["pk"]["S"], item["sk"]["S"])
            found[key] = kinds[key].from_raw_data(item)
        left = answer.get("UnprocessedKeys", {}).get(Row.Meta.table_name, {}).get("Keys", [])
        pending = [{"pk": key["pk"]["S"], "sk": key["sk"]["S"]} for key in left] + pending[BATCH:]
        if left:
            _back_off(min(attempt := attempt + 1, 7))
    return found


def query(
    row: type[R],
    pk: str,
    within: Condition | None,
    *,
    index: str | None = None,
    consistent: bool = False,
    forward: bool = True,
    limit: int | None = None,
    after: dict[str, Any] | None = None,
    page: int | None = None,
    whole: bool = False,
) -> ResultIterator[R]:
    """Rows of one partition, page by page as they are taken. One request per page of `page` rows, or 1 MB.

    `whole`: through `timeline`, which holds only keys, fetch the rows themselves in the same request.
    """
    return row.query(
        pk,
        range_key_condition=within,
        index_name=index,
        consistent_read=consistent,
        scan_index_forward=forward,
        limit=limit,
        page_size=page,
        last_evaluated_key=after,
        attributes_to_get=list(row.get_attributes()) if whole else None,
    )


def mixed(pk: str, lower: str, upper: str, kinds: Mapping[str, type[Row]]) -> Iterator[Any]:
    """The rows of a partition from one sort key to another, both inclusive, each as the kind whose prefix its
    sort key has; those of other kinds as plain ones. Read consistently; one request per megabyte."""
    connection, start = Row._get_connection(), None
    within = Row.sk.between(lower, upper)
    while True:
        answer = connection.query(
            pk, range_key_condition=within, consistent_read=True, exclusive_start_key=start
        )
        for item in answer["Items"]:
            kind = next((kinds[prefix] for prefix in kinds if item["sk"]["S"].startswith(prefix)), Row)
            yield kind.from_raw_data(item)
        start = answer.get("LastEvaluatedKey")
        if start is None:
            return


def page_of_rows(
    row: type[R],
    owner: str,
    prefix: str | None,
    limit: int,
    after: str | None,
    *,
    forward: bool = True,
    key_of: Callable[[str], keys.Key],
    value_of: Callable[[R], V],
) -> tuple[list[V], str | None]:
    """A page of what an owner has, in the order of rank, as values, and the rank it ended at, if it did.

    Two requests: the keys from `by_owner`, then the rows, whose counts the index does not carry.
    `key_of` gives the key of the row of a rank, to go on after it.
    """
    start = None
    if after is not None:
        if prefix and not after.startswith(prefix):
            raise foreign_cursor()
        pk, sk = key_of(after)
        start = {
            name: {"S": value} for name, value in (("pk", pk), ("sk", sk), ("owner", owner), ("rank", after))
        }
    found = row.query(
        owner,
        range_key_condition=row.rank.startswith(prefix) if prefix else None,
        index_name=keys.BY_OWNER,
        scan_index_forward=forward,
        limit=limit + 1,
        last_evaluated_key=start,
    )
    hits = list(found)
    rows = get_many([(row, (hit.pk, hit.sk)) for hit in hits[:limit]])
    values = [value_of(rows[hit.pk, hit.sk]) for hit in hits[:limit] if (hit.pk, hit.sk) in rows]
    return values, hits[limit - 1].rank if len(hits) > limit else None


def walked(page: Callable[[int, str | None], tuple[list[V], str | None]]) -> Iterator[V]:
    """All that stands on some pages, each asked for by how many and after which position. A hundred at a
    time."""
    after: str | None = None
    while True:
        found, after = page(BATCH, after)
        yield from found
        if after is None:
            return


def count(row: type[Row], owner: str, prefix: str | None) -> int | None:
    """How many rows an owner has, None where there are more than `COUNTED`. One request."""
    within = row.rank.startswith(prefix) if prefix else None
    found = row.count(owner, within, index_name=keys.BY_OWNER, limit=COUNTED + 1)
    return found if found <= COUNTED else None


@contextmanager
def transaction() -> Iterator[TransactWrite]:
    """A transaction: what is written within is written at the end, all of it or nothing. At most 100 rows.

    Raises pynamodb's TransactWriteError if nothing was written; `accepted` tells why.
    """
    with TransactWrite(connection=Row._get_connection().connection) as write:
        yield write


def accepted(write: Callable[[], object]) -> bool:
    """Carries out a conditional write; False if its own condition refused it.

    A conflict with another's transaction is neither: it is tried again, a few times. All else is raised:
    throttling beyond the client's patience, a fault.
    """
    for attempt in range(CONFLICTS):
        try:
            write()
        except PynamoDBException as error:
            codes = _codes(error)
            if "ConditionalCheckFailed" in codes:
                return False
            if "TransactionConflict" not in codes or attempt == CONFLICTS - 1:
                raise
            _back_off(attempt)
        else:
            return True
    raise AssertionError  # the last attempt returns or raises


def _codes(error: PynamoDBException) -> set[str]:
    """Why a write was not carried out: the same words for one row and for a row of a transaction."""
    reasons = getattr(error, "cancellation_reasons", ())
    alone = (error.cause_response_code or "").removesuffix("Exception")
    return {alone, *(reason.code for reason in reasons if reason)}


def _back_off(attempt: int) -> None:
    time.sleep(random.uniform(0.5, 1.0) * 0.02 * 2**attempt)  # noqa: S311  (no secret)
