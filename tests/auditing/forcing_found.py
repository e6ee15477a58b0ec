"""As `forcing`: what was found on captures, and what is counted of it."""

from typing import Any

from office import BEE, DAY, EVENING, MOTH, Office
from world import standing

from chalicelib.auditing.store import FactRow
from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.capture_sets.rules import segment_of
from chalicelib.capture_sets.segments import SegmentRow
from chalicelib.capture_sets.store import SetRow
from chalicelib.deployments.store import DeploymentRow
from chalicelib.findings.filing import FindingsRow, PlacedRow
from chalicelib.findings.store import TaxonCountRow
from chalicelib.occurrences.store import OccurrenceRow
from chalicelib.projects.store import ProjectRow
from chalicelib.projects.tallies import TallyRow
from chalicelib.sessions.store import SessionRow, UndatedSegmentRow


def found(row: Row, attribute: Any, key: str) -> list[Any]:
    """The actions that force one of the counts of findings in a row."""
    row.refresh(consistent_read=True)
    kept = row.found
    counts = {**kept.get("counts", kept), key: 999}
    return [attribute.set({**kept, "counts": counts} if "counts" in kept else counts)]


def taxon(row: Row, attribute: Any) -> list[Any]:
    """The actions that force the occurrences of a taxon in a row."""
    row.refresh(consistent_read=True)
    return [attribute.set({**row.found, "taxa": {**row.found["taxa"], MOTH: 999}})]


def what_was_found_at_a_station(office: Office) -> tuple[Row, list[Any], str]:
    row = DeploymentRow(*keys.deployment(office.deployment.id))
    line = f"deployment {office.deployment.id}: occurrences_count is 999, true is 4"
    return row, found(row, DeploymentRow.found, "occurrences"), line


def its_taxa(office: Office) -> tuple[Row, list[Any], str]:
    row = DeploymentRow(*keys.deployment(office.deployment.id))
    line = f"deployment {office.deployment.id}: taxa_count is 999, true is 2"
    return row, [DeploymentRow.taxa_count.set(999)], line


def what_was_found_in_its_tally(office: Office) -> tuple[Row, list[Any], str]:
    row = TallyRow(*keys.tally(office.project.id, office.deployment.id))
    line = f"deployment {office.deployment.id}: tally captures_processed_count is 999, true is 4"
    return row, found(row, TallyRow.found, "processed"), line


def the_taxa_of_its_tally(office: Office) -> tuple[Row, list[Any], str]:
    row = TallyRow(*keys.tally(office.project.id, office.deployment.id))
    line = f"deployment {office.deployment.id}: tally taxa_count is 999, true is 2"
    return row, [TallyRow.taxa_count.set(999)], line


def a_taxon_of_a_station(office: Office) -> tuple[Row, list[Any], str]:
    row = TaxonCountRow(*keys.station_taxon(office.project.id, MOTH, office.deployment.id))
    line = f"deployment {office.deployment.id}: taxon Noctua pronuba is 999, true is 3"
    return row, [TaxonCountRow.occurrences_count.set(999)], line


def what_was_found_on_the_undated(office: Office) -> tuple[Row, list[Any], str]:
    part = office.captures[-1].id.partition("-")[2][:2]
    row = UndatedSegmentRow(*keys.undated_segment(office.deployment.id, part))
    line = f"undated {part} captures_with_detections_count is 999, true is 1"
    return row, found(row, UndatedSegmentRow.found, "with_detections"), line


def a_taxon_of_the_undated(office: Office) -> tuple[Row, list[Any], str]:
    part = office.captures[-1].id.partition("-")[2][:2]
    row = UndatedSegmentRow(*keys.undated_segment(office.deployment.id, part))
    return (
        row,
        taxon(row, UndatedSegmentRow.found),
        f"undated {part} taxon Noctua pronuba is 999, true is 1",
    )


def what_was_found_in_a_session(office: Office) -> tuple[Row, list[Any], str]:
    session = standing(office.deployment)[1]
    row = SessionRow(*keys.session(session.id))
    line = f"session {session.id}: detections_count is 999, true is 2"
    return row, found(row, SessionRow.found, "detections"), line


def a_taxon_of_a_session(office: Office) -> tuple[Row, list[Any], str]:
    session = standing(office.deployment)[1]
    row = SessionRow(*keys.session(session.id))
    line = f"session {session.id}: taxon Noctua pronuba is 999, true is 1"
    return row, taxon(row, SessionRow.found), line


def what_was_found_in_the_project(office: Office) -> tuple[Row, list[Any], str]:
    row = ProjectRow(*keys.project(office.project.id))
    line = f"project {office.project.id}: captures_with_detections_count is 999, true is 3"
    return row, found(row, ProjectRow.found, "with_detections"), line


def the_taxa_of_the_project(office: Office) -> tuple[Row, list[Any], str]:
    row = ProjectRow(*keys.project(office.project.id))
    line = f"project {office.project.id}: taxa_count is 999, true is 2"
    return row, [ProjectRow.taxa_count.set(999)], line


def a_taxon_of_the_project(office: Office) -> tuple[Row, list[Any], str]:
    row = TaxonCountRow(*keys.taxon_count(keys.project(office.project.id)[0], BEE))
    line = f"project {office.project.id}: taxon Apis mellifera is 999, true is 1"
    return row, [TaxonCountRow.occurrences_count.set(999)], line


def what_was_found_in_the_set(office: Office) -> tuple[Row, list[Any], str]:
    row = SetRow(*keys.capture_set(office.set.id))
    line = f"set {office.set.id}: source_images_processed_count is 999, true is 4"
    return row, found(row, SetRow.found, "processed"), line


