"""Counters that are forced to be wrong, one at a time: the row, what is done to it, how the audit tells."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from office import DAY, EVENING, Office, counters, lines, told
from world import standing

from chalicelib.aws import keys
from chalicelib.aws.table import Row
from chalicelib.capture_sets.rules import segment_of
from chalicelib.capture_sets.segments import SegmentRow
from chalicelib.capture_sets.store import SetRow
from chalicelib.deployments.store import DeploymentRow
from chalicelib.projects.store import ProjectRow
from chalicelib.projects.tallies import TallyRow
from chalicelib.sessions.store import SessionRow, UndatedSegmentRow

Force = Callable[[Office], tuple[Row, list[Any], str]]


def a_counter(name: str) -> Force:
    def force(office: Office) -> tuple[Row, list[Any], str]:
        row = DeploymentRow(*keys.deployment(office.deployment.id))
        true = {"captures_count": 12, "undated_count": 2, "sessions_count": 2}[name]
        line = f"deployment {office.deployment.id}: {name} is 999, true is {true}"
        return row, [getattr(DeploymentRow, name).set(999)], line

    return force


def its_end(office: Office) -> tuple[Row, list[Any], str]:
    row = DeploymentRow(*keys.deployment(office.deployment.id))
    line = "last_timestamp is 2026-06-19T21:30:00, true is 2026-06-10T22:10:00"
    actions = [DeploymentRow.last_timestamp.set(EVENING + 10 * DAY)]
    return row, actions, f"deployment {office.deployment.id}: {line}"


def its_tally(office: Office) -> tuple[Row, list[Any], str]:
    row = TallyRow(*keys.tally(office.project.id, office.deployment.id))
    line = f"deployment {office.deployment.id}: tally captures_count is 999, true is 12"
    return row, [TallyRow.captures_count.set(999)], line


def a_part_of_the_undated(office: Office) -> tuple[Row, list[Any], str]:
    part = office.captures[-1].id.partition("-")[2][:2]
    row = UndatedSegmentRow(*keys.undated_segment(office.deployment.id, part))
    return row, [UndatedSegmentRow.undated_count.set(999)], f"undated {part} is 999, true is "


def a_session(office: Office) -> tuple[Row, list[Any], str]:
    session = standing(office.deployment)[0]
    line = f"session {session.id}: captures_count is 999, true is 5"
    return SessionRow(*keys.session(session.id)), [SessionRow.captures_count.set(999)], line


def the_end_of_a_session(office: Office) -> tuple[Row, list[Any], str]:
    session = standing(office.deployment)[1]
    line = f"session {session.id}: end is 2026-06-10T21:40:00, true is 2026-06-10T22:10:00"
    end = EVENING + DAY + timedelta(minutes=10)
    return SessionRow(*keys.session(session.id)), [SessionRow.end.set(end)], line


def the_project(office: Office) -> tuple[Row, list[Any], str]:
    row = ProjectRow(*keys.project(office.project.id))
    line = f"project {office.project.id}: captures_count is 999, true is 13"
    return row, [ProjectRow.captures_count.set(999)], line


def its_stations(office: Office) -> tuple[Row, list[Any], str]:
    row = ProjectRow(*keys.project(office.project.id))
    line = f"project {office.project.id}: deployments_count is 999, true is 2"
    return row, [ProjectRow.deployments_count.set(999)], line


def the_set(office: Office) -> tuple[Row, list[Any], str]:
    row = SetRow(*keys.capture_set(office.set.id))
    return row, [SetRow.captures_count.set(999)], f"set {office.set.id}: captures_count is 999, true is 9"


def a_segment_of_the_set(office: Office) -> tuple[Row, list[Any], str]:
    part = segment_of(office.captures[6].id)
    row = SegmentRow(*keys.segment(office.set.id, "first", part))
    return row, [SegmentRow.captures_count.set(999)], f"set {office.set.id}: segment {part} is 999, true is "


FORCED = [
    a_counter("captures_count"),
    a_counter("undated_count"),
    a_counter("sessions_count"),
    its_end,
    its_tally,
    a_part_of_the_undated,
    a_session,
    the_end_of_a_session,
    the_project,
    its_stations,
    the_set,
    a_segment_of_the_set,
]


def found_left_and_repaired(office: Office, force: Force) -> None:
    true = counters()
    row, actions, line = force(office)
    row.update(actions=actions)
    forced = counters()
    assert [key for key in true if true[key] != forced[key]] == [(row.pk, row.sk)]

    found = office.audit()
    assert told(found) == (1, 0, 0), lines(found)
    assert [line in each for each in lines(found)] == [True], lines(found)
    assert counters() == forced

    assert told(office.audit(repair=True)) == (1, 1, 0)
    assert counters() == true
    office.world.drain()
    assert counters() == true
    assert told(office.audit()) == (0, 0, 0)
