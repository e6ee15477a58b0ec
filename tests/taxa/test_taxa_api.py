"""Taxa through the API's front door, on real engines."""

from typing import Any

import pytest
from api import AUTHORISED, Api
from meter import Meter
from world import a_project

from chalicelib import ids


def made(api: Api, name: str, **more: Any) -> dict[str, Any]:
    status, told = api.send("POST", "/taxa", {"name": name, **more})
    assert status == 201, told
    return dict(told)


def named(api: Api, path: str) -> list[str]:
    """The names of all that a list has, page by page."""
    names: list[str] = []
    where: str | None = path
    while where:
        status, page = api.get(where, **AUTHORISED)
        assert status == 200, page
        names += [each["name"] for each in page["results"]]
        where = page["next"] and page["next"].removeprefix("http://nightjar.test/api/v2")
    return names


class TestTaxa:
    def test_what_is_made_can_be_found_and_changed(self, table: str, api: Api) -> None:
        family = made(api, "Noctuidae", rank="FAMILY", gbif_key=7015)
        genus = made(api, " Noctua ", rank="GENUS", parent_id=family["id"])
        species = made(api, "Noctua pronuba", rank="SPECIES", parent_id=genus["id"], common_name="Hausmutter")
        assert (genus["name"], genus["id"]) == ("Noctua", ids.taxon_id("noctua"))
        assert species["parents"] == [
            {"id": family["id"], "name": "Noctuidae", "rank": "FAMILY"},
            {"id": genus["id"], "name": "Noctua", "rank": "GENUS"},
        ]
        assert api.get(f"/taxa/{species['id']}") == (200, species)
        status, changed = api.send("PATCH", f"/taxa/{species['id']}", {"parent_id": None, "notes": "?"})
        assert (status, changed["parents"], changed["notes"]) == (200, [], "?")
        assert changed["common_name"] == "Hausmutter"
        assert api.send("POST", "/taxa", {"name": "NOCTUA"})[0] == 409
        assert api.get(f"/taxa/{ids.taxon_id('nobody')}")[0] == 404
        assert api.get("/taxa/TAXON%23x")[0] == 404

    def test_lists_come_by_name_and_by_how_names_begin(self, table: str, api: Api) -> None:
        for name in ("noctua b", "Noctua a", "Agrotis", "Éa#x", "Noctuidae"):
            made(api, name)
        assert named(api, "/taxa?limit=2") == ["Agrotis", "Noctua a", "noctua b", "Noctuidae", "Éa#x"]
        assert named(api, "/taxa?limit=1&q=NOCTUA") == ["Noctua a", "noctua b"]
        assert named(api, "/taxa?q=noctua%20") == ["Noctua a", "noctua b"]
        assert named(api, "/taxa?q=e%CC%81a%23") == ["Éa#x"]
        page = api.get("/taxa?q=a")[1]
        assert (page["count"], len(page["results"])) == (1, 1)
        assert api.get("/taxa?q=" + "x" * 81)[1]["fields"].keys() == {"q"}
        cursor = api.get("/taxa?limit=1")[1]["next"].partition("cursor=")[2]
        for query in (f"q=n&cursor={cursor}", "cursor=x", "cursor=QQ"):
            assert api.get(f"/taxa?{query}")[1]["fields"].keys() == {"cursor"}

    def test_a_page_costs_three_requests(self, table: str, api: Api) -> None:
        lines = "".join(f"T{at:03},GENUS,F\n" for at in range(120))
        status, told = api.send("POST", "/taxa/import", {"csv": f"name,rank,parent\n{lines}F,FAMILY,\n"})
        assert (status, told["counts"]["created"]) == (200, 121)
        with Meter() as meter:
            page = api.get("/taxa?q=t&limit=100")[1]
        assert (page["count"], len(page["results"]), meter.total) == (120, 100, 3)
        with Meter() as meter:
            api.get(f"/taxa/{ids.taxon_id('T001')}")
        assert meter.total == 2

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": 3}, "name"),
            ({"name": "x" * 201}, "name"),
            ({"name": "x" * 100_000}, "name"),
            ({"name": "=HYPERLINK(1)"}, "name"),
            ({"name": "a\u0000b"}, "name"),
            ({"name": "\ud800"}, "name"),
            ({"name": "a", "rank": "genus"}, "rank"),
            ({"name": "a", "rank": None}, "rank"),
            ({"name": "a", "gbif_key": 0}, "gbif_key"),
            ({"name": "a", "gbif_key": 10**400}, "gbif_key"),
            ({"name": "a", "gbif_key": 1.0}, "gbif_key"),
            ({"name": "a", "parent_id": "x"}, "parent_id"),
            ({"name": "a", "parent_id": ids.taxon_id("a")}, "parent_id"),
            ({"name": "a", "common_name": "+1"}, "common_name"),
            ({"name": "a", "notes": "x" * 2001}, "notes"),
            ({"name": "a", "created_at": "2026-01-01"}, "created_at"),
        ],
    )
    def test_what_does_not_fit_is_refused_by_field(
        self, table: str, api: Api, body: dict[str, Any], field: str
    ) -> None:
        status, told = api.send("POST", "/taxa", body)
        assert (status, field in told.get("fields", {})) == (400, True), told
        assert api.get("/taxa")[1]["results"] == []

    def test_a_circle_is_refused_by_field(self, table: str, api: Api) -> None:
        upper = made(api, "A")
        lower = made(api, "B", parent_id=upper["id"])
        for parent_id in (upper["id"], lower["id"]):
            status, told = api.send("PATCH", f"/taxa/{upper['id']}", {"parent_id": parent_id})
            assert (status, told["fields"].keys()) == (400, {"parent_id"})
        status, told = api.send("PATCH", f"/taxa/{upper['id']}", {"name": "C"})
        assert (status, told["fields"].keys()) == (400, {"name"})


