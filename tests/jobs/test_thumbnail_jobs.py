"""Thumbnails of many captures rendered again, and captures and blobs compared and mended, as jobs."""

import itertools
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from api import Api
from bucket import PHOTOS, THUMBNAILS, Bucket, capture_in, ingest, photograph, watch
from desk import Desk, Headsman
from hypothesis import given
from hypothesis import strategies as st
from meter import Meter, asked_of_s3
from world import Assassin, Killed, a_capture, a_deployment, a_project

from chalicelib import ids
from chalicelib.aws import clock, objects
from chalicelib.aws.table import Row
from chalicelib.captures import regeneration, rendering, store, sweeping
from chalicelib.captures.rendering import Rendering
from chalicelib.captures.rules import Capture, Seen, following
from chalicelib.captures.sweeping import SWEEP, sweep_with
from chalicelib.deployments.rules import Deployment
from chalicelib.jobs import logs
from chalicelib.jobs.rules import Job
from chalicelib.jobs.types import TYPES
from chalicelib.jobs.working import Working
from chalicelib.projects import service as projects
from chalicelib.settings import settings
from chalicelib.thumbnails.rules import ATTEMPT_OVER, EVENT_OVER, Shelf, Thumbnail

NAMES = [f"{n:02}_20260609_2130{n:02}.jpg" for n in range(6)]
EVENING = datetime(2026, 6, 9, 21, 30)


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    """Other sizes than before."""

    def change(sizes: Mapping[str, Any]) -> None:
        monkeypatch.setenv("NIGHTJAR_THUMBNAILS", json.dumps({"sizes": sizes}))
        settings.cache_clear()

    yield change
    monkeypatch.undo()
    settings.cache_clear()


def a_desk(pieces: int = 1000, ahead: timedelta = timedelta()) -> Desk:
    """A desk that knows these jobs, too; they see a clock that is ahead."""
    desk = Desk(pieces=pieces)
    types = {**TYPES, SWEEP.key: sweep_with(lambda: clock.now() + ahead)}
    desk.jobs = replace(desk.jobs, types=types)
    desk.working = Working(desk.jobs)
    return desk


def begun(desk: Desk, what: str, deployment: Deployment, *, project: bool = False, **config: Any) -> Job:
    place = None if project else deployment.id
    of = projects.find(deployment.project_id)
    return desk.start(of, type_key=f"{what}_thumbnails", deployment_id=place, config=config)


def done(desk: Desk, job: Job) -> Job:
    desk.drain()
    found = desk.job(job.id)
    assert found.status == "SUCCESS", found.reason
    return found


def counts(job: Job) -> dict[str, Any]:
    return {each.key: each.value for each in job.stages[0].params}


def regenerated(deployment: Deployment, desk: Desk | None = None, **config: Any) -> dict[str, Any]:
    desk = desk or a_desk()
    return counts(done(desk, begun(desk, "regenerate", deployment, **config)))


def swept(
    deployment: Deployment, desk: Desk | None = None, ahead: timedelta = timedelta(), **config: Any
) -> dict[str, Any]:
    desk = desk or a_desk(ahead=ahead)
    return counts(done(desk, begun(desk, "sweep", deployment, **config)))


def filled(bucket: Bucket, names: list[str] = NAMES) -> list[Capture]:
    """A station with photographs and their eager thumbnails."""
    ingest(*(bucket.put(name, photograph(640, 480, shade=40 * n)) for n, name in enumerate(names)))
    return [capture_in(bucket.deployment, name) for name in names]


def bare(capture: Capture, **changed: Any) -> Capture:
    """A capture that has lost its thumbnails, and what else is to change of it."""
    before = present(capture)
    after = replace(before, thumbnails={}, attempts={}, stamp=following(before.stamp), **changed)
    assert store.write(Seen(before, before.stamp), after)
    return after


def present(capture: Capture) -> Capture:
    found = store.see(capture.id).capture
    assert found
    return found


def pointed_to(captures: list[Capture]) -> set[str]:
    return {one.key for each in captures for one in present(each).thumbnails.values()}


def log_of(desk: Desk, job: Job) -> list[str]:
    return [line.message for line in logs.newest(job.id, 100) if line.level == "WARNING"]


