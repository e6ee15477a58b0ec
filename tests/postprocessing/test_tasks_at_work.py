"""Each task at work on captures, with classifiers, categories and lists as they are kept."""

from dataclasses import replace

import pytest
from lab import LABELS, NOBODY, Lab, facts, large, list_of, taxon, voted
from study import CLASSIFIER, box

from chalicelib.algorithms import reading as algorithms
from chalicelib.aws import objects
from chalicelib.captures.rules import Capture
from chalicelib.detections import vectors
from chalicelib.detections.store import present
from chalicelib.jobs import logs
from chalicelib.postprocessing import keeping, running
from chalicelib.settings import settings
from chalicelib.taxa import service as taxa


def test_a_masked_class_never_wins(each_lab: Lab) -> None:
    lab = each_lab
    lab.vote()
    one, other, third = lab.study.captures[:3]
    scores = [0.046613, 0.017148, 0.936240]
    lab.study.say(one, large(0, voted([2.0, 1.0, 5.0], scores, score=0.936240)))
    lab.study.say(other, large(0, voted([0.5, 3.0, 3.5], score=0.6)))
    lab.study.say(third, large(0, voted([5.0, 1.0, 3.0], score=0.866813)))
    allowed = list_of(*LABELS[:2])
    told = lab.run("class_masking", taxa_list_id=allowed, algorithm_id=CLASSIFIER)
    assert (told["classifications_total"], told["classifications_masked"], told["same_taxon"]) == (3, 2, 1)
    assert told["occurrences_updated"] == 2
    [masked] = [each for each in lab.rows(one, told_key(one, lab)) if each.replaces]
    assert (masked.taxon_id, masked.score) == (taxon(LABELS[0]), pytest.approx(0.731059, abs=1e-6))
    assert masked.vectors
    found = vectors.read([masked.vectors])[masked.vectors]
    assert found.scores == pytest.approx((0.731059, 0.268941, 0), abs=1e-6)
    assert found.logits == (2.0, 1.0, 5.0)
    assert lab.names(one)[masked.detection_id] == [(masked.taxon_id, masked.score)]
    assert lab.study.determination(lab.study.boxes(other)[0]) == (
        taxon(LABELS[1]),
        pytest.approx(0.924142, abs=1e-6),
    )
    output = algorithms.whole([masked.algorithm])[masked.algorithm]
    assert output.labels_hash == algorithms.whole([CLASSIFIER])[CLASSIFIER].labels_hash
    assert output.task_type == "post_processing"
    before = facts()
    assert lab.run("class_masking", taxa_list_id=allowed, algorithm_id=CLASSIFIER)["rows_written"] == 0
    assert facts() == before


def told_key(capture: Capture, lab: Lab) -> str:
    [key] = {
        each.algorithm
        for each in present(capture.id).results.classifications
        if "filtered_by_taxa_list" in each.algorithm
    }
    return key


def test_the_score_of_a_name_that_stays_follows_when_it_is_asked_for(lab: Lab) -> None:
    lab.vote()
    capture = lab.study.captures[0]
    lab.study.say(capture, large(0, voted([5.0, 1.0, 3.0], score=0.866813)))
    lab.study.check()
    [occurrence] = lab.study.boxes(capture)
    config = {"taxa_list_id": list_of(*LABELS[:2]), "algorithm_id": CLASSIFIER}
    told = lab.run("class_masking", **config, only_when_taxon_changes=False)
    assert told["occurrences_updated"] == 1
    assert lab.study.determination(occurrence) == (taxon(LABELS[0]), pytest.approx(0.982014, abs=1e-6))
    reweighted = told_key(capture, lab)
    lab.run("class_masking", **config, only_when_taxon_changes=False, reweight=False)
    assert told_key(capture, lab) != reweighted
    assert lab.study.determination(occurrence) == (taxon(LABELS[0]), pytest.approx(0.866813, abs=1e-6))


