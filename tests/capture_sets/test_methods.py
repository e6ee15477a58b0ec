"""What each method can be told."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sampled import DRAWN, kwargs_of, night, station

from chalicelib import ids
from chalicelib.capture_sets.methods import METHODS, Filters, checked
from chalicelib.errors import Invalid

CAPTURE = ids.capture_id(station(0), "bucket", "key")
DRAWING = {"random", "stratified_random", "random_from_each_event", "last_and_random_from_each_event"}
UNFILTERED = {"manual", "starred"}
NO_FILTERS = {
    "deployment_ids": [],
    "event_ids": [],
    "date_start": None,
    "date_end": None,
    "month_start": None,
    "month_end": None,
    "hour_start": None,
    "hour_end": None,
}


def refused(method: str, kwargs: dict[str, Any]) -> set[str]:
    with pytest.raises(Invalid) as told:
        checked(method, kwargs)
    return set(told.value.fields)


@pytest.mark.parametrize(
    ("method", "own"),
    [
        ("full", {}),
        ("random", {"size": 100, "seed": None}),
        ("stratified_random", {"size": 100, "seed": None}),
        ("interval", {"minute_interval": 10, "exclude_events": []}),
        ("random_from_each_event", {"num_each": 10, "seed": None}),
        ("last_and_random_from_each_event", {"num_each": 1, "seed": None}),
        ("greatest_file_size_from_each_event", {"num_each": 1}),
        ("detections_only", {}),
        ("nth", {"n": 10}),
        ("positional", {"position": 0}),
        ("rule", {}),
    ],
)
def test_what_is_left_out_has_its_default(method: str, own: dict[str, Any]) -> None:
    assert checked(method, {}) == own | NO_FILTERS


def test_a_set_by_hand_and_a_starred_one_have_no_filters() -> None:
    assert checked("manual", {"capture_ids": [CAPTURE]}) == {"capture_ids": [CAPTURE]}
    assert checked("starred", {}) == {}
    for method in UNFILTERED:
        assert "hour_start" in refused(method, {"capture_ids": [], "hour_start": 1})


@pytest.mark.parametrize("method", ["common_combined", "", "Full", "x" * 500])
def test_a_method_that_nobody_knows_is_refused(method: str) -> None:
    assert refused(method, {}) == {"method"}


@pytest.mark.parametrize("method", METHODS)
def test_a_kwarg_that_nobody_knows_is_refused_by_its_name(method: str) -> None:
    kwargs = {"capture_ids": []} if method == "manual" else {}
    assert refused(method, kwargs | {"birthday": 1, "cake": 2}) == {"birthday", "cake"}
    assert refused(method, kwargs | {"research_site_ids": [1]}) == {"research_site_ids"}


@pytest.mark.parametrize(
    ("method", "name", "lowest", "highest"),
    [
        ("random", "size", 1, 10_000),
        ("stratified_random", "size", 1, 10_000),
        ("random", "seed", 0, 2**53),
        ("interval", "minute_interval", 1, 10_080),
        ("random_from_each_event", "num_each", 1, 1000),
        ("last_and_random_from_each_event", "num_each", 1, 1000),
        ("greatest_file_size_from_each_event", "num_each", 1, 1000),
        ("nth", "n", 1, 100_000),
        ("positional", "position", -100_000, 100_000),
        ("full", "month_start", 1, 12),
        ("full", "month_end", 1, 12),
        ("full", "hour_start", 0, 23),
        ("full", "hour_end", 0, 23),
    ],
)
def test_numbers_have_bounds_and_are_whole(method: str, name: str, lowest: int, highest: int) -> None:
    for good in (lowest, highest):
        assert checked(method, {name: good})[name] == good
    for bad in (lowest - 1, highest + 1, "1", 1.5, True, [1]):
        assert refused(method, {name: bad}) == {name}


@pytest.mark.parametrize("method", sorted(DRAWING | {"nth"}))
def test_a_seed_is_only_for_what_is_drawn_at_random(method: str) -> None:
    assert ("seed" in METHODS[method].model_fields) == (method in DRAWING)


def test_a_stratified_sample_has_one_size_not_one_for_each() -> None:
    assert refused("stratified_random", {"num_each": 1}) == {"num_each"}


def test_dates_are_dates_and_in_order() -> None:
    period = {"date_start": "2026-06-09", "date_end": "2026-06-09"}
    assert checked("full", period).items() >= period.items()
    assert refused("full", {"date_start": "2026-06-10", "date_end": "2026-06-09"}) == {"date_end"}
    for bad in (
        "2026-02-30",
        "20260609",
        "2026-06-09T00:00:00",
        "",
        20260609,
        0,
        "２０２６-06-09",
        " 2026-06-09",
    ):
        assert refused("full", {"date_start": bad}) == {"date_start"}


def test_months_and_hours_may_go_round() -> None:
    around = {"month_start": 11, "month_end": 2, "hour_start": 22, "hour_end": 4}
    assert checked("full", around).items() >= around.items()


@pytest.mark.parametrize(
    ("method", "name", "good", "most"),
    [
        ("full", "deployment_ids", station, 1000),
        ("full", "event_ids", night, 1000),
        ("interval", "exclude_events", night, 1000),
        ("manual", "capture_ids", lambda number: ids.capture_id(station(0), "b", str(number)), 1000),
    ],
)
def test_lists_hold_ids_each_once_and_not_too_many(method: str, name: str, good: Any, most: int) -> None:
    full = [good(number) for number in range(most)]
    assert checked(method, {name: full})[name] == full
    assert checked(method, {name: [full[1], full[0], full[1]]})[name] == [full[1], full[0]]
    assert refused(method, {name: [*full, good(most)]}) == {name}
    for bad in ("", "7", 7, None, f"{full[0]}\n", f"x{full[0]}", full[0].upper()):
        assert refused(method, {name: [full[0], bad]}) == {f"{name}.1"}
    assert refused(method, {name: full[0]}) == {name}


@pytest.mark.parametrize(
    ("method", "name", "kind", "fresh"),
    [
        ("full", "deployment_ids", "deployment", ids.new_deployment_id),
        ("full", "event_ids", "session", lambda: ids.new_session_id(ids.new_deployment_id())),
        ("manual", "capture_ids", "capture", lambda: ids.capture_id(ids.new_deployment_id(), "b", "k")),
    ],
)
def test_the_shapes_of_ids_are_those_of_ids(method: str, name: str, kind: str, fresh: Any) -> None:
    schema = METHODS[method].model_json_schema()["properties"][name]
    assert schema["items"]["pattern"] == f"^{ids._SHAPES[kind].pattern}$"
    assert checked(method, {name: [fresh()]})


def test_captures_may_be_called_images_but_must_be_named() -> None:
    assert checked("manual", {"image_ids": [CAPTURE]}) == {"capture_ids": [CAPTURE]}
    assert refused("manual", {}) == {"capture_ids"}
    assert refused("manual", {"capture_ids": [], "image_ids": []}) == {"image_ids"}


@pytest.mark.parametrize("method", DRAWN)
@given(st.data())
def test_what_was_checked_is_plain_json_and_checks_as_itself(method: str, data: st.DataObject) -> None:
    once = checked(method, data.draw(kwargs_of(method)))
    assert checked(method, json.loads(json.dumps(once))) == once


@pytest.mark.parametrize("method", METHODS)
def test_forms_can_be_built_from_a_schema(method: str) -> None:
    schema = METHODS[method].model_json_schema()
    assert schema["title"]
    assert schema["description"]
    assert schema["additionalProperties"] is False
    names = list(schema["properties"])
    assert all(schema["properties"][name]["description"] for name in names)
    common = [name for name in names if name in Filters.model_fields]
    assert common == ([] if method in UNFILTERED else list(Filters.model_fields))
    assert names[len(names) - len(common) :] == common
    assert "seed" not in names or names.index("seed") == len(names) - len(common) - 1


def test_methods_have_titles_of_their_own() -> None:
    titles = [model.model_json_schema()["title"] for model in METHODS.values()]
    assert len(set(titles)) == len(METHODS) == 13
