"""What a taxon is, and what stands above it, as values."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib import ids
from chalicelib.taxa import rules
from chalicelib.taxa.rules import MOST_ABOVE, RANKS, Rank, Taxon, lineage, may_stand_above, why_not_below

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


def a_taxon(name: str, rank: Rank = "UNKNOWN", parent: str | None = None) -> Taxon:
    return Taxon(ids.taxon_id(name), name, rank, NOW, NOW, ids.taxon_id(parent) if parent else None)


def tree(*taxa: Taxon) -> dict[str, Taxon]:
    return {each.id: each for each in taxa}


class TestNames:
    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("  Noctua   pronuba ", "Noctua pronuba"),
            ("Noctua\u00a0pronuba\t", "Noctua pronuba"),
            ("Ae\u0301dia", "A\u00e9dia"),
            ("×Orchiserapias", "×Orchiserapias"),
            ("夜蛾科", "夜蛾科"),
            ("Euxoa (s.l.) “agg.” 1/2", "Euxoa (s.l.) “agg.” 1/2"),
        ],
    )
    def test_are_kept_composed_with_single_spaces(self, text: str, name: str) -> None:
        assert rules.name_of(text) == name

    @pytest.mark.parametrize(
        "text", ["", "  ", "a\0b", "a\x1bb", "\ud800", "x" * 201, "=1+1", " @SUM(A1)", "+x", "-x", "＝x"]
    )
    def test_that_are_none_are_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match=r"."):
            rules.name_of(text)

    @given(st.text(max_size=250))
    def test_what_is_taken_stays_as_it_is_and_can_be_stored(self, text: str) -> None:
        try:
            name = rules.name_of(text)
        except ValueError:
            return
        assert rules.name_of(name) == name
        assert 0 < len(name.encode()) <= 4 * rules.LONGEST_NAME
        assert ids.taxon_id(name) == ids.taxon_id(f" {name} ")


class TestRanks:
    def test_the_order_is_that_of_the_tree(self) -> None:
        assert RANKS[0] == "KINGDOM"
        assert RANKS[-3:] == ("GENUS", "SPECIES", "UNKNOWN")
        for upper, lower in pairwise(RANKS[:-1]):
            assert may_stand_above(upper, lower)
            assert not may_stand_above(lower, upper)
            assert not may_stand_above(upper, upper)
        assert all(may_stand_above("UNKNOWN", each) and may_stand_above(each, "UNKNOWN") for each in RANKS)

    def test_are_read_in_any_case(self) -> None:
        assert rules.rank_of(" genus ") == "GENUS"
        with pytest.raises(ValueError, match="KINGDOM"):
            rules.rank_of("CLAN")


class TestLineages:
    def test_go_upwards_as_far_as_there_is_something(self) -> None:
        taxa = tree(
            a_taxon("Noctuidae", "FAMILY", "nobody"),
            a_taxon("Noctua", "GENUS", "Noctuidae"),
            a_taxon("Noctua pronuba", "SPECIES", "Noctua"),
        )
        names = ("noctua pronuba", "noctua", "noctuidae")
        assert lineage(ids.taxon_id(names[0]), taxa) == tuple(map(ids.taxon_id, names))
        assert lineage(ids.taxon_id("nobody"), taxa) == (ids.taxon_id("nobody"),)

    @given(st.lists(st.integers(0, 40) | st.none(), min_size=1, max_size=41))
    def test_end_whatever_stands_above_what(self, parents: list[int | None]) -> None:
        taxa = tree(
            *(a_taxon(str(at), parent=None if up is None else str(up)) for at, up in enumerate(parents))
        )
        for taxon_id in taxa:
            found = lineage(taxon_id, taxa)
            assert len(set(found)) == len(found) <= MOST_ABOVE + 1
            assert all(taxa[lower].parent_id == upper for lower, upper in pairwise(found))

    def test_why_a_taxon_may_not_have_its_parent(self) -> None:
        taxa = tree(a_taxon("A", "FAMILY"), a_taxon("B", "GENUS", "A"), a_taxon("C", "SPECIES", "B"))
        assert why_not_below(a_taxon("D", "SPECIES", "B"), taxa) is None
        assert why_not_below(a_taxon("D"), taxa) is None
        assert why_not_below(a_taxon("A", "UNKNOWN", "C"), taxa) == "it would stand above itself"
        assert why_not_below(a_taxon("D", "FAMILY", "B"), taxa) == (
            "B, of the rank GENUS, cannot stand above the rank FAMILY"
        )
        assert "there is no taxon" in (why_not_below(a_taxon("D", "FAMILY", "E"), taxa) or "")
        chain = tree(*(a_taxon(str(at), parent=str(at + 1)) for at in range(60)))
        assert "more than 24" in (why_not_below(a_taxon("x", parent="0"), chain) or "")


@given(st.lists(st.text()), st.randoms())
def test_a_digest_knows_what_is_in_a_list_and_no_order(taxon_ids: list[str], chance: object) -> None:
    own = [ids.taxon_id(each) for each in taxon_ids]
    shuffled = own * 2
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.digest(own) == rules.digest(shuffled)
    assert rules.digest([*own, "another"]) != rules.digest(own)
