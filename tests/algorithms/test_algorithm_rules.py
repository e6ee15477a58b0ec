"""Algorithms and their categories, as values."""

import random
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import ids
from chalicelib.algorithms import rules
from chalicelib.algorithms.packing import MOST_BYTES, packed, unpacked
from chalicelib.algorithms.rules import Algorithm, Category
from chalicelib.algorithms.schemas import AlgorithmMake
from chalicelib.errors import Invalid
from chalicelib.taxa.rules import RANKS

LABELS = st.text(st.characters(exclude_categories=("Cc", "Cs")), min_size=1, max_size=20)
CATEGORIES = st.lists(
    st.builds(
        Category,
        st.integers(0, rules.HIGHEST_INDEX),
        LABELS,
        st.none() | LABELS.map(ids.taxon_id),
        st.none() | st.sampled_from(RANKS),
        st.none() | st.integers(1, 10**9),
    ),
    unique_by=lambda each: each.index,
)


@pytest.mark.parametrize(
    ("name", "version", "key"),
    [
        ("Moth detector", 1, "moth-detector-1"),
        ("Détecteur, “rapide” v2.1", 3, "detecteur-rapide-v2-1-3"),
        ("x" * 200, 12, "x" * 117 + "-12"),
    ],
)
def test_an_algorithm_without_a_key_gets_that_of_its_name(name: str, version: int, key: str) -> None:
    assert rules.key_of(rules.key_for(name, version)) == key
    with pytest.raises(ValueError, match="no letters"):
        rules.key_for("夜蛾", 1)


@pytest.mark.parametrize("text", ["", ".", "..", "-a", "A", "a/b", "a b", "a#b", "a\n", "é", "a" * 121])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="small letters"):
        rules.key_of(text)


@given(CATEGORIES)
def test_what_is_packed_can_be_unpacked(categories: list[Category]) -> None:
    assert unpacked(packed(categories)) == tuple(categories)
    own = [Category(at, each.label, ids.taxon_id(each.label)) for at, each in enumerate(categories)]
    assert unpacked(packed(own)) == tuple(own)


def test_twenty_thousand_labels_fit_a_row_and_too_many_are_refused() -> None:
    chance = random.Random(1)
    letters = "abcdefghijklmnopqrstuvwxyz"
    names = [
        f"{''.join(chance.choices(letters, k=8)).title()} {''.join(chance.choices(letters, k=5))}"
        for _ in range(rules.MOST_CATEGORIES)
    ]
    own = [Category(at, name, ids.taxon_id(name), "SPECIES") for at, name in enumerate(names)]
    assert len(packed(own)) < MOST_BYTES
    long = [Category(at, f"{name} {chance.randbytes(60).hex()}") for at, name in enumerate(names)]
    with pytest.raises(Invalid) as refused:
        packed(long)
    assert list(refused.value.fields) == ["categories"]


@given(CATEGORIES, st.randoms())
def test_a_hash_knows_labels_and_indexes_and_no_order(categories: list[Category], chance: object) -> None:
    bare = [Category(each.index, each.label) for each in categories]
    chance.shuffle(bare)  # type: ignore[attr-defined]
    assert rules.labels_hash(bare) == rules.labels_hash(categories)
    assert rules.ordered(bare) == tuple(sorted(bare, key=lambda each: each.index))
    if bare:
        assert rules.labels_hash([Category(bare[0].index, bare[0].label + "x"), *bare[1:]]) != (
            rules.labels_hash(bare)
        )


def test_an_index_stands_for_one_thing() -> None:
    with pytest.raises(ValueError, match="'a' and 'b' both have the index 1"):
        rules.ordered([Category(1, "a"), Category(0, "c"), Category(1, "b")])


def test_what_is_sent_without_indexes_has_those_of_its_places() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    body = AlgorithmMake.model_validate({"name": "A b", "categories": [{"label": "x"}, {"label": "y"}]})
    assert body.told() == [Category(0, "x"), Category(1, "y")]
    assert body.algorithm(now) == Algorithm("a-b-1", "A b", now)
    assert AlgorithmMake.model_validate({"name": "A"}).told() is None
