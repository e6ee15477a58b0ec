"""Names that nobody is sure enough of."""

import itertools
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proposing import NOT_IDENTIFIABLE, classified
from pydantic import ValidationError

from chalicelib.postprocessing.score_threshold import Config, Left, withdrawn
from chalicelib.postprocessing.shapes import Classified, Proposed, precedence


def found_in(*rows: Classified, threshold: float = 0.5) -> Proposed | Left:
    return withdrawn(rows, NOT_IDENTIFIABLE, Config(threshold=threshold))


def test_a_weak_name_is_withdrawn() -> None:
    assert found_in(classified("t", 0.4)) == Proposed(
        "d",
        "score_threshold",
        NOT_IDENTIFIABLE,
        1.0,
        replaces=("c1",),
        details={"score": 0.4, "threshold": 0.5},
        basis="c1",
    )


def test_exactly_the_threshold_is_enough() -> None:
    assert found_in(classified("t", 0.5)) is Left.SURE_ENOUGH
    assert isinstance(found_in(classified("t", math.nextafter(0.5, 0))), Proposed)


def test_a_weak_name_beside_a_sure_one_is_let_be() -> None:
    # A "Not identifiable" with a score of 1 would hide the sure one.
    assert found_in(classified("a", 0.2, number=1), classified("b", 0.9, number=2)) is Left.SURE_ENOUGH


def test_all_weak_names_of_a_detection_are_replaced_by_one() -> None:
    rows = [classified("a", 0.2, number=1), classified("b", 0.4, number=2), classified("c", 0.3, number=3)]
    for order in itertools.permutations(rows):
        found = found_in(*order)
        assert isinstance(found, Proposed)
        assert (found.replaces, found.basis) == (("c1", "c3", "c2"), "c2")


def test_what_is_replaced_or_has_no_score_does_not_count() -> None:
    assert found_in() is Left.NO_SCORE
    assert found_in(classified("a", None)) is found_in(classified("a", math.nan)) is Left.NO_SCORE
    assert found_in(classified("a", 0.2, terminal=False)) is Left.NO_SCORE
    sure = classified("b", 0.9, number=2, terminal=False)
    assert isinstance(found_in(classified("a", 0.2), sure), Proposed)


def test_a_second_run_finds_nothing_and_one_after_a_killed_one_finds_the_same() -> None:
    rows = [classified("a", 0.2, number=1), classified("b", 0.4, number=2)]
    first = found_in(*rows)
    row = classified(NOT_IDENTIFIABLE, 1.0, number=50, algorithm="score_threshold")
    assert found_in(row) is Left.NO_SCORE
    assert found_in(*rows, row) == first
    again = found_in(rows[1], row)
    assert isinstance(first, Proposed)
    assert isinstance(again, Proposed)
    assert (again.basis, again.replaces) == (first.basis, ("c2",))


ROWS = st.lists(st.one_of(st.none(), st.integers(0, 10).map(lambda tenths: tenths / 10)), max_size=6)


@given(ROWS, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(scores: list[float | None], random: Any) -> None:
    rows = [classified("t", score, number=number) for number, score in enumerate(scores)]
    found = found_in(*rows)
    shuffled = random.sample(rows, len(rows))
    assert found_in(*shuffled) == found
    known = [row for row in rows if row.score is not None]
    best = max(known, key=precedence, default=None)
    assert isinstance(found, Proposed) == (best is not None and best.score is not None and best.score < 0.5)
    if isinstance(found, Proposed) and best:
        assert found.basis == found.replaces[-1] == best.id
        assert set(found.replaces) == {row.id for row in known}


@pytest.mark.parametrize("bad", [0, 1.01, -1, math.nan, "0.5", True])
def test_a_threshold_is_over_0_and_1_at_the_most(bad: object) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"threshold": bad})
    assert Config.model_validate({"threshold": 1}).threshold == 1
