"""Runs over scopes, as jobs: what they meet, write, write again, and take back."""

from dataclasses import replace
from typing import Any

import pytest
from lab import NOBODY, Lab, counts, facts, large, taxon, voted
from study import box

from chalicelib import ids
from chalicelib.algorithms import reading as algorithms
from chalicelib.captures import store as capture_rows
from chalicelib.captures.rules import Capture
from chalicelib.detections.schemas import BoxBody
from chalicelib.errors import Invalid, NotFound
from chalicelib.jobs import logs
from chalicelib.jobs.service import Start
from chalicelib.postprocessing import running, scopes
from chalicelib.sessions import reading as sessions
from chalicelib.taxa import service as taxa


def test_the_small_size_filter_names_every_small_box_not_identifiable(each_lab: Lab) -> None:
    lab = each_lab
    some = lab.study.captures[:5]
    for capture in some:
        lab.study.say(capture, box(0, ("Noctua pronuba", 0.9)))
    told = lab.run("small_size_filter", threshold=0.01)
    assert told["detections_checked"] == told["detections_flagged"] == told["occurrences_updated"] == 5
    assert (told["captures_total"], told["captures_checked"]) == (6, 6)
    for capture in some:
        [occurrence] = lab.study.boxes(capture)
        assert lab.study.determination(occurrence) == (NOBODY, 1.0)
        assert lab.names(capture)[occurrence] == [(NOBODY, 1.0), (taxon("Noctua pronuba"), 0.9)]
        [row] = lab.rows(capture, "small_size_filter")
        assert row.job == lab.last().id
        assert row.details["task"] == "small_size_filter"
        assert row.details["config"] == {"threshold": 0.01}
    [made] = algorithms.whole(["small_size_filter"]).values()
    assert (made.name, made.task_type) == ("Small size filter", "post_processing")
    assert taxa.find(NOBODY).name == "Not identifiable"


