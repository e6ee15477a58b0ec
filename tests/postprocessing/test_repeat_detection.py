"""The same box in many captures, beside comparing each with each."""

import json
import math
import random
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from proposing import NOT_IDENTIFIABLE
from pydantic import ValidationError
from test_shapes import MALFORMED

from chalicelib.postprocessing.repeat_detection import Config, Gathered, Placed, proposed, repeated
from chalicelib.postprocessing.shapes import Box, Proposed

LEAF = Box(100, 100, 160, 140)


def brute(boxes: Sequence[Placed], config: Config) -> list[str]:
    return sorted(
        one.id
        for one in boxes
        if len({two.capture_id for two in boxes if one.box.iou(two.box) >= config.iou}) >= config.minimum
    )


def leaves(count: int, box: Box = LEAF, first: int = 0) -> list[Placed]:
    return [Placed(f"d{each:04}", f"c{each:04}", box) for each in range(first, first + count)]


def test_ten_captures_are_enough_and_nine_are_not() -> None:
    assert repeated(leaves(10), Config()) == [each.id for each in leaves(10)]
    assert repeated(leaves(9), Config()) == []


def test_captures_count_and_not_boxes() -> None:
    one_capture = [Placed(f"d{each:04}", "c0000", LEAF) for each in range(50)]
    assert repeated(one_capture, Config()) == []
    two_detectors = [Placed(f"e{each.id}", each.capture_id, each.box) for each in leaves(9)]
    assert repeated(leaves(9) + two_detectors, Config()) == []


def test_an_overlap_of_exactly_the_threshold_is_the_same() -> None:
    nine_tenths = Placed("e", "e", Box(100, 100, 154, 140))
    assert LEAF.iou(nine_tenths.box) == 0.9
    assert "e" in repeated([*leaves(9), nine_tenths], Config())
    assert repeated([*leaves(9), nine_tenths], Config(iou=0.91)) == []


def test_what_passes_by_is_not_flagged() -> None:
    moth = Placed("moth", "c0003", Box(400, 300, 460, 340))
    assert "moth" not in repeated([*leaves(20), moth], Config())


def test_malformed_boxes_match_nothing() -> None:
    odd = [Placed(f"m{n}-{c}", f"c{c}", box) for n, box in enumerate(MALFORMED) for c in range(12)]
    assert repeated(odd, Config()) == []
    assert repeated([*odd, *leaves(10)], Config()) == [each.id for each in leaves(10)]


NEAR = st.floats(-8, 8)


@st.composite
def crowds(draw: st.DrawFn) -> list[Placed]:
    """A few leaves of any size anywhere, each with boxes that nearly, or just not, match."""
    found = []
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.floats(-2000, 9000)), draw(st.floats(-2000, 9000))
        w, h = draw(st.floats(0.01, 3000)), draw(st.floats(0.01, 3000))
        for _ in range(draw(st.integers(1, 12))):
            dx, dy, dw, dh = (draw(NEAR) / 50 for _ in range(4))
            left, top = x + dx * w, y + dy * h
            box = Box(left, top, left + w * (1 + dw), top + h * (1 + dh))
            capture = f"c{draw(st.integers(0, 6))}"
            found.append(Placed(f"d{len(found):03}", capture, box))
    return found


CONFIGS = st.builds(Config, iou=st.sampled_from([0.5, 0.6, 0.75, 0.9, 0.95, 0.99]), minimum=st.integers(2, 4))


@settings(max_examples=400)
@given(crowds(), CONFIGS, st.randoms(use_true_random=False))
def test_no_pair_is_missed_and_no_order_matters(boxes: list[Placed], config: Config, rng: Any) -> None:
    expected = brute(boxes, config)
    assert repeated(boxes, config) == expected
    assert repeated(rng.sample(boxes, len(boxes)), config) == expected


