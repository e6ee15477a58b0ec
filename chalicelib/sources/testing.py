"""Trying a data source: can it be opened, and is there a photograph in it?"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from chalicelib.errors import SourceFault
from chalicelib.sources import listing
from chalicelib.sources.listing import Budget, Filter, Seen
from chalicelib.sources.rules import Skipped, Source, place, public_url, uri

BUDGET = Budget(seconds=20, objects=10_000)
"""Below the 29 seconds in which the API has to answer."""

NO_FILES, NO_MATCH = "NoFilesFound", "NoMatchingFilesFound"
_NO_FILES = (Skipped.NO_NAME, Skipped.FOLDER)


@dataclass(slots=True)
class Tested:
    """What was found. Times in seconds: until the storage answered, and until all was done.

    `first` is the key of the first photograph. `files_checked` leaves out folders and objects without a
    name; `images` counts what is left out only because it does not match.
    """

    full_uri: str
    latency: float | None = None
    total_time: float = 0.0
    prefix_exists: bool = False
    files_checked: int = 0
    images: int = 0
    first: str | None = None
    over: bool = False

    @property
    def error_code(self) -> str | None:
        """Why there is no photograph, None if there is one."""
        if self.first is not None:
            return None
        return NO_MATCH if self.images else NO_FILES

    @property
    def error_message(self) -> str | None:
        """The same for people."""
        if self.first is not None:
            return None
        where = f"of the first {self.files_checked:,} files" if self.over else "of the files there"
        if self.images:
            return f"None {where} matches the pattern."
        return f"None {where} is a photograph." if self.files_checked else "There are no files there."


def test(source: Source, wanted: Filter, *, private: bool) -> Tested:
    """Looks at up to 10,000 objects, and stops at the first photograph. At most ten requests of the
    storage, and those of `keeping.keys_of` before. Raises SourceFault if it cannot be opened."""
    told = Tested(uri(source.bucket, place(source.prefix, wanted.subdir)))
    begin = time.monotonic()
    pages = listing.pages(source, wanted, BUDGET, private=private)
    try:
        _look(told, pages, begin)
    except SourceFault:
        if told.latency is None:
            raise
        told.over = True  # it opened, and then the time was over or it broke off: what was found counts
    finally:
        pages.close()
    told.total_time = time.monotonic() - begin
    return told


def _look(told: Tested, pages: Iterable[list[Seen]], begin: float) -> None:
    objects = 0
    for page in pages:
        if told.latency is None:
            told.latency = time.monotonic() - begin
        objects += len(page)
        told.over = objects >= BUDGET.objects
        for seen in page:
            _count(told, seen)
            if told.first is not None:
                return


def _count(told: Tested, seen: Seen) -> None:
    told.prefix_exists = True
    told.files_checked += seen.skipped not in _NO_FILES
    told.images += seen.skipped in (None, Skipped.NO_MATCH)
    if seen.skipped is None:
        told.first = seen.object.key


def first_file(source: Source, told: Tested) -> str | None:
    """Where the first photograph is: its public address, else how people write where it lies. Never a
    signed one, which would hold the access key's id."""
    if told.first is None:
        return None
    if source.public_base_url:
        return public_url(source.public_base_url, told.first)
    return uri(source.bucket, told.first)
