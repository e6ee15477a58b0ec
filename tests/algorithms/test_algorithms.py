"""Algorithms in the table and through the API's front door, on real engines, and what they cost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from api import Api
from meter import Meter
from world import Assassin, Killed

from chalicelib import ids
from chalicelib.algorithms import reading, service, store
from chalicelib.algorithms.rules import Algorithm, Category
from chalicelib.errors import Conflict, Invalid
from chalicelib.taxa import reading as taxa

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
MOTHS = Algorithm("moths-1", "Moths", NOW, task_type="classification", uri="https://example.org/m")
OWN = (Category(0, "Noctua", None, "GENUS", 7), Category(1, "Not a moth"))


class TestEnsuring:
    def test_the_same_again_writes_nothing(self, table: str) -> None:
        with Meter() as meter:
            made = service.ensure(MOTHS, OWN)
        assert meter.requests == {"BatchGetItem": 1, "TransactWriteItems": 1}
        assert (made.categories_count, service.find("moths-1")) == (2, made)
        with Meter() as meter:
            again = service.ensure(
                replace(MOTHS, created_at=NOW + timedelta(days=1)), OWN[::-1], with_taxa=True
            )
            assert service.ensure(MOTHS) == made
        assert again == made
        assert meter.requests == {"BatchGetItem": 2}
        assert reading.whole(["moths-1", "another"]) == {"moths-1": made}
        assert reading.categories("moths-1") == OWN
        assert reading.categories("another") == ()

    @pytest.mark.parametrize(
        "others",
        [
            OWN[:1],
            (*OWN, Category(2, "x")),
            (replace(OWN[0], label="noctua"), OWN[1]),
            (replace(OWN[1], index=2), OWN[0]),
        ],
    )
    def test_other_categories_are_refused_and_leave_no_taxa(
        self, table: str, others: tuple[Category, ...]
    ) -> None:
        service.ensure(MOTHS, OWN)
        with pytest.raises(Conflict, match="another version"):
            service.ensure(MOTHS, others, with_taxa=True)
        assert reading.categories("moths-1") == OWN
        assert taxa.whole([ids.taxon_id("noctua")]) == {}

    def test_one_without_categories_may_get_some(self, table: str) -> None:
        assert service.ensure(MOTHS).labels_hash is None
        made = service.ensure(MOTHS, OWN)
        assert (made.categories_count, reading.categories("moths-1")) == (2, OWN)
        assert service.ensure(MOTHS) == made

    @pytest.mark.parametrize("same", [True, False])
    @pytest.mark.parametrize("verb", ["add", "put_categories"])
    def test_two_at_the_same_time(
        self, table: str, monkeypatch: pytest.MonkeyPatch, verb: str, same: bool
    ) -> None:
        if verb == "put_categories":
            service.ensure(MOTHS)
        write, theirs = getattr(store, verb), OWN if same else OWN[:1]

        def meanwhile(*told: Any) -> Any:
            monkeypatch.setattr(store, verb, write)
            service.ensure(MOTHS, theirs)
            return write(*told)

        monkeypatch.setattr(store, verb, meanwhile)
        if same:
            assert service.ensure(MOTHS, OWN) == service.find("moths-1")
        else:
            with pytest.raises(Conflict):
                service.ensure(MOTHS, OWN)
        assert reading.categories("moths-1") == theirs

    def test_labels_get_the_taxa_of_their_names(self, table: str) -> None:
        service.ensure(MOTHS, OWN, with_taxa=True)
        own = reading.categories("moths-1")
        assert [each.taxon_id for each in own] == [ids.taxon_id("Noctua"), ids.taxon_id("Not a moth")]
        there = taxa.whole(each.taxon_id or "" for each in own)
        told = [(each.name, each.rank, each.gbif_key) for each in there.values()]
        assert sorted(told, key=str) == [("Noctua", "GENUS", 7), ("Not a moth", "UNKNOWN", None)]

    def test_what_cannot_be_kept_leaves_nothing(self, table: str) -> None:
        wrong = Category(5, "=1+1")
        for categories, field in (
            ([OWN[0], wrong], "categories.1.label"),
            ([OWN[0], Category(1, "a", ids.taxon_id("nobody"))], "categories.1.taxon_id"),
            ([OWN[0], OWN[0]], "categories"),
        ):
            with pytest.raises(Invalid) as refused:
                service.ensure(MOTHS, categories, with_taxa=True)
            assert list(refused.value.fields) == [field]
        assert reading.whole(["moths-1"]) == {}
        assert taxa.whole([ids.taxon_id("Noctua")]) == {}
        assert service.ensure(MOTHS, [OWN[0], wrong]).categories_count == 2

    @pytest.mark.parametrize("turn", [0, 1])
    @pytest.mark.parametrize("afterwards", [False, True])
    def test_one_that_died_is_ended_by_the_next(
        self, real_table: str, s3: Any, turn: int, afterwards: bool
    ) -> None:
        with Assassin(turn=turn, afterwards=afterwards), pytest.raises(Killed):
            service.ensure(MOTHS, OWN, with_taxa=True)
        made = service.ensure(MOTHS, OWN, with_taxa=True)
        assert made.categories_count == len(reading.categories("moths-1")) == 2
        assert all(each.taxon_id for each in reading.categories("moths-1"))

    def test_twenty_thousand_categories_are_two_requests(self, real_table: str) -> None:
        own = [Category(at, f"Species {at * 7919 % 99991}") for at in range(20_000)]
        with Meter() as meter:
            service.ensure(MOTHS, own)
        assert meter.total == 2
        with Meter() as meter:
            assert reading.categories("moths-1") == tuple(own)
        assert meter.total == 1


class TestApi:
    def test_what_is_made_can_be_found(self, table: str, api: Api) -> None:
        body = {
            "name": "Moth classifier",
            "version": 2,
            "task_type": "classification",
            "categories": [
                {"label": "Noctua", "taxon_rank": "GENUS"},
                {"label": "Agrotis", "taxon_rank": "GENUS"},
            ],
        }
        status, made = api.send("POST", "/ml/algorithms", body)
        assert (status, made["key"], made["categories_count"]) == (201, "moth-classifier-2", 2)
        assert api.send("POST", "/ml/algorithms", body) == (200, made)
        path = f"/ml/algorithms/{made['key']}"
        assert api.get(path) == (200, made)
        with Meter() as meter:
            status, told = api.get(f"{path}/categories")
        assert (status, told["count"], told["labels_hash"], meter.total) == (200, 2, made["labels_hash"], 2)
        assert told["results"][1] == {
            "index": 1,
            "label": "Agrotis",
            "taxon_id": ids.taxon_id("Agrotis"),
            "taxon_rank": "GENUS",
        }
        assert api.get(f"/taxa/{ids.taxon_id('Noctua')}")[1]["rank"] == "GENUS"
        status, told = api.send("POST", "/ml/algorithms", {**body, "categories": [{"label": "x"}]})
        assert (status, "another version" in told["detail"]) == (409, True)

    def test_no_taxa_are_made_unless_they_are_wanted(self, table: str, api: Api) -> None:
        body = {"name": "A", "key": "a.b_c-1", "categories": [{"label": "person"}], "taxa": False}
        assert api.send("POST", "/ml/algorithms", body)[0] == 201
        [category] = api.get("/ml/algorithms/a.b_c-1/categories")[1]["results"]
        assert category["taxon_id"] is None
        assert api.get("/taxa")[1]["results"] == []

    def test_lists_come_in_pages_by_name(self, table: str, api: Api) -> None:
        for name in ("c", "a", "B#d"):
            api.send("POST", "/ml/algorithms", {"name": name})
        seen, path = [], "/ml/algorithms?limit=2"
        while path:
            with Meter() as meter:
                page = api.get(path)[1]
            assert (page["count"], meter.total) == (3, 3)
            seen += [each["name"] for each in page["results"]]
            path = page["next"] and page["next"].removeprefix("http://nightjar.test/api/v2")
        assert seen == ["a", "B#d", "c"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "name"),
            ({"name": "a", "key": "A b"}, "key"),
            ({"name": "a", "key": "x" * 121}, "key"),
            ({"name": "a", "key": ""}, "key"),
            ({"name": "a", "version": 0}, "version"),
            ({"name": "a", "version": 10**400}, "version"),
            ({"name": "a", "task_type": "magic"}, "task_type"),
            ({"name": "a", "uri": "a\nb"}, "uri"),
            ({"name": "a", "uri": "x" * 501}, "uri"),
            ({"name": "a", "categories": "x"}, "categories"),
            ({"name": "a", "categories": [{}]}, "categories.0.label"),
            ({"name": "a", "categories": [{"label": " "}]}, "categories.0.label"),
            ({"name": "a", "categories": [{"label": "\ud800"}]}, "categories.0.label"),
            ({"name": "a", "categories": [{"label": "@SUM(A1)"}]}, "categories.0.label"),
            ({"name": "a", "categories": [{"label": "x", "index": -1}]}, "categories.0.index"),
            ({"name": "a", "categories": [{"label": "x", "index": 10**30}]}, "categories.0.index"),
            ({"name": "a", "categories": [{"label": "x", "taxon_id": "TAXON#x"}]}, "categories.0.taxon_id"),
            ({"name": "a", "categories": [{"label": "x", "taxon_rank": "CLAN"}]}, "categories.0.taxon_rank"),
            ({"name": "a", "categories": [{"label": "x", "gbif_key": 1e9}]}, "categories.0.gbif_key"),
            ({"name": "a", "categories": [{"label": "x"}] * 20_001}, "categories"),
            ({"name": "夜蛾"}, "key"),
        ],
    )
    def test_what_does_not_fit_is_refused_by_field(
        self, table: str, api: Api, body: dict[str, Any], field: str
    ) -> None:
        status, told = api.send("POST", "/ml/algorithms", body)
        assert (status, field in told["fields"]) == (400, True), told
        assert api.get("/ml/algorithms")[1]["results"] == []

    def test_writing_needs_a_token_and_what_is_not_there_is_not_found(self, table: str, api: Api) -> None:
        assert (
            api.send("POST", "/ml/algorithms", {"name": "a"}, {"Content-Type": "application/json"})[0] == 401
        )
        for key in ("nobody", "A%23b", "x" * 200, "%00"):
            assert api.get(f"/ml/algorithms/{key}")[0] == 404
            assert api.get(f"/ml/algorithms/{key}/categories")[0] == 404
        assert api.get("/ml/algorithms?cursor=QQ")[0] == 400
