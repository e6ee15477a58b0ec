"""From how boxes are told to how they are kept. Pure."""

import math
from typing import Literal

from chalicelib.detections.rules import Box, Corners, Size

Frame = Literal["displayed", "raw"]
"""What a box is told of: the photograph as displayed, or its pixels as they are stored, before the EXIF
orientation is applied."""
Unit = Literal["pixels", "fractions"]


class BoxError(ValueError):
    """A box that cannot be one; its text says why."""


def placed(corners: Corners, frame: Frame, unit: Unit, size: Size | None, orientation: int) -> Box:
    """The box of the photograph as displayed. What lies outside of that is cut off. `size` is that of the
    photograph as displayed, None where nobody has looked it up; `orientation` is EXIF's, 1 to 8.

    Raises BoxError if nothing is left of it, or if a size is needed that is not known.
    """
    if not all(math.isfinite(corner) for corner in corners):
        raise BoxError("it holds a number that is none")
    if frame == "raw" and size is None:
        raise BoxError("how the photograph is turned is not known before it is read: have it read first")
    if frame == "raw" and size is not None:
        corners = _turned(corners, _raw(size, orientation) if unit == "pixels" else (1, 1), orientation)
    x1, x2 = sorted((corners[0], corners[2]))
    y1, y2 = sorted((corners[1], corners[3]))
    width, height = (1.0, 1.0) if unit == "fractions" else size or (math.inf, math.inf)
    box = Box(max(x1, 0.0), max(y1, 0.0), min(x2, width), min(y2, height), relative=unit == "fractions")
    if box.x1 >= box.x2 or box.y1 >= box.y2:
        raise BoxError("nothing of it lies on the photograph")
    return box


def _raw(size: Size, orientation: int) -> tuple[float, float]:
    return (size[1], size[0]) if orientation >= 5 else size


def _turned(corners: Corners, raw: tuple[float, float], orientation: int) -> Corners:
    x1, y1, x2, y2 = corners
    return (*_point(x1, y1, raw, orientation), *_point(x2, y2, raw, orientation))


def _point(x: float, y: float, raw: tuple[float, float], orientation: int) -> tuple[float, float]:
    """Where a point of the stored pixels is displayed."""
    width, height = raw
    return {
        2: (width - x, y),
        3: (width - x, height - y),
        4: (x, height - y),
        5: (y, x),
        6: (height - y, x),
        7: (height - y, width - x),
        8: (y, width - x),
    }.get(orientation, (x, y))
