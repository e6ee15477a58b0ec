"""Rolling up: coarser, and never into another lineage unless told to."""

import itertools
import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from proposing import NOT_IDENTIFIABLE, classified
from pydantic import ValidationError

from chalicelib.errors import Invalid
from chalicelib.postprocessing.rank_rollup import (
    ORDER,
    Config,
    Ladder,
    Left,
    Rolled,
    ladder_of,
    roll_up,
    rolled,
)
from chalicelib.postprocessing.shapes import Classified, Proposed


def species(name: str, genus: str, family: str) -> dict[str, str]:
    return {"SPECIES": name, "GENUS": genus, "FAMILY": family, "ORDER": "o"}


ONE_GENUS = ladder_of([species("s0", "g0", "f0"), species("s1", "g0", "f0"), species("s2", "g0", "f0")])
# The best species stands alone in its family; the others are weak, and many, in another.
TWO_FAMILIES = ladder_of([species("s0", "g0", "f0")] + [species(f"s{i}", f"g{i}", "f1") for i in range(1, 5)])
OUTWEIGHED = [0.42, 0.15, 0.15, 0.14, 0.14]


def up(*rows: Classified, ladder: Ladder = ONE_GENUS, **given: Any) -> Proposed | Left:
    return roll_up(rows, {"model": ladder, "other": ladder}, Config(**given), {NOT_IDENTIFIABLE})


def proposal(*rows: Classified, ladder: Ladder = ONE_GENUS, **given: Any) -> Proposed:
    found = up(*rows, ladder=ladder, **given)
    assert isinstance(found, Proposed)
    return found


def test_species_of_one_genus_sum_to_it() -> None:
    found = proposal(classified("s0", 0.5, scores=[0.5, 0.2, 0.1]))
    assert found == Proposed(
        "d",
        "rank_rollup",
        "g0",
        0.8,
        replaces=("c1",),
        details={
            "rank": "GENUS",
            "thresholds": {"SPECIES": 0.8, "GENUS": 0.6, "FAMILY": 0.4},
            "lineage": "constrained",
        },
        basis="c1",
    )


def test_a_sum_that_only_floats_keep_from_its_threshold_reaches_it() -> None:
    assert 0.5 + 0.2 + 0.1 < 0.8
    for scores in itertools.permutations([0.5, 0.2, 0.1]):
        found = rolled(scores, ONE_GENUS, Config(thresholds={"GENUS": 0.8}))
        assert found == Rolled("g0", "GENUS", 0.8)
    single = [0.4999999701976776, 0.19999998807907104, 0.09999999403953552]
    assert isinstance(rolled(single, ONE_GENUS, Config(thresholds={"GENUS": 0.8})), Rolled)
    assert rolled([0.5, 0.2, 0.0999], ONE_GENUS, Config(thresholds={"GENUS": 0.8})) is Left.BELOW_THRESHOLDS


def test_a_sure_species_stays() -> None:
    assert up(classified("s0", 0.8, scores=[0.8, 0.1, 0.1])) is Left.SAME_TAXON


def test_below_every_threshold_nothing_is_said() -> None:
    assert up(classified("s0", 0.2, scores=[0.2, 0.1, 0.05])) is Left.BELOW_THRESHOLDS


def test_the_name_stays_in_the_lineage_of_the_best_label() -> None:
    row = classified("s0", 0.42, scores=OUTWEIGHED)
    constrained = proposal(row, ladder=TWO_FAMILIES)
    assert (constrained.taxon_id, constrained.score) == ("f0", 0.42)
    # As the reference has it: a family the best species is not of.
    free = proposal(row, ladder=TWO_FAMILIES, lineage="free")
    assert (free.taxon_id, free.score) == ("f1", pytest.approx(0.58))


def test_ranks_are_tried_from_fine_to_coarse_and_those_without_a_threshold_are_not() -> None:
    scores = [0.5, 0.2, 0.1]
    assert (
        proposal(classified("s0", scores=scores), thresholds={"FAMILY": 0.4, "GENUS": 0.6}).taxon_id == "g0"
    )
    assert proposal(classified("s0", scores=scores), thresholds={"FAMILY": 0.4}).taxon_id == "f0"


def test_a_best_label_of_a_genus_has_no_species() -> None:
    ladder = ladder_of([{"GENUS": "g0", "FAMILY": "f0"}, species("s1", "g0", "f0"), None])
    assert proposal(classified("g0", scores=[0.5, 0.3, 0.2]), ladder=ladder, thresholds={"FAMILY": 0.4})
    assert up(classified("g0", scores=[0.5, 0.3, 0.2]), ladder=ladder) is Left.SAME_TAXON
    assert up(classified(None, scores=[0.1, 0.3, 0.6]), ladder=ladder) is Left.UNKNOWN_TAXON
    assert up(classified(None, scores=[0.1, 0.3, 0.6]), ladder=ladder, lineage="free").__class__ is Proposed


def test_all_terminal_classifications_of_the_detection_are_replaced_by_one() -> None:
    weak = classified("s1", 0.4, number=1, scores=[0.2, 0.4, 0.1])
    best = classified("s0", 0.5, number=2, algorithm="other", scores=[0.5, 0.2, 0.1])
    box = classified("animal", 0.9, number=3, algorithm="detector")
    gone = classified("s2", 0.9, number=4, scores=[0, 0, 0.9], terminal=False)
    for rows in itertools.permutations([weak, best, box, gone]):
        found = proposal(*rows)
        assert (found.basis, found.replaces, found.taxon_id) == ("c2", ("c1", "c3", "c2"), "g0")


