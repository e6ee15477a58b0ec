"""What becomes of what is there of a capture when more is said of it, or taken back: on plain values."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.detections.merging import (
    Change,
    Said,
    SaidBox,
    SaidName,
    UnknownDetection,
    change,
    without_job,
)
from chalicelib.detections.rules import (
    Box,
    Classification,
    Detection,
    Results,
    classification_id,
    resting_on,
    terminal,
)

NOW = datetime(2026, 6, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CAPTURE = "daaaaaaaaaa-aaaaaaaaaaaaaaaa"


def a_box(number: int, *names: tuple[str, float], algorithm: str = "detector") -> SaidBox:
    said = tuple(SaidName("classifier", f"t{taxon}", taxon, score) for taxon, score in names)
    return SaidBox(algorithm, Box(number, 0, number + 1, 1), 0.9, said)


def said(*boxes: SaidBox, anew: bool = False, algorithm: str = "detector") -> Said:
    return Said((algorithm,), boxes, anew)


def after(there: Results, made: Change) -> Results:
    """What is there when a change has been carried out."""
    gone = set(made.drop) | {each.id for each in (*made.put, *made.markers)}
    rows = [each for each in (*there.detections, *there.classifications) if each.id not in gone]
    rows += [*made.put, *made.markers]
    return Results(
        tuple(each for each in rows if isinstance(each, Detection)),
        tuple(each for each in rows if isinstance(each, Classification)),
    )


def says(there: Results, what: Said, job: str | None = None, named: Sequence[str] = ()) -> Results:
    return after(there, change(CAPTURE, there, named, what, NOW, job))


def masked(of: Classification, taxon: str, job: str = "masking") -> Classification:
    """What post-processing makes of a classification."""
    own = classification_id(of.detection_id, "masking", [of.id])
    return Classification(own, "masking", taxon, taxon, 0.9, LATER, replaces=(of.id,), job=job)


BOXES = st.lists(
    st.builds(
        lambda number, names: a_box(number, *names),
        st.integers(0, 4),
        st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from([0.1, 0.9])), max_size=2),
    ),
    max_size=4,
)
SAID = st.builds(
    lambda boxes, anew, algorithm: Said(
        (algorithm,), tuple(replace(each, algorithm=algorithm) for each in boxes), anew
    ),
    BOXES,
    st.booleans(),
    st.sampled_from(["detector", "other"]),
)


@given(st.lists(SAID, max_size=5))
def test_the_same_said_again_changes_nothing(history: list[Said]) -> None:
    there = Results()
    for each in history:
        there = says(there, each)
        assert not change(CAPTURE, there, (), each, LATER, "another job")


@given(st.lists(SAID, max_size=5))
def test_an_algorithm_has_a_marker_or_a_box_and_never_both(history: list[Said]) -> None:
    there, looked = Results(), set()
    for each in history:
        there = says(there, each)
        looked |= set(each.looked)
        boxed = {one.algorithm for one in there.detections if one.box}
        markers = [one.algorithm for one in there.detections if one.box is None]
        assert not boxed & set(markers)
        assert boxed | set(markers) == looked
        assert len(markers) == len(set(markers))


@given(st.lists(SAID, max_size=4), SAID)
def test_said_anew_is_all_that_is_left_of_that_algorithm(history: list[Said], last: Said) -> None:
    there = Results()
    for each in history:
        there = says(there, each)
    there = says(there, replace(last, anew=True))
    alone = says(Results(), replace(last, anew=True))
    mine = {one.id for one in there.detections if one.algorithm in last.looked}
    assert mine == {one.id for one in alone.detections}


@given(st.lists(st.tuples(SAID, st.sampled_from(["one", "two"])), max_size=4))
def test_taking_back_all_jobs_leaves_nothing(history: list[tuple[Said, str]]) -> None:
    there = Results()
    for each, job in history:
        there = says(there, each, job)
    for job in ("one", "two"):
        there = after(there, without_job(there, job))
    assert there == Results()


def test_markers_come_last() -> None:
    made = change(CAPTURE, Results(), (), said(), NOW, None)
    assert made.put == ()
    assert [each.box for each in made.markers] == [None]


def test_what_people_have_named_is_not_taken_back() -> None:
    there = says(Results(), said(a_box(1, ("a", 0.9)), a_box(2)))
    named = [each.id for each in there.detections if each.box and each.box.x1 == 1]
    left = says(there, said(anew=True), named=named)
    assert [each.id for each in left.detections if each.box] == named


def test_what_was_made_from_another_saying_goes_when_that_changes() -> None:
    there = says(Results(), said(a_box(1, ("a", 0.9))))
    first = masked(there.classifications[0], "tb")
    second = masked(first, "tc")
    there = Results(there.detections, (*there.classifications, first, second))
    assert terminal(there.classifications) == [second]
    assert resting_on([there.classifications[0].id], there.classifications) == {first.id, second.id}
    same = says(there, said(a_box(1, ("a", 0.9))))
    assert len(same.classifications) == 3
    other = says(there, said(a_box(1, ("a", 0.2))))
    assert [each.score for each in other.classifications] == [0.2]


def test_taking_back_a_job_takes_what_rests_on_it() -> None:
    there = says(Results(), said(a_box(1, ("a", 0.9))), job="import")
    [original] = there.classifications
    first = masked(original, "tb", job="one")
    second = masked(first, "tc", job="two")
    there = Results(there.detections, (original, first, second))
    assert after(there, without_job(there, "two")).classifications == (original, first)
    assert after(there, without_job(there, "one")).classifications == (original,)
    assert after(there, without_job(there, "import")) == Results()


def test_a_name_for_a_detection_that_is_not_there_is_refused() -> None:
    name = SaidName("classifier", "ta", "a", 0.9)
    with pytest.raises(UnknownDetection):
        change(
            CAPTURE,
            Results(),
            (),
            said(SaidBox("detector", None, None, (name,), detection_id=f"{CAPTURE}-bbbbbbbbbbbbbbbb")),
            NOW,
            None,
        )


def test_a_name_for_a_detection_that_is_there_is_added_to_it() -> None:
    there = says(Results(), said(a_box(1)))
    [detection] = there.detections
    name = SaidName("classifier", "ta", "a", 0.9)
    there = says(there, said(SaidBox("detector", None, None, (name,), detection_id=detection.id)))
    assert [each.detection_id for each in there.classifications] == [detection.id]
    assert there.detections == (detection,)
