"""States and progress of jobs, whatever happens in whatever order."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from chalicelib.errors import Conflict
from chalicelib.jobs import rules
from chalicelib.jobs.job_type import Report
from chalicelib.jobs.rules import FINAL, RUNNING, STATUSES, TRANSITIONS, Job
from chalicelib.jobs.stages import Param, Stage, at, closed, opened, overall, with_value
from chalicelib.jobs.types import TYPES

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
STAGES = (Stage("One", "one"), Stage("Two", "two"))


def a_job(**more: Any) -> Job:
    given = {"id": "jaaaaaaaaaa", "project_id": "p", "type_key": "t", "name": "T", "slot": "s", "config": {}}
    return Job(**{**given, "stages": STAGES, "created_at": NOW, "updated_at": NOW, **more})


def happens(job: Job, event: str, shares: tuple[float, float], now: datetime) -> Job:
    stages = tuple(at(stage, share) for stage, share in zip(job.stages, shares, strict=True))
    changes = {
        "enqueue": lambda: rules.enqueued(job, now),
        "claim": lambda: rules.claimed(job, "w", now),
        "advance": lambda: rules.advanced(job, {"at": 1}, stages, now),
        "finish": lambda: rules.finished(job, stages, now),
        "fail": lambda: rules.failed(job, "why", stages, now),
        "cancel": lambda: rules.cancelled(job, now),
        "revoke": lambda: rules.moved(job, "revoke", now),
        "resume": lambda: rules.retried(job, None, now),
        "anew": lambda: rules.retried(job, STAGES, now),
        "resend": lambda: rules.resent(job, now),
        "release": lambda: rules.released(job, now),
        "undo": lambda: rules.undone(job, "jbbbbbbbbbb", now),
    }
    return changes[event]()


EVENTS = ("enqueue", "claim", "advance", "finish", "fail", "cancel", "revoke", "resume", "anew", "undo")
share = st.floats(0, 1) | st.sampled_from([0.0, 1.0])


@given(st.lists(st.tuples(st.sampled_from(EVENTS), share, share), max_size=30))
def test_whatever_happens_a_finished_job_is_left_only_by_a_retry_and_is_whole_only_by_success(
    story: list[tuple[str, float, float]],
) -> None:
    job, now = a_job(), NOW
    for event, one, two in story:
        now += timedelta(seconds=1)
        before = job
        try:
            job = happens(job, event, (one, two), now)
        except Conflict:
            assert job == before
            continue
        if before.status in FINAL:
            assert event in ("resume", "anew", "undo")
            assert before.status != "SUCCESS" or event == "undo"
        assert (job.progress == 1) == (job.status == "SUCCESS")
        assert 0 <= job.progress <= 1
        assert job.step >= before.step
        assert (job.finished_at is not None) == (job.status in FINAL)
        assert job.status in STATUSES
        if job.is_final:
            assert not job.is_leased(now)


def test_the_table_names_every_state_and_no_state_is_a_dead_end() -> None:
    named = {status for moves in TRANSITIONS.values() for pair in moves.items() for status in pair}
    assert named == set(STATUSES)
    assert frozenset(STATUSES) == FINAL | RUNNING | {"CREATED"}
    for status in RUNNING:
        assert any(moves.get(status) in FINAL for moves in TRANSITIONS.values())


def test_progress_is_the_mean_of_the_stages_and_a_failed_stage_keeps_its_own() -> None:
    stages = (at(STAGES[0], 1), at(STAGES[1], 0.3))
    assert overall(stages, is_finished=False) == pytest.approx(0.65)
    job = rules.failed(a_job(status="STARTED"), "why", stages, NOW)
    assert [(each.status, each.progress) for each in job.stages] == [("SUCCESS", 1), ("FAILURE", 0.3)]
    assert [each.status for each in opened(job.stages)] == ["SUCCESS", "STARTED"]


def test_stages_that_are_all_done_make_no_job_whole_before_it_has_succeeded() -> None:
    assert overall((at(STAGES[0], 1),), is_finished=False) == 0.99
    assert overall((), is_finished=False) == 0
    assert overall((), is_finished=True) == 1
    assert closed((at(STAGES[0], 1),), "FAILURE") == (at(STAGES[0], 1),)


@pytest.mark.parametrize("share", [float("nan"), -1, 0])
def test_what_is_no_progress_is_none(share: float) -> None:
    assert at(STAGES[0], share) == STAGES[0]


def test_a_report_counts_and_names_what_it_did_not_have() -> None:
    stages = (Stage("One", "one", params=(Param("Seen", "seen", 0),)),)
    report = Report("j", "p", None, False, stages, lambda *_: None)
    report.count("one", "seen")
    report.count("one", "left_out", 2)
    report.set("one", "newest", "IMG_1.jpg")
    assert report.stages[0].params == (
        Param("Seen", "seen", 1),
        Param("Left out", "left_out", 2),
        Param("Newest", "newest", "IMG_1.jpg"),
    )
    assert with_value(stages[0], "seen", 3).params == (Param("Seen", "seen", 3),)


def test_pace_tells_what_is_left_from_what_was_done_since_it_began() -> None:
    begun = a_job(status="STARTED", started_at=NOW, started_from=0.2)
    stages = (at(STAGES[0], 1), at(STAGES[1], 0.2))
    job = rules.advanced(begun, 1, stages, NOW + timedelta(seconds=40))
    rate, remaining = rules.pace(job)
    assert rate == pytest.approx(0.01)
    assert remaining == 40
    assert rules.pace(begun) == (None, None)


def test_labels_read_as_antennas() -> None:
    assert rules.status_label(a_job()) == "Waiting to start"
    assert rules.status_label(a_job(status="STARTED", stages=(at(STAGES[0], 0.425),))) == "42% complete"
    assert rules.status_label(a_job(status="STARTED", stages=(at(STAGES[0], 0.29),))) == "29% complete"
    assert rules.status_label(a_job(status="STARTED", stages=(at(STAGES[0], 1),))) == "99% complete"
    assert rules.status_label(a_job(status="FAILURE")) == "Failure"


def test_what_nobody_has_begun_is_asked_after_ever_more_seldom() -> None:
    waiting = a_job(status="PENDING", sent_at=NOW)
    late = NOW + rules.SILENCE + rules.STEP + timedelta(seconds=1)
    assert rules.is_silent(waiting, late, 1)
    again = rules.resent(waiting, late)
    assert not rules.is_silent(again, late + 2 * rules.SILENCE, 1)
    assert rules.is_silent(again, late + 2 * rules.SILENCE + rules.STEP + timedelta(seconds=1), 1)


def test_who_waits_in_a_long_line_is_given_the_time_the_others_take_and_who_died_is_not() -> None:
    second = timedelta(seconds=1)
    begun = rules.claimed(a_job(status="PENDING", sent_at=NOW), "w", NOW + second)
    waits = rules.advanced(begun, 1, STAGES, NOW + 2 * second)
    line = rules.SILENCE + 60 * rules.STEP
    assert not rules.is_silent(waits, waits.updated_at + line, 60)
    assert rules.is_silent(waits, waits.updated_at + line + second, 60)
    died = rules.claimed(waits, "w", NOW + 3 * second)
    assert not rules.is_silent(died, died.updated_at + rules.LEASE - second, 60)
    assert rules.is_silent(died, died.updated_at + rules.SILENCE + second, 60)
    asked_after = rules.resent(died, died.updated_at + rules.SILENCE + second)
    assert asked_after.sent_at
    assert not rules.is_silent(asked_after, asked_after.sent_at + line, 60)
    assert rules.is_silent(asked_after, asked_after.sent_at + line + second, 60)


@pytest.mark.parametrize("key", sorted(TYPES))
def test_every_type_has_a_label_stages_and_a_config_that_takes_nothing_it_does_not_know(key: str) -> None:
    known = TYPES[key]
    assert (known.key, bool(known.label), callable(known.step)) == (key, True, True)
    keys = [stage.key for stage in known.stages]
    assert len(keys) == len(set(keys)) > 0
    assert all(stage == Stage(stage.name, stage.key, params=stage.params) for stage in known.stages)
    with pytest.raises(ValidationError) as refused:
        known.config.model_validate({"colour": "red"})
    told = [(each["type"], each["loc"]) for each in refused.value.errors()]
    assert ("extra_forbidden", ("colour",)) in told
