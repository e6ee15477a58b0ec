"""Results over HTTP, by a job, and their vectors."""

from typing import Any

import pytest
from api import Api
from desk import Desk
from meter import Meter, asked_of_s3
from study import CLASSIFIER, DETECTOR, Study, box

from chalicelib import ids
from chalicelib.aws import objects
from chalicelib.captures import store as capture_rows
from chalicelib.detections import importing, store, vectors
from chalicelib.detections.schemas import BatchBody, BoxBody, CaptureResults, NameBody
from chalicelib.detections.vectors import Vectors
from chalicelib.jobs.service import Start
from chalicelib.projects import service as projects
from localstack.embedded.engines import Engine


@pytest.fixture
def study(table: str, engine: Engine, s3: Any, api: Api) -> Study:
    return Study(engine.url)


def body(*boxes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"algorithm": DETECTOR, "detections": list(boxes), **more}


MOTH = {
    "bbox": [10, 20, 110, 220],
    "score": 0.8,
    "classifications": [{"algorithm": CLASSIFIER, "taxon": "Noctua pronuba", "score": 0.9}],
}


def test_what_is_sent_is_seen_with_pixels_and_fractions(study: Study, api: Api) -> None:
    capture = study.captures[0]
    path = f"/captures/{capture.id}/detections"
    status, answer = api.send("POST", path, body(MOTH))
    assert (status, answer["status"], answer["written"]) == (200, "saved", 2)
    assert api.send("POST", path, body(MOTH))[1]["written"] == 0
    status, told = api.get(path)
    assert (status, told["algorithms"]) == (200, [CLASSIFIER, DETECTOR])
    [found] = told["detections"]
    assert found["bbox"] == [10, 20, 110, 220]
    assert found["bbox_normalized"] == pytest.approx([10 / 1600, 20 / 1200, 110 / 1600, 220 / 1200])
    [name] = found["classifications"]
    assert (name["taxon"], name["score"], name["terminal"]) == ("Noctua pronuba", 0.9, True)
    study.world.drain()
    detail = api.get(f"/captures/{capture.id}")[1]
    assert (detail["detections_count"], detail["taxa_count"], detail["processed"]) == (1, 1, True)
    assert detail["processed_by"] == [CLASSIFIER, DETECTOR]
    [first, *_] = api.get(f"/captures?project_id={study.project.id}&deployment={capture.deployment_id}")[1][
        "results"
    ]
    assert (first["detections_count"], first["processed"]) == (1, True)
    study.check()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"detections": []}, "algorithm"),
        ({"algorithm": "Detector!", "detections": []}, "algorithm"),
        (body({"bbox": [1, 2, 3]}), "bbox"),
        (body({"bbox": [1, 2, 3, "x"]}), "bbox"),
        (body({"bbox": [1, 2, 3, 4], "detection_id": "x"}), "detections"),
        (body({}), "detections"),
        (body({"bbox": [1, 2, 3, 4], "score": 1.5}), "score"),
        (body({"bbox": [5, 5, 5, 5]}), "detections"),
        (body({"bbox": [-9, -9, -1, -1]}), "detections"),
        (body({"detection_id": "d"}), "detections"),
        (body(MOTH, frame="sideways"), "frame"),
        (body(MOTH | {"classifications": [{"algorithm": "nobody", "taxon": "x"}]}), "algorithm"),
        (body(MOTH | {"classifications": [{"algorithm": CLASSIFIER, "index": 7}]}), "detections"),
        (body(MOTH | {"classifications": [{"algorithm": CLASSIFIER, "taxon_id": "t" + "a" * 16}]}), "taxon"),
        (body(MOTH | {"classifications": [{"algorithm": CLASSIFIER, "taxon": "=cmd()"}]}), ""),
        (body(MOTH | {"classifications": [{"algorithm": CLASSIFIER, "scores": [1], "logits": [1, 2]}]}), ""),
        (body(MOTH, colour="red"), "colour"),
    ],
)
def test_what_cannot_be_taken_is_told(
    real_table: str, dynamodb_local: Engine, s3: Any, api: Api, wrong: dict[str, Any], field: str
) -> None:
    study = Study(dynamodb_local.url, captures_per_station=1, stations=1)
    status, answer = api.send("POST", f"/captures/{study.captures[0].id}/detections", wrong)
    assert status == 400, answer
    assert field in str(answer)
    assert store.present(study.captures[0].id).results.detections == ()


def test_results_need_a_token_and_a_capture_that_may_be_seen(study: Study, api: Api) -> None:
    path = f"/captures/{study.captures[0].id}/detections"
    assert api.send("POST", path, body(MOTH), {"X": "y"})[0] == 401
    other = f"{study.deployments[0].id}-aaaaaaaaaaaaaaaa"
    assert api.send("POST", f"/captures/{other}/detections", body(MOTH))[0] == 404
    assert api.get(f"/captures/{other}/detections")[0] == 404
    study.world.drain()
    present = projects.find(study.project.id)
    api.send("PATCH", f"/projects/{study.project.id}", {"draft": True})
    assert present.draft is False
    assert api.get(path)[0] == 404


