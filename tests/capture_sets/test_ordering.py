"""Capture sets in the order of a count; and what it costs to list them."""

from datetime import UTC, datetime

import pytest
from api import Api
from hypothesis import given
from hypothesis import strategies as st
from meter import Meter
from study import Study, box

from chalicelib import ids
from chalicelib.capture_sets import ordering
from chalicelib.capture_sets import service as sets
from chalicelib.capture_sets.rules import CaptureSet
from chalicelib.errors import Invalid
from localstack.embedded.engines import Engine

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def a_set(number: int, captures_count: int = 0, detections: int = 0) -> CaptureSet:
    letters = f"{number:010}".translate(str.maketrans("0123456789", "abcdefghij"))
    found = {"detections": detections} if detections else {}
    return CaptureSet(
        f"c{letters}", "p", str(number), "manual", NOW, NOW, "g", captures_count=captures_count, found=found
    )


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(1, 7), st.booleans())
def test_pages_have_each_set_once_in_the_order_of_its_count(
    counts: list[int], limit: int, greatest_first: bool
) -> None:
    made = [a_set(number, count) for number, count in enumerate(counts)]
    told = ordering.count_of("-source_images_count")
    assert told
    met: list[CaptureSet] = []
    after = None
    while True:
        page, after = ordering.page(made, told[0], limit, after, greatest_first=greatest_first)
        met += page
        if after is None:
            break
        assert ordering.CURSOR.fullmatch(after)
    assert sorted(each.id for each in met) == sorted(each.id for each in made)
    found = [each.captures_count for each in met]
    assert found == sorted(counts, reverse=greatest_first)


def test_every_count_that_is_told_orders() -> None:
    for name in ("taxa_count", "occurrences_count", "source_images_processed_count", "detections_count"):
        assert ordering.count_of(name)
        assert ordering.count_of(f"-{name}")
    counted, greatest_first = ordering.count_of("-detections_count") or (lambda _: 0, False)
    assert counted(a_set(1, detections=7)) == 7
    assert greatest_first
    assert ordering.count_of(None) is ordering.count_of("name") is None
    for wrong in ("-name", "size", "captures_total_size", "-", "--taxa_count", "__class__"):
        with pytest.raises(Invalid):
            ordering.count_of(wrong)


def test_listing_costs_the_same_whatever_their_number_and_size(
    table: str, engine: Engine, api: Api, s3: object
) -> None:
    study = Study(engine.url, captures_per_station=5, stations=1)
    for number in range(30):
        now = study.world.now()
        made = CaptureSet(ids.new_set_id(), study.project.id, f"{number:02}", "manual", now, now, "g1")
        sets.make(made)
        sets.add(made, [each.id for each in study.captures[: number % 5 + 1]])
    study.say(study.captures[2], box(0, ("Noctua pronuba", 0.9)), box(1, ("Apis mellifera", 0.9)))
    study.world.drain()
    path = f"/captures/collections?project_id={study.project.id}"
    requests = {}
    for limit in (1, 25):
        with Meter() as meter:
            _, answer = api.get(f"{path}&limit={limit}")
        assert len(answer["results"]) == limit
        requests[limit] = meter.total
    assert requests[1] == requests[25] == 4
    with Meter() as meter:
        _, answer = api.get(f"{path}&limit=25&ordering=-source_images_count")
    assert meter.total <= 10
    found = [each["source_images_count"] for each in answer["results"]]
    assert found == sorted(found, reverse=True)
    assert found[0] == 5
    _, rest = api.get(answer["next"].partition("/api/v2")[2])
    assert len(rest["results"]) == 5
    assert rest["next"] is None
    fullest = answer["results"][0]
    assert {
        name: fullest[name]
        for name in (
            "source_images_processed_count",
            "source_images_with_detections_count",
            "detections_count",
            "occurrences_count",
            "taxa_count",
        )
    } == {
        "source_images_processed_count": 1,
        "source_images_with_detections_count": 1,
        "detections_count": 2,
        "occurrences_count": 2,
        "taxa_count": 2,
    }
    assert api.get(f"{path}&ordering=size")[0] == 400
    assert api.get(f"{path}&ordering=taxa_count&cursor=zzz")[0] == 400
