"""Auditing what was found on captures, and all that is counted of it."""

from dataclasses import replace
from datetime import timedelta

import pytest
from forcing import Force, found_left_and_repaired
from forcing_found import (
    FOUND,
    found,
    its_taxa,
    the_name_of_an_occurrence,
    the_names_at_a_time,
    the_names_on_a_capture,
    the_score_of_an_occurrence,
)
from office import BEE, EVENING, MOTH, Office, counters, lines, told
from study import box

from chalicelib import ids
from chalicelib.auditing import job as auditing
from chalicelib.auditing import line
from chalicelib.auditing.counting import Tally
from chalicelib.aws import keys
from chalicelib.findings.filing import FindingsRow, PlacedRow
from chalicelib.findings.rules import COUNTED, Filters
from chalicelib.occurrences import store as occurrences
from chalicelib.occurrences.rules import Identification
from chalicelib.occurrences.store import OccurrenceRow
from chalicelib.projects import service as projects
from chalicelib.projects.store import ProjectRow


@pytest.mark.parametrize("force", FOUND)
def test_so_is_what_was_found(real_office: Office, force: Force) -> None:
    found_left_and_repaired(real_office, force)


def test_findings_that_lie_where_no_capture_is(real_office: Office) -> None:
    office, true, capture = real_office, counters(), real_office.captures[6]
    there = PlacedRow(*keys.placed_findings(office.deployment.id, office.place(capture)))
    there.refresh(consistent_read=True)
    place = keys.capture_at(capture.id, EVENING + timedelta(minutes=5))
    PlacedRow(*keys.placed_findings(office.deployment.id, place), findings=there.findings).save()
    job = office.audit()
    assert lines(job) == [f"deployment {office.deployment.id}: findings at {place} is there, true is none"]
    assert told(office.audit(repair=True)) == (1, 1, 0)
    assert counters() == true
    office.world.drain()
    assert counters() == true


def test_findings_that_are_missing_or_of_a_capture_that_has_gone(real_office: Office) -> None:
    office, true, capture = real_office, counters(), real_office.captures[6]
    PlacedRow(*keys.placed_findings(office.deployment.id, office.place(capture))).delete()
    [occurrence, _] = office.occurrences(capture)
    OccurrenceRow(*keys.occurrence(occurrence)).delete()
    gone = ids.capture_id(office.deployment.id, "photos", "gone.jpg")
    surplus = ids.detection_id(gone, "a box")
    place = keys.capture_at(gone, EVENING)
    OccurrenceRow(*keys.occurrence(surplus), project_id=office.project.id).save()
    nothing = '{"algorithms":[],"boxes":7,"names":{}}'
    FindingsRow(*keys.findings(gone), findings=nothing, place=place, version=3).save()
    PlacedRow(*keys.placed_findings(office.deployment.id, place), findings=nothing).save()
    found = lines(office.audit(office.deployment.id))
    assert [each.partition(": ")[2].partition(" is ")[0] for each in found] == [
        f"occurrence {occurrence}",
        "findings in time",
        f"findings at {place}",
    ]
    assert found[1].endswith("findings in time is none, true is 3 boxes, 2 named")
    assert told(office.audit(office.deployment.id, repair=True)) == (3, 3, 0)
    office.world.drain()
    assert counters() == true


def test_what_follows_from_a_wrong_name_is_mended_with_it(real_office: Office) -> None:
    """The stream has told of findings that were forced: all above them have counted it."""
    office, true = real_office, counters()
    for force in (the_names_at_a_time, the_name_of_an_occurrence):
        row, actions, _ = force(office)
        row.update(actions=actions)
    office.world.drain()
    assert counters() != true
    found = lines(office.audit())
    for each in (
        f"deployment {office.deployment.id}: taxon Noctua pronuba is 2, true is 3",
        f"project {office.project.id}: occurrences_count is 3, true is 4",
        f"project {office.project.id}: taxon Noctua pronuba is 2, true is 3",
    ):
        assert each in found, found
    drifted, repaired, busy = told(office.audit(repair=True))
    assert (drifted, busy) == (repaired, 0)
    office.world.drain()
    assert counters() == true
    assert told(office.audit()) == (0, 0, 0)


def test_people_and_replaced_names_are_recounted_alike(real_office: Office) -> None:
    office, capture = real_office, real_office.captures[6]
    moment = office.world.now()
    for number, (name, withdrawn) in enumerate(((MOTH, False), (BEE, False), (MOTH, True), (None, False))):
        for each in office.occurrences(capture):
            said = Identification(
                ids.new_identification_id(each),
                "ada",
                name,
                moment + timedelta(seconds=number),
                withdrawn=withdrawn,
            )
            occurrences.keep_identifications([said])
    office.say(office.captures[7], box(0, ("Noctua pronuba", 0.4), ("Apis mellifera", 0.6)))
    office.world.drain()
    job = office.audit()
    assert told(job) == (0, 0, 0), lines(job)
    assert office.world.settling.overdue() == 0


def test_the_default_filters_are_followed(real_office: Office) -> None:
    office = real_office
    present = projects.find(office.project.id)
    filters = Filters(0.2, include=(BEE,))
    projects.change(replace(present, filters=filters), present.updated_at, office.world.now())
    office.world.drain()
    office.audit(repair=True)
    office.world.drain()
    assert told(office.audit()) == (0, 0, 0)
    assert projects.find(office.project.id).counts.found["occurrences"] == 2
    row = ProjectRow(*keys.project(office.project.id))
    row.update(actions=found(row, ProjectRow.found, "occurrences"))
    [line] = lines(office.audit())
    assert line == f"project {office.project.id}: occurrences_count is 999, true is 2"


def test_captures_are_looked_at_a_piece_at_a_time(
    real_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, true = real_office, counters()
    monkeypatch.setattr(auditing.captures, "PIECE", 3)
    for force in (the_names_on_a_capture, the_score_of_an_occurrence):
        row, actions, _ = force(office)
        row.update(actions=actions)
    job = office.audit()
    assert told(job) == (2, 0, 0), lines(job)
    assert job.step > 2
    assert told(office.audit(set_id=office.set.id)) == (2, 0, 0)
    assert told(office.audit(repair=True)) == (2, 2, 0)
    assert counters() == true


def test_where_too_much_is_wrong_nothing_above_it_is_compared(
    real_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, true = real_office, counters()
    monkeypatch.setattr(line, "MOST_WRONG", 1)
    for force in (the_names_on_a_capture, the_score_of_an_occurrence, its_taxa):
        row, actions, _ = force(office)
        row.update(actions=actions)
    drifted, _, busy = told(office.audit())
    assert drifted == 2
    assert busy in (3, 4)  # the other station may have been compared before it was too much
    assert told(office.audit(repair=True)) == (3, 3, 0)
    assert counters() == true


def test_every_count_there_is_is_recounted() -> None:
    whole = Tally(bytes=1, processed=1, boxed=1)
    whole.taxa[MOTH] += 1
    assert whole.counts.keys() == {each.key for each in COUNTED}
