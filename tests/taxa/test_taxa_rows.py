"""Taxa and lists of them in the table, on real engines, and what they cost."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from meter import Meter
from test_taxa_rules import NOW, a_taxon
from world import Assassin, Killed

from chalicelib import ids
from chalicelib.aws import keys
from chalicelib.errors import Conflict, Invalid, NotFound
from chalicelib.taxa import importing, list_store, reading, service, store
from chalicelib.taxa.rules import NOT_IDENTIFIABLE, UNKNOWN, TaxaList, Taxon

LATER = datetime(2026, 6, 2, 12, tzinfo=UTC)
HEADER = "name,rank,parent\n"


def a_list(**more: Any) -> TaxaList:
    return service.make_list(TaxaList(ids.new_taxa_list_id(), "Moths", NOW, NOW, **more))


def some(names: Iterable[str]) -> list[str]:
    """Taxa in the table, by id."""
    return [each.id for each in service.ensure(dict.fromkeys(names, ("SPECIES", None))).values()]


class TestTaxa:
    def test_what_is_made_is_there_once(self, table: str) -> None:
        made = service.make(replace(a_taxon("Noctua", "GENUS"), notes="n", gbif_key=7, common_name="c"))
        assert service.find(made.id) == made
        with pytest.raises(Conflict, match=made.id):
            service.make(a_taxon("NOCTUA", "FAMILY"))
        assert service.find(made.id) == made
        with pytest.raises(NotFound):
            service.find(ids.taxon_id("another"))
        with pytest.raises(NotFound):
            service.find("TAXON#x")

    def test_a_change_is_refused_if_it_comes_too_late(self, table: str) -> None:
        made = service.make(a_taxon("Noctua", "GENUS"))
        changed = service.change(replace(made, notes="n"), made.updated_at, LATER)
        assert service.find(made.id) == changed == replace(made, notes="n", updated_at=LATER)
        with pytest.raises(Conflict):
            service.change(replace(made, notes="m"), made.updated_at, LATER)
        bare = service.change(replace(changed, notes=""), LATER, LATER)
        assert service.find(made.id) == bare

    def test_nothing_stands_above_itself(self, table: str) -> None:
        upper = service.make(a_taxon("A"))
        service.make(a_taxon("B", parent="A"))
        lower = service.make(a_taxon("C", parent="B"))
        for parent_id, why in (
            (lower.id, "above itself"),
            (upper.id, "above itself"),
            ("no id", "there is no taxon"),
            (ids.taxon_id("nobody"), "there is no taxon"),
        ):
            with pytest.raises(Invalid, match=why) as refused:
                service.change(replace(upper, parent_id=parent_id), NOW, LATER)
            assert list(refused.value.fields) == ["parent_id"]
        with pytest.raises(Invalid, match="GENUS"):
            service.make(
                replace(a_taxon("D", "FAMILY", "E"), parent_id=service.make(a_taxon("E", "GENUS")).id)
            )

    def test_nor_if_two_are_moved_at_the_same_time(self, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
        one, other = service.make(a_taxon("A")), service.make(a_taxon("B"))
        write = store.update

        def meanwhile(*told: Any) -> None:
            monkeypatch.setattr(store, "update", write)
            service.change(replace(other, parent_id=one.id), NOW, LATER)
            write(*told)

        monkeypatch.setattr(store, "update", meanwhile)
        with pytest.raises(Conflict):
            service.change(replace(one, parent_id=other.id), NOW, LATER)
        assert service.find(one.id).parent_id is None
        assert service.find(other.id).parent_id == one.id

    def test_ensuring_makes_what_is_missing_and_nothing_else(self, table: str) -> None:
        kept = service.make(replace(a_taxon("Noctua", "FAMILY"), notes="mine"))
        wanted = {"noctua": ("GENUS", 1), NOT_IDENTIFIABLE: (UNKNOWN, None), "Agrotis": ("GENUS", 2)}
        made = service.ensure(wanted)
        assert made["noctua"] == kept
        assert (made["Agrotis"].rank, made["Agrotis"].gbif_key) == ("GENUS", 2)
        assert service.ensure(wanted) == made
        with Meter() as meter:
            service.ensure(wanted)
        assert meter.requests == {"BatchGetItem": 1}
        with pytest.raises(Invalid) as refused:
            service.ensure(
                {"=1": ("GENUS", None), "a": ("CLAN", None), "b": ("GENUS", -1), "c": ("GENUS", 1)}
            )
        assert set(refused.value.fields) == {"=1", "a", "b"}
        assert ids.taxon_id("c") not in reading.whole([ids.taxon_id("c")])

    def test_ensuring_bears_others_who_do_the_same(self, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
        write = store.add

        def meanwhile(taxa: Any) -> bool:
            monkeypatch.setattr(store, "add", write)
            service.make(replace(taxa[0], notes="theirs"))
            return write(taxa)

        monkeypatch.setattr(store, "add", meanwhile)
        made = service.ensure({"A": ("GENUS", None), "B": ("GENUS", None)})
        assert {name: each.notes for name, each in made.items()} == {"A": "theirs", "B": ""}

    def test_ensuring_costs_two_requests_per_hundred(self, table: str) -> None:
        wanted = {f"Species {number}": ("SPECIES", number + 1) for number in range(250)}
        with Meter() as meter:
            made = service.ensure(wanted)
        assert meter.requests == {"BatchGetItem": 3, "TransactWriteItems": 3}
        with Meter() as meter:
            assert reading.whole(each.id for each in made.values()) == {
                each.id: each for each in made.values()
            }
        assert meter.requests == {"BatchGetItem": 3}


class TestLineages:
    def test_of_a_hundred_cost_a_request_per_level(self, table: str) -> None:
        text = HEADER + "Noctuidae,FAMILY,\n" + "".join(f"G{at},GENUS,Noctuidae\n" for at in range(10))
        text += "".join(f"G{at % 10} s{at},SPECIES,G{at % 10}\n" for at in range(100))
        importing.take(text, NOW)
        wanted = [ids.taxon_id(f"G{at % 10} s{at}") for at in range(100)]
        with Meter() as meter:
            found = reading.lineages(wanted)
        assert meter.requests == {"BatchGetItem": 3}
        assert found == {
            each: (each, ids.taxon_id(f"G{at % 10}"), ids.taxon_id("Noctuidae"))
            for at, each in enumerate(wanted)
        }

    def test_bear_circles_and_parents_that_are_nowhere(self, table: str) -> None:
        store.add([a_taxon("A", parent="B"), a_taxon("B", parent="A"), a_taxon("C", parent="nobody")])
        a, b, c, d = map(ids.taxon_id, "ABCD")
        with Meter() as meter:
            assert reading.lineages([a, b, c, d]) == {a: (a, b), b: (b, a), c: (c,), d: (d,)}
        assert meter.total == 2
        assert reading.lineages([]) == {}


class TestImport:
    def test_a_second_one_writes_nothing(self, table: str) -> None:
        text = f"{HEADER}Noctua pronuba,SPECIES,Noctua\nNoctua,GENUS,\nB,CLAN,\n"
        first, second = importing.take(text, NOW), importing.take(text, LATER)
        assert (first.created, first.updated, first.unchanged, len(first.failed)) == (2, 0, 0, 1)
        assert (second.created, second.updated, second.unchanged, len(second.failed)) == (0, 0, 2, 1)
        with Meter() as meter:
            third = importing.take(f"{text}Noctua fimbriata,SPECIES,Noctua\n", LATER)
        assert (third.created, third.updated, third.unchanged) == (1, 0, 2)
        assert meter.requests == {"BatchGetItem": 1, "TransactWriteItems": 1}

    def test_what_others_change_meanwhile_is_looked_at_again(
        self, table: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        made = service.make(a_taxon("A", "GENUS"))
        write = store.write

        def meanwhile(*told: Any) -> bool:
            monkeypatch.setattr(store, "write", write)
            service.change(replace(made, notes="theirs"), NOW, LATER)
            service.make(a_taxon("B"))
            return write(*told)

        monkeypatch.setattr(store, "write", meanwhile)
        report = importing.take(f"{HEADER}A,FAMILY,\nB,GENUS,A\nC,GENUS,A\n", LATER + timedelta(hours=1))
        assert (report.created, report.updated, report.unchanged, report.failed) == (1, 2, 0, [])
        assert service.find(made.id).notes == "theirs"
        assert service.find(ids.taxon_id("B")).parent_id == made.id

    @pytest.mark.parametrize("afterwards", [False, True])
    def test_one_that_died_is_ended_by_the_next(self, real_table: str, s3: Any, afterwards: bool) -> None:
        text = HEADER + "".join(f"T{at},GENUS,\n" for at in range(150))
        with Assassin(turn=1, afterwards=afterwards), pytest.raises(Killed):
            importing.take(text, NOW)
        report = importing.take(text, NOW)
        assert report.created == (0 if afterwards else 50)
        assert report.created + report.unchanged == 150
        assert store.count("T") == 150

    def test_ten_thousand_lines(self, young_engine: Any) -> None:
        lines = [f"Genus{at // 10} s{at},SPECIES,Genus{at // 10}\r\n" for at in range(9_000)]
        lines += [f"Genus{at},GENUS,Noctuidae\r\n" for at in range(999)]
        text = "\ufeffname,rank,parent\r\n" + "".join(lines) + "Noctuidae,FAMILY,\r\n\r\n"
        with Meter() as meter:
            report = importing.take(text, NOW)
        assert (report.created, report.failed) == (10_000, [])
        assert meter.requests == {"BatchGetItem": 100, "TransactWriteItems": 100}
        with Meter() as meter:
            assert importing.take(text, LATER).unchanged == 10_000
        assert meter.requests == {"BatchGetItem": 100}


class TestLists:
    def test_who_is_added_is_in_it_once_and_counted(self, table: str) -> None:
        made, own = a_list(), some("CAB")
        assert service.add(made.id, own[:2]) == 2
        assert service.add(made.id, [*own, own[0]]) == 1
        assert service.members(made.id) == set(own)
        assert service.find_list(made.id).taxa_count == 3
        assert list_store.page(made.id, 2, None)[0] == [own[1], own[2]]
        assert service.remove(made.id, [own[0], ids.taxon_id("another")]) == 1
        assert service.members(made.id) == set(own[1:])
        assert service.find_list(made.id).taxa_count == 2

    @pytest.mark.parametrize("wrong", ["nothing", ids.taxon_id("nobody")])
    def test_only_taxa_are_added(self, table: str, wrong: str) -> None:
        made, own = a_list(), some("A")
        with pytest.raises(Invalid) as refused:
            service.add(made.id, [*own, wrong])
        assert list(refused.value.fields) == ["taxon_ids"]
        assert service.members(made.id) == set()

    def test_others_at_the_same_time_are_borne(self, table: str, monkeypatch: pytest.MonkeyPatch) -> None:
        made, own = a_list(), some("ABC")
        put = list_store.put

        def meanwhile(list_id: str, taxa: list[Taxon]) -> bool:
            monkeypatch.setattr(list_store, "put", put)
            service.add(list_id, own[:1])
            return put(list_id, taxa)

        monkeypatch.setattr(list_store, "put", meanwhile)
        assert service.add(made.id, own) == 2
        assert service.find_list(made.id).taxa_count == 3

    def test_a_thousand_cost_what_they_must(self, real_table: str) -> None:
        made, own = a_list(), some(f"T{at}" for at in range(1000))
        with Meter() as meter:
            assert service.add(made.id, own) == 1000
        assert meter.requests == {"BatchGetItem": 20, "TransactWriteItems": 11}
        with Meter() as meter:
            assert len(service.members(made.id)) == 1000
        assert meter.requests == {"Query": 1}
        with Meter() as meter:
            assert service.remove(made.id, own) == 1000
        assert meter.requests == {"BatchGetItem": 10, "TransactWriteItems": 11}
        assert service.find_list(made.id).taxa_count == 0

    def test_deleting_one_leaves_nothing_of_it_whatever_dies(self, real_table: str, s3: Any) -> None:
        for turn in range(3):  # its writes but for the batch; the last time nobody dies
            made, own = a_list(), some(f"T{at}" for at in range(30))
            service.add(made.id, own)
            with Assassin(turn=turn) as assassin:
                try:
                    service.delete(made.id)
                except Killed:
                    assassin.revive()
                    assert service.find_list(made.id).leaving == (turn > 0)
                    service.delete(made.id)
            assert list_store.contents(made.id) == (None, [])
            assert list_store.count(None) == 0
            assert set(reading.whole(own)) == set(own)

    def test_one_that_is_leaving_is_neither_changed_nor_used(self, table: str) -> None:
        made, own = a_list(), some("AB")
        service.add(made.id, own[:1])
        list_store.leave(made.id)
        with pytest.raises(Conflict):
            service.change_list(replace(made, name="x"), NOW, LATER)
        with pytest.raises(Conflict, match="deleted"):
            service.add(made.id, own)
        with pytest.raises(Conflict, match="deleted"):
            service.remove(made.id, own)
        with pytest.raises(NotFound):
            service.members(made.id)
        service.delete(made.id)
        with pytest.raises(Conflict, match="deleted"):
            service.add(made.id, own)
        assert list_store.contents(made.id) == (None, [])


def test_no_key_of_a_taxon_takes_more_than_keys_may() -> None:
    for name in ("\U0001f98b" * 200, "ﷺ" * 200, "ß" * 200):
        assert len(keys.taxon_rank(name, ids.taxon_id(name)).encode()) < 1024
