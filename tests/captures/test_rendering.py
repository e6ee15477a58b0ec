"""Rendering what is missing: once, however many ask; failures remembered; no blob lost, none left over."""

import io
import itertools
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError
from bucket import PHOTOS, THUMBNAILS, Bucket, capture_in, ingest, photograph, watch
from meter import Meter, asked_of_s3
from PIL import Image
from world import Assassin, Killed

from chalicelib import wiring
from chalicelib.aws import clock, objects
from chalicelib.aws.table import Row
from chalicelib.captures import corrections, store
from chalicelib.captures.rendering import Rendering
from chalicelib.captures.rules import Capture, Seen, following
from chalicelib.captures.tidying import Tidying
from chalicelib.errors import Busy, Conflict, NotFound, SourceGone, SourceSlow, StorageFault, Unreadable
from chalicelib.settings import settings
from chalicelib.thumbnails.attempts import CLAIM, SOONEST
from chalicelib.thumbnails.photograph import DEFAULT_LIMITS, open_photograph
from chalicelib.thumbnails.rules import DEFAULT_SPECS, Thumbnail

NAME = "20260609_213000.jpg"
SMALL, MEDIUM, LARGE = DEFAULT_SPECS


class Clock:
    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return clock.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@contextmanager
def meanwhile(action: Any, moment: str = "before-call.s3.PutObject") -> Iterator[None]:
    """Does something once, between two requests of whoever renders."""
    actions = [action]
    events = objects._client().meta.events

    def strike(**_: Any) -> None:
        if actions:
            actions.pop()()

    events.register(moment, strike)
    yield
    events.unregister(moment, strike)
    assert not actions, "nobody came by"


@contextmanager
def answer_lost(number: int) -> Iterator[None]:
    """The answer to the update number `number` (from 0) is lost, and the client repeats it."""
    session = Row._get_connection().connection.client._endpoint.http_session
    send, seen = session.send, itertools.count()

    def lose(request: Any) -> Any:
        answer = send(request)
        if b"UpdateItem" in request.headers["X-Amz-Target"] and next(seen) == number:
            raise ConnectionClosedError(endpoint_url=request.url)
        return answer

    session.send = lose
    yield
    session.send = send
    assert next(seen) > number + 1, "nothing was repeated"


def cold(bucket: Bucket, data: bytes | None = None) -> Capture:
    """A capture all of whose thumbnails have yet to be rendered."""
    ingest(bucket.put(NAME, data or photograph(320, 240)))
    before = capture_in(bucket.deployment, NAME)
    bare = replace(before, thumbnails={}, stamp=following(before.stamp))
    assert store.write(Seen(before, before.stamp), bare)
    for key in bucket.blobs():
        bucket.s3.delete_object(Bucket=THUMBNAILS, Key=key)
    return bare


def present(capture: Capture) -> Capture:
    found = store.see(capture.id).capture
    assert found
    return found


def rendering(now: Any = clock.now, **changed: Any) -> Rendering:
    return Rendering(replace(settings(), **changed), now)


def blobs_of(bucket: Bucket) -> set[str]:
    return {one.key for one in capture_in(bucket.deployment, NAME).thumbnails.values()}


