"""Capture sets in the order of a count. Pure."""

import re
from collections.abc import Callable, Iterable

from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.errors import Invalid
from chalicelib.findings.rules import TAXA, told

MOST = 1000
"""So many sets of a project are put in the order of a count: no index has them so, all of them are read."""

CURSOR = re.compile(r"\d{1,18}#c[a-z2-7]{10}", re.ASCII)

Count = Callable[[CaptureSet], int]


def _found(name: str) -> Count:
    return lambda each: told("set", each.found)[name]


_COUNTS: dict[str, Count] = {
    "source_images_count": lambda each: each.captures_count,
    TAXA: lambda each: each.taxa_count,
    **{name: _found(name) for name in told("set", {})},
}


def count_of(ordering: str | None) -> tuple[Count, bool] | None:
    """By which count sets are to be ordered, and whether the greatest is first; None for the order of their
    names. Raises Invalid for anything else."""
    if not ordering or ordering == "name":
        return None
    count = _COUNTS.get(ordering.removeprefix("-"))
    if count is None:
        known = ", ".join(["name", *sorted(_COUNTS)])
        raise Invalid("Capture sets cannot be ordered like that.", {"ordering": f"one of {known}, or -…"})
    return count, ordering.startswith("-")


def page(
    sets: Iterable[CaptureSet], count: Count, limit: int, after: str | None, *, greatest_first: bool
) -> tuple[list[CaptureSet], str | None]:
    """Up to `limit` sets in the order of a count that follow the position `after`, those of one count in the
    order of their ids; and the position the page ended at, None if nothing follows."""
    sign = -1 if greatest_first else 1
    ranked = sorted((((sign * count(each), each.id), each) for each in sets), key=lambda one: one[0])
    if after:
        number, _, set_id = after.partition("#")
        ranked = [one for one in ranked if one[0] > (sign * int(number), set_id)]
    found = [each for _, each in ranked[:limit]]
    return found, f"{count(found[-1])}#{found[-1].id}" if len(ranked) > limit else None
