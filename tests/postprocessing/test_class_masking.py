"""Masking, beside a plain softmax in exact fractions of what floats there are."""

import math
import time
from collections.abc import Collection, Sequence
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from proposing import classified
from pydantic import ValidationError

from chalicelib.errors import Invalid
from chalicelib.postprocessing.class_masking import (
    Config,
    Left,
    Mask,
    mask_of,
    masked,
    masked_scores,
    output_algorithm,
    softmax,
)
from chalicelib.postprocessing.shapes import Classified, Proposed

TAXA = ("t0", "t1", "t2")
WITHOUT_LAST = mask_of(TAXA, {"t0", "t1"})


def config(**given: Any) -> Config:
    return Config(
        **({"taxa_list_id": "l", "algorithm_id": "model", "only_when_taxon_changes": False} | given)
    )


def proposal(original: Classified, mask: Mask = WITHOUT_LAST, **given: Any) -> Proposed:
    found = masked(original, mask, "out", config(**given))
    assert isinstance(found, Proposed)
    return found


def exactly(logits: Sequence[float], kept: Collection[int], *, reweight: bool) -> list[float]:
    with localcontext() as context:
        context.prec = 60
        shares = [Decimal(logit).exp() for logit in logits]
        total = sum(shares[i] for i in kept) if reweight else sum(shares)
        return [float(share / total) if i in kept else 0.0 for i, share in enumerate(shares)]


def test_an_excluded_class_never_wins_even_with_the_highest_logit() -> None:
    found = proposal(classified("t2", 0.936, logits=[2.0, 1.0, 5.0]))
    assert found.taxon_id == "t0"
    assert found.scores == pytest.approx([0.731059, 0.268941, 0], abs=1e-6)
    assert found.scores is not None
    assert found.scores[2] == 0
    assert math.fsum(found.scores) == pytest.approx(1)
    assert found.score == found.scores[0]
    assert found.logits == (2.0, 1.0, 5.0)
    assert (found.replaces, found.basis, found.algorithm) == (("c1",), "c1", "out")


def test_absolute_scores_are_kept_as_they_are() -> None:
    assert softmax([2, 1, 5]) == pytest.approx([0.046613, 0.017148, 0.936240], abs=1e-6)
    found = proposal(classified("t2", logits=[2, 1, 5]), reweight=False)
    assert found.scores == pytest.approx([0.046613, 0.017148, 0], abs=1e-6)


def test_the_second_best_wins() -> None:
    found = proposal(classified("t2", logits=[0.5, 3, 3.5]))
    assert found.taxon_id == "t1"
    assert found.scores == pytest.approx([0.075858, 0.924142, 0], abs=1e-6)


def test_the_same_taxon_with_another_score_is_proposed_only_if_asked_for() -> None:
    original = classified("t0", 0.866813, logits=[5, 1, 3])
    assert softmax([5, 1, 3])[0] == pytest.approx(0.866813, abs=1e-6)
    assert proposal(original).score == pytest.approx(0.982014, abs=1e-6)
    assert masked(original, WITHOUT_LAST, "out", config(only_when_taxon_changes=True)) is Left.SAME_TAXON


def test_by_default_the_same_taxon_is_not_repeated() -> None:
    assert Config(taxa_list_id="l", algorithm_id="a").only_when_taxon_changes
    assert Config(taxa_list_id="l", algorithm_id="a").reweight


def test_a_single_allowed_class_gets_all_probability() -> None:
    found = proposal(classified("t2", logits=[2, 1, 5]), mask_of(TAXA, {"t1"}))
    assert (found.taxon_id, found.score, found.scores) == ("t1", 1.0, (0.0, 1.0, 0.0))


@pytest.mark.parametrize("reweight", [True, False])
def test_nothing_changes_when_all_classes_are_in_the_list(reweight: bool) -> None:
    # What is stored is of single precision: that is no change.
    original = classified("t2", 0.93624, scores=[0.04661, 0.01715, 0.93624], logits=[2, 1, 5])
    assert masked(original, mask_of(TAXA, TAXA), "out", config(reweight=reweight)) is Left.UNCHANGED


@pytest.mark.parametrize("reweight", [True, False])
def test_a_class_of_no_weight_is_no_change_to_mask(reweight: bool) -> None:
    by_a_billionth, by_more = math.log(0.9e-9), math.log(1.2e-9)
    settings = config(reweight=reweight)
    alone = mask_of(("t0", "t1"), {"t0"})
    assert masked(classified("t0", logits=[0, by_a_billionth]), alone, "out", settings) is Left.UNCHANGED
    assert isinstance(masked(classified("t0", logits=[0, by_more]), alone, "out", settings), Proposed)


def test_when_all_classes_are_excluded_there_is_no_mask() -> None:
    for listed in ({"t9"}, set[str]()):
        with pytest.raises(Invalid) as raised:
            mask_of(TAXA, listed)
        assert "taxa_list_id" in raised.value.fields


def test_a_class_without_a_taxon_is_masked() -> None:
    mask = mask_of((None, "t1", None), {"t1", "t5"})
    assert (mask.kept, mask.keeps) == ((1,), (False, True, False))