def of_the_work(meter: Meter) -> dict[str, int]:
    """The requests beside those that start a step, and end it: gets and puts of the job's own row."""
    of_the_job = ("GetItem", "PutItem", "TransactWriteItems")
    return {name: count for name, count in meter.requests.items() if name not in of_the_job}


def small_steps(monkeypatch: pytest.MonkeyPatch, size: int = 2) -> None:
    monkeypatch.setattr(regeneration, "_PAGE", size + 1)
    monkeypatch.setattr(regeneration, "_BETWEEN_LOOKS", size)
    monkeypatch.setattr(sweeping, "_BLOBS", size + 1)
    monkeypatch.setattr(sweeping, "_CAPTURES", size)


NEW_SMALL = {"small": 100, "medium": 1024, "large": 2560}


class TestRegenerating:
    def test_a_changed_size_makes_stale_what_is_then_rendered_and_nothing_twice(
        self, bucket: Bucket, configure: Any
    ) -> None:
        captures = filled(bucket)
        assert regenerated(bucket.deployment)["fresh"] == 6
        configure(NEW_SMALL)
        for project in (True, False):
            expected = {"looked_at": 6, "rendered": 6, "fresh": 0, "failed": 0, "unreadable": 0}
            if not project:
                expected |= {"rendered": 0, "fresh": 6}
            with asked_of_s3() as sent:
                assert regenerated(bucket.deployment, project=project) == expected
            # The medium ones were fresh: only the small ones are rendered.
            assert sorted(sent) == sorted(["GetObject", "PutObject"] * (6 if project else 0))
        assert {present(each).thumbnails["small"].width for each in captures} == {100}
        assert {present(each).thumbnails["medium"].key for each in captures} == {
            each.thumbnails["medium"].key for each in captures
        }

    def test_several_labels_come_from_one_reading_and_lazy_ones_only_by_name(self, bucket: Bucket) -> None:
        captures = [bare(each) for each in filled(bucket)]
        with asked_of_s3() as sent:
            told = regenerated(bucket.deployment, labels=["large", "small"])
        assert told["rendered"] == 6
        assert (sent.count("GetObject"), sent.count("PutObject")) == (6, 12)
        assert {frozenset(present(each).thumbnails) for each in captures} == {frozenset({"small", "large"})}
        assert regenerated(bucket.deployment)["rendered"] == 6
        assert len(present(captures[0]).thumbnails) == 3

    def test_forced_fresh_ones_are_rendered_too_and_the_old_blobs_go_later(self, bucket: Bucket) -> None:
        captures = filled(bucket)
        before = pointed_to(captures)
        assert regenerated(bucket.deployment, force=True)["rendered"] == 6
        assert not pointed_to(captures) & before
        assert bucket.blobs() == pointed_to(captures) | before  # somebody may still hold their URLs
        assert watch(minutes=100) == 6
        assert bucket.blobs() == pointed_to(captures)

    def test_hidden_and_undated_ones_are_met_in_a_period_only_what_was_taken_then(
        self, bucket: Bucket
    ) -> None:
        one, two, three, four, *_ = filled(bucket)
        made = [
            bare(one),
            bare(two, hidden=True, duplicate_of=one.id),
            bare(three, timestamp=None),
            bare(four, timestamp=None, hidden=True, duplicate_of=one.id),
        ]
        period = {"start": "2026-06-09T21:30:00", "end": "2026-06-09T21:30:01"}
        for project in (True, False):
            told = regenerated(bucket.deployment, project=project, labels=["small"], **period)
            assert told == {
                "looked_at": 2,
                "rendered": 2 * project,
                "fresh": 2 - 2 * project,
                "failed": 0,
                "unreadable": 0,
            }
            assert [set(present(each).thumbnails) for each in made] == [{"small"}, {"small"}, set(), set()]
        assert regenerated(bucket.deployment, labels=["small"])["rendered"] == 2
        assert {frozenset(present(each).thumbnails) for each in made} == {frozenset({"small"})}

    @pytest.mark.parametrize("project", [True, False])
    def test_steps_of_two_do_the_same(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, project: bool
    ) -> None:
        captures = filled(bucket)
        for each in captures[1:]:
            bare(each, timestamp=None if each is captures[5] else each.timestamp)
        small_steps(monkeypatch)
        desk = a_desk(pieces=1)
        job = done(desk, begun(desk, "regenerate", bucket.deployment, project=project))
        assert counts(job) == {"looked_at": 6, "rendered": 5, "fresh": 1, "failed": 0, "unreadable": 0}
        assert job.step >= 3
        assert {frozenset(present(each).thumbnails) for each in captures} == {frozenset({"small", "medium"})}

    def test_what_cannot_be_rendered_is_named_and_the_rest_is_rendered(self, bucket: Bucket) -> None:
        one, two, three, four, *others = (bare(each) for each in filled(bucket))
        bucket.s3.delete_object(Bucket=PHOTOS, Key=one.facts.key)
        bucket.put(NAMES[1], b"no photograph any more")
        unreadable = replace(three.facts, state="unreadable", reason="torn")
        bare(three, facts=unreadable)
        desk = a_desk()
        job = done(desk, begun(desk, "regenerate", bucket.deployment))
        assert counts(job) == {"looked_at": 6, "rendered": 3, "fresh": 0, "failed": 2, "unreadable": 1}
        assert sorted(log_of(desk, job)) == sorted(
            [
                f"{one.id}: The photograph is no longer there.",
                f"{two.id}: The photograph is being replaced; ask again in a moment.",
            ]
        )
        assert all(present(each).thumbnails for each in [four, *others])

    def test_of_many_failures_some_are_named_and_the_others_counted(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(regeneration, "_TOLD", 2)
        for each in filled(bucket):
            bare(each)
            bucket.s3.delete_object(Bucket=PHOTOS, Key=each.facts.key)
        desk = a_desk()
        job = done(desk, begun(desk, "regenerate", bucket.deployment))
        assert counts(job)["failed"] == 6
        assert sorted(log_of(desk, job))[0] == "4 more failed in this step."
        assert len(log_of(desk, job)) == 3

    def test_a_fault_of_ours_is_tried_again_and_what_was_done_is_not(self, bucket: Bucket) -> None:
        captures = [bare(each) for each in filled(bucket)]
        events, turns = objects._client().meta.events, itertools.count()

        def fail(**_: Any) -> None:
            if next(turns) == 7:
                raise ZeroDivisionError

        events.register("before-call.s3.PutObject", fail)
        desk = a_desk()
        job = done(desk, begun(desk, "regenerate", bucket.deployment))
        events.unregister("before-call.s3.PutObject", fail)
        told = counts(job)
        assert (told["looked_at"], told["failed"]) == (6, 0)
        assert 1 <= told["rendered"] < 6
        assert told["rendered"] + told["fresh"] == 6
        assert len(pointed_to(captures)) == 12

    def test_while_viewers_look_nothing_fails_and_no_blob_is_left_over(self, real_bucket: Bucket) -> None:
        captures = [bare(each) for each in filled(real_bucket)]
        for key in real_bucket.blobs():
            real_bucket.s3.delete_object(Bucket=THUMBNAILS, Key=key)
        small = settings().thumbnails[0]

        def view() -> None:
            for each in captures:
                Rendering(settings(), clock.now).fresh(present(each), small)

        viewers = [threading.Thread(target=view) for _ in range(3)]
        for viewer in viewers:
            viewer.start()
        told = regenerated(real_bucket.deployment, labels=["small"])
        for viewer in viewers:
            viewer.join()
        assert (told["failed"], told["rendered"] + told["fresh"]) == (0, 6)
        # The job may have met one that a viewer had just rendered: its blob is noted, and goes.
        watch(minutes=100)
        assert real_bucket.blobs() == pointed_to(captures)
        assert len(real_bucket.blobs()) == 6

    def test_whoever_saw_it_before_another_rendered_it_renders_nothing(self, bucket: Bucket) -> None:
        """Else the other's blob would be left over, and nobody would know."""
        [capture] = [bare(each) for each in filled(bucket, NAMES[:1])]
        small = settings().thumbnails[0]
        made = Rendering(settings(), clock.now).fresh(capture, small)
        with asked_of_s3() as sent:
            assert Rendering(settings(), clock.now).fresh(capture, small) == made
        assert sent == []

    def test_a_step_ends_after_some_renderings_so_that_progress_is_seen(
        self, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(regeneration, "_IN_A_STEP", 4)
        monkeypatch.setattr(regeneration, "_BETWEEN_LOOKS", 2)
        for each in filled(bucket):
            bare(each)
        desk = a_desk()
        job = begun(desk, "regenerate", bucket.deployment)
        desk.turn()
        assert counts(desk.job(job.id))["rendered"] == 4
        assert counts(done(desk, job))["rendered"] == 6

    @pytest.mark.parametrize("afterwards", [False, True])
    def test_killed_at_any_write_it_ends_and_loses_nothing(
        self, real_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, afterwards: bool
    ) -> None:
        monkeypatch.setattr(regeneration, "_AT_ONCE", 1)
        monkeypatch.setattr(rendering, "PATIENCE", timedelta())  # nobody waits for the dead
        captures = filled(real_bucket, NAMES[:2])
        for turn in range(60):
            for each in captures:
                bare(each)
            desk = a_desk()
            job = begun(desk, "regenerate", real_bucket.deployment)
            with Assassin(turn, afterwards) as assassin:
                died = _drain_or_die(desk, assassin)
            for _ in range(2):
                desk.later()
                desk.drain()
            told = counts(done(desk, job))
            assert told["rendered"] + told["fresh"] + told["failed"] == told["looked_at"] == 2, turn
            # What fails is what a dead one had claimed, for a minute.
            claimed = [each for each in captures if present(each).attempts]
            assert told["failed"] == len(claimed) <= 1
            assert len(pointed_to(captures)) == 4 - 2 * len(claimed)
            assert pointed_to(captures) <= real_bucket.blobs()
            if not died:
                assert turn >= 10
                return
        raise AssertionError("it was killed sixty times")

    @pytest.mark.parametrize(("project", "requests"), [(False, 3), (True, 3)])
    def test_a_page_of_fresh_ones_costs_one_request_and_nothing_of_the_storage(
        self, real_table: str, s3: Any, project: bool, requests: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Of 100 captures: the page, and what follows it, once dated and undated, once hidden."""
        station = a_deployment(a_project())
        _fresh_captures(station, 100)
        desk = a_desk(pieces=1)
        job = begun(desk, "regenerate", station, project=project)
        with Meter() as meter, asked_of_s3() as sent:
            desk.turn()
        assert sent == []
        assert of_the_work(meter) == {"Query": 1}
        with Meter() as meter, asked_of_s3() as sent:
            desk.drain()
        assert sent == []
        assert of_the_work(meter) == {"Query": requests}
        assert counts(desk.job(job.id))["fresh"] == 100

    def test_a_label_that_is_no_longer_configured_ends_it_and_says_so(
        self, bucket: Bucket, configure: Any
    ) -> None:
        filled(bucket)
        desk = a_desk()
        job = begun(desk, "regenerate", bucket.deployment, labels=["large"])
        configure({"small": 240, "wide": 3000})
        desk.drain()
        ended = desk.job(job.id)
        assert (ended.status, ended.reason) == (
            "FAILURE",
            "There is no thumbnail 'large'. The labels are: small, wide.",
        )


def _drain_or_die(desk: Desk, killer: Headsman | Assassin) -> bool:
    try:
        desk.drain()
    except Killed:
        killer.revive()
        return True
    return False


def _fresh_captures(station: Deployment, count: int) -> list[Capture]:
    """Captures whose thumbnails are there, as far as the table knows."""
    shelf, made = Shelf(THUMBNAILS), []
    with Row.batch_write() as batch:
        for number in range(count):
            capture = a_capture(station, EVENING + timedelta(seconds=number))
            place = shelf.place(capture.id, "0055")
            thumbnails = {
                spec.label: Thumbnail(
                    f"{place}{spec.label}.jpg", spec.width, spec.width, 9, 1000, "jpeg", spec.quality, "v1"
                )
                for spec in settings().thumbnails
                if spec.eager
            }
            capture = replace(capture, thumbnails=thumbnails, stamp="0055")
            batch.save(store.row_of(capture))
            made.append(capture)
    return made


class TestSweeping:
    def test_where_all_is_well_all_is_counted_and_nothing_done(self, bucket: Bucket) -> None:
        captures = filled(bucket)
        sizes = {
            label: sum(each.thumbnails[label].bytes for each in captures) for label in ("small", "medium")
        }
        before = bucket.blobs()
        for more in ({}, {"dry_run": True}, {"project": True}):
            told = swept(bucket.deployment, ahead=timedelta(days=100), **more)
            assert told == {
                "lost": 0,
                "orphans": 0,
                "orphan_bytes": 0,
                "captures": 6,
                "blobs": 12,
                "fresh_small": 6,
                "stale_small": 0,
                "missing_small": 0,
                "bytes_small": sizes["small"],
                "fresh_medium": 6,
                "stale_medium": 0,
                "missing_medium": 0,
                "bytes_medium": sizes["medium"],
                "fresh_large": 0,
                "stale_large": 0,
                "missing_large": 6,
                "bytes_large": 0,
            }
        assert bucket.blobs() == before == pointed_to(captures)

    def test_what_is_lost_is_forgotten_once_and_rendered_when_looked_at(self, bucket: Bucket) -> None:
        captures = filled(bucket)
        lost = captures[2].thumbnails["small"]
        bucket.s3.delete_object(Bucket=THUMBNAILS, Key=lost.key)
        for _ in range(2):
            told = swept(bucket.deployment, dry_run=True)
            assert (told["lost"], told["fresh_small"], told["missing_small"]) == (1, 5, 1)
            assert present(captures[2]) == captures[2]
        assert swept(bucket.deployment)["lost"] == 1
        assert set(present(captures[2]).thumbnails) == {"medium"}
        again = swept(bucket.deployment)
        assert (again["lost"], again["missing_small"]) == (0, 1)
        assert again["bytes_small"] == sum(
            each.thumbnails["small"].bytes for each in captures if each is not captures[2]
        )
        Rendering(settings(), clock.now).fresh(present(captures[2]), settings().thumbnails[0])
        assert swept(bucket.deployment)["missing_small"] == 0

    def test_all_blobs_gone_is_healed_too(self, bucket: Bucket) -> None:
        captures = filled(bucket)
        for key in bucket.blobs():
            bucket.s3.delete_object(Bucket=THUMBNAILS, Key=key)
        assert swept(bucket.deployment)["lost"] == 12
        assert pointed_to(captures) == set()
        assert swept(bucket.deployment)["lost"] == 0

    def test_orphans_go_as_soon_as_nobody_can_come_to_point_to_them(self, bucket: Bucket) -> None:
        one, *_ = filled(bucket, NAMES[:2])
        kept = bucket.blobs()
        shelf = Shelf(THUMBNAILS)
        nobodys = ids.capture_id(bucket.deployment.id, PHOTOS, "never heard of")
        overtaken, attempt, event, unknown = (
            shelf.place(one.id, "0000") + "old.jpg",
            shelf.place(one.id, one.stamp, "dead") + "attempt.jpg",
            shelf.place(one.id, "FFFF") + "event.jpg",
            shelf.place(nobodys, "0055") + "unknown.jpg",
        )
        for key in (overtaken, attempt, event, unknown):
            bucket.s3.put_object(Bucket=THUMBNAILS, Key=key, Body=b"12345")
        assert swept(bucket.deployment, dry_run=True)["orphan_bytes"] == 5
        assert bucket.blobs() == {*kept, overtaken, attempt, event, unknown}
        soon = timedelta(minutes=1)
        for ahead, gone in (
            (timedelta(), {overtaken}),
            (ATTEMPT_OVER - soon, set()),
            (ATTEMPT_OVER + soon, {attempt}),
            (EVENT_OVER - soon, set()),
            (EVENT_OVER + soon, {event, unknown}),
            (EVENT_OVER + soon, set()),
        ):
            before = bucket.blobs()
            assert swept(bucket.deployment, ahead=ahead)["orphans"] == len(gone)
            assert before - bucket.blobs() == gone
        assert bucket.blobs() == kept

    def test_what_is_left_of_a_removed_one_goes(self, bucket: Bucket) -> None:
        one, _ = filled(bucket, NAMES[:2])
        ingest(bucket.remove(NAMES[0]))
        assert store.see(one.id).is_removed
        left = Shelf(THUMBNAILS).place(one.id, one.stamp) + "left.jpg"
        bucket.s3.put_object(Bucket=THUMBNAILS, Key=left, Body=b"x")
        told = swept(bucket.deployment)
        assert (told["captures"], told["orphans"], left in bucket.blobs()) == (1, 1, False)

    def test_what_the_watch_is_to_delete_is_left_to_it(self, bucket: Bucket) -> None:
        """A blob that was replaced a moment ago may be old, and somebody may hold its URL."""
        captures = filled(bucket)
        before = pointed_to(captures)
        regenerated(bucket.deployment, force=True, labels=["small"])
        assert swept(bucket.deployment, ahead=timedelta(days=20))["orphans"] == 0
        assert before <= bucket.blobs()
        watch(minutes=100)
        assert bucket.blobs() == pointed_to(captures)

    def test_what_is_no_thumbnail_of_ours_is_left_alone(self, bucket: Bucket) -> None:
        filled(bucket, NAMES[:2])
        root = f"thumbnails/{bucket.deployment.id}/"
        foreign = {
            f"{root}{name}" for name in ("README", "!/x", "é/ü", "zzz/small.jpg", "a" * 16 + "b/c", "~~")
        }
        for key in foreign:
            bucket.s3.put_object(Bucket=THUMBNAILS, Key=key, Body=b"mine")
        told = swept(bucket.deployment, ahead=timedelta(days=100))
        assert (told["blobs"], told["orphans"]) == (4, 0)
        assert foreign <= bucket.blobs()

    def test_only_what_was_asked_for_is_swept(self, bucket: Bucket) -> None:
        other = Bucket(bucket.s3, a_deployment(projects.find(bucket.deployment.project_id)))
        foreign = Bucket(bucket.s3, a_deployment(a_project()))
        buckets = (bucket, other, foreign)
        for each in buckets:
            [capture] = filled(each, NAMES[:1])
            bucket.s3.delete_object(Bucket=THUMBNAILS, Key=capture.thumbnails["small"].key)
        assert swept(bucket.deployment)["lost"] == 1
        for desk in (a_desk(pieces=1), a_desk()):
            told = swept(bucket.deployment, desk, project=True, dry_run=True)
            assert (told["captures"], told["lost"], told["missing_small"]) == (2, 1, 2)
        assert swept(other.deployment, project=True)["lost"] == 1
        assert swept(foreign.deployment)["lost"] == 1

    def test_a_label_that_is_no_longer_configured_is_stale_and_kept(
        self, bucket: Bucket, configure: Any
    ) -> None:
        captures = filled(bucket, NAMES[:3])
        configure({"small": 100, "wide": 3000})
        told = swept(bucket.deployment, ahead=timedelta(days=100))
        assert {label: told[f"stale_{label}"] for label in ("small", "medium", "wide")} == {
            "small": 3,
            "medium": 3,
            "wide": 0,
        }
        assert (told["missing_wide"], told["orphans"]) == (3, 0)
        assert bucket.blobs() == pointed_to(captures)

    def test_what_arrives_between_listing_and_reading_is_not_touched(self, bucket: Bucket) -> None:
        filled(bucket, NAMES[:3])
        arrived, events = [], Row._get_connection().connection.client.meta.events

        def arrive(model: Any, **_: Any) -> None:
            if model.name == "Query" and not arrived:
                arrived.append("at hand")
                ingest(bucket.put(NAMES[3], photograph(shade=99)))

        events.register("before-call.dynamodb", arrive)
        told = swept(bucket.deployment, ahead=timedelta(days=100))
        events.unregister("before-call.dynamodb", arrive)
        # Its capture was read, its blobs were not listed: suspects, who were found where they should be.
        assert arrived
        assert (told["captures"], told["lost"], told["orphans"]) == (4, 0, 0)
        assert len(present(capture_in(bucket.deployment, NAMES[3])).thumbnails) == 2

    def test_a_thumbnail_rendered_meanwhile_is_not_forgotten(self, bucket: Bucket) -> None:
        [capture] = filled(bucket, NAMES[:1])
        bucket.s3.delete_object(Bucket=THUMBNAILS, Key=capture.thumbnails["small"].key)
        rendered, events = [], objects._client().meta.events

        def render(**_: Any) -> None:
            if not rendered:
                rendered.append("at hand")
                Rendering(settings(), clock.now).anew(present(capture), settings().thumbnails[:1])

        events.register("after-call.s3.HeadObject", render)
        told = swept(bucket.deployment)
        events.unregister("after-call.s3.HeadObject", render)
        assert (len(rendered), told["lost"]) == (1, 0)
        assert present(capture).thumbnails["small"].key in bucket.blobs()

    @pytest.mark.parametrize("size", [2, 3, 7])
    def test_stretch_by_stretch_it_finds_what_it_finds_at_once(
        self, real_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, size: int
    ) -> None:
        chance, deployment = random.Random(size), real_bucket.deployment
        captures = _fresh_captures(deployment, 20)
        for each in captures:
            for one in each.thumbnails.values():
                if chance.random() < 0.7:
                    real_bucket.s3.put_object(Bucket=THUMBNAILS, Key=one.key, Body=b"here")
        for number in range(12):
            name = ids.capture_id(deployment.id, PHOTOS, f"nobody {number}")
            place = chance.choice(
                [Shelf(THUMBNAILS).place(name, "0055"), f"thumbnails/{deployment.id}/é{number}/"]
            )
            for part in range(chance.choice([1, 1, 9])):
                real_bucket.s3.put_object(Bucket=THUMBNAILS, Key=f"{place}{part}.jpg", Body=b"nobody's")
        for number in range(5):
            for part in range(chance.choice([1, 6])):
                key = Shelf(THUMBNAILS).place(captures[number].id, "0001") + f"{part}.jpg"
                real_bucket.s3.put_object(Bucket=THUMBNAILS, Key=key, Body=b"overtaken")
        late = timedelta(days=100)
        expected = swept(deployment, ahead=late, dry_run=True)
        assert expected["lost"] > 3 < expected["orphans"]
        small_steps(monkeypatch, size)
        for dry_run in (True, False):
            desk = a_desk(pieces=1, ahead=late)
            job = done(desk, begun(desk, "sweep", deployment, dry_run=dry_run))
            assert counts(job) == expected
            assert job.step > 20 / size
        again = swept(deployment, ahead=late)
        assert (again["lost"], again["orphans"], again["captures"]) == (0, 0, 20)
        ours = {each for each in real_bucket.blobs() if "é" not in each}
        assert ours == pointed_to(captures)

    @pytest.mark.parametrize("afterwards", [False, True])
    def test_killed_at_any_request_it_ends_the_same(
        self, real_bucket: Bucket, monkeypatch: pytest.MonkeyPatch, afterwards: bool
    ) -> None:
        captures = filled(real_bucket, NAMES[:3])
        small_steps(monkeypatch)
        for turn in range(100):
            lost = present(captures[turn % 3]).thumbnails["small"].key
            real_bucket.s3.delete_object(Bucket=THUMBNAILS, Key=lost)
            orphan = Shelf(THUMBNAILS).place(captures[turn % 2].id, "0000") + "orphan.jpg"
            real_bucket.s3.put_object(Bucket=THUMBNAILS, Key=orphan, Body=b"x")
            desk = a_desk(pieces=1)
            job = begun(desk, "sweep", real_bucket.deployment)
            with Headsman(turn, afterwards) as headsman:
                died = _drain_or_die(desk, headsman)
            for _ in range(2):
                desk.later()
                desk.drain()
            told = counts(done(desk, job))
            assert (told["captures"], told["missing_small"]) == (3, 1), turn
            assert real_bucket.blobs() == pointed_to(captures)
            assert len(real_bucket.blobs()) == 5
            regenerated(real_bucket.deployment)
            if not died:
                return
        raise AssertionError("it was killed a hundred times")

    def test_what_a_stretch_costs(self, real_bucket: Bucket) -> None:
        filled(real_bucket)
        desk = a_desk()
        begun(desk, "sweep", real_bucket.deployment)
        with Meter() as meter, asked_of_s3() as sent:
            desk.drain()
        assert of_the_work(meter) == {"Query": 1}
        assert sent == ["ListObjectsV2"]


LETTERS = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=16, max_size=16)


@given(st.sets(LETTERS, min_size=2, max_size=30))
def test_names_of_blobs_and_keys_of_captures_sort_alike(photos: set[str]) -> None:
    from chalicelib.aws import keys

    capture_ids = [f"daaaaaaaaaa-{photo}" for photo in photos]
    shelf = Shelf("b")
    blobs = sorted(f"{shelf.folder(each)}{stamp}/x" for each in capture_ids for stamp in ("-", "00", "ff"))
    in_the_table = sorted(keys.capture(each)[1].encode() for each in capture_ids)
    met = list(dict.fromkeys(each.split("/")[2] for each in blobs))
    assert met == [each.decode().rpartition("-")[2] for each in in_the_table]
    assert blobs == sorted(blobs, key=str.encode)


class TestOverHttp:
    @pytest.fixture
    def path(self, real_bucket: Bucket) -> str:
        return f"/projects/{real_bucket.deployment.project_id}/thumbnails"

    def job(self, api: Api, answer: tuple[int, Any]) -> dict[str, Any]:
        status, told = answer
        assert status == 202, told
        assert set(told) == {"job_id", "project_id"}
        desk = a_desk()
        desk.queue.append({"job": told["job_id"], "step": 0})
        desk.drain()
        found = api.get(f"/jobs/{told['job_id']}")[1]
        assert found["status"] == "SUCCESS", found["reason"]
        return dict(found)

    def test_jobs_are_started_and_tell_what_they_did(self, api: Api, path: str, real_bucket: Bucket) -> None:
        captures = [bare(each) for each in filled(real_bucket)]
        place = real_bucket.deployment.id
        named = {"capture_ids": [captures[0].id, captures[0].id, captures[1].id], "labels": ["large"]}
        job = self.job(api, api.send("POST", f"{path}/regenerate", named))
        assert (job["result"]["looked_at"], job["result"]["rendered"]) == (2, 2)
        assert [len(present(each).thumbnails) for each in captures] == [1, 1, 0, 0, 0, 0]
        body = {"deployment": place, "from": "2026-06-09T21:30:02", "to": "2026-06-09T21:30:03"}
        job = self.job(api, api.send("POST", f"{path}/regenerate", body))
        assert job["result"] == {"looked_at": 2, "rendered": 2, "fresh": 0, "failed": 0, "unreadable": 0}
        assert job["deployment"]["id"] == place
        job = self.job(api, api.send("POST", f"{path}/sweep", {"dry_run": True}))
        assert (job["result"]["missing_small"], job["result"]["fresh_large"]) == (4, 2)
        assert self.job(api, api.send("POST", f"{path}/regenerate", {}))["result"]["rendered"] == 4
        assert self.job(api, api.send("POST", f"{path}/sweep", {}))["result"]["missing_small"] == 0

    def test_what_does_not_fit_is_refused_at_once_and_says_why(
        self, api: Api, path: str, real_bucket: Bucket
    ) -> None:
        [capture] = filled(real_bucket, NAMES[:1])
        foreign = Bucket(real_bucket.s3, a_deployment(a_project()))
        [other] = filled(foreign, NAMES[:1])
        for what, body, status, said in (
            ("regenerate", {"labels": ["huge"]}, 400, "The labels are: small, medium, large."),
            ("regenerate", {"labels": []}, 400, "labels"),
            ("regenerate", {"label": "small"}, 400, "label"),
            ("regenerate", {"capture_ids": []}, 400, "capture_ids"),
            ("regenerate", {"capture_ids": [capture.id] * 1001}, 400, "capture_ids"),
            ("regenerate", {"capture_ids": [capture.id, other.id]}, 404, "in this project"),
            ("regenerate", {"capture_ids": ["../x"]}, 404, "no capture"),
            ("regenerate", {"capture_ids": [capture.id], "from": "2026-06-09"}, 400, "either"),
            ("regenerate", {"deployment": foreign.deployment.id}, 404, "in this project"),
            ("regenerate", {"from": "2026-06-10", "to": "2026-06-09"}, 400, "ends before it starts"),
            ("regenerate", {"from": "2026-06-10T00:00:00Z"}, 400, "no zone"),
            ("sweep", {"deployment": foreign.deployment.id}, 404, "in this project"),
            ("sweep", {"deployment": "nonsense"}, 404, "no deployment"),
            ("sweep", {"force": True}, 400, "force"),
        ):
            answered, told = api.send("POST", f"{path}/{what}", body)
            assert (answered, said in json.dumps(told)) == (status, True), (body, told)
        for what in ("regenerate", "sweep"):
            assert api.send("POST", f"{path}/{what}", {}, {"X": "y"})[0] == 401
            assert api.send("POST", f"/projects/paaaaaaaaaa/thumbnails/{what}", {})[0] == 404
        assert api.get(f"/jobs?project_id={capture.project_id}")[1]["count"] == 0

    def test_without_eager_sizes_or_any_it_says_what_to_do(self, api: Api, path: str, configure: Any) -> None:
        for sizes, said in (
            ({"large": 2560}, "name some of the labels large"),
            ({}, "set NIGHTJAR_THUMBNAILS"),
        ):
            configure(sizes)
            status, told = api.send("POST", f"{path}/regenerate", {})
            assert (status, said in told["detail"]) == (400, True), told
