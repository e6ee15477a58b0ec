"""The API through Chalice's own front door, on real engines."""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api import AUTHORISED, Api
from meter import Meter
from world import World, a_deployment, a_project, add_captures

from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)


def test_status_tells_version_engine_and_uptime(api: Api) -> None:
    status, told = api.get("/status")
    assert status == 200
    assert set(told) == {"version", "engine", "uptime_seconds"}


class TestProjectsAndDeployments:
    def test_what_is_made_can_be_found_listed_and_changed(self, table: str, api: Api) -> None:
        status, project = api.send("POST", "/projects", {"name": "Moths", "session_time_gap_seconds": 3600})
        assert (status, project["captures_count"]) == (201, 0)
        status, deployment = api.send(
            "POST",
            "/deployments",
            {"project_id": project["id"], "name": "Edge", "latitude": 47.5, "timezone": "Europe/Zurich"},
        )
        assert (status, deployment["latitude"], deployment["events_count"]) == (201, 47.5, 0)
        assert api.get(f"/deployments/{deployment['id']}")[1]["name"] == "Edge"
        listed = api.get(f"/deployments?project_id={project['id']}")[1]["results"]
        assert [each["id"] for each in listed] == [deployment["id"]]

        status, changed = api.send("PATCH", f"/deployments/{deployment['id']}", {"name": "Clearing"})
        assert (status, changed["name"], changed["latitude"]) == (200, "Clearing", 47.5)
        status, changed = api.send("PATCH", f"/projects/{project['id']}", {"draft": True})
        assert (status, changed["draft"], changed["session_time_gap_seconds"]) == (200, True, 3600)

    def test_a_deployment_says_how_its_camera_tells_the_time(self, table: str, api: Api) -> None:
        told = {"timestamp_sources": ["exif"], "camera_observes_dst": True, "clock_offset_seconds": -90}
        project = a_project()
        body = {"project_id": project.id, "name": "Edge"}
        usual = {"timestamp_sources": ["filename", "exif"], "camera_observes_dst": False}
        status, made = api.send("POST", "/deployments", body)
        assert (status, {**made, **usual, "clock_offset_seconds": 0}) == (201, made)
        path = f"/deployments/{made['id']}"
        status, changed = api.send("PATCH", path, told)
        assert (status, {**changed, **told}) == (200, changed)
        api.send("PATCH", path, {"timestamp_sources": ["exif", "filename"]})
        assert api.get(path)[1]["timestamp_sources"] == ["exif", "filename"]
        status, made = api.send("POST", "/deployments", {**body, **told})
        assert (status, {**made, **told}) == (201, made)

    def test_a_project_says_what_becomes_of_duplicates(self, table: str, api: Api) -> None:
        _, usual = api.send("POST", "/projects", {"name": "Moths"})
        _, other = api.send("POST", "/projects", {"name": "Moths", "duplicates": "keep"})
        assert (usual["duplicates"], other["duplicates"]) == ("flag", "keep")
        path = f"/projects/{usual['id']}"
        status, changed = api.send("PATCH", path, {"duplicates": "hide"})
        assert (status, changed["duplicates"]) == (200, "hide")
        assert api.get(path)[1]["duplicates"] == "hide"

    def test_lists_come_in_pages_by_name(self, table: str, api: Api) -> None:
        project = a_project()
        for name in ("c", "a", "B", "d#d", "e"):
            a_deployment(project, name=name)
        seen, path = [], f"/deployments?project_id={project.id}&limit=2"
        while path:
            page = api.get(path)[1]
            seen += [each["name"] for each in page["results"]]
            path = page["next"] and page["next"].removeprefix("http://nightjar.test/api/v2")
        assert seen == ["a", "B", "c", "d#d", "e"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({}, "name"),
            ({"name": ""}, "name"),
            ({"name": "x" * 81}, "name"),
            ({"name": "x", "session_time_gap_seconds": 0}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": -1}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": "2 moons"}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": "0h"}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": {"hours": -2}}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": {"moons": 2}}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": {}}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": 1.5}, "session_time_gap_seconds"),
            ({"name": "x", "session_time_gap_seconds": "off"}, "session_time_gap_seconds"),
            ({"name": "x", "session_max_duration_seconds": -1}, "session_max_duration_seconds"),
            ({"name": "x", "session_max_duration_seconds": "400d"}, "session_max_duration_seconds"),
            ({"name": "x", "session_cut_time": "noon"}, "session_cut_time"),
            ({"name": "x", "session_cut_time": "24:00"}, "session_cut_time"),
            ({"name": "x", "session_cut_time": 12}, "session_cut_time"),
            ({"name": "x", "colour": "red"}, "colour"),
            ({"name": "x", "draft": "perhaps"}, "draft"),
            ({"name": "x", "duplicates": "delete"}, "duplicates"),
            ({"name": "x", "duplicates": None}, "duplicates"),
            ({"name": "a\u0000b"}, "name"),
            ({"name": "x", **{f"field{number}": 1 for number in range(1000)}}, "field0"),
        ],
    )
    def test_a_project_that_does_not_fit_is_refused_by_field(
        self, table: str, api: Api, body: dict[str, Any], field: str
    ) -> None:
        status, told = api.send("POST", "/projects", body)
        assert status == 400
        assert field in told["fields"]
        assert api.get("/projects")[1]["results"] == []

    @pytest.mark.parametrize("latitude", [1e-131, 5e-324, 47.123456789123])
    def test_coordinates_of_any_smallness_are_taken(self, table: str, api: Api, latitude: float) -> None:
        deployment = a_deployment(a_project())
        status, told = api.send("PATCH", f"/deployments/{deployment.id}", {"latitude": latitude})
        assert (status, told["latitude"]) == (200, round(latitude, 9))

    def test_a_body_is_read_as_json_whatever_it_is_called(self, table: str, api: Api) -> None:
        sent = {**AUTHORISED, "Content-Type": "text/plain"}
        assert api.send("POST", "/projects", {"name": "x"}, sent)[0] == 201
        status, told = api.send("POST", "/projects", b"name=x", sent)
        assert (status, list(told)) == (400, ["detail"])

    @pytest.mark.parametrize(
        "change",
        [
            {"latitude": 91},
            {"longitude": "east"},
            {"timezone": "Mars/Olympus"},
            {"timestamp_sources": []},
            {"timestamp_sources": "exif"},
            {"timestamp_sources": ["exif", "exif"]},
            {"timestamp_sources": ["exif", "guess"]},
            {"timestamp_sources": [["exif"]]},
            {"timestamp_sources": {"exif": 1}},
            {"timestamp_sources": None},
            {"camera_observes_dst": "in summer"},
            {"camera_observes_dst": None},
            {"clock_offset_seconds": 1.5},
            {"clock_offset_seconds": "60"},
            {"clock_offset_seconds": None},
            {"clock_offset_seconds": 60 * 366 * 86400},
            {"clock_offset_seconds": -60 * 366 * 86400},
            {"name": None},
            {"name": " "},
        ],
    )
    def test_a_deployment_that_does_not_fit_is_refused_and_stays(
        self, table: str, api: Api, change: dict[str, Any]
    ) -> None:
        deployment = a_deployment(a_project())
        status, told = api.send("PATCH", f"/deployments/{deployment.id}", change)
        assert (status, list(told["fields"])) == (400, list(change))
        assert api.get(f"/deployments/{deployment.id}")[1]["name"] == "Forest edge"