@pytest.mark.parametrize("real", [True, False])
def test_all_is_flagged_though_the_last_capture_is_skipped(
    lab: Lab, real: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """BUG 1: what was flagged since the last batch was lost if the very last detection was skipped."""
    monkeypatch.setattr(running, "PIECE", 100 if real else 2)
    station = lab.study.captures[:6]
    last = station[-1]
    for capture in station[:-1]:
        lab.study.say(capture, box(0), box(1), large(3))
    lab.study.say(last)  # the null marker
    told = lab.run("small_size_filter")
    assert (told["detections_checked"], told["detections_flagged"]) == (15, 10)
    assert told["skipped_null_box"] == 1
    assert sum(len(lab.rows(each, "small_size_filter")) for each in station) == 10


def test_the_same_run_again_writes_nothing(lab: Lab) -> None:
    """BUG 2: every run added another verdict."""
    for capture in lab.study.captures:
        lab.study.say(capture, box(0, ("Noctua pronuba", 0.9)), large(3))
    lab.run("small_size_filter")
    before = facts()
    told = lab.run("small_size_filter")
    assert facts() == before
    assert (told["detections_flagged"], told["rows_written"], told["occurrences_updated"]) == (6, 0, 0)


def test_a_lower_threshold_takes_flags_back_in_its_scope_alone(lab: Lab) -> None:
    one, other = lab.study.captures[0], lab.study.captures[6]
    for capture in (one, other):
        lab.study.say(
            capture, box(0, ("Noctua pronuba", 0.9)), large(3, voted(scores=[0.8, 0.1, 0.1], score=0.8))
        )
    both = {"source_image_collection_id": lab.study.set_of([one, other]).id}
    assert lab.run("small_size_filter", both, threshold=0.01)["detections_flagged"] == 4
    before = facts()
    told = lab.run("small_size_filter", threshold=0.001)
    assert (told["detections_flagged"], told["rows_written"], told["rows_removed"]) == (1, 1, 1)
    assert told["occurrences_updated"] == 1
    assert [each.details["threshold"] for each in lab.rows(one, "small_size_filter")] == [0.001]
    assert [each.details["threshold"] for each in lab.rows(other, "small_size_filter")] == [0.01, 0.01]
    assert lab.undo(lab.last())["rows_restored"] == 2
    assert facts() == before


def test_what_cannot_be_measured_is_skipped_and_what_has_but_fractions_is_measured(lab: Lab) -> None:
    capture, other = lab.study.captures[:2]
    for each in (capture, other):
        _forget_size(each)
    lab.study.say(capture, box(0))
    lab.study.say(
        other, BoxBody(bbox=(0.1, 0.1, 0.11, 0.11)), BoxBody(bbox=(0.1, 0.1, 0.3, 0.3)), unit="fractions"
    )
    told = lab.run("small_size_filter")
    assert (told["skipped_no_dimensions"], told["detections_flagged"]) == (1, 1)
    [row] = lab.rows(other, "small_size_filter")
    assert row.details["relative_area"] == pytest.approx(0.0001)


def _forget_size(capture: Capture) -> None:
    row = capture_rows.CaptureRow.get(*capture_key(capture))
    row.facts.width = row.facts.height = None
    row.save()


def capture_key(capture: Capture) -> tuple[str, str]:
    return f"DEPLOYMENT#{capture.deployment_id}", f"CAPTURE#{capture.id}"


def test_a_name_a_person_gave_stays_and_is_not_counted(lab: Lab) -> None:
    capture = lab.study.captures[0]
    lab.study.say(capture, box(0, ("Noctua pronuba", 0.9)), box(1, ("Noctua pronuba", 0.9)), box(2))
    named, commented, _ = sorted(lab.study.boxes(capture))
    lab.study.identify(named, "Autographa gamma")
    lab.study.identify(commented, None, comment="Really?")
    told = lab.run("small_size_filter")
    assert (told["detections_flagged"], told["occurrences_updated"]) == (3, 2)
    assert lab.study.determination(named) == (taxon("Autographa gamma"), 1.0)
    assert lab.study.determination(commented) == (NOBODY, 1.0)


def test_one_occurrence_alone(lab: Lab) -> None:
    capture = lab.study.captures[0]
    lab.study.say(capture, box(0), box(1), box(2))
    chosen = lab.study.boxes(capture)[1]
    told = lab.run("small_size_filter", {"occurrence_id": chosen})
    assert (told["captures_total"], told["detections_checked"], told["detections_flagged"]) == (1, 1, 1)
    assert [each.detection_id for each in lab.rows(capture, "small_size_filter")] == [chosen]
    lab.run("small_size_filter")
    lab.run("small_size_filter", {"occurrence_id": chosen}, threshold=0.0001)
    assert chosen not in [each.detection_id for each in lab.rows(capture, "small_size_filter")]
    assert len(lab.rows(capture, "small_size_filter")) == 2


def test_one_night_and_one_set_each_capture_once(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scopes, "PAGE", 2)
    monkeypatch.setattr(running, "PIECE", 2)
    for capture in lab.study.captures:
        lab.study.say(capture, box(0))
    lab.study.check()
    [night] = sessions.stored(lab.study.deployments[1].id)
    assert lab.run("small_size_filter", {"event_id": night.id})["captures_checked"] == 6
    assert [len(lab.rows(each, "small_size_filter")) for each in lab.study.captures] == [0] * 6 + [1] * 6
    lab.undo(lab.last())
    lab.study.set_of(lab.study.captures)
    made = lab.study.set_of(lab.study.captures[3:9])
    lab.study.check()
    told = lab.run("small_size_filter", {"source_image_collection_id": made.id})
    assert (told["captures_total"], told["captures_checked"], told["detections_flagged"]) == (6, 6, 6)
    flagged = [len(lab.rows(each, "small_size_filter")) for each in lab.study.captures]
    assert flagged == [0, 0, 0, 1, 1, 1, 1, 1, 1, 0, 0, 0]


def test_an_empty_set_ends_with_all_metrics(lab: Lab) -> None:
    made = lab.study.set_of([])
    told = lab.run("small_size_filter", {"source_image_collection_id": made.id})
    assert told["detections_checked"] == told["detections_flagged"] == told["occurrences_updated"] == 0
    assert told["skipped_null_box"] == 0


def test_the_size_of_the_scope_is_told_before_the_first_batch(lab: Lab) -> None:
    lab.study.say(lab.study.captures[0], box(0))
    job = lab.start("small_size_filter")
    lab.desk.turn()
    begun = lab.desk.job(job.id)
    assert (begun.stages[0].status, f"{begun.progress:.0%}") == ("STARTED", "0%")
    assert (counts(begun)["captures_total"], counts(begun)["captures_checked"]) == (6, 0)
    assert "6 captures of Forest edge" in logs.newest(job.id, 1)[0].message
    before = begun.updated_at
    lab.desk.turn()
    assert lab.desk.job(job.id).updated_at > before
    lab.done(job)


def test_hidden_captures_are_in_no_scope(lab: Lab) -> None:
    capture = lab.study.captures[0]
    lab.study.say(capture, box(0))
    with capture_rows.Row.batch_write() as writing:
        writing.save(capture_rows.row_of(replace(capture, hidden=True)))
    lab.study.check()
    assert lab.run("small_size_filter")["detections_checked"] == 0


def test_a_scope_that_is_gone_or_wrong_never_becomes_a_job_that_works(lab: Lab) -> None:
    job = lab.start("small_size_filter", {"deployment_id": ids.new_deployment_id()})
    lab.desk.drain()
    assert lab.desk.job(job.id).status == "FAILURE"
    for scope in ({}, {"deployment_id": "a", "event_id": "b"}):
        with pytest.raises(Invalid):
            lab.desk.jobs.start(_start(lab, scope))
    with pytest.raises(Invalid) as error:
        lab.start("repeat_detection", {"occurrence_id": "x"})
    assert set(error.value.fields) == {"scope"}
    with pytest.raises(NotFound):
        scopes.place(scopes.Scope(occurrence_id=f"{lab.study.captures[0].id}-{'a' * 16}"))


def _start(lab: Lab, scope: dict[str, Any]) -> Start:
    params = {"task": "small_size_filter", "config": {}, "scope": scope}
    return Start("post_processing", lab.study.project.id, None, params)
