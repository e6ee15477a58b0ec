"""How many requests a thousand detections take: counts, never times."""

from typing import Any

import pytest
from lab import LABELS, Lab, facts, large, list_of, voted
from meter import Meter, asked_of_s3
from study import CLASSIFIER, Study, box

from localstack.embedded.engines import Engine

CAPTURES, BOXES = 100, 10


@pytest.fixture
def lab(real_table: str, dynamodb_local: Engine, s3: Any) -> Lab:
    made = Lab(Study(dynamodb_local.url, captures_per_station=CAPTURES, stations=1))
    made.desk.pieces = 1000
    return made


def drained(lab: Lab, task: str, **config: Any) -> Meter:
    job = lab.start(task, **config)
    with Meter() as meter:
        lab.desk.drain()
    assert lab.desk.job(job.id).status == "SUCCESS"
    return meter


def test_a_thousand_detections_that_are_all_flagged(lab: Lab) -> None:
    boxes = [box(number) for number in range(BOXES)]
    lab.study.say_many({each.id: boxes for each in lab.study.captures})
    meter = drained(lab, "small_size_filter")
    # One query for each capture; a few more for the pages.
    assert CAPTURES <= meter.requests["Query"] <= CAPTURES + 3
    # A thousand rows and a hundred notes, 25 at a time.
    assert meter.requests["BatchWriteItem"] <= 40 + 4
    assert meter.total <= CAPTURES + 44 + 25
    before = facts()
    again = drained(lab, "small_size_filter")
    assert again.requests["BatchWriteItem"] == 0
    assert again.total <= CAPTURES + 20
    assert facts() == before
    job = lab.desk.jobs.undo(lab.last().id)
    lab.desk.drain()
    assert lab.desk.job(job.id).status == "SUCCESS"
    repeated = drained(lab, "repeat_detection")
    assert repeated.requests["Query"] <= 2 * CAPTURES + 6


def test_masking_reads_and_writes_one_blob_for_each_capture(lab: Lab) -> None:
    lab.vote()
    boxes = [large(number, voted([2.0, 1.0, 5.0], score=0.94)) for number in range(BOXES)]
    lab.study.say_many({each.id: boxes for each in lab.study.captures})
    config = {"taxa_list_id": list_of(*LABELS[:2]), "algorithm_id": CLASSIFIER}
    with asked_of_s3() as sent:
        meter = drained(lab, "class_masking", **config)
    assert sent.count("GetObject") == sent.count("PutObject") == CAPTURES
    assert meter.requests["Query"] <= CAPTURES + 10
    # Eight captures at a time: a request for their notes, and four for their rows.
    assert meter.requests["BatchWriteItem"] <= 13 * (1 + 4)
    with asked_of_s3() as sent:
        again = drained(lab, "class_masking", **config)
    assert again.requests["BatchWriteItem"] == 0
    assert (sent.count("GetObject"), sent.count("PutObject")) == (CAPTURES, 0)
    with asked_of_s3() as sent:
        drained(lab, "small_size_filter")
    assert sent == []
