"""Looking through a data source: what lies there, and what of it is a photograph to take."""

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass

from chalicelib.aws import foreign, guard
from chalicelib.aws.foreign import ForeignObject
from chalicelib.sources import keeping
from chalicelib.sources.addresses import may_be_contacted
from chalicelib.sources.rules import Skipped, Source, place, why_skipped


@dataclass(frozen=True, slots=True)
class Filter:
    """What is looked at: a folder of the source, and the keys that match, if it matters."""

    subdir: str | None = None
    matches: Callable[[str], bool] | None = None


@dataclass(frozen=True, slots=True)
class Budget:
    """How long, in seconds, and how many objects."""

    seconds: float
    objects: int


@dataclass(frozen=True, slots=True)
class Seen:
    """An object, and why it is left out, if it is."""

    object: ForeignObject
    skipped: Skipped | None


def pages(
    source: Source, wanted: Filter, budget: Budget, *, after: str | None = None, private: bool
) -> Generator[list[Seen]]:
    """The objects of a folder of a source in the order of their keys, behind the key `after` if one is
    given, page by page, until the end or until so many objects are seen.

    One request of the storage per thousand, and those of `keeping.keys_of` before.
    Raises SourceFault if the source cannot be opened, or when the time is over.
    """
    end = time.monotonic() + budget.seconds
    opened = foreign.Store(source.bucket, source.region, source.endpoint_url, keeping.keys_of(source))
    found = foreign.pages(
        opened,
        place(source.prefix, wanted.subdir),
        after=after,
        most=budget.objects,
        end=end,
        allowed=lambda address: may_be_contacted(address, private=private),
    )
    try:
        for page in found:
            yield [_seen(each, wanted, end) for each in page]
    finally:
        found.close()


def _seen(found: ForeignObject, wanted: Filter, end: float) -> Seen:
    # The worst of patterns takes some milliseconds for a long key: a page of those is seconds.
    if time.monotonic() >= end:
        raise guard.late()
    why = why_skipped(found.key, 1 if found.is_odd else found.size, wanted.matches)
    return Seen(found, why or (Skipped.ODD if found.is_odd else None))
