"""Tables of taxa: what their lines say, and what taking them in would write, as values."""

from contextlib import suppress
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_taxa_rules import NOW, a_taxon, tree

from chalicelib import ids
from chalicelib.errors import Invalid
from chalicelib.taxa.checklist import Line, parse
from chalicelib.taxa.planning import Plan, parents_first, plan
from chalicelib.taxa.rules import Taxon, may_stand_above

HEADER = "name,rank,parent,gbif_key,common_name\n"
MOTHS = f"""{HEADER}Noctua pronuba,SPECIES,Noctua,1822217,Large Yellow Underwing
Noctua,genus,Noctuidae,,
Noctuidae,FAMILY,,7015,
"""


def planned(text: str, known: dict[str, Taxon] | None = None) -> Plan:
    return plan(parse(text).lines, known or {}, NOW)


def reasons(made: Plan) -> dict[int, str]:
    return {each.number: each.reason for each in made.bad}


class TestParsing:
    def test_a_line_says_what_its_cells_say(self) -> None:
        assert parse(MOTHS).lines == [
            Line(2, "Noctua pronuba", "SPECIES", "Noctua", 1822217, "Large Yellow Underwing"),
            Line(3, "Noctua", "GENUS", "Noctuidae"),
            Line(4, "Noctuidae", "FAMILY", None, 7015),
        ]

    @pytest.mark.parametrize(
        "text",
        [
            f"\ufeff{MOTHS}",
            MOTHS.replace("\n", "\r\n"),
            MOTHS.replace("\n", "\r"),
            MOTHS.replace(",", ";"),
            MOTHS.replace(",", "\t"),
            MOTHS.replace(HEADER, "scientificName,taxonRank,parentName,taxonKey,vernacularName\n"),
            MOTHS.replace(HEADER, "NAME, Rank ,Parent name,GBIF key,COMMON_NAME\n"),
            MOTHS.replace("1822217", "1822217.0"),
            MOTHS.replace("Noctua pronuba", '" Noctua  pronuba"'),
        ],
    )
    def test_the_same_lines_in_other_clothes(self, text: str) -> None:
        assert parse(text) == parse(MOTHS)

    def test_blank_lines_are_none_but_count(self) -> None:
        told = parse(MOTHS.replace("Noctua,genus", "\n , ,\nNoctua,genus"))
        assert [each.number for each in told.lines] == [2, 5, 6]
        assert not told.bad

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "\n\n",
            "rank\nGENUS\n",
            "name,scientificName\na,b\n",
            '"name\nNoctua\n',
            "\0",
            "名前\nA\n",
            HEADER + "A\n" * 20_001,
        ],
    )
    def test_what_is_no_table_is_refused(self, text: str) -> None:
        with pytest.raises(Invalid) as refused:
            parse(text)
        assert list(refused.value.fields) == ["csv"]

    @pytest.mark.parametrize(
        ("line", "field"),
        [
            (",GENUS,,,", "name"),
            ("=cmd|' /C calc'!A0,,,,", "name"),
            ("a\0b,,,,", "name"),
            ("x" * 201 + ",,,,", "name"),
            ("\ud800,,,,", "name"),
            ("A,CLAN,,,", "rank"),
            ("A,,@SUM(A1),,", "parent"),
            ("A,,,0,", "gbif_key"),
            ("A,,,-1,", "gbif_key"),
            ("A,,,99999999999,", "gbif_key"),
            ("A,,,1e400,", "gbif_key"),
            ("A,,,١٢,", "gbif_key"),
            ("A,,," + "9" * 5000 + ",", "gbif_key"),
            ("A,,,,+1", "common_name"),
            ("A,,,,Heart, and Dart", "line"),
            ('"A"b,,,,', "line"),
            ("x" * 200_000, "line"),
        ],
    )
    def test_a_bad_line_is_told_with_its_number_and_keeps_no_other_out(self, line: str, field: str) -> None:
        told = parse(f"{HEADER}B\n{line}\nC\n")
        assert [each.name for each in told.lines] == ["B", "C"]
        assert [(each.number, each.field) for each in told.bad] == [(3, field)]
        assert told.bad[0].reason

    def test_a_quote_that_never_ends_is_told_where_it_begins(self) -> None:
        told = parse(f'{HEADER}A\n"B\nC\nD\n')
        assert [each.name for each in told.lines] == ["A"]
        assert [(each.number, each.field) for each in told.bad] == [(3, "line")]

    @given(st.text())
    def test_any_text_is_lines_or_is_refused(self, text: str) -> None:
        with suppress(Invalid):
            parse(text)
        told = parse(f"name,rank\n{text}")
        plan(told.lines, {}, NOW)


