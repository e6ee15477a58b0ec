"""Scores and logits of classifications: long rows of numbers, in S3, beside the thumbnails.

All of one capture that come together lie in one blob, whose name holds a digest of it; a classification says
in which blob, and where there. Numbers are kept to the last bit.
"""

import array
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from chalicelib.aws import objects
from chalicelib.detections.merging import Change
from chalicelib.detections.rules import Classification, Results
from chalicelib.settings import settings

PREFIX = "vectors/"
_MOST = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Vectors:
    """The scores of a classification by category, from 0 to 1, and what they were made from. Either may be
    missing; if not, they are of one length."""

    scores: tuple[float, ...] | None = None
    logits: tuple[float, ...] | None = None

    def __bool__(self) -> bool:
        return self.scores is not None or self.logits is not None


@dataclass(frozen=True, slots=True)
class Packed:
    """A blob with the vectors of several classifications, and how each of them refers to its own."""

    key: str
    data: bytes
    references: tuple[str | None, ...]


def packed(capture_id: str, each_ones: Sequence[Vectors], owner: str = "") -> Packed | None:
    """The blob of the vectors of one capture, and the references to them; None where there are none. An
    `owner` shares its blob with no other, even one that holds the same."""
    data, spots = array.array("d"), []
    for one in each_ones:
        start = len(data)
        data.extend(one.scores or ())
        between = len(data)
        data.extend(one.logits or ())
        spots.append(f"{start}:{between}:{len(data)}" if one else None)
    if not data:
        return None
    raw = _little(data).tobytes()
    key = f"{PREFIX}{capture_id}/{hashlib.sha256(raw).hexdigest()[:24]}{owner}"
    return Packed(key, raw, tuple(f"{key}#{spot}" if spot else None for spot in spots))


def keep(blob: Packed) -> None:
    """Writes a blob. One S3 request. Raises StorageFault."""
    objects.write(settings().thumbnails_bucket, blob.key, blob.data, "application/octet-stream")


def read(references: Sequence[str]) -> dict[str, Vectors]:
    """Vectors by reference. One S3 request for each blob.

    Raises SourceGone if one has gone, StorageFault if the storage will not give it.
    """
    found: dict[str, Vectors] = {}
    blobs: dict[str, array.array[float]] = {}
    for reference in references:
        key, _, spot = reference.partition("#")
        if key not in blobs:
            blobs[key] = _numbers(key)
        start, between, end = (int(number) for number in spot.split(":"))
        scores, logits = blobs[key][start:between], blobs[key][between:end]
        found[reference] = Vectors(tuple(scores) or None, tuple(logits) or None)
    return found


def forget(before: Results, change: Change) -> None:
    """Deletes the blobs that were referred to before a change, and are no more. One S3 request, if any."""
    gone = set(change.drop) | {each.id for each in change.put}
    left = {_blob(each) for each in before.classifications if each.id not in gone}
    left |= {_blob(each) for each in change.put if isinstance(each, Classification)}
    present = {_blob(each) for each in before.classifications if each.id in gone}
    doomed = sorted(key for key in present - left if key)
    if doomed:
        objects.delete(settings().thumbnails_bucket, doomed)


def _blob(classification: Classification) -> str | None:
    return classification.vectors.partition("#")[0] if classification.vectors else None


def drop(capture_id: str) -> None:
    """Deletes the vectors of a capture that has gone. One S3 request, two if there are any."""
    bucket = settings().thumbnails_bucket
    objects.delete(bucket, [each.key for each in objects.under(bucket, f"{PREFIX}{capture_id}/", None)])


def _numbers(key: str) -> "array.array[float]":
    stored = objects.read(settings().thumbnails_bucket, key, _MOST)
    numbers = array.array("d")
    numbers.frombytes(stored.data or b"")
    return _little(numbers)


def _little(numbers: "array.array[float]") -> "array.array[float]":
    """Bytes in the order of the little end, on whatever machine."""
    if array.array("H", [1]).tobytes() == b"\x00\x01":
        numbers.byteswap()
    return numbers
