"""Algorithms in the table, and their categories beside them."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from pynamodb.attributes import BinaryAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.algorithms.packing import packed, unpacked
from chalicelib.algorithms.rules import Algorithm, Category
from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row


class AlgorithmRow(Row):
    """An algorithm."""

    name = UnicodeAttribute()
    version = NumberAttribute(default=1)
    task_type = UnicodeAttribute()
    uri = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    categories_count = NumberAttribute(default=0)
    labels_hash = UnicodeAttribute(null=True)
    created_at = Instant()


class CategoriesRow(Row):
    """What an algorithm's indexes stand for."""

    packed = BinaryAttribute(legacy_encoding=False)


def add(algorithm: Algorithm, categories: Sequence[Category] | None) -> bool:
    """Writes a new algorithm, with its categories if it has any; False if there is one of that key. One
    request. Raises Invalid if the categories are too many for a row."""
    row = _row_of(algorithm)
    own = _categories_row(algorithm.key, categories) if categories else None

    def write(writing: TransactWrite) -> None:
        writing.save(row, AlgorithmRow.pk.does_not_exist())
        if own:
            writing.save(own)

    return _written(write)


def put_categories(algorithm: Algorithm, categories: Sequence[Category]) -> bool:
    """Gives an algorithm that has none its categories; False if it has some by now. One request. Raises
    Invalid if they are too many for a row."""
    row, own = AlgorithmRow(*keys.algorithm(algorithm.key)), _categories_row(algorithm.key, categories)
    actions: list[Action] = [
        AlgorithmRow.categories_count.set(algorithm.categories_count),
        table.put_or_drop(AlgorithmRow.labels_hash, algorithm.labels_hash),
    ]
    bare = AlgorithmRow.pk.exists() & AlgorithmRow.labels_hash.does_not_exist()

    def write(writing: TransactWrite) -> None:
        writing.update(row, actions=actions, condition=bare)
        writing.save(own)

    return _written(write)


def _written(write: Callable[[TransactWrite], None]) -> bool:
    def write_all() -> None:
        with table.transaction() as writing:
            write(writing)

    return table.accepted(write_all)


def get_many(wanted: Iterable[str], *, consistent: bool = False) -> dict[str, Algorithm]:
    """Those algorithms that exist, by key. One request per hundred."""
    rows = [(AlgorithmRow, keys.algorithm(each)) for each in dict.fromkeys(wanted)]
    found = table.get_many(rows, consistent=consistent)
    return {algorithm.key: algorithm for algorithm in map(algorithm_of, found.values())}


def categories(key: str) -> tuple[Category, ...]:
    """The categories of an algorithm, none if it has none, or is not there. One request."""
    row = table.get(CategoriesRow, keys.categories(key), consistent=True)
    return unpacked(row.packed) if row else ()


def listed(limit: int, after: str | None) -> tuple[list[Algorithm], str | None]:
    """A page of the algorithms by name, and the position it ended at. Two requests."""
    return table.page_of_rows(
        AlgorithmRow,
        keys.ALGORITHMS,
        None,
        limit,
        after,
        key_of=lambda rank: keys.algorithm(rank.rpartition("#")[2]),
        value_of=algorithm_of,
    )


def count() -> int | None:
    """How many algorithms there are, if that is not too many to count. One request."""
    return table.count(AlgorithmRow, keys.ALGORITHMS, None)


def _row_of(algorithm: Algorithm) -> AlgorithmRow:
    return AlgorithmRow(
        *keys.algorithm(algorithm.key),
        owner=keys.ALGORITHMS,
        rank=keys.algorithm_rank(algorithm.name, algorithm.key),
        name=algorithm.name,
        version=algorithm.version,
        task_type=algorithm.task_type,
        uri=algorithm.uri or None,
        description=algorithm.description or None,
        categories_count=algorithm.categories_count,
        labels_hash=algorithm.labels_hash,
        created_at=algorithm.created_at,
    )


def _categories_row(key: str, categories: Sequence[Category]) -> CategoriesRow:
    return CategoriesRow(*keys.categories(key), packed=packed(categories))


def algorithm_of(row: Any) -> Algorithm:
    """The algorithm a row holds."""
    return Algorithm(
        key=row.pk.removeprefix(keys.ALGORITHM),
        name=row.name,
        created_at=row.created_at,
        version=int(row.version or 1),
        task_type=row.task_type,
        uri=row.uri or "",
        description=row.description or "",
        categories_count=int(row.categories_count or 0),
        labels_hash=row.labels_hash,
    )
