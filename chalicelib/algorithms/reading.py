"""Reading algorithms, and what their indexes stand for, for whoever has their keys."""

from collections.abc import Iterable

from chalicelib.algorithms import store
from chalicelib.algorithms.rules import Algorithm, Category


def whole(keys: Iterable[str]) -> dict[str, Algorithm]:
    """Those algorithms that exist, by key. One request per hundred."""
    return store.get_many(keys)


def categories(key: str) -> tuple[Category, ...]:
    """The categories of an algorithm in the order of their indexes; none if it has none, or is not there. One
    request."""
    return store.categories(key)
