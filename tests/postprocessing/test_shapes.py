"""Boxes and numbers."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proposing import classified

from chalicelib.postprocessing.shapes import Box, all_finite, precedence

PIXELS = st.integers(-50, 50)
BOXES = st.builds(lambda x, y, w, h: Box(x, y, x + w, y + h), PIXELS, PIXELS, *[st.integers(1, 60)] * 2)


def pixels(box: Box) -> set[tuple[int, int]]:
    across, down = range(int(box.x1), int(box.x2)), range(int(box.y1), int(box.y2))
    return {(x, y) for x in across for y in down}


@given(BOXES, BOXES)
def test_iou_counts_the_pixels_that_both_and_either_cover(one: Box, two: Box) -> None:
    both, either = pixels(one) & pixels(two), pixels(one) | pixels(two)
    assert one.iou(two) == two.iou(one) == float(Fraction(len(both), len(either)))
    assert one.iou(one) == 1
    assert one.area == len(pixels(one))


def test_boxes_that_touch_share_nothing() -> None:
    assert Box(0, 0, 10, 10).iou(Box(10, 0, 20, 10)) == 0
    assert Box(0, 0, 10, 10).iou(Box(10, 10, 20, 20)) == 0


MALFORMED = [
    Box(0, 0, 0, 10),
    Box(0, 0, 10, 0),
    Box(10, 0, 0, 10),
    Box(10, 10, 0, 0),
    Box(math.nan, 0, 10, 10),
    Box(0, math.nan, 10, 10),
    Box(0, 0, math.nan, 10),
    Box(0, 0, 10, math.nan),
    Box(0, 0, math.inf, 10),
    Box(-math.inf, 0, 10, 10),
    Box(0, 0, 1e300, 1e300),
    Box(0, 0, 5e-324, 10),
]


@pytest.mark.parametrize("box", MALFORMED)
def test_what_bounds_nothing_is_malformed(box: Box) -> None:
    assert box.is_malformed
    assert box.area == 0
    assert box.iou(box) == box.iou(Box(0, 0, 10, 10)) == Box(0, 0, 10, 10).iou(box) == 0


def test_a_box_may_stick_out_of_its_photograph() -> None:
    assert not Box(-3, -4.5, 5, 5).is_malformed


def test_numbers_are_numbers() -> None:
    assert all_finite([1, 2.5, -3])
    assert all_finite([])
    for odd in (math.nan, math.inf, -math.inf, True, None, "1", 10**400):
        assert not all_finite([1.0, odd, 2.0])  # type: ignore[list-item]


def test_the_name_that_is_shown_has_the_highest_score_then_is_the_newest() -> None:
    low, high = classified("a", 0.4, number=3), classified("b", 0.9, number=1)
    newer, none = classified("c", 0.9, number=2), classified("d", None, number=9)
    odd = classified("e", math.nan, number=8)
    assert sorted([high, none, low, newer, odd], key=precedence) == [odd, none, low, high, newer]