@settings(max_examples=400)
@given(
    st.floats(1e-3, 1e6),
    st.floats(-1e6, 1e6),
    st.floats(0.5, 0.99),
    st.sampled_from(["narrower", "wider", "left", "right"]),
    st.floats(-1e-6, 1e-6),
)
def test_two_boxes_at_the_very_edge_of_matching_are_compared(
    width: float, start: float, iou: float, how: str, by: float
) -> None:
    # One is the other scaled or shifted along one axis, to within a millionth of the threshold.
    apart = width * (1 - iou) / (1 + iou)
    edges = {
        "narrower": (start, start + width * iou),
        "wider": (start, start + width / iou),
        "left": (start - apart, start + width - apart),
        "right": (start + apart, start + width + apart),
    }
    x1, x2 = edges[how]
    boxes = [
        Placed("a", "a", Box(start, 5, start + width, 9)),
        Placed("b", "b", Box(x1, 5, x2 + width * by, 9)),
    ]
    config = Config(iou=iou, minimum=2)
    assert repeated(boxes, config) == brute(boxes, config)


@pytest.mark.parametrize("spread", [0.5, 2, 6])
def test_a_crowd_is_flagged_as_comparing_each_with_each_flags_it(spread: float) -> None:
    rng = random.Random(7)
    boxes = []
    for number in range(700):
        x, y, w, h = (rng.gauss(mean, spread) for mean in (500, 400, 80, 60))
        boxes.append(Placed(f"d{number:04}", f"c{number // 3}", Box(x, y, x + w, y + h)))
    flagged = repeated(boxes, Config())
    assert flagged == brute(boxes, Config())
    assert (0 < len(flagged) < 700) or spread == 0.5


def test_boxes_may_come_in_pages_and_parts_again_and_by_way_of_json() -> None:
    boxes = [*leaves(14), Placed("x", "c1", Box(0, 0, 5.1, 1 / 3)), Placed("bad", "c2", MALFORMED[4])]
    whole, first, second = Gathered(), Gathered(), Gathered()
    for each in boxes:
        whole.add(each)
    for each in reversed(boxes[:9]):
        first.add(each)
    for each in boxes[5:]:
        second.add(each)
    second = Gathered(json.loads(json.dumps(second.state(), allow_nan=False)))
    second.merge(first)
    assert second.state() == whole.state()
    assert list(second.boxes()) == list(whole.boxes())
    assert (second.malformed, len(list(second.boxes()))) == (1, 15)
    assert repeated(second.boxes(), Config()) == repeated(boxes, Config()) == [e.id for e in leaves(14)]


def test_the_proposal_names_the_taxon_and_replaces_nothing() -> None:
    details = {"iou": 0.9, "minimum": 10}
    expected = Proposed("d", "repeat_detection", NOT_IDENTIFIABLE, 1.0, details=details)
    assert proposed("d", NOT_IDENTIFIABLE, Config()) == expected


@pytest.mark.parametrize("kind", ["scattered", "one leaf"])
def test_four_times_the_boxes_take_about_four_times_as_long(kind: str) -> None:
    def taken(count: int) -> float:
        rng = random.Random(1)
        boxes = []
        for number in range(count):
            x, y = rng.uniform(0, 4000), rng.uniform(0, 3000)
            w, h = math.exp(rng.gauss(4, 0.7)), math.exp(rng.gauss(4, 0.7))
            if kind == "one leaf":
                x, y, w, h = (rng.gauss(mean, 2) for mean in (500, 400, 80, 60))
            boxes.append(Placed(f"d{number:06}", f"c{number // 5}", Box(x, y, x + w, y + h)))
        start = time.process_time()
        repeated(boxes, Config())
        return time.process_time() - start

    taken(500)
    assert taken(12_000) < 10 * taken(3000)


@pytest.mark.parametrize(
    "bad",
    [
        {"iou": 0.49},
        {"iou": 1.0},
        {"iou": "0.9"},
        {"minimum": 1},
        {"minimum": 2.5},
        {"minimum": True},
        {"x": 1},
    ],
)
def test_a_config_that_does_not_fit_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)
    assert (Config().iou, Config().minimum) == (0.9, 10)