class TestAccess:
    def test_writing_needs_a_token(self, table: str, api: Api) -> None:
        nobody = {"Accept": "application/json"}
        status, told = api.send("POST", "/projects", {"name": "x"}, nobody)
        assert (status, "token" in told["detail"]) == (401, True)

    def test_a_wrong_token_is_told_apart_from_none(self, table: str, api: Api) -> None:
        assert api.get("/projects", Authorization="Token wrong")[0] == 401
        assert api.get("/projects", Authorization="Bearer wrong")[0] == 401

    def test_a_draft_is_not_there_for_those_without_a_token(self, table: str, api: Api) -> None:
        project = a_project(draft=True)
        deployment = a_deployment(project)
        [capture] = add_captures(deployment, [EVENING])
        hidden = [
            f"/projects/{project.id}",
            f"/deployments/{deployment.id}",
            f"/deployments?project_id={project.id}",
            f"/captures?project_id={project.id}",
            f"/captures?project_id={project.id}&deployment={deployment.id}",
            f"/captures/{capture.id}",
            f"/captures/thumbnails/{capture.id}",
            f"/captures?project_id={project.id}&event={deployment.id}-saaaaaaaaaa",
            f"/events?project_id={project.id}",
            f"/events?project_id={project.id}&deployment={deployment.id}",
        ]
        for path in hidden:
            assert api.get(path)[0] == 404, path
        assert api.get("/projects")[1] == {"count": 0, "next": None, "previous": None, "results": []}
        for path in hidden[:6]:
            assert api.get(path, **AUTHORISED)[0] == 200, path

    def test_a_draft_is_told_of_in_the_words_used_for_what_does_not_exist(self, table: str, api: Api) -> None:
        project = a_project(draft=True)
        for there, not_there in (
            (f"/projects/{project.id}", "/projects/paaaaaaaaaa"),
            (f"/captures?project_id={project.id}", "/captures?project_id=paaaaaaaaaa"),
            (f"/events?project_id={project.id}", "/events?project_id=paaaaaaaaaa"),
        ):
            told = json.dumps(api.get(there)).replace(project.id, "paaaaaaaaaa")
            assert told == json.dumps(api.get(not_there))

    def test_the_original_is_only_for_those_who_may_edit(self, table: str, api: Api) -> None:
        [capture] = add_captures(a_deployment(a_project()), [EVENING])
        assert api.get(f"/captures/{capture.id}")[1]["url"] is None
        assert "X-Amz-Signature" in api.get(f"/captures/{capture.id}", **AUTHORISED)[1]["url"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_refused(table: str, api: Api, body: bytes) -> None:
    status, told = api.send("POST", "/projects", body)
    assert status == 400
    assert told["detail"]


class TestCaptures:
    @pytest.fixture
    def night(self, real_table: str, dynamodb_local: Engine) -> tuple[World, Any, list[Any]]:
        world, deployment = World(dynamodb_local.url), a_deployment(a_project())
        moments = [EVENING + timedelta(minutes=number // 2) for number in range(120)]
        made = add_captures(deployment, [*moments, *[moment + timedelta(days=1) for moment in moments], None])
        world.drain()
        return world, deployment, made

    @pytest.mark.parametrize("ordering", ["timestamp", "-timestamp"])
    @pytest.mark.parametrize("scope", ["project", "deployment"])
    def test_following_next_visits_every_capture_once_in_order(
        self, night: tuple[World, Any, list[Any]], api: Api, ordering: str, scope: str
    ) -> None:
        _, deployment, made = night
        path = f"/captures?project_id={deployment.project_id}&limit=50&ordering={ordering}"
        path += f"&deployment={deployment.id}" if scope == "deployment" else ""
        seen: list[dict[str, Any]] = []
        while path:
            page = api.get(path)[1]
            assert page["count"] == 241
            seen += page["results"]
            path = page["next"] and page["next"].removeprefix("http://nightjar.test/api/v2")
        assert sorted(each["id"] for each in seen) == sorted(capture.id for capture in made)
        assert seen[-1]["timestamp"] is None
        moments = [each["timestamp"] for each in seen[:-1]]
        assert moments == sorted(moments, reverse=ordering.startswith("-"))

    @pytest.mark.parametrize("scope", ["project", "deployment", "event"])
    def test_a_page_of_a_hundred_takes_at_most_four_requests(
        self, night: tuple[World, Any, list[Any]], api: Api, scope: str
    ) -> None:
        _, deployment, _ = night
        path = f"/captures?project_id={deployment.project_id}&limit=100"
        if scope == "deployment":
            path += f"&deployment={deployment.id}"
        if scope == "event":
            [first, _] = api.get(f"/events?project_id={deployment.project_id}")[1]["results"]
            path += f"&event={first['id']}"
        with Meter() as meter:
            status, page = api.get(path)
        assert (status, len(page["results"])) == (200, 100)
        # One of them asks what was found on the captures.
        assert meter.total == (3 if scope == "event" else 4), meter.requests
        assert {each["event"]["date_label"] for each in page["results"]} == {"Tuesday, Jun 9 2026"}
        assert {each["deployment"]["name"] for each in page["results"]} == {"Forest edge"}

    def test_previous_and_next_visit_all_of_a_session_though_timestamps_are_equal(
        self, night: tuple[World, Any, list[Any]], api: Api
    ) -> None:
        _, deployment, made = night
        page = api.get(f"/captures?project_id={deployment.project_id}&limit=1")[1]
        capture_id, visited = page["results"][0]["id"], []
        while capture_id:
            told = api.get(f"/captures/{capture_id}")[1]
            assert told["event_prev_capture_id"] == (visited[-1] if visited else None)
            visited.append(capture_id)
            assert told["event_current_capture_index"] == len(visited)
            assert told["event_total_captures"] == 120
            capture_id = told["event_next_capture_id"]
        assert set(visited) == {capture.id for capture in made[:120]}

    def test_an_offset_counts_from_the_beginning(self, night: tuple[World, Any, list[Any]], api: Api) -> None:
        _, deployment, _ = night
        base = f"/captures?project_id={deployment.project_id}&limit=100"
        first, second = api.get(base)[1], api.get(f"{base}&offset=100")[1]
        followed = api.get(first["next"].removeprefix("http://nightjar.test/api/v2"))[1]
        assert second["results"] == followed["results"]
        assert parse_qs(urlsplit(second["previous"]).query)["offset"] == ["0"]
        assert api.get(f"{base}&offset=241")[1]["results"] == []
        assert len(api.get(f"{base}&offset=240")[1]["results"]) == 1

    @pytest.mark.parametrize(
        "query",
        [
            "limit=0",
            "limit=101",
            "limit=ten",
            "limit=-1",
            "offset=10001",
            "ordering=size",
            "cursor=AAAA",
            "cursor=~",
        ],
    )
    def test_a_query_that_does_not_fit_is_refused(self, table: str, api: Api, query: str) -> None:
        project = a_project()
        status, told = api.get(f"/captures?project_id={project.id}&{query}")
        assert (status, list(told["fields"])) == (400, [query.partition("=")[0]])

    def test_a_cursor_of_another_list_is_refused(self, table: str, api: Api) -> None:
        project = a_project()
        deployment, other = a_deployment(project), a_deployment(project)
        [capture] = add_captures(other, [EVENING])
        draft = a_project(draft=True)
        for path, position in (
            (f"/captures?deployment={deployment.id}&", f"CAPTURE#2026-06-09T21:30:00.000#{capture.id}"),
            (f"/captures?deployment={deployment.id}&", f"UNDATED#{capture.id}"),
            (f"/events?deployment={deployment.id}&", f"SESSION#9999-99-99T99:99:99#{other.id}-saaaaaaaaaa"),
            ("/projects?", f"DRAFT#moths#{draft.id}"),
        ):
            forged = base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")
            status, told = api.get(f"{path}project_id={project.id}&cursor={forged}")
            assert (status, list(told["fields"])) == (400, ["cursor"]), position

    @pytest.mark.parametrize("ordering", ["timestamp", "-timestamp"])
    def test_following_next_of_a_session_that_has_shrunk_meanwhile_ends_well(
        self, real_table: str, dynamodb_local: Engine, api: Api, ordering: str
    ) -> None:
        world, project = World(dynamodb_local.url), a_project()
        deployment = a_deployment(project)
        add_captures(deployment, [EVENING + timedelta(hours=hour) for hour in range(6)])
        world.drain()
        [session] = api.get(f"/events?project_id={project.id}")[1]["results"]
        path = f"/captures?project_id={project.id}&event={session['id']}&limit=4&ordering={ordering}"
        following = api.get(path)[1]["next"].removeprefix("http://nightjar.test/api/v2")
        api.send("PATCH", f"/deployments/{deployment.id}", {"session_time_gap_seconds": 3600})
        world.drain()
        assert api.get(following)[0] == 200

    def test_a_list_without_a_project_is_refused(self, table: str, api: Api) -> None:
        for path in ("/captures", "/events", "/deployments"):
            assert api.get(path)[0] == 400

    def test_sessions_show_their_length_their_counts_and_what_they_look_like(
        self, night: tuple[World, Any, list[Any]], api: Api
    ) -> None:
        _, deployment, made = night
        for scope in ("", f"&deployment={deployment.id}"):
            page = api.get(f"/events?project_id={deployment.project_id}{scope}")[1]
            assert page["count"] == 2
            one = page["results"][0]
            assert one["start"] == "2026-06-09T21:30:00"
            assert one["end"] == "2026-06-09T22:29:00"
            assert (one["duration_label"], one["captures_count"]) == ("59 minutes", 120)
            assert one["example_captures"][0]["id"] in {capture.id for capture in made[60:120]}
        detail = api.get(f"/events/{one['id']}")[1]
        assert len(detail["example_captures"]) == 5
        assert detail["first_capture"] == detail["example_captures"][0]


class TestUploads:
    def wanted(self, **changed: Any) -> dict[str, Any]:
        deployment = a_deployment(a_project())
        return {
            "deployment_id": deployment.id,
            "filename": "card1/100MEDIA/IMG_0001.JPG",
            "content_type": "image/jpeg",
            "size": 2_000_000,
            **changed,
        }

    def test_an_upload_is_held_to_its_key_its_type_and_its_size(
        self, table: str, buckets: None, api: Api
    ) -> None:
        wanted = self.wanted(sha256="ab" * 32)
        status, told = api.send("POST", "/captures/uploads", wanted)
        assert status == 201
        assert told["capture_id"].startswith(wanted["deployment_id"] + "-")
        conditions = json.loads(base64.b64decode(told["fields"]["policy"]))["conditions"]
        key = f"photos/{wanted['deployment_id']}/card1/100MEDIA/IMG_0001.JPG"
        assert {"key": key} in conditions
        assert {"Content-Type": "image/jpeg"} in conditions
        assert ["content-length-range", 2_000_000, 2_000_000] in conditions
        assert {"x-amz-checksum-sha256": base64.b64encode(b"\xab" * 32).decode()} in conditions

    def test_what_has_arrived_need_not_be_sent_again_though_it_is_not_ingested_yet(
        self, table: str, buckets: None, api: Api
    ) -> None:
        import requests

        data = b"the bytes of a photograph"
        sha256 = hashlib.sha256(data).hexdigest()
        wanted = self.wanted(size=len(data), sha256=sha256)
        _, told = api.send("POST", "/captures/uploads", wanted)
        requests.post(told["url"], data=told["fields"], files={"file": data}, timeout=10).raise_for_status()
        status, again = api.send("POST", "/captures/uploads", wanted)
        assert (status, again["status"]) == (200, "present")
        assert (again["capture_id"], again["url"], again["fields"]) == (told["capture_id"], None, None)
        other = {**wanted, "sha256": "ab" * 32}
        assert api.send("POST", "/captures/uploads", other)[0] == 201

    @pytest.mark.parametrize(
        ("changed", "status", "field"),
        [
            ({"deployment_id": "daaaaaaaaaa"}, 404, None),
            ({"deployment_id": "../../etc"}, 404, None),
            ({"content_type": "text/html"}, 400, "content_type"),
            ({"size": 100_000_001}, 400, "size"),
            ({"size": 0}, 400, "size"),
            ({"size": "big"}, 400, "size"),
            ({"sha256": "no"}, 400, "sha256"),
            ({"filename": "../x.jpg"}, 400, "filename"),
            ({"filename": "/etc/passwd.jpg"}, 400, "filename"),
            ({"filename": "a//b.jpg"}, 400, "filename"),
            ({"filename": "a/./b.jpg"}, 400, "filename"),
            ({"filename": "..\\..\\x.jpg"}, 400, "filename"),
            ({"filename": "${filename}"}, 400, "filename"),
            ({"filename": "a\u0000.jpg"}, 400, "filename"),
            ({"filename": "a\u001b.jpg"}, 400, "filename"),
            ({"filename": "a\u000b.jpg"}, 400, "filename"),
            ({"filename": "a\ufffe.jpg"}, 400, "filename"),
            ({"filename": "\uffff.jpg"}, 400, "filename"),
            ({"filename": "\ud800.jpg"}, 400, "filename"),
            ({"filename": "ü" * 600 + ".jpg"}, 400, "filename"),
            ({"filename": ""}, 400, "filename"),
        ],
    )
    def test_what_does_not_fit_is_refused(
        self, table: str, api: Api, changed: dict[str, Any], status: int, field: str | None
    ) -> None:
        told_status, told = api.send("POST", "/captures/uploads", self.wanted(**changed))
        assert told_status == status
        assert field is None or field in told["fields"]

    def test_awkward_but_honest_names_are_taken_to_the_letter(self, table: str, api: Api, data: Any) -> None:
        wanted = self.wanted()
        for name in json.loads((data / "awkward_names.json").read_text()):
            status, told = api.send("POST", "/captures/uploads", {**wanted, "filename": name})
            assert status == 201, name
            conditions = json.loads(base64.b64decode(told["fields"]["policy"]))["conditions"]
            assert {"key": f"photos/{wanted['deployment_id']}/{name}"} in conditions