def test_another_list_is_tried_on_what_the_classifier_said(lab: Lab) -> None:
    lab.vote()
    capture = lab.study.captures[0]
    lab.study.say(capture, large(0, voted([2.0, 1.0, 5.0], score=0.94)))
    chosen = list_of(LABELS[0])
    lab.run("class_masking", taxa_list_id=chosen, algorithm_id=CLASSIFIER)
    first, before = lab.last(), facts()
    taxa.add(chosen, [taxon(LABELS[1])])
    taxa.remove(chosen, [taxon(LABELS[0])])
    told = lab.run("class_masking", taxa_list_id=chosen, algorithm_id=CLASSIFIER)
    assert (told["rows_written"], told["rows_removed"]) == (1, 1)
    [name] = lab.names(capture).values()
    assert name == [(taxon(LABELS[1]), 1.0)]
    lab.undo(lab.last())
    assert facts() == before
    [row] = list(lab.rows(capture, told_key(capture, lab)))
    assert row.vectors
    assert vectors.read([row.vectors])[row.vectors].scores == (1.0, 0.0, 0.0)
    lab.undo(first)
    assert lab.names(capture) == {row.detection_id: [(taxon(LABELS[2]), 0.94)]}


def test_a_list_that_leaves_no_class_fails_and_writes_nothing(lab: Lab) -> None:
    lab.vote()
    lab.study.say(lab.study.captures[0], large(0, voted([2.0, 1.0, 5.0], score=0.94)))
    before = facts()
    job = lab.start("class_masking", taxa_list_id=list_of("Vanessa atalanta"), algorithm_id=CLASSIFIER)
    lab.desk.drain()
    found = lab.desk.job(job.id)
    assert (found.status, found.reason) == ("FAILURE", found.reason)
    assert "would mask every class" in (found.reason or "")
    assert facts() == before