class TestImport:
    def test_every_bad_line_is_told_and_keeps_no_other_out(self, table: str, api: Api) -> None:
        csv = "name,parent,gbif_key\nA,B,\nB,A,\nC,,7\nD,,huge\n=E,,\nF,C,\n"
        status, told = api.send("POST", "/taxa/import", {"csv": csv})
        assert (status, told["counts"]) == (200, {"created": 2, "updated": 0, "unchanged": 0, "failed": 4})
        assert [(each["line"], each["field"]) for each in told["failed"]] == [
            (2, "parent"),
            (3, "parent"),
            (5, "gbif_key"),
            (6, "name"),
        ]
        assert named(api, "/taxa") == ["C", "F"]
        again = api.send("POST", "/taxa/import", {"csv": csv})[1]
        assert again["counts"] == {"created": 0, "updated": 0, "unchanged": 2, "failed": 4}

    @pytest.mark.parametrize("csv", ["", "rank\nGENUS\n", "\ud800", 7, None, "a" * 200_000])
    def test_what_is_no_table_is_refused_by_field(self, table: str, api: Api, csv: object) -> None:
        status, told = api.send("POST", "/taxa/import", {"csv": csv})
        assert (status, list(told["fields"])) == (400, ["csv"])

    def test_the_edge_keeps_out_what_is_too_large(self, table: str, api: Api) -> None:
        assert api.send("POST", "/taxa/import", {"csv": "name\n" + "A\n" * 600_000})[0] == 400


