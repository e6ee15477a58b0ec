"""What people ask of captures, and say of them."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from api import AUTHORISED, Api
from bucket import Bucket, capture_in, ingest, photograph
from meter import Meter
from world import World, a_deployment, a_project, standing

from localstack.embedded.engines import Engine

NIGHT = "20260609_213000.jpg"
CAMERA = {
    0x010F: "Reconyx",
    0x0110: "HP2X",
    0xC62F: "S123",
    0x8825: {1: "N", 2: (47.0, 30.0, 0.0), 3: "E", 4: (8.0, 15.0, 0.0)},
}


def listed(api: Api, bucket: Bucket, query: str, limit: int = 100) -> list[str]:
    """The names of all captures a list gives, page by page."""
    path = f"/captures?project_id={bucket.deployment.project_id}&limit={limit}&{query}"
    names = []
    while path:
        status, page = api.get(path)
        assert status == 200, page
        names += [each["path"] for each in page["results"]]
        path = (page["next"] or "").partition("/api/v2")[2]
    return names


class TestOrigin:
    def test_camera_and_place_are_for_those_who_may_edit(self, bucket: Bucket, api: Api) -> None:
        ingest(bucket.put(NIGHT, photograph(exif=CAMERA)))
        path = f"/captures/{capture_in(bucket.deployment, NIGHT).id}"
        own = api.get(path, **AUTHORISED)[1]["origin"]
        assert own == {
            "make": "Reconyx", "model": "HP2X", "serial": "S123", "latitude": 47.5, "longitude": 8.25
        }  # fmt: skip
        for seen in (api.get(path)[1], api.get(f"/captures?project_id={bucket.deployment.project_id}")[1]):
            text = str(seen)
            assert "47.5" not in text
            assert "Reconyx" not in text
            assert "S123" not in text

    def test_what_is_no_photograph_is_never_shown_by_a_browser(self, bucket: Bucket, api: Api) -> None:
        ingest(
            bucket.put(NIGHT, b"<html><script>alert(1)</script></html>"), bucket.put("2.jpg", photograph())
        )
        for name, shown_as in ((NIGHT, "application/octet-stream"), ("2.jpg", "image/jpeg")):
            capture = capture_in(bucket.deployment, name)
            url = api.get(f"/captures/{capture.id}", **AUTHORISED)[1]["url"]
            signed = parse_qs(urlsplit(url).query)
            assert signed["response-content-type"] == [shown_as]
            assert ("response-content-disposition" in signed) == (name == NIGHT)


class TestDates:
    def test_a_date_by_hand_counts_and_can_be_taken_back(
        self, real_bucket: Bucket, api: Api, dynamodb_local: Engine
    ) -> None:
        world = World(dynamodb_local.url)
        ingest(real_bucket.put(NIGHT, photograph()), real_bucket.put("10.jpg", photograph(shade=9)))
        world.drain()
        undated = capture_in(real_bucket.deployment, "10.jpg")
        with Meter() as meter:
            status, dated = api.send(
                "PATCH", f"/captures/{undated.id}", {"timestamp": "2026-06-09T22:00:00.250"}
            )
        assert status == 200
        assert meter.total == 4
        assert dated["timestamp"] == "2026-06-09T22:00:00.250000"
        assert (dated["timestamp_source"], dated["undated_reason"]) == ("manual", None)
        world.drain()
        [session] = standing(real_bucket.deployment)
        assert session.captures_count == 2
        counts = api.get(f"/deployments/{real_bucket.deployment.id}")[1]
        assert (counts["captures_count"], counts["undated_count"]) == (2, 0)

        status, back = api.send("PATCH", f"/captures/{undated.id}", {"timestamp": None})
        assert (status, back["timestamp"], back["timestamp_source"]) == (200, None, None)
        world.drain()
        counts = api.get(f"/deployments/{real_bucket.deployment.id}")[1]
        assert (counts["captures_count"], counts["undated_count"]) == (2, 1)

    def test_a_date_by_hand_survives_a_new_version_of_the_photograph(self, bucket: Bucket, api: Api) -> None:
        ingest(bucket.put(NIGHT, photograph()))
        path = f"/captures/{capture_in(bucket.deployment, NIGHT).id}"
        api.send("PATCH", path, {"timestamp": "2020-01-01T00:00:00"})
        ingest(bucket.put(NIGHT, photograph(shade=9)))
        seen = api.get(path)[1]
        assert (seen["timestamp"], seen["timestamp_source"]) == ("2020-01-01T00:00:00", "manual")
        assert api.send("PATCH", path, {"timestamp": None})[1]["timestamp"] == "2026-06-09T21:30:00"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"timestamp": "yesterday"},
            {"timestamp": "2026-06-09T22:00:00Z"},
            {"timestamp": "1826-01-01T00:00"},
            {"timestamp": "2999-01-01T00:00"},
            {"timestamp": 5, "x": 1},
            {"size": 5},
        ],
    )
    def test_what_is_no_camera_time_is_refused(self, bucket: Bucket, api: Api, body: dict[str, Any]) -> None:
        ingest(bucket.put(NIGHT, photograph()))
        capture = capture_in(bucket.deployment, NIGHT)
        assert api.send("PATCH", f"/captures/{capture.id}", body)[0] == 400
        assert capture_in(bucket.deployment, NIGHT) == capture

    def test_an_unknown_capture_is_not_found_and_a_stranger_not_let_in(
        self, bucket: Bucket, api: Api
    ) -> None:
        path, body = "/captures/daaaaaaaaaa-aaaaaaaaaaaaaaaa", {"timestamp": None}
        assert api.send("PATCH", path, body)[0] == 404
        assert api.send("PATCH", path, body, {"X": "y"})[0] == 401


class TestPicks:
    def test_the_undated_the_unreadable_and_the_copies(self, bucket: Bucket, api: Api) -> None:
        other = Bucket(bucket.s3, a_deployment(a_project()))
        ingest(
            *(bucket.put(f"{number}.jpg", photograph(shade=40 * number)) for number in range(5)),
            *(bucket.put(f"bad_20260609_21300{number}.jpg", b"") for number in range(5)),
            *(bucket.put(f"copy_20260609_22300{number}.jpg", photograph(shade=120)) for number in range(5)),
            *(other.put(f"{number}.jpg", b"") for number in range(3)),
        )
        undated = [f"{number}.jpg" for number in range(5)]
        bad = [f"bad_20260609_21300{number}.jpg" for number in range(5)]
        copies = [f"copy_20260609_22300{number}.jpg" for number in range(5)]
        own = f"&deployment={bucket.deployment.id}"
        for query, names in (
            ("undated=true", undated),
            ("state=unreadable", bad),
            ("duplicate=true", copies),
        ):
            for limit in (2, 5, 100):
                assert sorted(listed(api, bucket, query, limit)) == names
                assert sorted(listed(api, bucket, query + own, limit)) == names
        assert sorted(listed(api, other, "state=unreadable")) == ["0.jpg", "1.jpg", "2.jpg"]
        _, page = api.get(f"/captures?project_id={bucket.deployment.project_id}&state=unreadable")
        assert page["count"] == 5

    def test_a_page_takes_five_requests_at_the_most(self, real_bucket: Bucket, api: Api) -> None:
        ingest(*(real_bucket.put(f"{number}.jpg", b"") for number in range(5)))
        with Meter() as meter:
            listed(api, real_bucket, "state=unreadable")
        assert meter.total <= 5

    @pytest.mark.parametrize(
        "query",
        [
            "undated=yes",
            "state=ready",
            "duplicate=1",
            "undated=true&state=unreadable",
            "state=unreadable&event=x",
        ],
    )
    def test_what_cannot_be_picked_is_refused(self, bucket: Bucket, api: Api, query: str) -> None:
        assert api.get(f"/captures?project_id={bucket.deployment.project_id}&{query}")[0] == 400

    def test_what_is_readable_again_is_off_the_list(self, bucket: Bucket, api: Api) -> None:
        ingest(bucket.put(NIGHT, b"\xff\xd8"))
        assert listed(api, bucket, "state=unreadable") == [NIGHT]
        ingest(bucket.put(NIGHT, photograph()))
        assert listed(api, bucket, "state=unreadable") == []