def test_a_list_that_changes_during_a_run_ends_it(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE_WITH_VECTORS", 2)
    lab.vote()
    for capture in lab.study.captures[:6]:
        lab.study.say(capture, large(0, voted([2.0, 1.0, 5.0], score=0.94)))
    chosen = list_of(LABELS[0])
    job = lab.start("class_masking", taxa_list_id=chosen, algorithm_id=CLASSIFIER)
    lab.desk.turn()
    lab.desk.turn()
    taxa.add(chosen, [taxon(LABELS[1])])
    lab.desk.drain()
    assert "has changed" in (lab.desk.job(job.id).reason or "")
    assert lab.run("class_masking", taxa_list_id=chosen, algorithm_id=CLASSIFIER)["rows_written"] == 6
    for capture in lab.study.captures[:6]:
        assert [len(each) for each in lab.names(capture).values()] == [1]


def test_weak_species_of_one_genus_become_the_genus(each_lab: Lab) -> None:
    lab = each_lab
    lab.vote()
    tree = {"Noctuidae": ("FAMILY", None), "Noctua": ("GENUS", "Noctuidae")}
    for name, (rank, parent) in {**tree, **dict.fromkeys(LABELS, ("SPECIES", "Noctua"))}.items():
        made = taxa.ensure({name: (rank, None)})[name]
        wanted = replace(made, rank=rank, parent_id=taxon(parent) if parent else None)  # type: ignore[arg-type]
        taxa.change(wanted, made.updated_at, lab.study.world.now())
    capture = lab.study.captures[0]
    lab.study.say(capture, large(0, voted(scores=[0.5, 0.2, 0.1], score=0.5)))
    lab.study.check()
    before = facts()
    told = lab.run("rank_rollup")
    assert (told["detections_flagged"], told["occurrences_updated"]) == (1, 1)
    [names] = lab.names(capture).values()
    assert names == [(taxon("Noctua"), pytest.approx(0.8))]
    [row] = lab.rows(capture, "rank_rollup")
    assert list(row.replaces) == [each.id for each in lab.rows(capture, CLASSIFIER)]
    assert lab.run("rank_rollup")["rows_written"] == 0
    assert lab.run("rank_rollup", thresholds={"species": 0.5})["rows_removed"] == 1
    assert lab.names(capture) == {row.detection_id: [(taxon(LABELS[0]), 0.5)]}
    lab.undo(lab.last())
    assert len(lab.rows(capture, "rank_rollup")) == 1
    [first] = {each.job for each in lab.rows(capture, "rank_rollup")}
    lab.undo(lab.desk.job(first or ""))
    assert facts() == before


def test_doubtful_names_are_withdrawn_and_given_back(each_lab: Lab) -> None:
    lab = each_lab
    capture = lab.study.captures[0]
    lab.study.say(capture, box(0, ("Noctua pronuba", 0.4)), box(1, ("Noctua pronuba", 0.6)), box(2))
    lab.study.check()
    before = facts()
    told = lab.run("score_threshold", threshold=0.5)
    assert (told["detections_flagged"], told["sure_enough"], told["skipped_no_score"]) == (1, 1, 1)
    assert sorted(names[0] for names in lab.names(capture).values()) == sorted(
        [(NOBODY, 1.0), (taxon("Noctua pronuba"), 0.6)]
    )
    assert lab.run("score_threshold", threshold=0.5)["rows_written"] == 0
    told = lab.run("score_threshold", threshold=0.3)
    assert (told["rows_removed"], told["occurrences_updated"]) == (1, 1)
    assert facts() == before
    lab.undo(lab.last())
    assert len(lab.rows(capture, "score_threshold")) == 1


def test_a_leaf_is_found_over_many_steps(each_lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = each_lab
    monkeypatch.setattr(running, "PIECE", 2)
    for number, capture in enumerate(lab.study.captures):
        lab.study.say(capture, large(0), large(number % 6 + 1))
    lab.study.check()
    before = facts()
    told = lab.run("repeat_detection", minimum=4)
    assert (told["detections_checked"], told["captures_checked"], told["detections_flagged"]) == (12, 6, 6)
    for capture in lab.study.captures[:6]:
        assert list(lab.names(capture).values()) == [[(NOBODY, 1.0)]]
    assert lab.names(lab.study.captures[6]) == {}
    assert lab.run("repeat_detection", minimum=4)["rows_written"] == 0
    assert lab.run("repeat_detection", minimum=7)["rows_removed"] == 6
    assert facts() == before
    bucket = settings().thumbnails_bucket
    assert [each.key for each in objects.under(bucket, "reports/")] == []


def test_large_states_lie_in_s3_until_the_job_is_done(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "_INLINE", 10)
    monkeypatch.setattr(running, "PIECE", 2)
    for capture in lab.study.captures:
        lab.study.say(capture, large(0))
    job = lab.start("repeat_detection", minimum=4)
    for _ in range(3):
        lab.desk.turn()
    bucket = settings().thumbnails_bucket
    assert len(list(objects.under(bucket, f"reports/{job.id}/"))) == 2
    assert lab.done(job)["detections_flagged"] == 6
    assert list(objects.under(bucket, "reports/")) == []


def test_scores_that_are_lost_are_told_and_passed_over(lab: Lab) -> None:
    lab.vote()
    for capture in lab.study.captures[:2]:
        lab.study.say(capture, large(0, voted([2.0, 1.0, 5.0], score=0.94)))
    bucket = settings().thumbnails_bucket
    [lost] = [each.key for each in objects.under(bucket, f"vectors/{lab.study.captures[0].id}/")]
    objects.delete(bucket, [lost])
    told = lab.run("class_masking", taxa_list_id=list_of(*LABELS[:2]), algorithm_id=CLASSIFIER)
    assert (told["skipped_no_logits"], told["classifications_masked"]) == (1, 1)
    lines = [each.message for each in logs.newest(lab.last().id, 10) if each.level == "WARNING"]
    assert lines == ["Of 1 captures the scores and logits are not there."]
