"""Thumbnails over HTTP: where they are, what it costs, and what is told when there is none."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests
from api import Api
from bucket import PHOTOS, THUMBNAILS, Bucket, capture_in, ingest, photograph
from meter import Meter, asked_of_s3
from world import World, a_deployment, a_project

from chalicelib import settings
from chalicelib.captures import store
from chalicelib.captures.rules import Capture, Seen, following
from localstack.embedded.engines import Engine

NAMES = [f"20260609_213{number}00.jpg" for number in range(6)]
LABELS = {"small", "medium", "large"}
NOBODY = {"Content-Type": "application/json"}


@pytest.fixture
def sent() -> Iterator[list[str]]:
    """What was asked of S3, by name."""
    with asked_of_s3() as found:
        yield found


def one(bucket: Bucket, name: str = NAMES[0], data: bytes | None = None) -> Capture:
    ingest(bucket.put(name, data or photograph(320, 240)))
    return capture_in(bucket.deployment, name)


def changed(capture: Capture, **values: Any) -> Capture:
    after = replace(capture, **values, stamp=following(capture.stamp))
    assert store.write(Seen(capture, capture.stamp), after)
    return after


def configured(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("NIGHTJAR_THUMBNAILS", text)
    settings.settings.cache_clear()


class TestRedirect:
    def test_a_fresh_one_is_one_request_of_the_table_and_none_of_the_storage(
        self, real_bucket: Bucket, sent: list[str], api: Api
    ) -> None:
        capture = one(real_bucket)
        sent.clear()
        with Meter() as meter:
            status, told = api.get(f"/captures/thumbnails/{capture.id}?label=medium")
        assert (status, told) == (302, None)
        assert capture.thumbnails["medium"].key in api.headers["Location"]
        assert api.headers["Cache-Control"] == "private, max-age=300"
        assert (dict(meter.requests), sent) == ({"BatchGetItem": 1}, [])

    def test_without_a_label_it_is_the_first(self, bucket: Bucket, api: Api) -> None:
        capture = one(bucket)
        assert api.get(f"/captures/thumbnails/{capture.id}")[0] == 302
        assert capture.thumbnails["small"].key in api.headers["Location"]

    def test_a_lazy_one_is_rendered_when_it_is_asked_for(
        self, bucket: Bucket, sent: list[str], api: Api
    ) -> None:
        capture = one(bucket)
        for asked in (["GetObject", "PutObject"], []):
            sent.clear()
            assert api.get(f"/captures/thumbnails/{capture.id}?label=large")[0] == 302
            assert api.headers["Cache-Control"] == "private, max-age=300"
            assert sent == asked
        blob = requests.get(api.headers["Location"], timeout=10)
        assert (blob.status_code, blob.headers["Content-Type"]) == (200, "image/jpeg")
        assert blob.headers["Cache-Control"] == "public, max-age=31536000, immutable"

    def test_the_url_stays_the_same_for_a_while_so_that_browsers_know_the_picture(
        self, bucket: Bucket, api: Api
    ) -> None:
        capture = one(bucket)

        def is_same() -> bool:
            api.get(f"/captures/thumbnails/{capture.id}")
            first = api.headers["Location"]
            time.sleep(1.1)  # a signature made now would be another one
            return bool(first == api.get(f"/captures/{capture.id}")[1]["thumbnails"]["small"])

        assert is_same() or is_same()  # a period of half an hour may end in one of them, not in both

    def test_a_changed_configuration_counts_at_once(
        self, bucket: Bucket, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        capture = one(bucket)
        old = capture.thumbnails["small"].key
        configured(monkeypatch, '{"prefix": "thumbs/", "sizes": {"small": {"width": 300, "format": "webp"}}}')
        assert api.get(f"/captures/{capture.id}")[1]["thumbnails"] == {
            "small": f"http://nightjar.test/api/v2/captures/thumbnails/{capture.id}?label=small"
        }
        assert api.get(f"/captures/thumbnails/{capture.id}")[0] == 302
        assert old not in api.headers["Location"]
        assert "/thumbs/" in api.headers["Location"]
        blob = requests.get(api.headers["Location"], timeout=10)
        assert blob.headers["Content-Type"] == "image/webp"
        assert store.get(capture.id).thumbnails["small"].spec_width == 300  # type: ignore[union-attr]
        assert api.get(f"/captures/thumbnails/{capture.id}?label=medium")[0] == 400

    def test_one_that_is_lost_is_rendered_again_for_whoever_reports_it(
        self, bucket: Bucket, api: Api
    ) -> None:
        capture = one(bucket)
        bucket.s3.delete_object(Bucket=THUMBNAILS, Key=capture.thumbnails["small"].key)
        api.get(f"/captures/thumbnails/{capture.id}")
        assert requests.get(api.headers["Location"], timeout=10).status_code == 404
        assert api.get(f"/captures/thumbnails/{capture.id}?verify=true")[0] == 302
        assert requests.get(api.headers["Location"], timeout=10).status_code == 200
        assert api.get(f"/captures/thumbnails/{capture.id}?verify=yes")[0] == 400


class TestRefusals:
    def test_there_is_no_list(self, api: Api) -> None:
        status, told = api.get("/captures/thumbnails")
        assert (status, api.headers["Allow"]) == (405, "")
        assert "/captures/thumbnails/{id}" in told["detail"]

    def test_an_unknown_label_is_told_the_known_ones(self, bucket: Bucket, api: Api) -> None:
        capture = one(bucket)
        for label in ("huge", "", "Small", "small ", "../small"):
            status, told = api.get(f"/captures/thumbnails/{capture.id}?label={label}")
            assert (status, told["fields"]) == (400, {"label": "one of small, medium, large"}), label

    def test_without_sizes_that_is_said(
        self, bucket: Bucket, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        capture = one(bucket)
        configured(monkeypatch, '{"sizes": {}}')
        status, told = api.get(f"/captures/thumbnails/{capture.id}")
        assert status == 404
        assert "No thumbnail sizes are configured" in told["detail"]
        assert api.get(f"/captures/{capture.id}")[1]["thumbnails"] == {}

    @pytest.mark.parametrize("capture_id", ["nothing", "daaaaaaaaaa-aaaaaaaaaaaaaaaa", "%2e%2e"])
    def test_an_unknown_capture_is_not_found(self, table: str, api: Api, capture_id: str) -> None:
        assert api.get(f"/captures/thumbnails/{capture_id}")[0] == 404

    def test_a_draft_is_not_there_for_others(self, table: str, s3: Any, api: Api) -> None:
        bucket = Bucket(s3, a_deployment(a_project(draft=True)))
        capture = one(bucket)
        assert api.get(f"/captures/thumbnails/{capture.id}?label=large")[0] == 404
        assert api.send("GET", f"/captures/thumbnails/{capture.id}?label=large", {})[0] == 302

    def test_a_source_that_has_gone_is_404_and_remembered(
        self, bucket: Bucket, sent: list[str], api: Api
    ) -> None:
        capture = one(bucket)
        bucket.s3.delete_object(Bucket=PHOTOS, Key=capture.facts.key)
        sent.clear()
        for _ in range(5):
            status, told = api.get(f"/captures/thumbnails/{capture.id}?label=large")
            assert (status, told) == (404, {"detail": "The photograph is no longer there."})
        assert sent == ["GetObject"]

    def test_a_source_that_cannot_be_opened_is_422(self, bucket: Bucket, api: Api) -> None:
        capture = one(bucket, data=b"GIF89a no picture")
        status, told = api.get(f"/captures/thumbnails/{capture.id}")
        assert status == 422
        assert "cannot be opened" in told["detail"]

    def test_a_source_that_is_being_replaced_is_409(self, bucket: Bucket, api: Api) -> None:
        capture = one(bucket)
        bucket.put(NAMES[0], photograph(640, 480))
        assert api.get(f"/captures/thumbnails/{capture.id}?label=large")[0] == 409


class TestRegenerate:
    def test_one_is_rendered_again_fresh_or_not(self, bucket: Bucket, api: Api) -> None:
        capture = one(bucket)
        path = f"/captures/{capture.id}/thumbnails/regenerate"
        status, told = api.send("POST", path, {"label": "medium"})
        after = store.get(capture.id)
        assert after
        url = told.pop("url")
        assert (status, told) == (
            200,
            {
                "id": capture.id,
                "label": "medium",
                "width": 320,
                "height": 240,
                "bytes": after.thumbnails["medium"].bytes,
                "format": "jpeg",
                "status": "rendered",
            },
        )
        assert after.thumbnails["medium"].key != capture.thumbnails["medium"].key
        assert after.thumbnails["small"] == capture.thumbnails["small"]
        assert requests.get(url, timeout=10).headers["Content-Type"] == "image/jpeg"
        assert api.send("POST", path, {})[1]["label"] == "small"

    def test_only_those_who_may_edit_can_ask_for_it(self, bucket: Bucket, api: Api) -> None:
        capture = one(bucket)
        path = f"/captures/{capture.id}/thumbnails/regenerate"
        assert api.send("POST", path, {}, NOBODY)[0] == 401
        assert api.send("POST", path, {"label": "huge"})[0] == 400
        assert api.send("POST", path, {"size": 3})[0] == 400
        missing = capture.id[:-1] + ("a" if capture.id[-1] != "a" else "b")
        assert api.send("POST", f"/captures/{missing}/thumbnails/regenerate", {})[0] == 404


class TestLists:
    def test_a_page_tells_storage_urls_of_fresh_ones_and_the_endpoint_of_others(
        self, real_bucket: Bucket, sent: list[str], api: Api, dynamodb_local: Engine
    ) -> None:
        captures = [one(real_bucket, name, photograph(shade=n)) for n, name in enumerate(NAMES)]
        stale = replace(captures[1].thumbnails["small"], source_version="an earlier one")
        changed(captures[1], thumbnails={**captures[1].thumbnails, "small": stale})
        World(dynamodb_local.url).drain()
        project_id = real_bucket.deployment.project_id
        sent.clear()
        costs = set()
        for limit in (2, 5):
            with Meter() as meter:
                page = api.get(f"/captures?project_id={project_id}&limit={limit}")[1]["results"]
            costs.add(meter.total)
            self.check(page, captures)
        [event] = api.get(f"/events?project_id={project_id}")[1]["results"]
        detail = api.get(f"/events/{event['id']}")[1]
        self.check([*event["example_captures"], *detail["example_captures"]], captures)
        self.check([detail["first_capture"], api.get(f"/captures/{captures[1].id}")[1]], captures)
        assert (len(costs), sent) == (1, [])

    def test_those_of_a_draft_are_told_to_whoever_may_see_it(self, table: str, s3: Any, api: Api) -> None:
        bucket = Bucket(s3, a_deployment(a_project(draft=True)))
        capture = one(bucket)
        path = f"/captures?project_id={bucket.deployment.project_id}&deployment={bucket.deployment.id}"
        [told] = api.send("GET", path, {})[1]["results"]
        self.check([told], [capture])

    @staticmethod
    def check(answers: list[dict[str, Any]], captures: list[Capture]) -> None:
        known = {capture.id: capture for capture in captures}
        assert answers
        for each in answers:
            endpoint = f"http://nightjar.test/api/v2/captures/thumbnails/{each['id']}?label="
            thumbnails = known[each["id"]].thumbnails
            assert set(each["thumbnails"]) == LABELS
            is_stale = len(captures) > 1 and each["id"] == captures[1].id
            for label, url in each["thumbnails"].items():
                if label == "large" or (label == "small" and is_stale):
                    assert url == endpoint + label
                else:
                    assert thumbnails[label].key in url
                    assert "X-Amz-Signature" in url
