"""Boxes as they are told, and as they are kept: of the photograph as displayed."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from chalicelib.detections.frames import BoxError, placed
from chalicelib.detections.rules import Box

RAW = (40, 30)


def displayed(orientation: int) -> tuple[int, int]:
    return RAW if orientation < 5 else (RAW[1], RAW[0])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("unit", ["pixels", "fractions"])
def test_a_box_of_the_raw_pixels_is_turned_as_the_photograph_is(orientation: int, unit: str) -> None:
    """What Pillow turns by the EXIF orientation is where the box says it is."""
    raw = Image.new("L", RAW, 0)
    raw.paste(255, (5, 3, 12, 9))
    exif = raw.getexif()
    exif[0x0112] = orientation
    turned = ImageOps.exif_transpose(_with(raw, exif))
    told = (5.0, 3.0, 12.0, 9.0)
    if unit == "fractions":
        told = (5 / RAW[0], 3 / RAW[1], 12 / RAW[0], 9 / RAW[1])
    size = displayed(orientation)
    box = placed(told, "raw", unit, size, orientation)  # type: ignore[arg-type]
    assert box.in_pixels(size) == pytest.approx(turned.getbbox())


def _with(image: Image.Image, exif: Image.Exif) -> Image.Image:
    from io import BytesIO

    data = BytesIO()
    image.save(data, "PNG", exif=exif)
    return Image.open(BytesIO(data.getvalue()))


CORNER = st.floats(-20, 120)


@given(st.tuples(CORNER, CORNER, CORNER, CORNER))
def test_what_lies_outside_is_cut_off_and_corners_are_put_in_order(
    corners: tuple[float, float, float, float],
) -> None:
    try:
        box = placed(corners, "displayed", "pixels", (100, 50), 1)
    except BoxError:
        width = min(max(corners[0], corners[2]), 100) - max(min(corners[0], corners[2]), 0)
        height = min(max(corners[1], corners[3]), 50) - max(min(corners[1], corners[3]), 0)
        assert width <= 0 or height <= 0
        return
    assert 0 <= box.x1 < box.x2 <= 100
    assert 0 <= box.y1 < box.y2 <= 50


@given(st.tuples(*[st.floats(0, 1)] * 4))
def test_fractions_stay_fractions_and_need_no_size(corners: tuple[float, float, float, float]) -> None:
    assume(abs(corners[0] - corners[2]) > 1e-6)
    assume(abs(corners[1] - corners[3]) > 1e-6)
    box = placed(corners, "displayed", "fractions", None, 1)
    assert box.relative
    assert box.in_pixels(None) is None
    pixels = box.in_pixels((4000, 3000))
    assert pixels
    again = Box(*pixels).in_fractions((4000, 3000))
    assert again == pytest.approx(box.corners)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf])
def test_a_box_of_no_numbers_is_none(wrong: float) -> None:
    with pytest.raises(BoxError):
        placed((1.0, 1.0, wrong, 5.0), "displayed", "pixels", (10, 10), 1)


def test_raw_boxes_of_a_photograph_nobody_has_read_are_refused_with_what_to_do() -> None:
    with pytest.raises(BoxError, match="have it read first"):
        placed((0.1, 0.1, 0.2, 0.2), "raw", "fractions", None, 1)


def test_pixels_of_a_photograph_nobody_has_read_are_taken_as_told() -> None:
    assert placed((9000.0, 1.0, 9100.0, 5.0), "displayed", "pixels", None, 1).x2 == 9100.0