class TestOne:
    def test_a_missing_one_is_rendered_once_and_then_remembered(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        with Meter() as meter, asked_of_s3() as sent:
            made = rendering().fresh(capture, SMALL)
        assert dict(meter.requests) == {"UpdateItem": 2}
        assert sent == ["GetObject", "PutObject"]
        after = present(capture)
        assert after.thumbnails == {"small": made}
        assert after.attempts == {}
        assert bucket.blobs() == {made.key}
        assert (made.spec_width, made.width, made.height) == (240, 240, 180)
        with Meter() as meter, asked_of_s3() as sent:
            assert rendering().fresh(after, SMALL) == made
        assert (meter.total, sent) == (0, [])

    def test_a_small_original_is_not_made_larger_and_not_rendered_for_ever(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        made = rendering().fresh(capture, LARGE)
        assert (made.spec_width, made.width, made.height) == (2560, 320, 240)
        with asked_of_s3() as sent:
            assert rendering().fresh(present(capture), LARGE) == made
        assert sent == []

    def test_its_blob_is_immutable_and_says_what_it_is(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        for spec in (SMALL, replace(MEDIUM, format="webp")):
            made = rendering().fresh(capture, spec)
            blob = bucket.s3.get_object(Bucket=THUMBNAILS, Key=made.key)
            assert blob["CacheControl"] == "public, max-age=31536000, immutable"
            assert blob["ContentType"] == f"image/{spec.format}"
            assert Image.open(io.BytesIO(blob["Body"].read())).format == spec.format.upper()
            capture = present(capture)

    def test_a_changed_size_is_rendered_and_the_old_blob_stays_while_its_urls_live(
        self, bucket: Bucket
    ) -> None:
        capture = cold(bucket)
        old = rendering().fresh(capture, SMALL)
        new = rendering().fresh(present(capture), replace(SMALL, width=300))
        assert (new.spec_width, new.width) == (300, 300)
        assert present(capture).thumbnails == {"small": new}
        assert bucket.blobs() == {old.key, new.key}
        minutes = settings().url_lifetime // 60
        assert watch(minutes) == 0
        assert bucket.blobs() == {old.key, new.key}
        assert watch(minutes + 3) == 1
        assert bucket.blobs() == {new.key}
        assert watch(minutes + 3) == 0

    def test_one_whose_blob_is_lost_is_rendered_again_for_whoever_reports_it(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        old = rendering().fresh(capture, SMALL)
        capture = present(capture)
        with Meter() as meter, asked_of_s3() as sent:
            assert rendering().verified(capture, SMALL) == capture
        assert (meter.total, sent) == (0, ["HeadObject"])
        bucket.s3.delete_object(Bucket=THUMBNAILS, Key=old.key)
        verified = rendering().verified(capture, SMALL)
        assert verified.thumbnails == {}
        new = rendering().fresh(verified, SMALL)
        assert bucket.blobs() == {new.key} == blobs_of(bucket)

    def test_a_lost_blob_is_not_forgotten_when_another_one_was_rendered_meanwhile(
        self, bucket: Bucket
    ) -> None:
        capture = cold(bucket)
        old = rendering().fresh(capture, SMALL)
        seen = present(capture)
        bucket.s3.delete_object(Bucket=THUMBNAILS, Key=old.key)
        [new] = rendering().anew(seen, [SMALL]).values()
        assert rendering().verified(seen, SMALL).thumbnails == {"small": new}


class TestMany:
    @pytest.mark.parametrize("specs", [(SMALL,), DEFAULT_SPECS], ids=["one label", "all labels"])
    def test_however_many_ask_at_once_each_is_rendered_once(
        self, real_bucket: Bucket, specs: tuple[Any, ...]
    ) -> None:
        capture = cold(real_bucket, photograph(1600, 1200))
        start = threading.Barrier(24)

        def ask(number: int) -> Thumbnail:
            start.wait()
            return rendering().fresh(capture, specs[number % len(specs)])

        with asked_of_s3() as sent, ThreadPoolExecutor(24) as pool:
            made = set(pool.map(ask, range(24)))
        assert sorted(sent) == sorted(["GetObject", "PutObject"] * len(specs))
        assert len(made) == len(specs)
        assert real_bucket.blobs() == {one.key for one in made} == blobs_of(real_bucket)

    def test_whoever_waits_too_long_is_told_to_come_again(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        own = Clock()

        def another() -> None:
            waiting, began = Rendering(settings(), own, own.sleep), own()
            with pytest.raises(Busy):
                waiting.fresh(capture, SMALL)
            assert own() - began >= timedelta(seconds=10)
            assert own.ahead < CLAIM

        with meanwhile(another):
            rendering().fresh(capture, SMALL)

    def test_two_labels_of_one_capture_do_not_wait_for_each_other(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        with meanwhile(lambda: rendering().fresh(present(capture), MEDIUM)):
            rendering().fresh(capture, SMALL)
        assert set(present(capture).thumbnails) == {"small", "medium"}
        assert bucket.blobs() == blobs_of(bucket)


class TestChangesMeanwhile:
    def test_a_corrected_capture_gets_its_thumbnail(self, bucket: Bucket) -> None:
        capture = cold(bucket)

        def correct() -> None:
            before = present(capture)
            assert store.correct(before, corrections.dated(before, datetime(2026, 1, 1)))

        own = Clock()
        with meanwhile(correct):
            made = Rendering(settings(), own, own.sleep).fresh(capture, SMALL)
        assert present(capture).thumbnails == {"small": made}
        assert bucket.blobs() == {made.key}

    def test_a_replaced_photograph_is_never_shown_as_it_was(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        with meanwhile(lambda: ingest(bucket.put(NAME, photograph(800, 200)))):
            made = rendering().fresh(capture, SMALL)
        assert (made.width, made.height) == (240, 60)
        assert bucket.blobs() == blobs_of(bucket)
        assert len(bucket.blobs()) == 2

    def test_a_removed_photograph_leaves_no_blob(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        with meanwhile(lambda: ingest(bucket.remove(NAME))), pytest.raises(NotFound):
            rendering().fresh(capture, SMALL)
        assert bucket.blobs() == set()

    def test_a_photograph_that_was_replaced_a_moment_ago_is_not_rendered(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        bucket.put(NAME, photograph(800, 200))
        with pytest.raises(Conflict, match="being replaced"):
            rendering().fresh(capture, SMALL)
        assert bucket.blobs() == set()

    def test_whoever_comes_back_after_the_claim_is_over_writes_nothing(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        slow, quick = Clock(), Clock()

        def overtake() -> None:
            slow.ahead = quick.ahead = CLAIM
            Rendering(settings(), quick).fresh(present(capture), SMALL)

        with meanwhile(overtake):
            made = Rendering(settings(), slow).fresh(capture, SMALL)
        assert blobs_of(bucket) == bucket.blobs() == {made.key}

    @pytest.mark.parametrize("afterwards", [False, True], ids=["before", "after"])
    @pytest.mark.parametrize("turn", range(3))
    def test_whoever_is_killed_at_a_write_is_followed_by_another(
        self, bucket: Bucket, turn: int, afterwards: bool
    ) -> None:
        capture = cold(bucket)
        with Assassin(turn, afterwards) as assassin:
            with pytest.raises(Killed):
                rendering().fresh(capture, SMALL)
            assassin.revive()
            own = Clock()
            own.ahead = CLAIM
            made = Rendering(settings(), own).fresh(present(capture), SMALL)
        assert assassin.kills == 1
        assert present(capture).thumbnails == {"small": made}
        assert made.key in bucket.blobs()
        # A blob that was written and never pointed to is left for a sweep, and nothing else is.
        assert len(bucket.blobs()) == (2 if (turn, afterwards) in ((1, True), (2, False)) else 1)

    def test_an_answer_that_is_lost_deletes_nothing_that_is_pointed_to(self, real_bucket: Bucket) -> None:
        """The request was carried out, and its repetition is refused: its own blob is on the capture."""
        capture = cold(real_bucket)
        with answer_lost(number=1):
            made = rendering().fresh(capture, SMALL)
        assert present(capture).thumbnails == {"small": made}
        assert real_bucket.blobs() == {made.key}

    def test_a_replaced_blob_is_deleted_however_short_its_urls_live(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        rendering().fresh(capture, SMALL)
        [new] = rendering(url_lifetime=60).anew(present(capture), [SMALL]).values()
        assert watch(30) == 0
        assert watch(70) == 1
        assert bucket.blobs() == {new.key}

    @pytest.mark.parametrize("how", ["removed", "replaced", "rendered anew"])
    def test_blobs_under_an_earlier_prefix_are_deleted_too(
        self, bucket: Bucket, how: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        ingest(bucket.put(NAME, photograph(320, 240)))
        assert len(bucket.blobs()) == 2
        monkeypatch.setenv("NIGHTJAR_THUMBNAILS", '{"prefix": "thumbs/"}')
        settings.cache_clear()
        wiring.ingest.cache_clear()
        try:
            if how == "removed":
                ingest(bucket.remove(NAME))
            elif how == "replaced":
                ingest(bucket.put(NAME, photograph(320, 240, shade=9)))
            else:
                rendering().anew(capture_in(bucket.deployment, NAME), [SMALL, MEDIUM])
                Tidying(settings().shelf, lambda: clock.now() + timedelta(hours=2)).overdue()
            assert bucket.blobs() == set()
            left = bucket.s3.list_objects_v2(Bucket=THUMBNAILS).get("Contents", ())
            assert len(left) == (0 if how == "removed" else 2)
        finally:
            monkeypatch.undo()
            settings.cache_clear()
            wiring.ingest.cache_clear()


class TestFailures:
    def test_the_storage_that_refuses_a_blob_is_told_of(self, bucket: Bucket) -> None:
        capture = cold(bucket)

        def refuse() -> None:
            raise ClientError({"Error": {"Code": "SlowDown", "Message": "x"}}, "PutObject")

        with meanwhile(refuse), pytest.raises(StorageFault, match="SlowDown"):
            rendering().fresh(capture, SMALL)
        with pytest.raises(StorageFault, match="SlowDown"):
            rendering().fresh(present(capture), SMALL)

    def test_the_storage_that_will_not_tell_of_a_blob_is_told_of(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        rendering().fresh(capture, SMALL)

        def refuse() -> None:
            raise ClientError({"Error": {"Code": "403", "Message": "Forbidden"}}, "HeadObject")

        with meanwhile(refuse, "before-call.s3.HeadObject"), pytest.raises(StorageFault, match="403"):
            rendering().verified(present(capture), SMALL)

    def test_the_same_bytes_put_again_end_a_failure(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        bucket.s3.delete_object(Bucket=PHOTOS, Key=capture.facts.key)
        with pytest.raises(SourceGone):
            rendering().fresh(capture, SMALL)
        ingest(bucket.put(NAME, photograph(320, 240)))
        assert rendering().fresh(present(capture), SMALL).width == 240

    def test_a_size_that_takes_too_much_memory_stops_no_smaller_one(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = io.BytesIO()
        noise = Image.effect_noise((1200, 900), 40).convert("RGB")
        noise.save(file, "JPEG", progressive=True, subsampling=0)
        capture = cold(bucket, file.getvalue())
        # Coefficients of 7 MB, and 5 bytes for each pixel that is decoded.
        limits = replace(DEFAULT_LIMITS, max_decode_bytes=8_000_000)
        monkeypatch.setattr("chalicelib.thumbnails.photograph.DEFAULT_LIMITS", limits)
        monkeypatch.setattr(open_photograph, "__defaults__", (limits,))
        wide = replace(LARGE, width=1000)
        with pytest.raises(Unreadable, match="too much memory"):
            rendering().anew(capture, [SMALL, wide])
        assert set(present(capture).thumbnails) == {"small"}
        assert set(present(capture).attempts) == {"large"}
        with asked_of_s3() as sent, pytest.raises(Unreadable):
            rendering().fresh(present(capture), wide)
        assert sent == []

    def test_a_thousand_viewers_of_a_broken_photograph_cost_one_attempt(self, bucket: Bucket) -> None:
        capture = self.broken(bucket)
        with asked_of_s3() as sent, Meter() as meter:
            for _ in range(50):
                with pytest.raises(Unreadable, match="cannot be shown"):
                    rendering().fresh(present(capture), SMALL)
        assert sent == ["GetObject"]
        assert meter.requests["UpdateItem"] == 2
        assert bucket.blobs() == set()

    def test_those_who_come_together_share_one_failure(self, real_bucket: Bucket) -> None:
        capture = self.broken(real_bucket)

        def ask(_: int) -> str:
            try:
                rendering().fresh(capture, SMALL)
            except Unreadable as error:
                return error.detail
            raise AssertionError("it was rendered")

        with asked_of_s3() as sent, ThreadPoolExecutor(16) as pool:
            assert len(set(pool.map(ask, range(64)))) == 1
        assert sent == ["GetObject"]

    def test_it_is_tried_again_later_and_forgotten_with_success(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        data = photograph(320, 240)
        bucket.s3.delete_object(Bucket=PHOTOS, Key=capture.facts.key)
        own = Clock()
        for tries in (1, 2, 3):
            with pytest.raises(SourceGone):
                Rendering(settings(), own).fresh(present(capture), SMALL)
            assert present(capture).attempts["small"].tries == tries
            own.ahead += SOONEST * 2 ** (tries - 1)
        bucket.put(NAME, data)
        made = Rendering(settings(), own).fresh(present(capture), SMALL)
        assert present(capture).attempts == {}
        assert bucket.blobs() == {made.key}

    def test_it_belongs_to_the_version_that_failed(self, bucket: Bucket) -> None:
        capture = self.broken(bucket)
        with pytest.raises(Unreadable):
            rendering().fresh(capture, SMALL)
        ingest(bucket.put(NAME, photograph(320, 240)))
        assert present(capture).attempts == {}
        assert rendering().fresh(present(capture), LARGE).width == 320

    def test_it_is_its_label_alone_that_failed(self, bucket: Bucket) -> None:
        capture = self.broken(bucket)
        with pytest.raises(Unreadable):
            rendering().fresh(capture, SMALL)
        with asked_of_s3() as sent, pytest.raises(Unreadable):
            rendering().fresh(present(capture), LARGE)
        assert sent == ["GetObject"]

    def test_whoever_asks_for_it_expressly_does_not_wait(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        bucket.s3.delete_object(Bucket=PHOTOS, Key=capture.facts.key)
        with pytest.raises(SourceGone):
            rendering().fresh(capture, SMALL)
        bucket.put(NAME, photograph(320, 240))
        made = rendering().anew(present(capture), [SMALL, MEDIUM])
        assert set(made) == {"small", "medium"}
        assert bucket.blobs() == blobs_of(bucket)

    def test_a_photograph_that_is_known_to_be_unreadable_costs_nothing(self, bucket: Bucket) -> None:
        ingest(bucket.put(NAME, b"no photograph"))
        capture = capture_in(bucket.deployment, NAME)
        for ask in (rendering().fresh, lambda capture, spec: rendering().anew(capture, [spec])):
            with Meter() as meter, asked_of_s3() as sent, pytest.raises(Unreadable, match="cannot be opened"):
                ask(capture, SMALL)
            assert (meter.total, sent) == (0, [])

    def test_a_fault_of_ours_is_remembered_without_its_insides(self, bucket: Bucket) -> None:
        capture = cold(bucket)

        def fault() -> None:
            raise ValueError("some secret")

        with meanwhile(fault), pytest.raises(ValueError, match="secret"):
            rendering().fresh(capture, SMALL)
        with asked_of_s3() as sent, pytest.raises(StorageFault) as caught:
            rendering().fresh(present(capture), SMALL)
        assert sent == []
        assert "secret" not in caught.value.detail

    def test_a_photograph_over_the_limit_is_not_read(self, bucket: Bucket) -> None:
        capture = cold(bucket)
        with pytest.raises(Unreadable, match="more than are read"):
            rendering(max_upload_bytes=100).fresh(capture, SMALL)

    @staticmethod
    def broken(bucket: Bucket) -> Capture:
        """A capture that is said to be ready, whose bytes are none that can be shown."""
        capture = cold(bucket)
        answer = bucket.s3.put_object(Bucket=PHOTOS, Key=capture.facts.key, Body=b"no photograph")
        facts = replace(capture.facts, version=answer["ETag"].strip('"'))
        broken = replace(capture, facts=facts, stamp=following(capture.stamp))
        assert store.write(Seen(capture, capture.stamp), broken)
        return broken


class Sluggish(BaseHTTPRequestHandler):
    """A storage that begins to answer, and then gives a byte now and then, or none at all."""

    drips = True

    def do_GET(self) -> None:
        self.server.asked += 1  # type: ignore[attr-defined]
        if not self.drips:
            self.server.over.wait(20)  # type: ignore[attr-defined]
            return
        self.send_response(200)
        for name, value in (("Content-Length", "1000000"), ("ETag", '"v1"')):
            self.send_header(name, value)
        self.send_header("Last-Modified", "Tue, 09 Jun 2026 21:30:00 GMT")
        self.end_headers()
        while not self.server.over.wait(0.1):  # type: ignore[attr-defined]
            try:
                self.wfile.write(b"x" * 2000)
            except OSError:
                return

    def log_message(self, *_: Any) -> None:
        pass


@pytest.mark.parametrize("drips", [True, False], ids=["it drips", "it is silent"])
def test_a_storage_that_is_too_slow_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, drips: bool) -> None:
    handler = type("Handler", (Sluggish,), {"drips": drips})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.asked, server.over = 0, threading.Event()  # type: ignore[attr-defined]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr(objects, "SLOWEST", 1)
        objects._client.cache_clear()
        try:
            with pytest.raises(SourceSlow):
                objects.read(PHOTOS, "photos/a", 10_000_000, "v1")
        finally:
            server.over.set()  # type: ignore[attr-defined]
            server.shutdown()
            objects._client.cache_clear()
        assert server.asked == 1  # type: ignore[attr-defined]


def test_a_storage_that_is_not_there_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    objects._client.cache_clear()
    try:
        with pytest.raises(StorageFault, match="connection"):
            objects.read(PHOTOS, "photos/a", 10_000_000)
    finally:
        objects._client.cache_clear()


def test_the_limits_are_those_promised() -> None:
    config = objects._client(attempts=1).meta.config
    assert (config.connect_timeout, config.read_timeout, objects.SLOWEST) == (5, 30, 30)
    objects._client.cache_clear()
