"""Workers that sleep and are overtaken, storages that list oddly, and buckets that are mistaken: none of them
puts back what a later one did, or takes for gone what is there."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from desk import Desk
from foreign import BUCKET, KEY_ID, SECRET, MakeSource
from station import NIGHT, Station, told
from world import Killed

from chalicelib.aws import foreign as aws_foreign
from chalicelib.aws.foreign import ForeignObject
from chalicelib.captures import registering
from chalicelib.errors import SourceFault
from chalicelib.jobs.rules import LEASE, SILENCE
from chalicelib.sources import listing
from chalicelib.syncing import job as syncing
from chalicelib.syncing import store
from chalicelib.syncing.job import sync_with
from localstack.embedded.engines import Engine

KEY = NIGHT[0]


def overtake(station: Station) -> None:
    """Another worker takes the running step for dead, and does the whole job."""
    other = Desk(more=[sync_with(station.desk.jobs.now, station.desk._sleep)])
    other.ahead = LEASE + SILENCE
    other.working.overdue()
    other.drain()


def stalling(
    monkeypatch: pytest.MonkeyPatch, name: str, meanwhile: Callable[[], None], *, is_of: Callable[..., bool]
) -> None:
    """Lets the first worker that comes to that function about `KEY` sleep while something else happens."""
    original, slept = getattr(registering, name), []

    def stalled(*given: Any, **named: Any) -> Any:
        if is_of(*given) and not slept:
            slept.append(1)
            meanwhile()
        return original(*given, **named)

    monkeypatch.setattr(registering, name, stalled)


def agrees(station: Station, key: str = KEY) -> None:
    """What is known, the capture, and the object say the same, also after one more sync."""
    for _ in range(2):
        capture = station.capture(key)
        assert capture
        there = station.s3.head_object(Bucket=BUCKET, Key=key)
        known = {each.key: each for each in store.known(station.deployment.id, "", None)}
        assert capture.facts.version == there["ETag"].strip('"')
        assert capture.facts.missing_since is None
        if key in known and known[key].version == capture.facts.version:
            assert known[key].gone is None
        station.sync()


def ends_well(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker that slept goes on to its end, or its death; then all agrees."""
    try:
        station.desk.drain()
    except Killed:
        station.desk.later()
    monkeypatch.undo()
    _with_private_endpoints(monkeypatch)
    agrees(station)


