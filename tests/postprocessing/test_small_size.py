"""What is too small: strictly, and never what cannot be measured."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proposing import NOT_IDENTIFIABLE
from pydantic import ValidationError
from test_shapes import MALFORMED

from chalicelib.postprocessing.shapes import Box, Proposed
from chalicelib.postprocessing.small_size import Config, Left, flag, relative_area


def flagged(
    box: Box | None, width: int | None = 640, height: int | None = 480, threshold: float = 0.0008
) -> Proposed | Left:
    return flag("d", box, width, height, NOT_IDENTIFIABLE, Config(threshold=threshold))


@pytest.mark.parametrize("threshold", [0.0008, 0.01])
def test_ten_by_ten_of_640_by_480_is_flagged(threshold: float) -> None:
    found = flagged(Box(5, 5, 15, 15), threshold=threshold)
    share = 100 / (640 * 480)
    assert share == pytest.approx(0.0003255, abs=1e-7)
    assert found == Proposed(
        "d",
        "small_size_filter",
        NOT_IDENTIFIABLE,
        1.0,
        details={"relative_area": share, "threshold": threshold},
    )
    assert isinstance(found, Proposed)
    assert (found.replaces, found.basis) == ((), None)


def test_exactly_the_threshold_is_not_flagged() -> None:
    assert relative_area(Box(0, 0, 20, 40), 1000, 1000) == 0.0008
    assert flagged(Box(0, 0, 20, 40), 1000, 1000) is Left.LARGE_ENOUGH
    assert isinstance(flagged(Box(0, 0, 20, 39.999), 1000, 1000), Proposed)


def test_a_null_marker_is_skipped_whatever_else_is_missing() -> None:
    assert flagged(None) is flagged(None, None, 0) is Left.NULL_BOX


@pytest.mark.parametrize(("width", "height"), [(None, 480), (640, None), (0, 480), (640, 0), (-640, -480)])
def test_without_dimensions_nothing_is_measured(width: int | None, height: int | None) -> None:
    assert flagged(Box(0, 0, 1, 1), width, height) is Left.NO_DIMENSIONS


@pytest.mark.parametrize("box", MALFORMED)
def test_a_malformed_box_is_not_a_small_one(box: Box) -> None:
    assert flagged(box) is Left.MALFORMED_BOX


EXTENT = st.integers(1, 300)
SIDE = st.integers(1, 9999)


@given(EXTENT, EXTENT, SIDE, SIDE, st.integers(1, 9999))
def test_it_is_flagged_if_and_only_if_it_is_smaller(w: int, h: int, width: int, height: int, t: int) -> None:
    found = flagged(Box(7, 9, 7 + w, 9 + h), width, height, t / 10_000)
    assert isinstance(found, Proposed) == (Fraction(w * h, width * height) < Fraction(t, 10_000))
    assert found == flagged(Box(7, 9, 7 + w, 9 + h), width, height, t / 10_000)


def test_the_default_is_that_of_the_reference() -> None:
    assert Config().threshold == 0.0008


@pytest.mark.parametrize("bad", [0, 0.0, 1, 1.0, 2.0, -0.1, float("nan"), "abc", "0.5", True, None])
def test_a_threshold_is_between_0_and_1(bad: object) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"threshold": bad})


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"treshold": 0.5})


def test_a_form_has_what_it_needs() -> None:
    field = Config.model_json_schema()["properties"]["threshold"]
    assert (field["exclusiveMinimum"], field["exclusiveMaximum"], field["default"]) == (0, 1, 0.0008)
    assert field["title"]
    assert field["description"]
