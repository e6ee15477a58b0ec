"""Jobs that are started together: all of them, or none."""

import pytest
from desk import Desk, running
from world import a_project

from chalicelib.errors import Conflict, Invalid
from chalicelib.jobs.service import MOST_AT_ONCE, Start


def test_as_many_as_are_allowed_are_all_started_or_none(table: str) -> None:
    desk, project = Desk(), a_project()
    starts = [Start("pieces", project.id, None, {"pieces": 1}) for _ in range(MOST_AT_ONCE - 1)]
    alone = Start("alone", project.id, None, {"pieces": 1})
    made = desk.jobs.start_all([*starts, alone])
    assert len(made) == len(desk.queue) == len(running()) == MOST_AT_ONCE
    with pytest.raises(Conflict, match="has to wait"):
        desk.jobs.start_all([*starts[:5], alone])
    with pytest.raises(Invalid):
        desk.jobs.start_all([*starts[:5], Start("pieces", project.id, None, {"peaces": 1})])
    assert len(running()) == len(desk.queue) == MOST_AT_ONCE
    assert desk.job(made[0].id).status == "PENDING"
    desk.drain()
    assert {desk.job(each.id).status for each in made} == {"SUCCESS"}