@pytest.mark.parametrize("dies", [False, True])
def test_who_sleeps_over_a_change_does_not_put_the_old_one_back(
    station: Station, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    station.put(*NIGHT)
    station.sync()
    station.put(KEY, body=b"the second version")

    def meanwhile() -> None:
        station.put(KEY, body=b"the third version, longer")
        overtake(station)
        if dies:
            monkeypatch.setattr(store, "keep", _die)

    stalling(monkeypatch, "register", meanwhile, is_of=lambda capture, *_: capture.facts.key == KEY)
    station.start()
    ends_well(station, monkeypatch)


@pytest.mark.parametrize("dies", [False, True])
def test_who_sleeps_over_a_deletion_does_not_delete_what_is_back(
    station: Station, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    station.put(*NIGHT)
    station.sync()
    station.take(KEY)

    def meanwhile() -> None:
        station.put(KEY, body=b"it is back")
        overtake(station)
        if dies:
            monkeypatch.setattr(store, "keep", _die)

    gone = registering.capture_id(station.deployment.id, KEY)
    stalling(monkeypatch, "remove", meanwhile, is_of=lambda capture_id, *_: capture_id == gone)
    station.start("delete")
    ends_well(station, monkeypatch)


@pytest.mark.parametrize("policy", ["delete", "mark"])
@pytest.mark.parametrize("turn", range(6))
def test_cut_off_and_then_the_object_is_back_as_it_was(
    station: Station, monkeypatch: pytest.MonkeyPatch, policy: str, turn: int
) -> None:
    from world import Assassin

    station.put(*NIGHT)
    station.sync()
    pages = listing.pages

    def without(*given: Any, **named: Any) -> Iterator[Any]:
        for page in pages(*given, **named):
            yield [each for each in page if each.object.key != KEY]

    monkeypatch.setattr(syncing.listing, "pages", without)
    station.start(policy)
    with Assassin(turn, afterwards=True) as assassin:
        try:
            station.desk.drain()
        except Killed:
            assassin.revive()
            monkeypatch.setattr(syncing.listing, "pages", pages)
            station.desk.later(LEASE + SILENCE)
            station.desk.drain()
    monkeypatch.setattr(syncing.listing, "pages", pages)
    station.sync()
    agrees(station)


class Odd:
    """A storage that lists what it is told to list, whatever it is asked for."""

    def __init__(self, *pages: list[ForeignObject]) -> None:
        self.listed = pages

    def __call__(self, *_: Any, **__: Any) -> Iterator[list[ForeignObject]]:
        yield from self.listed


def listed(key: str, **odd: Any) -> ForeignObject:
    return replace(ForeignObject(key, 12, "etag", datetime(2024, 6, 5, tzinfo=UTC)), **odd)


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([["moths/b.jpg"], ["moths/a.jpg"]], "order"),
        ([["moths/b.jpg", "moths/a.jpg"]], "order"),
        ([["moths/a.jpg", "other/b.jpg"]], "not asked for"),
    ],
)
def test_a_storage_that_lists_otherwise_is_refused(
    station: Station, monkeypatch: pytest.MonkeyPatch, pages: list[list[str]], words: str
) -> None:
    station.put(*NIGHT)
    station.sync()
    found = [[listed(key) for key in page] for page in pages]
    monkeypatch.setattr(listing.foreign, "pages", lambda *_, **__: _closable(found))
    job = station.sync("delete")
    assert (job.status, words in (job.reason or "")) == ("FAILURE", True)
    assert len(station.keys()) >= 6