class TestLists:
    def test_a_list_from_its_beginning_to_its_end(self, table: str, api: Api) -> None:
        own = [made(api, name)["id"] for name in ("c", "A", "b")]
        status, found = api.send("POST", "/taxa/lists", {"name": "Moths", "description": "of here"})
        assert (status, found["taxa_count"], found["project_id"]) == (201, 0, None)
        path = f"/taxa/lists/{found['id']}"
        assert api.send("POST", f"{path}/add", {"taxon_ids": own}) == (200, {"added": 3})
        assert api.send("POST", f"{path}/add", {"taxon_ids": own[:1]}) == (200, {"added": 0})
        assert named(api, f"{path}/taxa?limit=2") == ["A", "b", "c"]
        with Meter() as meter:
            assert api.get(f"{path}/taxa")[1]["count"] == 3
        assert meter.total == 3
        assert api.send("POST", f"{path}/remove", {"taxon_ids": own[:2]}) == (200, {"removed": 2})
        status, changed = api.send("PATCH", path, {"name": "Some moths"})
        assert (status, changed["name"], changed["taxa_count"]) == (200, "Some moths", 1)
        assert changed["description"] == "of here"
        assert named(api, "/taxa/lists") == ["Some moths"]
        assert api.send("DELETE", path, {})[0] == 204
        assert api.get(path)[0] == api.get(f"{path}/taxa")[0] == 404
        assert named(api, "/taxa/lists") == []
        assert named(api, "/taxa") == ["A", "b", "c"]

    def test_those_of_a_project_lie_apart_and_those_of_a_draft_are_hidden(self, table: str, api: Api) -> None:
        project, draft = a_project(), a_project(draft=True)
        paths = {}
        for name, project_id in (("all", None), ("own", project.id), ("hidden", draft.id)):
            status, told = api.send("POST", "/taxa/lists", {"name": name, "project_id": project_id})
            assert status == 201, told
            paths[name] = f"/taxa/lists/{told['id']}"
        assert named(api, "/taxa/lists") == ["all"]
        assert named(api, f"/taxa/lists?project_id={project.id}") == ["own"]
        assert named(api, f"/taxa/lists?project_id={draft.id}") == ["hidden"]
        assert api.get("/taxa/lists")[1]["count"] == 1
        assert api.get(paths["own"])[0] == 200
        assert api.get(f"/taxa/lists?project_id={draft.id}")[0] == 404
        for end in ("", "/taxa"):
            assert api.get(paths["hidden"] + end)[0] == 404
            assert api.get(paths["hidden"] + end, **AUTHORISED)[0] == 200
        unknown = api.get(paths["hidden"])[1]["detail"].replace(paths["hidden"].rpartition("/")[2], "")
        assert api.get("/taxa/lists/laaaaaaaaaa")[1]["detail"].replace("laaaaaaaaaa", "") == unknown

    @pytest.mark.parametrize(
        ("told", "field"),
        [
            ([], "taxon_ids"),
            (["x"], "taxon_ids"),
            ([ids.taxon_id("nobody")], "taxon_ids"),
            ([7], "taxon_ids.0"),
            (["x" * 101], "taxon_ids.0"),
            (["x"] * 1001, "taxon_ids"),
            ("x", "taxon_ids"),
        ],
    )
    def test_what_does_not_fit_is_refused_by_field(self, table: str, api: Api, told: Any, field: str) -> None:
        found = api.send("POST", "/taxa/lists", {"name": "Moths"})[1]
        status, refused = api.send("POST", f"/taxa/lists/{found['id']}/add", {"taxon_ids": told})
        assert (status, list(refused["fields"])) == (400, [field])

    def test_all_that_writes_needs_a_token(self, table: str, api: Api) -> None:
        nobody = {"Content-Type": "application/json"}
        taxon, found = made(api, "A"), api.send("POST", "/taxa/lists", {"name": "Moths"})[1]
        for method, path in (
            ("POST", "/taxa"),
            ("PATCH", f"/taxa/{taxon['id']}"),
            ("POST", "/taxa/import"),
            ("POST", "/taxa/lists"),
            ("PATCH", f"/taxa/lists/{found['id']}"),
            ("DELETE", f"/taxa/lists/{found['id']}"),
            ("POST", f"/taxa/lists/{found['id']}/add"),
            ("POST", f"/taxa/lists/{found['id']}/remove"),
        ):
            assert api.send(method, path, {}, nobody)[0] == 401
        for path in ("/taxa", "/taxa/lists", f"/taxa/{taxon['id']}", f"/taxa/lists/{found['id']}/taxa"):
            assert api.get(path)[0] == 200
        for path in ("/taxa/lists/x", "/taxa/lists/x/taxa"):
            assert api.get(path)[0] == 404
