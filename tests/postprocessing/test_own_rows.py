"""What a task sees of what it said itself, and what becomes of that. Values only."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.detections.merging import Change
from chalicelib.detections.proposals import without
from chalicelib.detections.rules import Box, Classification, Detection, Results
from chalicelib.postprocessing.own_rows import Counted, after, before, changed_by, counted, seen_by
from chalicelib.postprocessing.picturing import Author, is_by, row_of
from chalicelib.postprocessing.shapes import Proposed

NOW = datetime(2026, 6, 10, tzinfo=UTC)
X = "daaaaaaaaaa-aaaaaaaaaaaaaaaa-aaaaaaaaaaaaaaaa"
BOX = Detection(X, "detector", Box(0, 0, 10, 10), 0.9, NOW)


def name(number: int, taxon: str = "t", score: float = 0.5, *replaces: int, **more: object) -> Classification:
    made = Classification(
        f"{X}-k{number}",
        "model",
        taxon,
        None,
        score,
        NOW,
        replaces=tuple(f"{X}-k{each}" for each in replaces),
    )
    return replace(made, **more)  # type: ignore[arg-type]


def rows(results: Results) -> dict[str, Classification]:
    return {each.id: each for each in results.classifications}


def own(row: Classification) -> bool:
    return row.algorithm == "own"


MODEL = name(1)
MINE = name(2, "v", 1.0, 1, algorithm="own", job="old")
OTHERS = name(3, "w", 0.7, 2, algorithm="other", job="others")
THERE = Results((BOX,), (MODEL, MINE, OTHERS))


def test_a_task_sees_neither_its_own_rows_nor_what_was_made_from_them() -> None:
    assert seen_by(THERE, own).classifications == (MODEL,)
    plain = Results((BOX,), (MODEL,))
    assert seen_by(plain, own) is plain


def test_the_same_proposal_changes_nothing_whenever_and_by_whom_it_is_made() -> None:
    again = replace(MINE, created_at=NOW + timedelta(days=1), job="new")
    assert not changed_by(THERE, [again], own)


def test_what_is_proposed_no_more_goes_with_what_was_made_from_it() -> None:
    change = changed_by(THERE, [], own)
    assert change == Change(drop=(MINE.id, OTHERS.id))
    assert after(THERE, change).classifications == (MODEL,)


@pytest.mark.parametrize(("changed", "goes"), [({"details": {"a": 1}}, False), ({"taxon_id": "u"}, True)])
def test_what_says_the_same_by_other_parameters_is_written_and_still_bears(
    changed: dict[str, object], goes: bool
) -> None:
    wanted = replace(MINE, job="new", **changed)  # type: ignore[arg-type]
    change = changed_by(THERE, [wanted], own)
    assert (change.put, change.drop) == ((wanted,), (OTHERS.id,) if goes else ())


def test_who_died_between_writing_and_deleting_still_has_to_delete() -> None:
    wanted = replace(MINE, taxon_id="u", job="new")
    change = changed_by(THERE, [wanted], own)
    half = after(THERE, Change(put=change.put))
    assert not changed_by(half, [wanted], own)  # as nobody knows what it said before
    assert changed_by(half, [wanted], own, [MINE, OTHERS]).drop == (OTHERS.id,)
    less = after(THERE, Change(drop=(MINE.id,)))
    assert changed_by(less, [], own, [MINE, OTHERS]).drop == (OTHERS.id,)
    anew = replace(THERE, classifications=(MODEL, wanted, replace(OTHERS, job="others again")))
    assert not changed_by(anew, [wanted], own, [MINE, OTHERS])


def test_who_died_while_undoing_leaves_nothing_without_ground() -> None:
    less = after(THERE, Change(drop=(MINE.id,)))
    assert without(less, "old", []).drop == (OTHERS.id,)


def test_where_vectors_lie_is_no_difference_but_that_there_are_some_is() -> None:
    there = Results((BOX,), (MODEL, replace(MINE, vectors="here")))
    assert not changed_by(there, [replace(MINE, vectors="there")], own)
    assert changed_by(there, [MINE], own)


def test_what_was_before_a_job_came_is_known_half_way() -> None:
    wanted = replace(MINE, taxon_id="u", job="new")
    change = changed_by(THERE, [wanted], own)
    done = after(THERE, change)
    assert rows(before(done, "new", [MINE, OTHERS])) == rows(THERE)
    assert rows(before(THERE, "new", [MINE, OTHERS])) == rows(THERE)
    assert counted(THERE, done, ()) == Counted(1, 1, 1)
    assert counted(THERE, done, {X}) == Counted(1, 1, 0)
    assert counted(THERE, THERE, ()) == Counted()


def test_undoing_puts_back_what_still_has_its_ground() -> None:
    wanted = replace(MINE, taxon_id="u", job="new")
    done = after(THERE, changed_by(THERE, [wanted], own))
    undone = without(done, "new", [OTHERS, MINE])
    assert rows(after(done, undone)) == rows(THERE)
    assert {each.id for each in undone.put} == {MINE.id, OTHERS.id}
    assert undone.drop == ()
    # Without its ground, the row of the others stays away; and all do where the box has gone.
    assert without(done, "new", [OTHERS]) == Change(drop=(MINE.id,))
    assert without(Results((), done.classifications), "new", [MINE]).put == ()
    # Nor does it stand on what was written anew since.
    anew = tuple(replace(each, created_at=NOW + timedelta(1)) for each in done.classifications)
    assert without(Results((BOX,), anew), "new", [MINE]).put == ()
    # Half-way, the rest is done.
    half = after(done, Change(put=undone.put))
    assert not without(half, "new", [OTHERS, MINE])


def test_rows_say_by_which_task_and_how_they_were_made() -> None:
    proposed = Proposed(X, "own", "v", 1.0, replaces=("b", "a"), details={"size": 3}, basis="b")
    row = row_of(proposed, Author("j", "filter", {"size": 4}), None, NOW)
    assert row.details == {"size": 3, "task": "filter", "config": {"size": 4}}
    assert (row.replaces, row.job, row.detection_id) == (("a", "b"), "j", X)
    assert row.id == row_of(proposed, Author("i", "filter", {}), "v", NOW + timedelta(1)).id
    assert row.id != row_of(replace(proposed, basis="a"), Author("j", "filter", {}), None, NOW).id
    assert is_by(row, "filter") == {"size": 4}
    assert is_by(row, "other") is None
    assert is_by(replace(row, details={"task": "filter", "config": 1}), "filter") == {}
