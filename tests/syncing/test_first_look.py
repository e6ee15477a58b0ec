"""A photograph that was only listed is read when somebody first looks at it, and then it is as if it had
been sent."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from api import TOKEN
from foreign import BUCKET, KEY_ID, SECRET, MakeSource
from meter import Meter
from PIL import Image
from station import NIGHT, Station, told

from chalicelib import wiring
from chalicelib.aws import clock, foreign
from chalicelib.captures import noted
from chalicelib.captures.rendering import Rendering
from chalicelib.captures.rules import Capture
from chalicelib.errors import Conflict, SourceGone, StorageFault
from chalicelib.ingest.rules import read_again
from chalicelib.settings import settings
from chalicelib.sources import reading
from chalicelib.thumbnails.rules import DEFAULT_SPECS
from localstack.embedded.engines import Engine

SMALL, MEDIUM, LARGE = DEFAULT_SPECS
KEY = NIGHT[0]


def a_photograph(taken: str | None = "2024:06:01 21:30:07", width: int = 640) -> bytes:
    """A JPEG with a date and a place in its EXIF."""
    exif = Image.Exif()
    if taken:
        exif[0x8769] = {0x9003: taken}
    exif[0x8825] = {1: "N", 2: (55.0, 40.0, 0.0), 3: "E", 4: (12.0, 30.0, 0.0)}
    file = io.BytesIO()
    Image.linear_gradient("L").resize((width, 480)).convert("RGB").save(file, "JPEG", exif=exif)
    return file.getvalue()


def synced(station: Station, key: str = KEY, body: bytes | None = None) -> Capture:
    """A capture that was only listed."""
    station.put(key, body=a_photograph() if body is None else body)
    station.sync()
    capture = station.capture(key)
    assert capture
    assert capture.facts.state == "unread"
    return capture


def look(capture: Capture, label: str = "small") -> Capture:
    """The capture after somebody has looked at a thumbnail of it."""
    spec = next(each for each in DEFAULT_SPECS if each.label == label)
    Rendering(settings(), clock.now).fresh(capture, spec)
    from chalicelib.captures import store

    found = store.get(capture.id)
    assert found
    return found


def test_the_first_look_reads_it_as_ingest_would(station: Station) -> None:
    before = synced(station)
    status, _ = station.api.get(f"/captures/thumbnails/{before.id}?label=small")
    assert status == 302
    capture = station.capture(KEY)
    assert capture
    facts = capture.facts
    assert (facts.state, facts.width, facts.height, facts.content_type) == ("ready", 640, 480, "image/jpeg")
    assert facts.sha256
    assert facts.source == before.facts.source
    assert facts.last_modified == before.facts.last_modified
    assert set(capture.thumbnails) == {"small", "medium"}
    assert capture.origin.latitude == pytest.approx(55.6667, abs=1e-3)
    picture = requests.get(station.api.headers["Location"], timeout=10)
    assert Image.open(io.BytesIO(picture.content)).size == (240, 180)
    assert told(station.sync()) == {"total_files": 1, "unchanged": 1}
    assert station.capture(KEY) == capture


def test_an_undated_one_gets_the_date_of_its_exif(station: Station) -> None:
    before = synced(station, "moths/trap.jpg")
    assert before.timestamp is None
    assert look(before).timestamp == datetime(2024, 6, 1, 21, 30, 7)


def test_what_a_hand_has_dated_stays_dated(station: Station) -> None:
    before = synced(station)
    station.api.send("PATCH", f"/captures/{before.id}", {"timestamp": "2024-05-31T20:00:00"})
    dated = station.capture(KEY)
    assert dated
    assert look(dated).timestamp == datetime(2024, 5, 31, 20)


def test_it_is_read_once_however_many_look(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    capture = synced(station)
    reads: list[str] = []
    read = foreign.read

    def counted(store: foreign.Store, key: str, *more: object, **named: object) -> object:
        reads.append(key)
        return read(store, key, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(reading.foreign, "read", counted)
    labels = ["small", "medium", "small", "medium", "small", "medium", "small", "medium"]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda label: look(capture, label), labels))
    assert reads == [KEY]


def test_the_first_look_costs_so_many_requests(station: Station) -> None:
    capture = synced(station)
    with Meter() as meter:
        Rendering(settings(), clock.now).fresh(capture, SMALL)
    # The claim, the source, the deployment, and the capture with the claim on its bytes.
    assert dict(meter.requests) == {"UpdateItem": 1, "GetItem": 2, "TransactWriteItems": 1}
    found = station.capture(KEY)
    assert found
    with Meter() as meter:
        Rendering(settings(), clock.now).fresh(found, LARGE)
    assert dict(meter.requests) == {"UpdateItem": 2, "GetItem": 1}


def test_no_photograph_is_kept_as_unreadable(station: Station) -> None:
    capture = synced(station, body=b"this is no photograph")
    status, answer = station.api.get(f"/captures/thumbnails/{capture.id}")
    assert (status, "cannot be opened" in answer["detail"]) == (422, True)
    found, _ = noted.page("unreadable", capture.project_id, None, 10, None)
    assert [each.id for each in found] == [capture.id]
    station.put(KEY, body=a_photograph())
    assert told(station.sync())["changed"] == 1
    found, _ = noted.page("unreadable", capture.project_id, None, 10, None)
    assert found == []


def test_changed_bytes_have_their_thumbnails_rendered_again(station: Station) -> None:
    before = look(synced(station))
    station.put(KEY, body=a_photograph(width=800))
    station.sync()
    changed = station.capture(KEY)
    assert changed
    assert (changed.facts.state, changed.thumbnails, changed.facts.width) == ("unread", {}, None)
    after = look(changed)
    assert after.facts.width == 800
    assert after.thumbnails["small"].key != before.thumbnails["small"].key
    kept = {each.key for each in after.thumbnails.values()}
    blobs = station.s3.list_objects_v2(Bucket=settings().thumbnails_bucket, Prefix="thumbnails/")
    assert {each["Key"] for each in blobs["Contents"]} == kept


def test_the_same_bytes_elsewhere_are_a_duplicate_once_both_are_read(station: Station) -> None:
    body = a_photograph()
    first = look(synced(station, NIGHT[0], body))
    assert look(synced(station, NIGHT[1], body)).duplicate_of == first.id


def test_what_has_gone_or_changed_since_the_sync_is_told(station: Station) -> None:
    capture = synced(station)
    station.put(KEY, body=a_photograph(width=700))
    with pytest.raises(Conflict):
        look(capture)
    station.take(KEY)
    other = synced(station, NIGHT[1])
    station.take(NIGHT[1])
    with pytest.raises(SourceGone):
        look(other)
    assert station.api.get(f"/captures/thumbnails/{other.id}")[0] == 404


def test_a_source_that_may_no_longer_be_contacted_is_not(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    capture = synced(station)
    monkeypatch.delenv("NIGHTJAR_PRIVATE_ENDPOINTS")
    settings.cache_clear()
    with pytest.raises(StorageFault):
        look(capture)


def test_reading_again_reads_it_from_its_source(station: Station) -> None:
    capture = look(synced(station))
    import json

    wiring.ingest.cache_clear()
    wiring.ingest().message(json.dumps(read_again(capture.id)))
    again = station.capture(KEY)
    assert again
    assert (again.facts.source, again.facts.state) == (capture.facts.source, "ready")
    assert again.stamp > capture.stamp


class TestOriginals:
    """Where those who may edit find the photograph itself."""

    def test_it_is_signed_and_leads_to_the_bytes(self, station: Station) -> None:
        body = a_photograph()
        capture = synced(station, body=body)
        status, answer = station.api.get(f"/captures/{capture.id}", Authorization=f"Token {TOKEN}")
        assert answer["url"] == f"http://nightjar.test/api/v2/captures/{capture.id}/original"
        status, _ = station.api.get(f"/captures/{capture.id}/original", Authorization=f"Token {TOKEN}")
        assert status == 302
        assert station.api.headers["Cache-Control"] == "private, no-store"
        url = station.api.headers["Location"]
        assert urlsplit(url).path.endswith(KEY)
        signed = {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"}
        assert signed | {"X-Amz-SignedHeaders", "X-Amz-Signature"} <= set(parse_qs(urlsplit(url).query))
        assert requests.get(url, timeout=10).content == body

    def test_the_public_one_where_there_is_one(
        self, station: Station, make: MakeSource, moto_server: Engine
    ) -> None:
        source = make(
            endpoint_url=moto_server.url,
            access_key=KEY_ID,
            secret_key=SECRET,
            prefix="moths",
            public_base_url="https://moths.example.org/open",
        )
        body = {"data_source": source["id"]}
        station.api.send("PATCH", f"/deployments/{station.deployment.id}", body)
        capture = synced(station)
        station.api.get(f"/captures/{capture.id}/original", Authorization=f"Token {TOKEN}")
        assert station.api.headers["Location"] == f"https://moths.example.org/open/{KEY}"

    def test_nobody_else_is_told_anything(self, station: Station) -> None:
        capture = synced(station)
        assert station.api.get(f"/captures/{capture.id}/original")[0] == 401
        _, answer = station.api.get(f"/captures/{capture.id}")
        assert answer["url"] is None
        assert BUCKET not in str(answer)
        assert (answer["path"], answer["state"]) == ("edge/20240601213000.jpg", "unread")
