"""Which boxes are, more or less, the same: found without comparing each with each. Pure.

Two boxes match if their IoU is at least t. That would be 5e9 comparisons for 100,000 boxes. But let boxes of
widths w and v and centres a and b match. Then

1.  min(w, v) ≥ t · max(w, v). The intersection is no wider than the narrower and no higher than the lower;
    the union is no smaller than either. So t ≤ IoU ≤ min(w, v) / max(w, v).
2.  |a - b| ≤ β (w + v), with β = (1 - t) / (2 (1 + t)). Let the overlap be o wide. It is no higher than the
    lower box, of height h, so I ≤ o h; and both areas together are at least (w + v) h. From
    t ≤ I / (A + B - I) follows I ≥ t (A + B) / (1 + t), so o ≥ t (w + v) / (1 + t). And o is at most
    (w + v) / 2 - |a - b|.

The same holds for heights. By (1), widths are put into classes, each 1/t as wide as the one before: a match
is in the same class or in one beside it. Within a class of widths and a class of heights, centres are put
into cells; by (2), a match is in one of the few cells about a box's centre. Both bounds are widened by far
more than floats round by, so no pair is missed; each pair that is found is compared exactly.

A box is compared no more once it has its captures, and not at all where the cells about it have too few of
them. Where many boxes lie on one leaf, the nearest cells are looked at first, so that is soon.
"""

import math
from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from chalicelib.postprocessing.shapes import FARTHEST, Box

_WIDER = 1 + 1e-9
"""By how much bounds are widened: floats round by 1e-16 of a value, a few times."""
_ASTRAY = FARTHEST * 1e-14
"""Pixels by which the centre of a box may be rounded, at the very most."""

Place = tuple[int, int]
"""In classes of size or in cells, across and down."""


@dataclass(frozen=True, slots=True)
class _Put:
    """A box, its area, and captures it is in."""

    x1: float
    y1: float
    x2: float
    y2: float
    area: float
    captures: Set[str]


@dataclass(slots=True)
class _Cell:
    """Boxes, and captures of all of them; of these no more are kept than matter."""

    boxes: list[_Put] = field(default_factory=list)
    captures: set[str] = field(default_factory=set)


class SameBoxes:
    """Boxes by size and place, to ask whether enough captures have the same one.

    iou         t: from .5 to .99
    minimum     how many different captures are enough; at least 1
    """

    def __init__(self, iou: float, minimum: int) -> None:
        self._iou = iou
        self._minimum = minimum
        self._beta = (1 - iou) / (2 * (1 + iou)) * _WIDER
        self._scale = _Scale(1 / iou)
        self._cells: dict[Place, dict[Place, _Cell]] = {}

    def put(self, box: Box, captures: Set[str]) -> None:
        """Adds a well-formed box, once for all captures it is in."""
        # With `minimum` captures a box or a cell has all it takes; a thousand more would only cost.
        few = captures if len(captures) <= self._minimum else set(sorted(captures)[: self._minimum])
        width, height = self._scale.class_of(box.x2 - box.x1), self._scale.class_of(box.y2 - box.y1)
        place = (
            math.floor((box.x1 + box.x2) / 2 / self._step(width)),
            math.floor((box.y1 + box.y2) / 2 / self._step(height)),
        )
        cell = self._cells.setdefault((width, height), {}).setdefault(place, _Cell())
        cell.boxes.append(_Put(box.x1, box.y1, box.x2, box.y2, box.area, few))
        if len(cell.captures) < self._minimum:
            cell.captures |= few

    def has_enough(self, box: Box) -> bool:
        """Whether the boxes that match this one, which is put already, are of enough captures."""
        cells = list(self._about(box))
        if len(set().union(*(each.captures for each in cells))) < self._minimum:
            return False
        met: set[str] = set()
        for captures in self._matching(box, cells):
            met |= captures
            if len(met) >= self._minimum:
                return True
        return False

    def _matching(self, box: Box, cells: list[_Cell]) -> Iterator[Set[str]]:
        """The captures of each box in these cells that matches: `Box.iou`, but for what need not be asked
        again of boxes that are all well-formed. Most of them end at the first or second comparison."""
        x1, y1, x2, y2, area, least = box.x1, box.y1, box.x2, box.y2, box.area, self._iou
        # The overlap of a match is at least t · w wide: I ≥ t A = t w h, and I ≤ o h.
        width, height = (x2 - x1) * least / _WIDER, (y2 - y1) * least / _WIDER
        for cell in cells:
            for other in cell.boxes:
                across = (x2 if x2 < other.x2 else other.x2) - (x1 if x1 > other.x1 else other.x1)
                if across < width:
                    continue
                down = (y2 if y2 < other.y2 else other.y2) - (y1 if y1 > other.y1 else other.y1)
                if down < height:
                    continue
                shared = across * down
                if shared / (area + other.area - shared) >= least:
                    yield other.captures

    def _about(self, box: Box) -> Iterator[_Cell]:
        """The cells in which all that matches a box is."""
        rows = list(self._axis(box.y1, box.y2))
        for width, columns in self._axis(box.x1, box.x2):
            for height, lines in rows:
                cells = self._cells.get((width, height))
                if cells:
                    yield from (cells[x, y] for x in columns for y in lines if (x, y) in cells)

    def _axis(self, start: float, end: float) -> Iterator[tuple[int, list[int]]]:
        """Along one axis: the classes of size a match may have, each with its cells; the nearest come first,
        for there most matches are."""
        size, centre = end - start, (start + end) / 2
        least, most = size * self._iou / _WIDER, size / self._iou * _WIDER
        classes = range(self._scale.class_of(least), self._scale.class_of(most) + 1)
        for each in _from(self._scale.class_of(size), classes):
            reach = self._beta * (size + min(self._scale.most(each), most)) + _ASTRAY
            step = self._step(each)
            cells = range(math.floor((centre - reach) / step), math.floor((centre + reach) / step) + 1)
            yield each, _from(math.floor(centre / step), cells)

    def _step(self, size: int) -> float:
        # About as wide as what is looked for: narrower cells would be many, wider ones too full.
        return 4 * self._beta * self._scale.most(size)


def _from(home: int, numbers: range) -> list[int]:
    return sorted(numbers, key=lambda each: abs(each - home))


class _Scale:
    """Classes of sizes, each by a ratio wider than the one before."""

    def __init__(self, ratio: float) -> None:
        self._ratio = ratio
        self._log = math.log(ratio)

    def class_of(self, size: float) -> int:
        """The class of a positive size; of a greater one, never a lower class."""
        return math.floor(math.log(size) / self._log)

    def most(self, number: int) -> float:
        """What no size of a class exceeds."""
        return math.exp((number + 1) * self._log) * _WIDER
