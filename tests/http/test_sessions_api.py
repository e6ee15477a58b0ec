"""Sessions and regrouping as a client of the API sees them."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from api import AUTHORISED, Api
from meter import Meter
from world import World, a_deployment, a_project, add_captures, night, standing

from chalicelib.aws import queues
from chalicelib.deployments.rules import Deployment
from localstack.embedded.engines import Engine

EVENING = datetime(2026, 6, 9, 21, 30)
HOUR = timedelta(hours=1)
NOBODY = {"Content-Type": "application/json"}


@pytest.fixture
def world(table: str, engine: Engine) -> World:
    return World(engine.url)


@pytest.fixture
def station(world: World) -> Deployment:
    deployment = a_deployment(a_project())
    bursts = [*night(EVENING, 6), *night(EVENING + 3 * HOUR, 4)]
    add_captures(deployment, [*bursts, *(moment + 24 * HOUR for moment in bursts), None])
    world.drain()
    return deployment


class TestSessions:
    def test_they_tell_their_night_their_first_capture_and_an_example(
        self, station: Deployment, api: Api
    ) -> None:
        page = api.get(f"/events?project_id={station.project_id}")[1]["results"]
        assert [(each["night"], each["start"]) for each in page] == [
            ("2026-06-09", "2026-06-09T21:30:00"),
            ("2026-06-09", "2026-06-10T00:30:00"),
            ("2026-06-10", "2026-06-10T21:30:00"),
            ("2026-06-10", "2026-06-11T00:30:00"),
        ]
        for each in page:
            assert each["first_capture"]["timestamp"] == each["start"]
            assert len(each["example_captures"]) == 1
            detail = api.get(f"/events/{each['id']}")[1]
            assert detail["first_capture"] == each["first_capture"]
            assert detail["night"] == each["night"]

    def test_a_page_costs_the_same_for_few_and_for_many(self, station: Deployment, api: Api) -> None:
        costs = set()
        for limit in (1, 4):
            with Meter() as meter:
                api.get(f"/events?project_id={station.project_id}&limit={limit}")
            costs.add(meter.total)
        assert costs == {3}

    def test_a_capture_tells_its_session_however_long_that_is(self, world: World, api: Api) -> None:
        project = a_project(session_max_duration_seconds=0)
        long, short = a_deployment(project), a_deployment(project, session_max_duration_seconds=3600)
        for deployment in (long, short):
            add_captures(deployment, night(EVENING, 90, minutes=60))
        world.drain()
        [session] = standing(long)
        assert session.end - session.start == 89 * HOUR
        for scope in ("", f"&deployment={long.id}"):
            path = f"/captures?project_id={project.id}{scope}&ordering=-timestamp&limit=10"
            found = api.get(path)[1]["results"]
            assert len(found) == 10
            for each in found:
                is_long = each["deployment"]["id"] == long.id
                assert each["event"] is not None
                assert (each["event"]["id"] == session.id) == is_long


class TestTimeline:
    def test_it_is_gapless_and_counts_every_capture_of_the_session(
        self, station: Deployment, api: Api
    ) -> None:
        [first, *_] = standing(station)
        with Meter() as meter:
            told = api.get(f"/events/{first.id}/timeline?resolution_minutes=15")[1]
        assert dict(meter.requests) == {"BatchGetItem": 1, "Query": 2}
        assert (told["event_id"], told["resolution_minutes"]) == (first.id, 15)
        assert [(each["start"][11:16], each["captures_count"]) for each in told["data"]] == [
            ("21:30", 2), ("21:45", 1), ("22:00", 2), ("22:15", 1),
        ]  # fmt: skip
        assert [one["end"] for one in told["data"][:-1]] == [two["start"] for two in told["data"][1:]]
        assert told["data"][0]["first_capture_id"] == first.first_capture_id

    def test_intervals_without_a_capture_are_told_too(self, station: Deployment, api: Api) -> None:
        [first, *_] = standing(station)
        data = api.get(f"/events/{first.id}/timeline?resolution_minutes=1")[1]["data"]
        assert len(data) == 51
        assert sum(each["captures_count"] for each in data) == 6
        assert [each["first_capture_id"] for each in data if not each["captures_count"]] == [None] * 45

    def test_one_for_all(self, station: Deployment, api: Api) -> None:
        [first, *_] = standing(station)
        [only] = api.get(f"/events/{first.id}/timeline?resolution_minutes=1440")[1]["data"]
        assert only["captures_count"] == 6

    @pytest.mark.parametrize("minutes", ["0", "-5", "x", "1.5", "44641"])
    def test_a_resolution_that_is_none_is_refused(self, station: Deployment, api: Api, minutes: str) -> None:
        [first, *_] = standing(station)
        status, told = api.get(f"/events/{first.id}/timeline?resolution_minutes={minutes}")
        assert (status, list(told["fields"])) == (400, ["resolution_minutes"])

    def test_one_that_is_too_fine_is_told_which_is_not(self, world: World, api: Api) -> None:
        deployment = a_deployment(a_project(session_max_duration_seconds=0))
        add_captures(deployment, night(EVENING, 24 * 9, minutes=60))
        world.drain()
        [session] = standing(deployment)
        status, told = api.get(f"/events/{session.id}/timeline?resolution_minutes=1")
        assert status == 400
        least = int(told["fields"]["resolution_minutes"].split()[2])
        assert api.get(f"/events/{session.id}/timeline?resolution_minutes={least}")[0] == 200
        assert api.get(f"/events/{session.id}/timeline?resolution_minutes={least - 1}")[0] == 400

    def test_that_of_a_draft_is_not_there_for_others(self, world: World, api: Api) -> None:
        deployment = a_deployment(a_project(draft=True))
        add_captures(deployment, night(EVENING, 3))
        world.drain()
        [session] = standing(deployment)
        assert api.get(f"/events/{session.id}/timeline")[0] == 404
        assert api.get("/events/daaaaaaaaaa-saaaaaaaaaa/timeline")[0] == 404


class TestRegrouping:
    def test_one_deployment(self, station: Deployment, queue: str, api: Api) -> None:
        status, told = api.send("POST", f"/deployments/{station.id}/regroup-sessions", {})
        assert status == 202
        assert (told["deployment_id"], told["project_id"]) == (station.id, station.project_id)
        job = api.send("GET", f"/jobs/{told['job_id']}", {})[1]
        assert (job["job_type"]["key"], job["status"]) == ("regroup_events", "PENDING")
        [message] = queues.receive(queue)
        assert told["job_id"] in message.body

    def test_a_second_one_is_another_job(self, station: Deployment, queue: str, api: Api) -> None:
        path = f"/deployments/{station.id}/regroup-sessions"
        made = {api.send("POST", path, {})[1]["job_id"] for _ in range(3)}
        assert len(made) == 3

    def test_all_of_a_project(self, station: Deployment, queue: str, api: Api) -> None:
        status, told = api.send("POST", f"/projects/{station.project_id}/regroup-sessions", {})
        assert (status, told["project_id"]) == (202, station.project_id)
        assert set(told) == {"job_id", "project_id"}

    def test_only_those_who_may_edit(self, station: Deployment, queue: str, api: Api) -> None:
        for path in (
            f"/deployments/{station.id}/regroup-sessions",
            f"/projects/{station.project_id}/regroup-sessions",
        ):
            assert api.send("POST", path, {}, NOBODY)[0] == 401
        assert api.get(f"/deployments/{station.id}/regroup-sessions/preview")[0] == 401

    def test_what_is_not_there_is_not_found(self, table: str, queue: str, api: Api) -> None:
        assert api.send("POST", "/deployments/daaaaaaaaaa/regroup-sessions", {})[0] == 404
        assert api.send("POST", "/projects/paaaaaaaaaa/regroup-sessions", {})[0] == 404
        path = "/deployments/daaaaaaaaaa/regroup-sessions/preview"
        assert api.send("GET", path, {}, AUTHORISED)[0] == 404


class TestPreview:
    def look(self, api: Api, station: Deployment, query: str = "") -> tuple[int, Any]:
        return api.send("GET", f"/deployments/{station.id}/regroup-sessions/preview{query}", {}, AUTHORISED)

    def test_by_the_present_rule_nothing_changes(self, station: Deployment, api: Api) -> None:
        with Meter() as meter:
            status, told = self.look(api, station)
        assert status == 200
        assert set(meter.requests) <= {"GetItem", "Query"}  # nothing is written
        assert (told["events_before"], told["events_after"], told["events_unchanged"]) == (4, 4, 4)
        assert (told["captures_grouped"], told["changes"], told["looked_at_until"]) == (20, [], None)
        assert told["rule"] == {"gap_seconds": 7200, "max_duration_seconds": 86400, "cut_time": None}

    @pytest.mark.parametrize("gap", ["14400", "4h", "3h 60m", "240min"])
    def test_another_gap(self, station: Deployment, api: Api, gap: str) -> None:
        before = standing(station)
        told = self.look(api, station, f"?gap={gap}")[1]
        assert told["rule"]["gap_seconds"] == 14400
        assert (told["events_after"], told["events_touched"], told["empty_events_deleted"]) == (2, 2, 2)
        first = told["changes"][0]
        assert first["before"]["id"] == first["after"]["id"] == before[0].id
        assert (first["before"]["captures_count"], first["after"]["captures_count"]) == (6, 10)
        assert told["changes"][1]["after"] is None
        assert standing(station) == before

    def test_another_cap_and_cut(self, station: Deployment, api: Api) -> None:
        told = self.look(api, station, "?max_duration=off&gap=30d&cut_time=22:00")[1]
        assert told["rule"] == {"gap_seconds": 30 * 86400, "max_duration_seconds": None, "cut_time": "22:00"}
        assert told["events_after"] == 3
        assert [each["after"]["id"] for each in told["changes"] if each["before"] is None] in ([], [None])

    @pytest.mark.parametrize(
        "query", ["?gap=0", "?gap=soon", "?gap=off", "?max_duration=-1", "?cut_time=noon", "?cut_time=12"]
    )
    def test_what_is_no_rule_is_refused(self, station: Deployment, api: Api, query: str) -> None:
        status, told = self.look(api, station, query)
        assert (status, list(told["fields"])) == (400, [query[1:].partition("=")[0]])


class TestSettings:
    @pytest.mark.parametrize(
        ("sent", "seconds"),
        [
            (7200, 7200),
            ("2h", 7200),
            ("1d 12h", 129_600),
            ("90m", 5400),
            ("0.5h", 1800),
            ("1.1h", 3960),
            ({"hours": 8.3}, 29_880),
            ({"hours": 2}, 7200),
            ({"hours": 1, "minutes": 30}, 5400),
            (None, None),
        ],
    )
    def test_a_gap_in_the_words_of_people(self, table: str, api: Api, sent: Any, seconds: int) -> None:
        status, made = api.send("POST", "/projects", {"name": "x", "session_time_gap_seconds": sent})
        assert (status, made["session_time_gap_seconds"]) == (201, seconds)

    def test_a_deployment_has_its_own_and_gives_it_back(self, table: str, api: Api) -> None:
        project = api.send(
            "POST",
            "/projects",
            {"name": "x", "session_max_duration_seconds": "12h", "session_cut_time": "12:00"},
        )[1]
        assert (project["session_max_duration_seconds"], project["session_cut_time"]) == (43_200, "12:00")
        made = api.send("POST", "/deployments", {"project_id": project["id"], "name": "y"})[1]
        assert made["session_max_duration_seconds"] is made["session_cut_time"] is None
        path = f"/deployments/{made['id']}"
        own = {"session_max_duration_seconds": "off", "session_cut_time": "off"}
        changed = api.send("PATCH", path, own)[1]
        assert (changed["session_max_duration_seconds"], changed["session_cut_time"]) == (0, "off")
        rule = api.send("GET", f"{path}/regroup-sessions/preview", {}, AUTHORISED)[1]["rule"]
        assert rule == {"gap_seconds": 7200, "max_duration_seconds": None, "cut_time": None}
        api.send("PATCH", path, dict.fromkeys(own))
        rule = api.send("GET", f"{path}/regroup-sessions/preview", {}, AUTHORISED)[1]["rule"]
        assert rule == {"gap_seconds": 7200, "max_duration_seconds": 43_200, "cut_time": "12:00"}