def test_one_that_ignores_where_to_go_on_is_refused(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [[listed("moths/a.jpg"), listed("moths/b.jpg")], [listed("moths/c.jpg")]]
    monkeypatch.setattr(listing.foreign, "pages", lambda *_, **__: _closable(found))
    station.desk.pieces = 1
    job = station.sync()
    assert (job.status, "order" in (job.reason or "")) == ("FAILURE", True)


def test_what_is_listed_twice_is_taken_once(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    found = [[listed("moths/a.jpg"), listed("moths/a.jpg"), listed("moths/b.jpg")]]
    monkeypatch.setattr(listing.foreign, "pages", lambda *_, **__: _closable(found))
    assert told(station.sync()) == {"total_files": 2, "new": 2, "undated": 2}


def test_one_that_lacks_what_every_object_has_is_told_of(
    station: Station, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [[listed("moths/a.jpg"), listed("moths/b.jpg", is_odd=True)]]
    monkeypatch.setattr(listing.foreign, "pages", lambda *_, **__: _closable(found))
    job = station.sync()
    assert told(job) == {"total_files": 1, "new": 1, "undated": 1, "skipped": 1}
    assert [each["reason"] for each in station.report(job)] == ["", "odd"]


@pytest.mark.parametrize(
    "odd", [{"ETag": None}, {"Size": None}, {"Size": 10**20}, {"LastModified": datetime(1, 1, 1)}]
)
def test_what_an_entry_lacks_makes_it_odd(odd: dict[str, Any]) -> None:
    whole = {"Key": "a.jpg", "Size": 3, "ETag": '"x"', "LastModified": datetime(2024, 6, 5)}
    assert not aws_foreign._object(whole).is_odd  # type: ignore[arg-type]
    assert aws_foreign._object(whole).written.tzinfo  # type: ignore[arg-type]
    entry = {name: value for name, value in {**whole, **odd}.items() if value is not None}
    assert aws_foreign._object(entry).is_odd  # type: ignore[arg-type]


def test_a_listing_that_breaks_off_is_no_end(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    class Client:
        def list_objects_v2(self, **_: Any) -> Any:
            return {"IsTruncated": True, "NextMarker": "a.jpg", "Contents": []}

    with pytest.raises(SourceFault) as refused:
        aws_foreign._asked(Client(), {}, float("inf"))  # type: ignore[arg-type]
    assert refused.value.code == aws_foreign.NO_WAY_ON


def test_another_bucket_of_the_same_source_deletes_nothing(station: Station, s3: Any) -> None:
    station.put(*NIGHT)
    station.sync()
    s3.create_bucket(Bucket="mistyped-bucket")
    s3.put_object(Bucket="mistyped-bucket", Key="moths/other.jpg", Body=b"x")
    source = station.deployment.data_source
    try:
        status, answer = station.api.send("PATCH", f"/storage/{source}", {"bucket": "mistyped-bucket"})
        assert status == 200, answer
        job = station.sync("delete")
        assert told(job) == {"total_files": 1, "new": 1, "missing": 6, "undated": 1}
        assert len(station.keys()) == 7
    finally:
        s3.delete_object(Bucket="mistyped-bucket", Key="moths/other.jpg")
        s3.delete_bucket(Bucket="mistyped-bucket")


def test_many_bad_objects_do_not_stop_the_others(station: Station, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = [f"moths/bad{number:02}.jpg" for number in range(25)]
    station.put(*bad)
    begin = registering.begin

    def hurt(capture: Any) -> Any:
        if capture.facts.key in bad:
            raise ZeroDivisionError
        return begin(capture)

    monkeypatch.setattr(registering, "begin", hurt)
    job = station.sync()
    assert (job.status, told(job)) == ("SUCCESS", {"total_files": 25, "failed": 25})
    station.put(*NIGHT)
    assert told(station.sync()) == {"total_files": 31, "failed": 25, "new": 6}


def test_a_job_that_is_resumed_counts_nothing_twice(
    station: Station, monkeypatch: pytest.MonkeyPatch, make: MakeSource, moto_server: Engine
) -> None:
    station.put(*NIGHT)
    pages = listing.pages

    def refused(*given: Any, **named: Any) -> Iterator[Any]:
        yield from pages(*given, **named)
        raise SourceFault(aws_foreign.REFUSED, "The storage will not list the bucket.")

    monkeypatch.setattr(syncing.listing, "pages", refused)
    job = station.sync()
    assert job.status == "FAILURE"
    monkeypatch.setattr(syncing.listing, "pages", pages)
    station.desk.jobs.retry(job.id, resume=True)
    station.desk.drain()
    job = station.desk.job(job.id)
    assert (job.status, told(job)) == ("SUCCESS", {"total_files": 6, "new": 6})
    assert len(station.report(job)) == 6


def test_nobody_who_looks_is_told_of_the_storage(
    station: Station, monkeypatch: pytest.MonkeyPatch, make: MakeSource, moto_server: Engine
) -> None:
    station.put(KEY)
    station.sync()
    capture = station.capture(KEY)
    assert capture
    gone = make(endpoint_url="http://127.0.0.1:9", access_key=KEY_ID, secret_key=SECRET)
    station.api.send("PATCH", f"/storage/{capture.facts.source}", {"endpoint_url": "http://127.0.0.1:9"})
    status, answer = station.api.get(f"/captures/thumbnails/{capture.id}")
    assert status == 503
    for secret in (BUCKET, "127.0.0.1", KEY_ID, "region", gone["id"]):
        assert secret not in answer["detail"]


def _closable(pages: list[list[ForeignObject]]) -> Iterator[list[ForeignObject]]:
    yield from pages


def _die(*_: Any) -> None:
    raise Killed


def _with_private_endpoints(monkeypatch: pytest.MonkeyPatch) -> None:
    from chalicelib import settings

    monkeypatch.setenv("NIGHTJAR_PRIVATE_ENDPOINTS", "allow")
    settings.settings.cache_clear()
