"""Cutting a box out of a photograph: decoded no larger than the picture of it needs, turned as it is shown.

Imported where it is used only: it needs Pillow, through the room of thumbnails.
"""

import math
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

from chalicelib.detections.frames import placed
from chalicelib.detections.rules import Box, Corners
from chalicelib.errors import Unreadable
from chalicelib.thumbnails import codec
from chalicelib.thumbnails.colour import to_srgb, workable
from chalicelib.thumbnails.decoding import Decoded, TooLarge, decode
from chalicelib.thumbnails.photograph import Photograph

if TYPE_CHECKING:
    from PIL import Image

LONGEST = 480
"""Pixels of the longer side, at the most; never more than the photograph has."""
MARGIN = 0.1
"""Of the box's width and height, on each side, as far as the photograph reaches."""
QUALITY = 85

_BACK = {6: 8, 8: 6}
"""By EXIF orientation the one that undoes it, where that is another."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A JPEG without metadata; sizes in pixels."""

    data: bytes
    width: int
    height: int


def cut(photograph: Photograph, box: Box) -> Picture:
    """The picture of a box, with a margin around it. Raises Unreadable if its pixels cannot be decoded."""
    corners = with_margin(box, (photograph.width, photograph.height))
    if corners is None:
        raise Unreadable("the box lies outside of it")
    try:
        return _encoded(_turned(photograph, *_cut(photograph, corners)))
    except Unreadable:
        raise
    except Exception as error:
        # Decoders raise almost anything; whatever it was, these bytes give no picture.
        raise Unreadable(f"its pixels cannot be decoded ({error})") from error


def with_margin(box: Box, size: tuple[int, int]) -> Corners | None:
    """What is cut out of a photograph of that size as displayed, in fractions of it; None if nothing is."""
    corners = box.in_fractions(size)
    if corners is None:
        return None
    x1, y1, x2, y2 = corners
    across, down = MARGIN * (x2 - x1), MARGIN * (y2 - y1)
    wide = max(0.0, x1 - across), max(0.0, y1 - down), min(1.0, x2 + across), min(1.0, y2 + down)
    return wide if wide[0] < wide[2] and wide[1] < wide[3] else None


def _cut(photograph: Photograph, corners: Corners) -> tuple["Image.Image", Decoded]:
    """That part as it is stored, at the size it is to have."""
    stored, size = _as_stored(photograph, corners)
    across, down = (stored[2] - stored[0]) * size[0], (stored[3] - stored[1]) * size[1]
    scale = min(1.0, LONGEST / max(across, down))
    decoded = _decoded(photograph, size, scale)
    whole = decoded.box[2:] if decoded.box else decoded.image.size
    part = stored[0] * whole[0], stored[1] * whole[1], stored[2] * whole[0], stored[3] * whole[1]
    around = (
        math.floor(part[0]),
        math.floor(part[1]),
        min(math.ceil(part[2]), decoded.image.width),
        min(math.ceil(part[3]), decoded.image.height),
    )
    # First cut, then worked with: no second copy of a large picture is made.
    working = decoded.image.crop(around)
    if not decoded.box:
        working = workable(working)
    exactly = tuple(side - around[number % 2] for number, side in enumerate(part))
    wanted = max(1, round(across * scale)), max(1, round(down * scale))
    wanted = (
        min(wanted[0], max(1, math.ceil(part[2] - part[0]))),
        min(wanted[1], max(1, math.ceil(part[3] - part[1]))),
    )
    if working.mode.startswith("I"):
        return working.resize(wanted, codec.LANCZOS), decoded
    return working.resize(wanted, codec.LANCZOS, box=_within(exactly, working.size)), decoded


def _within(box: tuple[float, ...], size: tuple[int, int]) -> Corners:
    return max(0.0, box[0]), max(0.0, box[1]), min(float(size[0]), box[2]), min(float(size[1]), box[3])


def _as_stored(photograph: Photograph, corners: Corners) -> tuple[Corners, tuple[int, int]]:
    """The corners in fractions of the pixels as they are decoded, and the size of these."""
    size, orientation = (photograph.width, photograph.height), photograph.orientation
    if photograph.format == "TIFF" or orientation == 1:  # a TIFF is turned when it is decoded
        return corners, size
    back = placed(corners, "raw", "fractions", (1, 1), _BACK.get(orientation, orientation))
    return back.corners, (size[1], size[0]) if orientation >= 5 else size


def _decoded(photograph: Photograph, size: tuple[int, int], scale: float) -> Decoded:
    """The photograph, decoded at that scale, or coarser where memory asks for it."""
    while True:
        wanted = max(1, round(size[0] * scale)), max(1, round(size[1] * scale))
        try:
            return decode(photograph, wanted)
        except TooLarge:
            if max(wanted) <= LONGEST:
                raise
            scale /= 2


def _turned(photograph: Photograph, working: "Image.Image", decoded: Decoded) -> "Image.Image":
    if decoded.image.mode == "CMYK" and decoded.box and "adobe" not in decoded.image.info:
        # Pillow takes every CMYK JPEG for one of Adobe's, which are stored as negatives.
        working = working.point(lambda value: 255 - value)
    working = to_srgb(working, decoded.image.info.get("icc_profile"))
    turn = None if photograph.format == "TIFF" else codec._TURNS.get(photograph.orientation)
    return working.transpose(turn) if turn is not None else working


def _encoded(image: "Image.Image") -> Picture:
    # Encoders copy comments, profiles and more from here: some name the place, or the person.
    image.info.clear()
    out = BytesIO()
    image.save(out, "JPEG", quality=QUALITY, progressive=True, optimize=True, subsampling="4:4:4")
    return Picture(out.getvalue(), image.width, image.height)