def the_taxa_of_the_set(office: Office) -> tuple[Row, list[Any], str]:
    row = SetRow(*keys.capture_set(office.set.id))
    return row, [SetRow.taxa_count.set(999)], f"set {office.set.id}: taxa_count is 999, true is 2"


def a_taxon_of_the_set(office: Office) -> tuple[Row, list[Any], str]:
    row = TaxonCountRow(*keys.taxon_count(keys.capture_set(office.set.id)[0], MOTH, "first"))
    line = f"set {office.set.id}: taxon Noctua pronuba is 999, true is 3"
    return row, [TaxonCountRow.occurrences_count.set(999)], line


def what_was_found_in_a_segment_of_the_set(office: Office) -> tuple[Row, list[Any], str]:
    part = segment_of(office.captures[6].id)
    row = SegmentRow(*keys.segment(office.set.id, "first", part))
    line = f"set {office.set.id}: segment {part} occurrences_count is 999, true is "
    return row, found(row, SegmentRow.found, "occurrences"), line


def what_a_member_says_was_found(office: Office) -> tuple[Row, list[Any], str]:
    capture_id = office.captures[6].id
    row = FactRow(*keys.member(office.set.id, "first", capture_id))
    line = f"set {office.set.id}: findings of {capture_id} boxes is 999, true is 3"
    return row, wrong_boxes(row, FactRow.findings), line


def where_a_member_stands(office: Office) -> tuple[Row, list[Any], str]:
    capture = office.captures[6]
    row = FactRow(*keys.member(office.set.id, "first", capture.id))
    wrong = keys.capture_at(capture.id, EVENING + 5 * DAY)
    line = f"set {office.set.id}: place of {capture.id} is {wrong}, true is {office.place(capture)}"
    return row, [FactRow.at.set(keys.member_at("first", wrong))], line


def wrong_boxes(row: Row, attribute: Any) -> list[Any]:
    row.refresh(consistent_read=True)
    return [attribute.set(row.findings.replace('"boxes":3', '"boxes":999'))]


def what_was_found_on_a_capture(office: Office) -> tuple[Row, list[Any], str]:
    row = FindingsRow(*keys.findings(office.captures[6].id))
    line = f"capture {office.captures[6].id}: findings boxes is 999, true is 3"
    return row, wrong_boxes(row, FindingsRow.findings), line


def the_names_on_a_capture(office: Office) -> tuple[Row, list[Any], str]:
    row = FindingsRow(*keys.findings(office.captures[6].id))
    row.refresh(consistent_read=True)
    line = f"capture {office.captures[6].id}: findings taxon Noctua pronuba is 0.81, true is 0.8"
    return row, [FindingsRow.findings.set(row.findings.replace("[0.8]", "[0.81]"))], line


def where_its_findings_stand(office: Office) -> tuple[Row, list[Any], str]:
    capture = office.captures[6]
    row = FindingsRow(*keys.findings(capture.id))
    place = office.place(capture)
    line = f"capture {capture.id}: place of findings is none, true is {place}"
    return row, [FindingsRow.place.remove()], line


def what_was_found_at_a_time(office: Office) -> tuple[Row, list[Any], str]:
    capture = office.captures[6]
    row = PlacedRow(*keys.placed_findings(office.deployment.id, office.place(capture)))
    line = f"capture {capture.id}: findings in time boxes is 999, true is 3"
    return row, wrong_boxes(row, PlacedRow.findings), line


def the_names_at_a_time(office: Office) -> tuple[Row, list[Any], str]:
    capture = office.captures[6]
    row = PlacedRow(*keys.placed_findings(office.deployment.id, office.place(capture)))
    row.refresh(consistent_read=True)
    line = f"capture {capture.id}: findings in time taxon Noctua pronuba is 0.2, true is 0.8"
    return row, [PlacedRow.findings.set(row.findings.replace("[0.8]", "[0.2]"))], line


def the_name_of_an_occurrence(office: Office) -> tuple[Row, list[Any], str]:
    [occurrence] = office.occurrences(office.captures[-1])
    row = OccurrenceRow(*keys.occurrence(occurrence))
    line = f"occurrence {occurrence}: determination is Apis mellifera, true is Noctua pronuba"
    return row, [OccurrenceRow.taxon_id.set(BEE)], line


def the_score_of_an_occurrence(office: Office) -> tuple[Row, list[Any], str]:
    [occurrence] = office.occurrences(office.captures[-1])
    row = OccurrenceRow(*keys.occurrence(occurrence))
    return row, [OccurrenceRow.score.set(999)], f"occurrence {occurrence}: score is 999, true is 0.6"


FOUND = [
    what_was_found_at_a_station,
    its_taxa,
    what_was_found_in_its_tally,
    the_taxa_of_its_tally,
    a_taxon_of_a_station,
    what_was_found_on_the_undated,
    a_taxon_of_the_undated,
    what_was_found_in_a_session,
    a_taxon_of_a_session,
    what_was_found_in_the_project,
    the_taxa_of_the_project,
    a_taxon_of_the_project,
    what_was_found_in_the_set,
    the_taxa_of_the_set,
    a_taxon_of_the_set,
    what_was_found_in_a_segment_of_the_set,
    what_a_member_says_was_found,
    where_a_member_stands,
    what_was_found_on_a_capture,
    the_names_on_a_capture,
    where_its_findings_stand,
    what_was_found_at_a_time,
    the_names_at_a_time,
    the_name_of_an_occurrence,
    the_score_of_an_occurrence,
]
