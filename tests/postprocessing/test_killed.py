"""A worker that dies at any write, before or after it was carried out: another one ends what it began."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import world
from lab import LABELS, WRITES, Lab, counts, facts, large, list_of, said, taxon, voted
from study import CLASSIFIER, Study, box
from world import Assassin

from chalicelib.detections import proposals
from chalicelib.postprocessing import job as job_type
from chalicelib.postprocessing import keeping, running
from chalicelib.taxa import service as taxa
from localstack.embedded.engines import Engine


@pytest.fixture
def lab(real_table: str, dynamodb_local: Engine, s3: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    monkeypatch.setattr(world, "WRITES", WRITES)
    # One write after the other, so that each of them can be the one.
    monkeypatch.setattr(job_type, "AT_ONCE", 1)
    monkeypatch.setattr(proposals, "_AT_ONCE", 1)
    monkeypatch.setattr(running, "PIECE", 2)
    monkeypatch.setattr(running, "PIECE_WITH_VECTORS", 2)
    monkeypatch.setattr(keeping, "_INLINE", 10)
    made = Lab(Study(dynamodb_local.url, captures_per_station=3, stations=1))
    made.vote()
    for name, rank in (("Noctua", "GENUS"), *((each, "SPECIES") for each in LABELS)):
        found = taxa.ensure({name: (rank, None)})[name]
        parent = taxon("Noctua") if rank == "SPECIES" else None
        taxa.change(replace(found, rank=rank, parent_id=parent), found.updated_at, made.study.world.now())  # type: ignore[arg-type]
    for capture in made.study.captures:
        made.study.say(
            capture,
            box(0, ("Noctua pronuba", 0.4)),
            large(0, voted([2.0, 1.0, 2.5], [0.3, 0.3, 0.4], score=0.4)),
        )
    yield made
    made.study.check()


TASKS: dict[str, Callable[[], dict[str, Any]]] = {
    "small_size_filter": dict,
    "score_threshold": lambda: {"threshold": 0.41},
    "rank_rollup": dict,
    "class_masking": lambda: {"taxa_list_id": list_of(*LABELS[:2]), "algorithm_id": CLASSIFIER},
    "repeat_detection": lambda: {"minimum": 3},
}
OTHERS: dict[str, dict[str, Any]] = {
    "small_size_filter": {"threshold": 0.9},
    "score_threshold": {"threshold": 0.9},
    "rank_rollup": {"thresholds": {"GENUS": 0.9}},
    "class_masking": {"reweight": False},
    "repeat_detection": {"minimum": 2},
}


@pytest.mark.parametrize("task", TASKS)
def test_who_dies_at_any_write_of_a_run_leaves_what_one_undisturbed_leaves(
    lab: Lab, task: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = TASKS[task]()
    if task == "repeat_detection":  # it has more steps than others anyway
        monkeypatch.setattr(running, "PIECE", 3)
    # An earlier run with another config, so that some rows are written anew.
    lab.run(task, **{**config, **OTHERS[task]})
    if task == "class_masking":  # what others make of it must go with it
        lab.run("score_threshold", threshold=0.99)
    before = facts()
    with Assassin() as counting:
        told = lab.run(task, **config)
    undisturbed = said(facts())
    assert told["rows_written"] > 0
    assert undisturbed != said(before)
    lab.undo(lab.last())
    assert facts() == before
    turn = 0
    for afterwards in (False, True):
        for turn in range(counting.writes):
            job = lab.start(task, **config)
            with Assassin(turn, afterwards) as killer:
                lab.desk.outlive(killer)
            found = lab.desk.job(job.id)
            if not killer.kills:
                break  # past the job's own: what is left was of settling
            assert found.status == "SUCCESS", found.reason
            assert said(facts()) == undisturbed
            assert counts(found) == told
            take_back(lab, job.id)
            assert facts() == before
        assert turn > 4
        take_back(lab, job.id)


def take_back(lab: Lab, job_id: str) -> None:
    """Undoes a run in a few requests, without a job."""
    proposals.undo(job_id, [each.id for each in lab.study.captures])


@pytest.mark.parametrize("task", ["small_size_filter", "class_masking"])
def test_who_dies_at_any_write_of_undoing_leaves_the_facts_as_they_were(lab: Lab, task: str) -> None:
    config = TASKS[task]()
    lab.run(task, **{**config, **OTHERS[task]})
    if task == "class_masking":
        lab.run("score_threshold", threshold=0.99)
    before = facts()
    for afterwards in (False, True):
        for turn in range(40):
            job = lab.start(task, **config)
            lab.desk.drain()
            assert facts() != before
            if task == "class_masking":
                lab.start("score_threshold", threshold=0.99)
                lab.desk.drain()
            undoing = lab.desk.jobs.undo(job.id)
            with Assassin(turn, afterwards) as killer:
                lab.desk.outlive(killer)
            assert lab.desk.job(undoing.id).status == "SUCCESS"
            assert facts() == before
            if not killer.kills:
                break
        assert turn > 2
