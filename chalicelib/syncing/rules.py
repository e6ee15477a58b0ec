"""What becomes of an object of a data source when its listing is held against what is known of it. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal

from chalicelib.errors import Invalid

Policy = Literal["keep", "mark", "delete"]
"""What is done with the capture of an object that is no longer there."""

Gone = Literal["marked", "deleted"]


class Fate(StrEnum):
    """What became of an object."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    MISSING = "missing"
    SKIPPED = "skipped"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Found:
    """An object as the listing tells of it, and why it is left out, if it is. Sizes in bytes."""

    key: str
    version: str
    size: int
    written: datetime
    skipped: str | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """An object that was found before, as it was then: in which source, and in which of its buckets
    (`origin`), and what became of it by which job. `gone`: it was missing, and its capture is marked or
    deleted for that."""

    key: str
    version: str
    size: int
    written: datetime
    source: str
    origin: str
    job: str
    fate: Fate
    undated: bool = False
    gone: Gone | None = None


Pair = tuple[Found | None, Known | None]
"""An object as it is listed, and as it is known; never neither."""


class Ahead:
    """What is known, in the order of keys, looked at one ahead."""

    def __init__(self, rows: Iterable[Known]) -> None:
        self._rows = iter(rows)
        self.next = next(self._rows, None)

    def before(self, key: str) -> Iterator[Known]:
        """Takes those whose keys come before `key`, in the order of their bytes."""
        place = key.encode()
        while self.next is not None and self.next.key.encode() < place:
            yield self._taken(self.next)

    def at(self, key: str) -> Known | None:
        """Takes the one of that key, if it is the next."""
        return self._taken(self.next) if self.next is not None and self.next.key == key else None

    def rest(self) -> Iterator[Known]:
        """Takes all that is left."""
        while self.next is not None:
            yield self._taken(self.next)

    def _taken(self, row: Known) -> Known:
        self.next = next(self._rows, None)
        return row


class Merging:
    """Holds a listing against what is known. Both are in the order of their keys' bytes, as S3 and the table
    list them; `prefix` is what all keys begin with, `after` the one behind which the listing goes on."""

    def __init__(self, known: Ahead, prefix: str, after: str | None) -> None:
        self.known, self._prefix = known, prefix
        self._last = (after or "").encode()

    def page(self, page: Sequence[Found]) -> Iterator[Pair]:
        """Each object of the next page with what is known of it, and what is known up to there without being
        listed. What is listed twice counts once.

        Raises Invalid if the page is not behind the last one, or not in order: a storage that lists otherwise
        cannot be synced so, as what it leaves out would be taken for gone.
        """
        begin = self._last
        for number, each in enumerate(page):
            place = each.key.encode()
            if not each.key.startswith(self._prefix):
                raise Invalid("The storage lists objects that it was not asked for.")
            if place < self._last or (place == begin and number == 0 and begin):
                raise Invalid("The storage does not list its objects in the order of their keys.")
            if place == self._last and begin != place:
                continue
            self._last = place
            for row in self.known.before(each.key):
                yield None, row
            yield each, self.known.at(each.key)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of an object, and what is to be done for that, None for nothing."""

    fate: Fate
    to_do: Literal["register", "mark", "delete"] | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """By what is judged: the job, the source it looks at, and what is done about what is missing."""

    job: str
    source: str
    origin: str
    policy: Policy


def verdict(found: Found | None, known: Known | None, terms: Terms) -> Verdict | None:
    """What becomes of an object; None for one that has gone long since, and of which nothing is left.

    What this job has done before, in a step that was cut off, it tells as it did then.
    """
    if found is None:
        return _on_missing(known, terms) if known else None
    if found.skipped:
        return Verdict(Fate.SKIPPED)
    if known is None or known.gone == "deleted":
        return Verdict(Fate.NEW, "register")
    if known.gone is None and _is_same(found, known, terms.source):
        return Verdict(known.fate if known.job == terms.job else Fate.UNCHANGED)
    return Verdict(Fate.CHANGED, "register")


def _on_missing(known: Known, terms: Terms) -> Verdict | None:
    if known.gone == "deleted":
        return Verdict(Fate.MISSING) if known.job == terms.job else None
    # Where it was found in another source or bucket than today's, that one may well have it still.
    if terms.policy == "keep" or (known.source, known.origin) != (terms.source, terms.origin):
        return Verdict(Fate.MISSING)
    if terms.policy == "delete":
        return Verdict(Fate.MISSING, "delete")
    return Verdict(Fate.MISSING, None if known.gone == "marked" else "mark")


def _is_same(found: Found, known: Known, source: str) -> bool:
    return (found.version, found.size, found.written, source) == (
        known.version,
        known.size,
        known.written,
        known.source,
    )