class TestPlanning:
    def test_parents_may_come_later(self) -> None:
        made = planned(MOTHS)
        assert [each.name for each in made.created] == ["Noctuidae", "Noctua", "Noctua pronuba"]
        assert made.created[2].parent_id == made.created[1].id
        assert made == Plan(created=made.created)

    def test_what_is_known_changes_only_where_a_line_says_otherwise(self) -> None:
        known = tree(*planned(MOTHS).created)
        assert planned(MOTHS, known) == Plan()
        assert planned("name\nNOCTUA  pronuba\n", known) == Plan()
        [(changed, seen_at)] = planned("name,common_name\nNoctua,Underwings\n", known).changed
        assert (changed, seen_at) == (
            replace(known[ids.taxon_id("Noctua")], common_name="Underwings", updated_at=NOW),
            NOW,
        )

    def test_what_stands_above_itself_is_bad(self) -> None:
        made = planned(f"{HEADER}A,,B\nB,,C\nC,,A\nD,,A\nE,,E\nF\n")
        above_itself = "it would stand above itself"
        assert reasons(made) == {
            2: above_itself,
            3: above_itself,
            4: above_itself,
            5: "its parent 'A' could not be taken",
            6: above_itself,
        }
        assert [each.name for each in made.created] == ["F"]

    def test_so_is_what_would_by_what_is_known(self) -> None:
        known = tree(a_taxon("A", parent="B"), a_taxon("B"))
        assert reasons(planned(f"{HEADER}B,,A\n", known)) == {2: "it would stand above itself"}
        turned = planned(f"{HEADER}B,,A\nA,,C\nC\n", known)
        assert not turned.bad
        assert {each.name for each, _ in turned.changed} == {"A", "B"}

    def test_a_rank_must_be_below_its_parents(self) -> None:
        made = planned(f"{HEADER}A,FAMILY,B\nB,GENUS,C\nC,FAMILY\nD,SPECIES,A\n")
        assert reasons(made) == {
            2: "B, of the rank GENUS, cannot stand above the rank FAMILY",
            5: "its parent 'A' could not be taken",
        }

    def test_nobody_has_a_parent_that_is_nowhere(self) -> None:
        made = planned(f"{HEADER}A,,B\n")
        assert reasons(made) == {2: "its parent 'B' is neither in the file nor known"}

    def test_a_name_may_come_twice_unless_it_says_otherwise(self) -> None:
        made = planned(f"{HEADER}A,GENUS\na,genus\nA,FAMILY\nB,,X\nB,,X\n")
        assert [each.name for each in made.created] == ["A"]
        assert set(reasons(made)) == {4, 5, 6}

    def test_a_chain_of_ten_thousand_is_cut_where_nobody_looks_any_further(self) -> None:
        lines = "".join(f"T{at},,T{at + 1}\n" for at in range(10_000))
        made = planned(f"{HEADER}{lines}T10000\n")
        assert len(made.created) == 25
        assert len(made.bad) == 9976

    @given(
        st.lists(
            st.tuples(
                st.integers(0, 9),
                st.none() | st.integers(0, 9),
                st.sampled_from(["", "FAMILY", "GENUS", "SPECIES"]),
            ),
            max_size=20,
        )
    )
    def test_what_is_planned_is_a_tree(self, told: list[tuple[int, int | None, str]]) -> None:
        known: dict[str, Taxon] = {}
        for part in (told[: len(told) // 2], told):
            rows = "".join(f"T{at},{rank},{'' if up is None else f'T{up}'}\n" for at, up, rank in part)
            made = planned(HEADER + rows, known)
            known |= tree(*made.created, *(each for each, _ in made.changed))
            for taxon in known.values():
                above = [taxon]
                while parent_id := above[-1].parent_id:
                    above.append(known[parent_id])
                    assert len(above) <= len(known)
            for taxon in made.created:
                if taxon.parent_id:
                    assert may_stand_above(known[taxon.parent_id].rank, taxon.rank)


@given(st.dictionaries(st.integers(0, 20).map(str), st.none() | st.integers(0, 20).map(str)))
def test_parents_come_first(parents: dict[str, str | None]) -> None:
    order, circling = parents_first(parents)
    assert sorted(order) == sorted(parents)
    for name, parent in parents.items():
        if parent in parents and name not in circling:
            assert order.index(parent) < order.index(name)
        above, here = [name], parents[name]
        while here is not None and here in parents and here not in above:
            above.append(here)
            here = parents[here]
        assert (name in circling) == (here == name)
    assert all(one != other for one, other in pairwise(order))
