"""Occurrences, and every counter above them, follow from what algorithms and people say."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from study import CLASSIFIER, DETECTOR, EVENING, Study, box

from chalicelib import ids
from chalicelib.capture_sets import service as sets
from chalicelib.captures import service as captures
from chalicelib.deployments import service as deployments
from chalicelib.detections import proposals
from chalicelib.detections.schemas import BoxBody, NameBody
from chalicelib.occurrences import store as occurrences
from chalicelib.projects import service as projects
from chalicelib.taxa import service as taxa
from localstack.embedded.engines import Engine


@pytest.fixture
def study(table: str, engine: Engine, s3: Any) -> Iterator[Study]:
    made = Study(engine.url)
    yield made
    made.check()


def _found(study: Study) -> dict[str, int]:
    """What was found at the first station."""
    counts = deployments.find(study.deployments[0].id).counts.found
    return {key: count for key, count in counts.items() if key != "bytes"}


def test_a_box_with_a_name_counts_everywhere(study: Study) -> None:
    made = study.set_of(study.captures[:3])
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.85)))
    study.check()
    deployment = deployments.find(study.deployments[0].id)
    assert _found(study) == {"detections": 1, "occurrences": 1, "processed": 1, "with_detections": 1}
    assert deployment.counts.found["bytes"] == 6 * 2_000_000
    assert deployment.counts.taxa_count == 1
    assert projects.find(study.project.id).counts.taxa_count == 1
    assert sets.find(made.id).taxa_count == 1
    [occurrence] = study.boxes(study.captures[0])
    assert study.determination(occurrence) == (ids.taxon_id("Noctua pronuba"), 0.85)


def test_the_same_again_writes_nothing(study: Study) -> None:
    first = study.say(study.captures[0], box(0, ("Noctua pronuba", 0.85)), box(1))
    assert (first.written, first.removed) == (3, 0)
    study.check()
    again = study.say(study.captures[0], box(0, ("Noctua pronuba", 0.85)), box(1))
    assert (again.written, again.removed) == (0, 0)
    assert study.world.records() == []


def test_who_looks_and_finds_nothing_leaves_a_marker_and_no_occurrence(study: Study) -> None:
    study.say(study.captures[0])
    study.check()
    held = occurrences.held(study.captures[0].id)
    assert [each.box for each in held.results.detections] == [None]
    assert held.standing == ()
    assert _found(study) == {"processed": 1}
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.9)))
    study.check()
    assert all(each.box for each in occurrences.held(study.captures[0].id).results.detections)


def test_an_unclassified_box_is_seen_but_not_counted_as_an_occurrence(study: Study) -> None:
    study.say(study.captures[0], box(0))
    study.check()
    assert _found(study) == {"processed": 1, "with_detections": 1}


def test_what_scores_below_the_threshold_does_not_count_until_the_threshold_is_lower(study: Study) -> None:
    study.set_of(study.captures)
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.3)), box(1, ("Autographa gamma", 0.9)))
    study.check()
    assert projects.find(study.project.id).counts.found["occurrences"] == 1
    study.filter(score=0.2)
    study.check()
    assert projects.find(study.project.id).counts.found["occurrences"] == 2
    study.filter(score=0.95)
    study.check()
    assert "occurrences" not in projects.find(study.project.id).counts.found


def test_filters_by_taxa_know_what_stands_below_what(study: Study) -> None:
    study.set_of(study.captures)
    made = taxa.ensure({"Lepidoptera": ("ORDER", None), "Noctua": ("GENUS", None)})
    moth = taxa.ensure({"Noctua pronuba": ("SPECIES", None)})["Noctua pronuba"]
    for child, parent in ((made["Noctua"], made["Lepidoptera"]), (moth, made["Noctua"])):
        present = taxa.find(child.id)
        taxa.change(replace(present, parent_id=parent.id), present.updated_at, study.world.now())
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.9)), box(1, ("Apis mellifera", 0.9)))
    study.say(study.captures[7], box(0, ("Noctua", 0.9)))
    study.filter(include=(made["Lepidoptera"].id,))
    study.check()
    assert projects.find(study.project.id).counts.taxa_count == 2
    study.filter(include=(made["Lepidoptera"].id,), exclude=(moth.id,))
    study.check()
    assert projects.find(study.project.id).counts.taxa_count == 1
    study.filter(exclude=(made["Lepidoptera"].id,))
    study.check()
    assert projects.find(study.project.id).counts.found["occurrences"] == 1


def test_a_taxon_that_is_put_elsewhere_counts_there(study: Study) -> None:
    study.set_of(study.captures)
    study.know("Lepidoptera", "Noctua")
    study.say(study.captures[0], box(0, ("Noctua", 0.9)))
    study.filter(include=(study.taxa["Lepidoptera"],))
    study.check()
    assert projects.find(study.project.id).counts.taxa_count == 0
    present = taxa.find(study.taxa["Noctua"])
    lepidoptera = taxa.find(study.taxa["Lepidoptera"])
    taxa.change(replace(lepidoptera, rank="ORDER"), lepidoptera.updated_at, study.world.now())
    taxa.change(replace(present, parent_id=lepidoptera.id), present.updated_at, study.world.now())
    study.check()
    assert projects.find(study.project.id).counts.taxa_count == 1


def test_people_outrank_algorithms_and_give_way_when_they_withdraw(study: Study) -> None:
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.6)))
    study.check()
    [occurrence] = study.boxes(study.captures[0])
    first = study.identify(occurrence, "Noctua comes")
    study.check()
    assert study.determination(occurrence) == (ids.taxon_id("Noctua comes"), 1.0)
    second = study.identify(occurrence, "Noctua pronuba", user="ben")
    study.check()
    assert study.determination(occurrence) == (ids.taxon_id("Noctua pronuba"), 1.0)
    study.withdraw(second)
    study.check()
    assert study.determination(occurrence) == (ids.taxon_id("Noctua comes"), 1.0)
    study.withdraw(first)
    study.check()
    assert study.determination(occurrence) == (ids.taxon_id("Noctua pronuba"), 0.6)


def test_a_comment_names_nothing(study: Study) -> None:
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.6)))
    [occurrence] = study.boxes(study.captures[0])
    study.identify(occurrence, None, comment="a wing is missing")
    study.check()
    assert study.determination(occurrence) == (ids.taxon_id("Noctua pronuba"), 0.6)


def test_a_new_score_of_the_same_taxon_is_followed(study: Study) -> None:
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.867)))
    study.check()
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.982)))
    study.check()
    [occurrence] = study.boxes(study.captures[0])
    assert study.determination(occurrence) == (ids.taxon_id("Noctua pronuba"), 0.982)


def test_what_is_said_anew_takes_back_what_is_not_said_again(study: Study) -> None:
    study.set_of(study.captures)
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.9)), box(1, ("Autographa gamma", 0.9)), box(2))
    kept = study.boxes(study.captures[0])
    named = next(each for each in kept if study.check() is None and study.determination(each) is None)
    study.identify(named, "Noctua comes")
    outcome = study.say(study.captures[0], box(0, ("Noctua pronuba", 0.9)), replace=True)
    assert outcome.removed == 2
    study.check()
    # What a person has named stays, whatever an algorithm says by now.
    assert len(study.boxes(study.captures[0])) == 2
    study.say(study.captures[0], replace=True)
    study.check()
    assert study.boxes(study.captures[0]) == [named]


def test_a_capture_that_goes_takes_with_it_what_was_found_on_it(study: Study) -> None:
    study.set_of(study.captures[:2])
    study.say(
        study.captures[0],
        BoxBody(
            bbox=(1, 1, 9, 9),
            classifications=[
                NameBody(algorithm=CLASSIFIER, taxon="Noctua pronuba", score=0.9, scores=[0.9, 0.1])
            ],
        ),
    )
    study.identify(study.boxes(study.captures[0])[0], "Noctua comes")
    study.check()
    gone = study.captures[0]
    study.remove(gone)
    study.check()
    assert occurrences.held(gone.id).is_empty
    assert set(projects.find(study.project.id).counts.found) == {"bytes"}
    assert projects.find(study.project.id).counts.taxa_count == 0


def test_a_capture_that_is_dated_elsewhere_takes_its_findings_along(study: Study) -> None:
    study.set_of(study.captures[:2])
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.9)))
    study.check()
    captures.date(study.captures[0].id, EVENING + timedelta(days=3))
    study.check()
    captures.date(study.captures[0].id, None)
    study.check()
    assert projects.find(study.project.id).counts.found["occurrences"] == 1


def test_results_of_a_capture_that_is_not_there_are_refused(study: Study) -> None:
    [outcome] = study.say_many({f"{study.deployments[0].id}-aaaaaaaaaaaaaaaa": [box(0)]})
    assert outcome.error
    [outcome] = study.say_many({"nonsense": [box(0)]})
    assert outcome.error


def test_what_is_taken_back_and_said_again_is_told_to_the_sets(study: Study) -> None:
    """Also where nothing is left in between: sets believe only later versions."""
    study.set_of(study.captures[:2])
    job = "j" + "a" * 10
    for _ in range(3):
        study.say_many({study.captures[0].id: [box(0, ("Noctua pronuba", 0.9))]}, job=job)
        study.check()
        assert projects.find(study.project.id).counts.found["occurrences"] == 1
        proposals.undo(job, [study.captures[0].id])
        study.check()
        assert "processed" not in projects.find(study.project.id).counts.found


def test_other_filters_count_undated_captures_otherwise(study: Study) -> None:
    captures.date(study.captures[0].id, None)
    study.say(study.captures[0], box(0, ("Noctua pronuba", 0.6)))
    study.check()
    study.filter(score=0.7)
    study.check()
    assert "occurrences" not in projects.find(study.project.id).counts.found
    study.filter(score=0.5)
    study.check()
    assert projects.find(study.project.id).counts.found["occurrences"] == 1


def test_a_hundred_species_on_one_photograph(real_table: str, dynamodb_local: Engine, s3: Any) -> None:
    """More than one transaction holds. Moto takes minutes for as many rows."""
    study = Study(dynamodb_local.url, captures_per_station=2, stations=1)
    study.set_of(study.captures[:1])
    many = [box(number, (f"Species {number}", 0.9)) for number in range(130)]
    study.say(study.captures[0], *many)
    study.check()
    assert projects.find(study.project.id).counts.taxa_count == 130
    study.say(study.captures[0], algorithm=DETECTOR, replace=True)
    study.check()
    assert projects.find(study.project.id).counts.taxa_count == 0
    study.check()
