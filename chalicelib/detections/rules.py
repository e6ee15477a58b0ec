"""What a detection and a classification are. Pure.

Both are facts: somebody said so at some time. Facts are added, and taken back as a whole; nothing is ever
changed about one because of another. So which classifications of a detection are terminal is not kept, but
follows from all of them: one that another `replaces` is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib import ids

Corners = tuple[float, float, float, float]
Size = tuple[int, int]
"""Width and height of a photograph as displayed, in pixels."""


@dataclass(frozen=True, slots=True)
class Box:
    """Corners on the photograph as displayed, EXIF orientation applied; x to the right, y down, (x1, y1) the
    upper left one. In pixels; or `relative`, in fractions of its width and height: so it is kept as it was
    told, also of a photograph whose size nobody has looked up yet."""

    x1: float
    y1: float
    x2: float
    y2: float
    relative: bool = False

    @property
    def corners(self) -> Corners:
        """As the API writes them."""
        return self.x1, self.y1, self.x2, self.y2

    def in_pixels(self, size: Size | None) -> Corners | None:
        """Its corners in pixels; None where that takes a size, and there is none."""
        if not self.relative:
            return self.corners
        return _scaled(self.corners, float(size[0]), float(size[1])) if size else None

    def in_fractions(self, size: Size | None) -> Corners | None:
        """Its corners in fractions of the photograph's width and height. As `in_pixels`."""
        if self.relative:
            return self.corners
        return _scaled(self.corners, 1 / size[0], 1 / size[1]) if size and all(size) else None


def _scaled(corners: Corners, horizontally: float, vertically: float) -> Corners:
    x1, y1, x2, y2 = corners
    return x1 * horizontally, y1 * vertically, x2 * horizontally, y2 * vertically


@dataclass(frozen=True, slots=True)
class Detection:
    """A box that an algorithm drew on a capture, with its score; or, with no box, the null marker: that
    algorithm has looked, and all it found is there. `source_id` tells apart what one algorithm found at the
    same place twice. `job` wrote it, None where no job did."""

    id: str
    algorithm: str
    box: Box | None
    score: float | None
    created_at: datetime
    source_id: str = ""
    job: str | None = None

    @property
    def capture_id(self) -> str:
        """The capture it is on, which its id names."""
        return ids.capture_of(self.id)


@dataclass(frozen=True, slots=True)
class Classification:
    """What an algorithm takes a detection for: a taxon with a score from 0 to 1, or neither.

    `is_last` is what its source says of it: an early one of several in a row, as "moth or not", is not meant
    as the name. `replaces` are the classifications of the same detection whose place it has taken, which it
    was made from; `details` by which parameters. `vectors` is where its scores and logits lie.
    """

    id: str
    algorithm: str
    taxon_id: str | None
    label: str | None
    score: float | None
    created_at: datetime
    is_last: bool = True
    replaces: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    vectors: str | None = None
    job: str | None = None

    @property
    def detection_id(self) -> str:
        """The detection it is of, which its id names."""
        return ids.detection_of(self.id)


@dataclass(frozen=True, slots=True)
class Results:
    """All that algorithms said of one capture."""

    detections: tuple[Detection, ...] = ()
    classifications: tuple[Classification, ...] = ()


def marker_id(capture_id: str, algorithm: str) -> str:
    """The id of the null marker of an algorithm."""
    return ids.detection_id(capture_id, algorithm)


def box_id(capture_id: str, algorithm: str, box: Box, source_id: str) -> str:
    """The id of the detection of a box: the same one always has the same id, to a thousandth of a pixel, or a
    millionth of the photograph's size."""
    corners = (f"{corner:.6f}r" if box.relative else f"{corner:.3f}" for corner in box.corners)
    return ids.detection_id(capture_id, algorithm, source_id, *corners)


def classification_id(detection_id: str, algorithm: str, basis: Iterable[str] = ()) -> str:
    """The id of the classification of a detection by an algorithm; of one that was made from others, these
    are its `basis`."""
    return ids.classification_id(detection_id, algorithm, *sorted(basis))


def terminal(classifications: Sequence[Classification]) -> list[Classification]:
    """Those whose source means them as the name, and which none of the others has replaced."""
    replaced = {each for other in classifications for each in other.replaces}
    return [each for each in classifications if each.is_last and each.id not in replaced]


def resting_on(gone: Iterable[str], classifications: Iterable[Classification]) -> set[str]:
    """The ids of classifications that were made from those, or from others that were: they have lost their
    ground."""
    classifications = list(classifications)
    lost, found = set(gone), set[str]()
    while True:
        more = {each.id for each in classifications if lost & set(each.replaces)} - found
        if not more:
            return found
        found |= more
        lost |= more


def same(one: Detection | Classification, other: Detection | Classification) -> bool:
    """Whether the two say the same, whenever and by whichever job they were written."""
    return _said(one) == _said(other)


def _said(one: Detection | Classification) -> tuple[Any, ...]:
    if isinstance(one, Detection):
        return one.id, one.algorithm, one.box, one.score, one.source_id
    return (
        one.id,
        one.algorithm,
        one.taxon_id,
        one.label,
        one.score,
        one.is_last,
        tuple(sorted(one.replaces)),
        dict(one.details),
        one.vectors,
    )