def written(found: Proposed) -> Classified:
    return classified(found.taxon_id, found.score, number=50, algorithm=found.algorithm)


def test_a_second_run_finds_nothing_and_one_after_a_killed_one_finds_the_same() -> None:
    rows = [
        classified("s0", 0.5, number=1, scores=[0.5, 0.2, 0.1]),
        classified("s1", 0.4, number=2, algorithm="other", scores=[0.2, 0.4, 0.1]),
    ]
    first = proposal(*rows)
    assert up(written(first)) is Left.NO_SCORES
    # Killed after the row, and after each that it replaces but the last.
    assert proposal(*rows, written(first)) == first
    assert first.replaces == ("c2", "c1")
    again = proposal(rows[0], written(first))
    assert (again.basis, again.taxon_id, again.score) == (first.basis, first.taxon_id, first.score)
    assert again.replaces == ("c1",)


def test_what_is_not_identifiable_stays_so() -> None:
    row = classified("s0", 0.5, scores=[0.5, 0.2, 0.1])
    flag = classified(NOT_IDENTIFIABLE, 1.0, number=2, algorithm="small_size_filter")
    assert up(row, flag) is Left.VERDICT


def test_what_cannot_be_rolled_up_is_told_apart() -> None:
    assert up() is up(classified("s0")) is Left.NO_SCORES
    assert up(classified("s0", scores=[0.5, 0.2, 0.1], terminal=False)) is Left.NO_SCORES
    assert up(classified("s0", scores=[0.5, 0.2, 0.1], algorithm="mapless")) is Left.NO_SCORES
    assert up(classified("s0", scores=[0.5, 0.2])) is Left.WRONG_LENGTH
    assert roll_up([classified("s0", scores=[])], {"model": ladder_of([])}, Config()) is Left.UNKNOWN_TAXON


@pytest.mark.parametrize("odd", [math.nan, math.inf, "1", None])
def test_odd_scores_are_an_error_that_names_the_classification(odd: Any) -> None:
    with pytest.raises(Invalid, match="c7"):
        up(classified("s0", number=7, scores=[0.5, odd, 0.1]))


def test_the_defaults_are_those_of_the_reference() -> None:
    assert Config().thresholds == {"SPECIES": 0.8, "GENUS": 0.6, "FAMILY": 0.4}
    assert ORDER == ("SPECIES", "GENUS", "FAMILY")
    assert Config().lineage == "constrained"


def test_ranks_may_be_written_in_lower_case() -> None:
    assert Config.model_validate({"thresholds": {"genus": 1, "Family": 0.5}}).thresholds == {
        "GENUS": 1,
        "FAMILY": 0.5,
    }


@pytest.mark.parametrize(
    "bad",
    [
        {"thresholds": {"SPECIES": 1.5}},
        {"thresholds": {"SPECIES": 0}},
        {"thresholds": {"SPECIES": math.nan}},
        {"thresholds": {"SPECIES": True}},
        {"thresholds": {"PHYLUM": 0.5}},
        {"thresholds": {"genus": 0.5, "GENUS": 0.6}},
        {"thresholds": {}},
        {"thresholds": {1: 0.5}},
        {"thresholds": [0.5]},
        {"lineage": "any"},
        {"order": ["GENUS"]},
    ],
)
def test_a_config_that_does_not_fit_is_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate(bad)


LINEAGES = st.lists(
    st.one_of(
        st.none(),
        st.tuples(st.integers(0, 5), st.integers(0, 5)).map(
            lambda each: species(f"s{each}", f"g{each[0]}", f"f{each[0] // 2}")
        ),
        st.integers(0, 5).map(lambda genus: {"GENUS": f"g{genus}", "FAMILY": f"f{genus // 2}"}),
        st.integers(0, 2).map(lambda family: {"FAMILY": f"f{family}"}),
    ),
    min_size=1,
    max_size=10,
)


@given(LINEAGES, st.data(), st.sampled_from(["constrained", "free"]))
def test_it_is_what_adding_up_by_hand_finds(
    lineages: list[dict[str, str] | None], data: st.DataObject, lineage: Any
) -> None:
    hundredths = data.draw(st.lists(st.integers(0, 40), min_size=len(lineages), max_size=len(lineages)))
    scores = [each / 100 for each in hundredths]
    settings = Config(lineage=lineage)
    found = rolled(scores, ladder_of(lineages), settings)
    own = lineages[scores.index(max(scores))] or {}
    expected = None
    for rank in ORDER:
        sums: dict[str, int] = {}
        for each, score in zip(lineages, hundredths, strict=True):
            if each and rank in each and (lineage == "free" or each[rank] == own.get(rank)):
                sums[each[rank]] = sums.get(each[rank], 0) + score
        best = max(sums.values(), default=-1)
        if Fraction(best, 100) >= Fraction(str(settings.thresholds[rank])):
            # Equal sums may round apart, so any of the best will do.
            expected = rank, {taxon for taxon, total in sums.items() if total == best}, min(best / 100, 1)
            break
    if expected is None:
        assert found in (Left.BELOW_THRESHOLDS, Left.UNKNOWN_TAXON)
        assert (found is Left.UNKNOWN_TAXON) == (not own and lineage == "constrained")
        return
    assert isinstance(found, Rolled)
    assert found.rank == expected[0]
    assert found.taxon_id in expected[1]
    assert found.score == pytest.approx(expected[2])
    assert lineage == "free" or found.taxon_id == own[found.rank]
