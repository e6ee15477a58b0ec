"""The shape of what JSON holds: each function gives a value its type, or says where it is not of it."""

import math
from collections.abc import Mapping

_KINDS = {
    dict: "an object",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "missing or null",
}


class Wrong(Exception):
    """Something has not the shape it must have. `where` leads to it from the outside in."""

    def __init__(self, what: str, *where: str) -> None:
        super().__init__(f"{', '.join(where)}: {what}" if where else what)
        self.what = what
        self.where = where

    def within(self, *where: str) -> "Wrong":
        """The same, seen from further out."""
        return Wrong(self.what, *where, *self.where)


def kind_of(value: object) -> str:
    """a list, a text, a number."""
    return _KINDS.get(type(value), "something else")


def given(field: str, of: Mapping[str, object], otherwise: object) -> object:
    """A field's value, or `otherwise` where it is missing or null."""
    value = of.get(field)
    return otherwise if value is None else value


def as_object(value: object, *where: str) -> dict[str, object]:
    """Raises Wrong."""
    if not isinstance(value, dict):
        raise Wrong(f"must be an object, is {kind_of(value)}", *where)
    return value


def as_list(value: object, *where: str) -> list[object]:
    """Raises Wrong."""
    if not isinstance(value, list):
        raise Wrong(f"must be a list, is {kind_of(value)}", *where)
    return value


def as_text(value: object, *where: str) -> str:
    """Raises Wrong."""
    if not isinstance(value, str):
        raise Wrong(f"must be a text, is {kind_of(value)}", *where)
    return value


def as_number(value: object, *where: str) -> float:
    """A finite number. Raises Wrong."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Wrong(f"must be a number, is {kind_of(value)}", *where)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Wrong("must be a finite number, is none", *where)
    return number


def as_frame(value: object, *where: str) -> int:
    """The number of a video's frame: whole, from 0. Raises Wrong."""
    number = as_number(value, *where)
    if number < 0 or not number.is_integer():
        raise Wrong("must be a whole number from 0", *where)
    return int(number)


def as_id(value: object, *where: str) -> str:
    """A category's id: a text, or the number some writers make of it. Raises Wrong."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return as_text(value, *where)