def test_many_at_once_each_with_its_outcome(study: Study, api: Api) -> None:
    stranger = f"{study.deployments[0].id}-aaaaaaaaaaaaaaaa"
    wanted = [study.captures[0].id, stranger, study.captures[1].id, "nonsense"]
    status, answer = api.send(
        "POST",
        f"/projects/{study.project.id}/results",
        {
            "algorithms": [{"key": "new-one", "name": "New one", "task_type": "detection"}],
            "captures": [{"capture_id": each, **body(MOTH), "algorithm": "new-one"} for each in wanted],
        },
    )
    assert (status, answer["saved_count"], answer["error_count"]) == (200, 2, 2)
    assert [each["status"] for each in answer["results"]] == ["saved", "error", "saved", "error"]
    assert [each["capture_id"] for each in answer["results"]] == wanted
    study.check()


def test_what_is_said_twice_of_one_capture_is_taken_one_after_the_other(study: Study) -> None:
    one = CaptureResults(capture_id=study.captures[0].id, algorithm=DETECTOR, detections=[box(1)])
    other = CaptureResults(capture_id=study.captures[0].id, algorithm=DETECTOR, detections=[], replace=True)
    from chalicelib.detections import service

    outcomes = service.save(study.project.id, [one, other], study.world.now())
    assert [(each.written, each.removed) for each in outcomes] == [(1, 0), (1, 1)]
    study.check()


def test_more_are_taken_by_a_job(real_table: str, dynamodb_local: Engine, s3: Any, queue: str) -> None:
    study = Study(dynamodb_local.url, captures_per_station=40)
    desk = Desk()
    desk.add(importing.SAVE)
    sent = [
        CaptureResults(capture_id=each.id, algorithm=DETECTOR, detections=[box(1, ("Noctua pronuba", 0.9))])
        for each in study.captures
    ]
    sent.append(CaptureResults(capture_id="nonsense", algorithm=DETECTOR))
    key = importing.keep(BatchBody(captures=sent))
    job = desk.jobs.start(Start(importing.KEY, study.project.id, None, {"key": key}))
    desk.drain()
    done = desk.job(job.id)
    params = {each.key: each.value for stage in done.stages for each in stage.params}
    assert (done.status, params["captures_saved"], params["captures_failed"]) == ("SUCCESS", 80, 1)
    assert len(store.written_by(job.id, None, 100)) == 80
    assert list(objects.under("nightjar-thumbnails-bucket", key)) == []
    study.check()
    assert projects.find(study.project.id).counts.found["detections"] == 80


def test_saving_costs_as_much_in_any_project(study: Study) -> None:
    some = {each.id: [box(1, ("Noctua pronuba", 0.9))] for each in study.captures}
    study.say_many(some)
    with Meter() as meter, asked_of_s3() as s3_requests:
        study.say_many({each: [box(2, ("Noctua pronuba", 0.9))] for each in some})
    # For each capture one query and one write; for all of them captures, algorithms and taxa.
    assert meter.requests == {"Query": 12, "BatchWriteItem": 12, "BatchGetItem": 3}
    with Meter() as meter:
        study.say_many({each: [box(2, ("Noctua pronuba", 0.9))] for each in some})
    assert meter.requests == {"Query": 12, "BatchGetItem": 3}
    assert s3_requests == []


class TestVectors:
    def said(self, scores: list[float], logits: list[float]) -> BoxBody:
        name = NameBody(algorithm=CLASSIFIER, taxon="Noctua pronuba", score=0.9, scores=scores, logits=logits)
        return BoxBody(bbox=(1, 1, 9, 9), classifications=[name])

    def test_they_are_kept_to_the_last_bit_outside_the_table(self, study: Study) -> None:
        scores, logits = [1 / (number + 2) for number in range(2497)], [number / 7 for number in range(2497)]
        study.say(study.captures[0], self.said(scores, logits))
        [kept] = store.present(study.captures[0].id).results.classifications
        assert kept.vectors
        assert vectors.read([kept.vectors]) == {kept.vectors: Vectors(tuple(scores), tuple(logits))}
        assert study.say(study.captures[0], self.said(scores, logits)).written == 0
        study.check()

    def test_old_ones_go_when_new_ones_come_and_with_the_capture(self, study: Study) -> None:
        bucket, prefix = "nightjar-thumbnails-bucket", f"{vectors.PREFIX}{study.captures[0].id}/"
        study.say(study.captures[0], self.said([0.5, 0.5], [1.0, 1.0]))
        [first] = objects.under(bucket, prefix)
        study.say(study.captures[0], self.said([0.9, 0.1], [2.0, 1.0]))
        [second] = objects.under(bucket, prefix)
        assert first.key != second.key
        study.remove(study.captures[0])
        study.check()
        assert list(objects.under(bucket, prefix)) == []


def test_an_unread_photograph_takes_fractions(study: Study) -> None:
    from dataclasses import replace

    seen = capture_rows.see(study.captures[0].id)
    assert seen.capture
    unread = replace(seen.capture, facts=replace(seen.capture.facts, width=None, height=None, state="unread"))
    assert capture_rows.write(seen, replace(unread, stamp="-"))
    outcome = study.say(
        study.captures[0], BoxBody(bbox=(0.1, 0.1, 0.4, 0.5), classifications=[]), unit="fractions"
    )
    assert outcome.error is None
    outcome = study.say(study.captures[0], BoxBody(bbox=(0.1, 0.1, 0.4, 0.5)), unit="fractions", frame="raw")
    assert "have it read first" in str(outcome.error)
    [kept] = store.present(study.captures[0].id).results.detections
    assert kept.box
    assert kept.box.in_pixels((1000, 500)) == pytest.approx((100, 50, 400, 250))
    assert ids.capture_of(kept.id) == study.captures[0].id