def test_what_cannot_be_masked_is_told_apart() -> None:
    def left(original: Classified) -> object:
        return masked(original, WITHOUT_LAST, "out", config())

    assert left(classified("t2", logits=[2, 1, 5], terminal=False)) is Left.NOT_TERMINAL
    assert left(classified("t2", scores=[0.1, 0.2, 0.7])) is Left.NO_LOGITS
    assert left(classified("t2", logits=[2, 1])) is Left.WRONG_LENGTH
    assert left(classified("t2", logits=[])) is Left.WRONG_LENGTH
    assert left(classified("t2", logits=[2, 1, 5, 0])) is Left.WRONG_LENGTH


@pytest.mark.parametrize("odd", [math.nan, math.inf, -math.inf, "5", None, True, 10**400])
def test_odd_logits_are_an_error_that_names_the_classification(odd: Any) -> None:
    with pytest.raises(Invalid, match="c7"):
        masked(classified("t2", number=7, logits=[2, 1, odd]), WITHOUT_LAST, "out", config())


def test_of_equals_the_lowest_index_wins() -> None:
    mask = mask_of(("t0", "t1", "t2", "t3"), {"t1", "t2", "t3"})
    assert proposal(classified("t0", logits=[9, 4, 4, 4]), mask).taxon_id == "t1"


def test_logits_far_apart_neither_overflow_nor_divide_by_nothing() -> None:
    found = proposal(classified("t2", logits=[-1e4, -1e4, 1e4]))
    assert found.scores == (0.5, 0.5, 0)
    assert proposal(classified("t2", logits=[-1.7e308, -1e308, 1.7e308])).taxon_id == "t1"
    assert proposal(classified("t2", logits=[-1e4, -9e3, 1e4]), reweight=False).score == 0


LOGITS = st.lists(st.floats(-60, 60), min_size=1, max_size=12)


@given(LOGITS, st.data(), st.booleans())
def test_scores_are_those_of_a_plain_softmax(
    logits: list[float], data: st.DataObject, reweight: bool
) -> None:
    indices = st.integers(0, len(logits) - 1)
    kept = data.draw(st.sets(indices, min_size=1))
    taxa = [f"t{index}" for index in range(len(logits))]
    mask = mask_of(taxa, {taxa[index] for index in kept})
    scores = masked_scores(logits, mask, reweight=reweight)
    assert scores == pytest.approx(exactly(logits, kept, reweight=reweight), rel=1e-9, abs=1e-15)
    assert all(scores[index] == 0 for index in range(len(logits)) if index not in kept)


@given(LOGITS, st.data(), st.booleans())
def test_the_winner_is_kept_and_best_and_masking_twice_is_masking_once(
    logits: list[float], data: st.DataObject, reweight: bool
) -> None:
    kept = data.draw(st.sets(st.integers(0, len(logits) - 1), min_size=1))
    taxa = [f"t{index}" for index in range(len(logits))]
    mask = mask_of(taxa, {taxa[index] for index in kept})
    original = classified(data.draw(st.sampled_from(taxa)), logits=logits)
    found = masked(original, mask, "out", config(reweight=reweight))
    assert found == masked(original, mask, "out", config(reweight=reweight))
    assume(isinstance(found, Proposed))
    assert isinstance(found, Proposed)
    best = min(kept, key=lambda index: (-logits[index], index))
    assert found.taxon_id == taxa[best]
    assert found.scores is not None
    assert found.score == max(found.scores)
    again = classified(found.taxon_id, found.score, logits=found.logits)
    only = config(reweight=reweight, only_when_taxon_changes=True)
    assert masked(again, mask, "out", only) is Left.SAME_TAXON


def test_the_algorithm_is_that_of_the_lists_content() -> None:
    key = output_algorithm("model", ["b", "a", "a"], reweight=True)
    assert key == output_algorithm("model", {"a", "b"}, reweight=True)
    assert key.startswith("model_filtered_by_taxa_list_")
    assert key.endswith("_reweighted")
    absolute = output_algorithm("model", {"a", "b"}, reweight=False)
    assert absolute.endswith("_absolute")
    edited = output_algorithm("model", {"a", "b", "c"}, reweight=True)
    assert len({key, absolute, edited, output_algorithm("other", {"a", "b"}, reweight=True)}) == 4


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"taxa_list_id": "l"},
        {"algorithm_id": "a"},
        {"taxa_list_id": "", "algorithm_id": "a"},
        {"taxa_list_id": "l", "algorithm_id": "a", "reweight": "maybe"},
        {"taxa_list_id": "l", "algorithm_id": "a", "re_weight": True},
    ],
)
def test_a_config_that_does_not_fit_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)


def test_thousands_of_classes_take_about_a_millisecond() -> None:
    taxa = [f"t{index}" for index in range(2497)]
    mask = mask_of(taxa, taxa[:1688])
    row = classified("t2000", logits=[math.sin(index) * 9 for index in range(2497)])
    start = time.process_time()
    for _ in range(20):
        proposal(row, mask)
    assert (time.process_time() - start) / 20 < 0.02
