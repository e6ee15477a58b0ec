"""Undoing runs: facts are as they were before."""

import pytest
from lab import LABELS, Lab, facts, large, list_of, voted
from study import CLASSIFIER, DETECTOR, box

from chalicelib.aws import objects
from chalicelib.detections import importing
from chalicelib.detections.schemas import BatchBody, CaptureResults
from chalicelib.errors import Conflict
from chalicelib.jobs import logs
from chalicelib.jobs.service import Start
from chalicelib.postprocessing import running
from chalicelib.settings import settings


def test_undoing_takes_along_what_others_made_and_says_so(lab: Lab) -> None:
    lab.vote()
    capture = lab.study.captures[0]
    lab.study.say(capture, large(0, voted([2.0, 1.0, 5.0], score=0.94)))
    before = facts()
    kept = list(objects.under(settings().thumbnails_bucket, "vectors/"))
    lab.run("class_masking", taxa_list_id=list_of(*LABELS[:2]), algorithm_id=CLASSIFIER)
    masking = lab.last()
    lab.run("score_threshold", threshold=0.99)
    threshold = lab.last()
    told = lab.undo(masking)
    assert (told["rows_removed"], told["dependents_removed"], told["captures"]) == (2, 1, 1)
    assert facts() == before
    undoing = lab.desk.job(lab.desk.job(masking.id).undone_by or "")
    assert any("1 rows of other jobs" in line.message for line in logs.newest(undoing.id, 10))
    assert lab.undo(threshold)["rows_removed"] == 0
    assert facts() == before
    assert list(objects.under(settings().thumbnails_bucket, "vectors/")) == kept
    with pytest.raises(Conflict, match="undone already"):
        lab.desk.jobs.undo(masking.id)


def test_what_an_undone_run_had_written_does_not_come_back(lab: Lab) -> None:
    capture = lab.study.captures[0]
    lab.study.say(capture, box(0))
    before = facts()
    lab.run("small_size_filter", threshold=0.01)
    first = lab.last()
    lab.run("small_size_filter", threshold=0.02)
    second = lab.last()
    lab.undo(first)
    assert [each.job for each in lab.rows(capture, "small_size_filter")] == [second.id]
    assert lab.undo(second)["rows_restored"] == 0
    assert facts() == before


def test_a_run_that_is_at_work_cannot_be_undone_nor_started_again(lab: Lab) -> None:
    job = lab.start("small_size_filter")
    with pytest.raises(Conflict):
        lab.desk.jobs.undo(job.id)
    with pytest.raises(Conflict):
        lab.start("small_size_filter", threshold=0.5)
    lab.start("score_threshold")
    lab.desk.drain()
    assert lab.undo(job) == {"captures": 0, "rows_removed": 0, "dependents_removed": 0, "rows_restored": 0}
    [line] = [
        each for each in logs.newest(lab.desk.job(job.id).undone_by or "", 5) if "nothing" in each.message
    ]
    assert line


def test_a_cancelled_run_is_undone_too(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", 2)
    for capture in lab.study.captures:
        lab.study.say(capture, box(0))
    before = facts()
    job = lab.start("small_size_filter")
    lab.desk.turn()
    lab.desk.turn()
    lab.desk.jobs.cancel(job.id)
    lab.desk.drain()
    assert lab.desk.job(job.id).status == "REVOKED"
    assert len(facts()) == len(before) + 2
    assert lab.undo(job)["rows_removed"] == 2
    assert facts() == before


def test_results_that_a_job_has_saved_are_taken_back(lab: Lab) -> None:
    capture, other = lab.study.captures[:2]
    lab.study.say(other, box(0, ("Noctua pronuba", 0.9)))
    before = facts()
    told = [
        CaptureResults(capture_id=capture.id, algorithm=DETECTOR, detections=[box(0, ("A b", 0.5)), box(1)])
    ]
    key = importing.keep(BatchBody(captures=told))
    job = lab.desk.jobs.start(Start("save_results", lab.study.project.id, None, {"key": key}))
    lab.done(job)
    lab.run("small_size_filter")
    told_back = lab.undo(job)
    assert (told_back["rows_removed"], told_back["dependents_removed"]) == (5, 2)
    assert len(facts()) == len(before) + 1
