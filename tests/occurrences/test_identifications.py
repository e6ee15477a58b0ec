"""What people take occurrences for: one by one, and many at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from api import AUTHORISED, Api
from meter import Meter
from pynamodb.exceptions import PutError
from study import EVENING, Study, box
from world import a_deployment, a_project, add_captures, night

from chalicelib import ids
from chalicelib.access.rules import Principal
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.captures.tidying import Tidying
from chalicelib.occurrences import identifying, store
from chalicelib.occurrences.identifying import Saying
from chalicelib.taxa import service as taxa
from chalicelib.thumbnails.rules import Shelf
from localstack.embedded.engines import Engine

ADMIN = Principal(is_admin=True)


@pytest.fixture
def study(table: str, engine: Engine) -> Study:
    """Four occurrences, each on a capture of its own, at .9; settled."""
    return _study(engine)


@pytest.fixture
def real_study(real_table: str, dynamodb_local: Engine) -> Study:
    """The same on DynamoDB Local alone: moto's transactions undo each other's at the same time."""
    return _study(dynamodb_local)


def _study(engine: Engine) -> Study:
    made = Study(engine.url, captures_per_station=2)
    for number, capture in enumerate(made.captures):
        made.say(capture, box(0, (f"Species {number}", 0.9)))
    made.world.drain()
    return made


def four(study: Study) -> list[str]:
    return [study.boxes(each)[0] for each in study.captures]


def taxon(name: str) -> str:
    return taxa.ensure({name: ("SPECIES", None)})[name].id


def bulk(api: Api, *items: dict[str, Any]) -> dict[str, Any]:
    status, told = api.send("POST", "/identifications/bulk", {"identifications": list(items)})
    assert status == 200, told
    return dict(told)


def active(occurrence_id: str) -> list[tuple[str, str | None]]:
    held = store.held(ids.capture_of(occurrence_id))
    own = [each for each in held.identifications if each.occurrence_id == occurrence_id]
    return [(each.user, each.taxon_id) for each in own if not each.withdrawn]


def said(occurrence_id: str) -> int:
    return len(store.held(ids.capture_of(occurrence_id)).identifications)


class TestOne:
    def test_it_names_the_occurrence_at_once_and_everywhere(self, study: Study, api: Api) -> None:
        one, moth = four(study)[0], taxon("Noctua")
        status, told = api.send(
            "POST", "/identifications", {"occurrence_id": one, "taxon_id": moth, "comment": "ö" * 9}
        )
        assert (status, told["user"], told["withdrawn"], told["comment"]) == (201, "admin", False, "ö" * 9)
        assert told["taxon"] == told["determination"] == {"id": moth, "name": "Noctua", "rank": "SPECIES"}
        assert told["determination_score"] == 1.0
        found = api.get(f"/occurrences?project_id={study.project.id}&verified=true")[1]["results"]
        assert [each["id"] for each in found] == [one]
        study.check()

    def test_agreeing_sets_the_score_and_taking_back_follows_what_remains(
        self, study: Study, api: Api
    ) -> None:
        one = four(study)[0]
        prediction = api.get(f"/occurrences/{one}")[1]["detections"][0]["classifications"][0]
        body = {
            "occurrence_id": one,
            "taxon_id": prediction["taxon_id"],
            "agreed_with_prediction_id": prediction["id"],
        }
        _, told = api.send("POST", "/identifications", body)
        assert told["agreed_with_prediction_id"] == prediction["id"]
        assert told["agreed_with_identification_id"] is None
        assert study.determination(one) == (prediction["taxon_id"], 1.0)
        _, withdrawn = api.send("PATCH", f"/identifications/{told['id']}", {"withdrawn": True})
        assert (withdrawn["withdrawn"], withdrawn["determination_score"]) == (True, 0.9)
        _, again = api.send("PATCH", f"/identifications/{told['id']}", {"withdrawn": False})
        assert again["determination_score"] == 1.0
        assert api.send("DELETE", f"/identifications/{told['id']}", {})[0] == 204
        assert study.determination(one) == (prediction["taxon_id"], 0.9)
        assert api.send("DELETE", f"/identifications/{told['id']}", {})[0] == 404
        study.check()

    def test_one_of_a_users_counts_and_deleting_it_brings_the_one_before_back(
        self, study: Study, api: Api
    ) -> None:
        one = four(study)[0]
        made = [
            api.send("POST", "/identifications", {"occurrence_id": one, "taxon_id": taxon(name)})[1]
            for name in ("A", "B", "C")
        ]
        assert active(one) == [("admin", taxon("C"))]
        api.send("DELETE", f"/identifications/{made[2]['id']}", {})
        assert active(one) == [("admin", taxon("B"))]
        # Withdrawing does not bring one back; taking that back lets one count only.
        api.send("PATCH", f"/identifications/{made[1]['id']}", {"withdrawn": True})
        assert active(one) == []
        api.send("PATCH", f"/identifications/{made[0]['id']}", {"withdrawn": False})
        api.send("PATCH", f"/identifications/{made[1]['id']}", {"withdrawn": False})
        assert active(one) == [("admin", taxon("B"))]
        told = api.get(f"/identifications?occurrence_id={one}&limit=1")[1]
        assert (told["count"], [each["id"] for each in told["results"]]) == (2, [made[1]["id"]])
        told = api.get(told["next"].partition("/api/v2")[2])[1]
        assert ([each["id"] for each in told["results"]], told["next"]) == ([made[0]["id"]], None)
        study.check()

    def test_a_comment_names_nothing_and_takes_no_ones_place(self, study: Study, api: Api) -> None:
        one = four(study)[0]
        api.send("POST", "/identifications", {"occurrence_id": one, "taxon_id": taxon("A")})
        status, told = api.send(
            "POST", "/identifications", {"occurrence_id": one, "taxon_id": None, "comment": "a wing"}
        )
        assert (status, told["taxon"], told["determination"]["name"]) == (201, None, "A")
        assert len(active(one)) == 2
        assert api.send("POST", "/identifications", {"occurrence_id": one, "taxon_id": None})[0] == 400
        study.check()

    def test_what_does_not_fit_is_refused_and_nothing_written(self, study: Study, api: Api) -> None:
        one, other = four(study)[:2]
        moth = taxon("Noctua")
        foreign = study.identify(other, "Apis")
        prediction = api.get(f"/occurrences/{other}")[1]["detections"][0]["classifications"][0]["id"]
        fits = {"occurrence_id": one, "taxon_id": moth}
        for more, field in (
            ({"occurrence_id": "x"}, "occurrence_id"),
            ({"occurrence_id": f"{study.captures[0].id}-aaaaaaaaaaaaaaaa"}, "occurrence_id"),
            ({"occurrence_id": 3}, "occurrence_id"),
            ({"occurrence_id": "CAPTURE#x"}, "occurrence_id"),
            ({"taxon_id": "x"}, "taxon_id"),
            ({"taxon_id": ids.taxon_id("nobody")}, "taxon_id"),
            ({"taxon_id": 7}, "taxon_id"),
            ({"comment": "x" * 10_001}, "comment"),
            ({"comment": "\ud800"}, "comment"),
            ({"agreed_with_identification_id": foreign.id}, "agreed_with_identification_id"),
            ({"agreed_with_identification_id": "x"}, "agreed_with_identification_id"),
            ({"agreed_with_prediction_id": prediction}, "agreed_with_prediction_id"),
            ({"user": "eve"}, "user"),
        ):
            status, told = api.send("POST", "/identifications", {**fits, **more})
            assert (status, field in told.get("fields", {})) == (400, True), (more, told)
        assert api.send("POST", "/identifications", {"occurrence_id": one})[0] == 400
        assert said(one) == 0
        for path in ("/identifications/x", f"/identifications/{one}-iaaaaaaaaaa", "/identifications/%23"):
            assert api.send("PATCH", path, {"withdrawn": True})[0] == 404
            assert api.send("DELETE", path, {})[0] == 404
        for body in ({"withdrawn": "yes"}, {"withdrawn": None}, {"taxon_id": moth}, {"comment": 3}):
            assert api.send("PATCH", f"/identifications/{foreign.id}", body)[0] == 400, body
        assert api.get("/identifications")[0] == 400
        assert api.get("/identifications?occurrence_id=x")[0] == 404

    def test_writing_needs_a_token(self, study: Study, api: Api) -> None:
        one = four(study)[0]
        body = {"occurrence_id": one, "taxon_id": taxon("A")}
        made = study.identify(one, "B")
        for method, path, sent in (
            ("POST", "/identifications", body),
            ("POST", "/identifications/bulk", {"identifications": [body]}),
            ("PATCH", f"/identifications/{made.id}", {"withdrawn": True}),
            ("DELETE", f"/identifications/{made.id}", {}),
        ):
            assert api.send(method, path, sent, {"X": "y"})[0] == 401
        assert said(one) == 1

    def test_it_takes_five_requests(self, study: Study, api: Api) -> None:
        one, moth = four(study)[0], taxon("Noctua")
        with Meter() as meter:
            api.send("POST", "/identifications", {"occurrence_id": one, "taxon_id": moth})
        assert meter.total == 5, meter.requests


class TestMany:
    def test_each_is_named_and_told_in_order(self, study: Study, api: Api) -> None:
        several, moth = four(study)[:3], taxon("Noctua")
        items = [{"occurrence_id": each, "taxon_id": moth, "comment": each} for each in reversed(several)]
        told = bulk(api, *items)
        assert (told["created_count"], told["error_count"]) == (3, 0)
        assert [(each["index"], each["occurrence_id"]) for each in told["results"]] == [
            (number, each) for number, each in enumerate(reversed(several))
        ]
        for each in told["results"]:
            assert each.keys() == {"index", "occurrence_id", "status", "id"}
            assert each["status"] == "created"
            assert study.determination(each["occurrence_id"]) == (moth, 1.0)
            assert active(each["occurrence_id"]) == [("admin", moth)]
            listed = api.get(f"/identifications?occurrence_id={each['occurrence_id']}")[1]["results"]
            assert [(one["id"], one["comment"]) for one in listed] == [(each["id"], each["occurrence_id"])]
        study.check()

    def test_a_second_time_withdraws_the_first_and_nobody_elses(self, study: Study, api: Api) -> None:
        one = four(study)[0]
        study.identify(one, "Apis", user="ada")
        bulk(api, {"occurrence_id": one, "taxon_id": taxon("A")})
        bulk(api, {"occurrence_id": one, "taxon_id": taxon("B"), "withdrawn": True})
        assert sorted(active(one)) == [("ada", taxon("Apis")), ("admin", taxon("B"))]
        assert said(one) == 3
        study.check()

    def test_agreement_is_recorded(self, study: Study, api: Api) -> None:
        one, other = four(study)[:2]
        prediction = api.get(f"/occurrences/{one}")[1]["detections"][0]["classifications"][0]
        person = study.identify(other, "Apis")
        told = bulk(
            api,
            {
                "occurrence_id": one,
                "taxon_id": prediction["taxon_id"],
                "agreed_with_prediction_id": prediction["id"],
            },
            {"occurrence_id": other, "taxon_id": taxon("Apis"), "agreed_with_identification_id": person.id},
        )
        assert told["error_count"] == 0
        first, second = (
            api.get(f"/identifications?occurrence_id={each}")[1]["results"][0] for each in (one, other)
        )
        assert first["agreed_with_prediction_id"] == prediction["id"]
        assert second["agreed_with_identification_id"] == person.id

    def test_what_cannot_be_taken_keeps_no_other_from_it(
        self, study: Study, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one, other, third, fourth = four(study)
        moth = taxon("Noctua")
        foreign = study.identify(fourth, "Apis")
        told = bulk(
            api,
            {"occurrence_id": one, "taxon_id": moth},
            {"occurrence_id": "x", "taxon_id": moth},
            {"occurrence_id": f"{study.captures[0].id}-aaaaaaaaaaaaaaaa", "taxon_id": moth},
            {"occurrence_id": other, "taxon_id": ids.taxon_id("nobody")},
            {"occurrence_id": third, "taxon_id": moth, "agreed_with_identification_id": foreign.id},
            {"occurrence_id": fourth, "taxon_id": moth},
        )
        assert (told["created_count"], told["error_count"]) == (2, 4)
        fields = [list(each.get("errors", {})) for each in told["results"]]
        assert fields == [
            [], ["occurrence_id"], ["occurrence_id"], ["taxon_id"], ["agreed_with_identification_id"], []
        ]  # fmt: skip
        assert all(
            isinstance(why, list) for each in told["results"] for why in each.get("errors", {}).values()
        )
        assert [said(each) for each in (one, other, third)] == [1, 0, 0]
        told = bulk(
            api, {"occurrence_id": f"{one[:-1]}7" if one[-1] != "7" else f"{one[:-1]}6", "taxon_id": moth}
        )
        assert (told["created_count"], told["error_count"]) == (0, 1)
        assert list(told["results"][0]["errors"]) == ["occurrence_id"]
        real = store.identify

        def fails(occurrence_id: str, *rest: Any, **more: Any) -> bool:
            if occurrence_id == other:
                raise PutError("the table is on fire")
            return real(occurrence_id, *rest, **more)

        monkeypatch.setattr(store, "identify", fails)
        told = bulk(
            api, {"occurrence_id": other, "taxon_id": moth}, {"occurrence_id": third, "taxon_id": moth}
        )
        assert [each["status"] for each in told["results"]] == ["error", "created"]

    def test_a_batch_that_cannot_be_meant_is_refused_whole(self, study: Study, api: Api) -> None:
        one, other = four(study)[:2]
        moth = taxon("Noctua")
        elsewhere = Study(study.endpoint, captures_per_station=1, stations=1)
        elsewhere.say(elsewhere.captures[0], box(0, ("Apis", 0.9)))
        [foreign] = elsewhere.boxes(elsewhere.captures[0])
        fits = {"occurrence_id": one, "taxon_id": moth}
        unknown = [
            {
                "occurrence_id": f"{study.captures[0].id}-{'a' * 13}{chr(97 + n // 26)}{chr(97 + n % 26)}a",
                "taxon_id": moth,
            }
            for n in range(201)
        ]
        for items in (
            [],
            None,
            "x",
            [fits, {"occurrence_id": 7, "taxon_id": moth}],
            [fits, {"occurrence_id": other}],
            [fits, fits],
            [fits, {"occurrence_id": foreign, "taxon_id": moth}],
            [fits, {**fits, "occurrence_id": other, "eve": 1}],
            unknown,
        ):
            status, told = api.send("POST", "/identifications/bulk", {"identifications": items})
            assert status == 400, told
        assert api.send("POST", "/identifications/bulk", {})[0] == 400
        assert (said(one), said(other), said(foreign)) == (0, 0, 0)
        told = bulk(api, *unknown[:200])
        assert (told["created_count"], told["error_count"]) == (0, 200)

    def test_each_takes_two_requests_more(self, study: Study, api: Api) -> None:
        [deployment, *_] = study.deployments
        more = add_captures(deployment, night(EVENING.replace(day=11), 6))
        for capture in more:
            study.say(capture, box(0, ("Apis", 0.9)))
        study.world.drain()
        several = [study.boxes(each)[0] for each in more]
        moth, counts = taxon("Noctua"), {}
        for name, size in (("A", 2), ("B", 6)):
            items = [{"occurrence_id": each, "taxon_id": taxon(name)} for each in several[:size]]
            with Meter() as meter:
                assert bulk(api, *items)["error_count"] == 0
            counts[size] = meter.total
        assert (counts[6] - counts[2]) / 4 <= 8
        assert counts == {2: 2 + 2 * 2, 6: 2 + 2 * 6}
        assert moth

    def test_many_on_one_photograph_not_settled_yet(self, study: Study, api: Api) -> None:
        study.say(study.captures[0], *(box(number, ("Apis", 0.9)) for number in range(60)))
        several = study.boxes(study.captures[0])
        told = bulk(api, *({"occurrence_id": each, "taxon_id": taxon("A")} for each in several[:5]))
        assert told["error_count"] == 0
        study.check()


class TestAtOnce:
    def test_of_two_at_once_one_counts(self, real_study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        one = four(real_study)[0]
        both, real = threading.Barrier(2), store.held
        waits = threading.local()

        def held(capture_id: str) -> store.Held:
            found = real(capture_id)
            if not getattr(waits, "over", False):
                waits.over = True
                both.wait(timeout=20)
            return found

        monkeypatch.setattr(store, "held", held)
        named = [taxon("A"), taxon("B")]
        with ThreadPoolExecutor(2) as pool:
            told = list(pool.map(lambda each: identifying.say(ADMIN, Saying(one, each)), named))
        monkeypatch.undo()
        assert len({each.identification.id for each in told}) == 2
        assert (said(one), len(active(one))) == (2, 1)
        real_study.check()

    def test_a_box_that_goes_meanwhile_is_not_named(
        self, real_study: Study, monkeypatch: pytest.MonkeyPatch, api: Api
    ) -> None:
        one, real = four(real_study)[0], store.held

        def held(capture_id: str) -> store.Held:
            found = real(capture_id)
            monkeypatch.setattr(store, "held", real)
            real_study.say(real_study.captures[0], replace=True)
            return found

        monkeypatch.setattr(store, "held", held)
        status, told = api.send("POST", "/identifications", {"occurrence_id": one, "taxon_id": taxon("A")})
        assert (status, list(told["fields"])) == (400, ["occurrence_id"])
        assert said(one) == 0
        real_study.check()

    def test_a_capture_that_has_gone_has_no_occurrences(self, study: Study, s3: Any, api: Api) -> None:
        one, gone = four(study)[0], study.captures[0].id
        tidying = Tidying(Shelf("nightjar-thumbnails-bucket"), study.world.now)
        assert captures.remove(capture_rows.see(gone), gone, "", tidying)
        status, _ = api.send("POST", "/identifications", {"occurrence_id": one, "taxon_id": taxon("A")})
        assert status == 400
        assert api.get(f"/occurrences/{one}", **AUTHORISED)[0] == 404
        study.check()


def test_a_draft_is_seen_by_nobody_without_a_token(study: Study) -> None:
    draft = a_project(draft=True)
    deployment = a_deployment(draft)
    [capture] = add_captures(deployment, night(EVENING, 1))
    saying = Saying(f"{capture.id}-aaaaaaaaaaaaaaaa", taxon("A"))
    for say in (identifying.say, lambda who, what: identifying.say_many(who, [what])):
        with pytest.raises(Exception, match="There is no deployment"):
            say(Principal(), saying)
