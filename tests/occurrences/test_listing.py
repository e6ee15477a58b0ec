"""Occurrences as they are listed, and each by itself."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from api import AUTHORISED, Api
from meter import Meter
from study import CLASSIFIER, DETECTOR, EVENING, Study, box
from world import a_deployment, a_project, add_captures

from chalicelib import ids
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm
from chalicelib.captures import service as captures
from chalicelib.captures import store as capture_rows
from chalicelib.detections.schemas import NameBody
from chalicelib.occurrences import by_score, by_time
from chalicelib.projects import service as projects
from chalicelib.taxa import service as taxa
from localstack.embedded.engines import Engine

ORDERS = ("-determination_score", "determination_score", "timestamp", "-timestamp")


@pytest.fixture
def study(table: str, engine: Engine) -> Study:
    return Study(engine.url)


def page(api: Api, study: Study, query: str = "", **headers: str) -> Any:
    status, told = api.get(f"/occurrences?project_id={study.project.id}&{query}", **headers)
    assert status == 200, told
    return told


def listed(api: Api, study: Study, query: str = "", limit: int = 100) -> list[dict[str, Any]]:
    """All that a list holds, page by page."""
    found: list[dict[str, Any]] = []
    where = f"/occurrences?project_id={study.project.id}&limit={limit}&{query}"
    for _ in range(200):
        status, told = api.get(where)
        assert status == 200, told
        assert len(told["results"]) <= limit
        found += told["results"]
        if told["next"] is None:
            return found
        where = told["next"].partition("/api/v2")[2]
    raise AssertionError("the list has no end")


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["determination"]["name"] for each in found]


def six(study: Study) -> None:
    """Three occurrences at .3 and three at .9, and a threshold of .6."""
    study.filter(score=0.6)
    for number, score in enumerate((0.3, 0.9, 0.3, 0.9, 0.3, 0.9)):
        study.say(study.captures[number], box(0, (f"Species {number}", score)))
    study.world.drain()


def lineage(study: Study) -> dict[str, str]:
    """Lepidoptera > Noctua > Noctua pronuba, and a bee beside them."""
    ranked = {"Lepidoptera": "ORDER", "Noctua": "GENUS", "Noctua pronuba": "SPECIES", "Apis": "GENUS"}
    made = taxa.ensure({name: (rank, None) for name, rank in ranked.items()})
    for child, parent in (("Noctua", "Lepidoptera"), ("Noctua pronuba", "Noctua")):
        present = taxa.find(made[child].id)
        taxa.change(replace(present, parent_id=made[parent].id), present.updated_at, study.world.now())
    return {name: taxon.id for name, taxon in made.items()}


class TestDefaults:
    def test_a_list_keeps_to_the_projects_threshold_unless_it_is_lifted(self, study: Study, api: Api) -> None:
        six(study)
        for order in ORDERS:
            found = listed(api, study, f"ordering={order}")
            assert {each["determination_score"] for each in found} == {0.9}
            assert len(found) == 3
            lifted = f"ordering={order}&apply_defaults=false"
            assert len(listed(api, study, lifted)) == 6
            assert len(listed(api, study, f"{lifted}&classification_threshold=.2")) == 6
            assert len(listed(api, study, f"{lifted}&classification_threshold=0.5")) == 3
            assert len(listed(api, study, f"{lifted}&classification_threshold=0.91")) == 0
        assert page(api, study)["count"] == 3
        assert page(api, study, "apply_defaults=false")["count"] is None
        # Both narrow: a threshold that is asked for does not lift the project's.
        assert len(listed(api, study, "classification_threshold=.2")) == 3

    def test_one_occurrence_keeps_to_it_where_it_is_sought_in_the_project(
        self, study: Study, api: Api
    ) -> None:
        six(study)
        lower, upper = (study.boxes(study.captures[number])[0] for number in (0, 1))
        within = f"project_id={study.project.id}"
        assert api.get(f"/occurrences/{lower}?{within}")[0] == 404
        assert api.get(f"/occurrences/{lower}?{within}&apply_defaults=false")[0] == 200
        assert api.get(f"/occurrences/{lower}")[0] == 200
        assert api.get(f"/occurrences/{upper}?{within}")[0] == 200
        assert api.get(f"/occurrences/{upper}?project_id={a_project().id}")[0] == 404

    def test_taxa_are_included_and_excluded_with_all_below_them(self, study: Study, api: Api) -> None:
        known = lineage(study)
        for number, name in enumerate(("Noctua pronuba", "Noctua", "Apis", "Lepidoptera")):
            study.say(study.captures[number], box(0, (name, 0.9)))
        for include, exclude, wanted in (
            (["Lepidoptera"], [], {"Lepidoptera", "Noctua", "Noctua pronuba"}),
            ([], ["Noctua"], {"Lepidoptera", "Apis"}),
            (["Lepidoptera"], ["Noctua"], {"Lepidoptera"}),
            (["Noctua"], ["Noctua"], set()),
            ([], [], {"Lepidoptera", "Noctua", "Noctua pronuba", "Apis"}),
        ):
            study.filter(
                include=tuple(known[each] for each in include), exclude=tuple(known[each] for each in exclude)
            )
            study.world.drain()
            for order in ORDERS:
                assert set(names(listed(api, study, f"ordering={order}"))) == wanted
            assert page(api, study)["count"] == len(wanted)
            assert observed(api, study).keys() == wanted
            summary = projects.find(study.project.id).counts
            assert summary.taxa_count == len(wanted)
            everything = listed(api, study, "apply_defaults=false&classification_threshold=0.0")
            assert len(everything) == 4

    def test_an_occurrence_without_a_determination_is_in_no_list(self, study: Study, api: Api) -> None:
        study.say(study.captures[0], box(0))
        study.say(study.captures[1])
        study.world.drain()
        for order in ORDERS:
            assert listed(api, study, f"ordering={order}&apply_defaults=false") == []
        [nameless] = study.boxes(study.captures[0])
        status, told = api.get(f"/occurrences/{nameless}")
        assert (status, told["determination"], told["verified"]) == (200, None, False)
        assert api.get(f"/occurrences/{nameless}?project_id={study.project.id}")[0] == 404


def observed(api: Api, study: Study, query: str = "limit=100") -> dict[str, int]:
    status, told = api.get(f"/taxa/observed?project_id={study.project.id}&{query}")
    assert status == 200, told
    return {each["name"]: each["occurrences_count"] for each in told["results"]}


class TestOrder:
    def test_every_order_comes_whole_whatever_the_pages(self, study: Study, api: Api) -> None:
        for number, capture in enumerate(study.captures[:8]):
            several = [box(at, (f"S{number}", 0.5 + 0.001 * (7 * number + at))) for at in range(number % 4)]
            study.say(capture, *several)
        captures.date(study.captures[7].id, EVENING + timedelta(days=3))
        undated = add_captures(study.deployments[0], [None, None])
        for capture in undated:
            study.say(capture, box(0, ("Undated", 0.7)), box(1, ("Undated", 0.8)))
        study.world.drain()
        for order in ORDERS:
            whole = listed(api, study, f"ordering={order}")
            assert len(whole) == 12 + 4
            for limit in (3, 16):
                pages = listed(api, study, f"ordering={order}", limit)
                assert [each["id"] for each in pages] == [each["id"] for each in whole], (order, limit)
            scores = [each["determination_score"] for each in whole]
            times = [each["capture"]["timestamp"] for each in whole if each["capture"]["timestamp"]]
            is_falling = order.startswith("-")
            if order.endswith("score"):
                assert scores == sorted(scores, reverse=is_falling)
            else:
                assert times == sorted(times, reverse=is_falling)
                assert [each["capture"]["timestamp"] for each in whole[-4:]] == [None] * 4
        assert page(api, study, "limit=16")["next"] is None
        assert page(api, study, "limit=16&ordering=timestamp")["next"] is None

    def test_hidden_captures_are_in_no_list(self, study: Study, api: Api) -> None:
        study.say(study.captures[0], box(0, ("Noctua", 0.9)))
        study.world.drain()
        seen = capture_rows.see(study.captures[0].id)
        assert seen.capture
        assert capture_rows.correct(seen.capture, replace(seen.capture, hidden=True))
        study.world.drain()
        for order in ORDERS:
            assert listed(api, study, f"ordering={order}") == []
        assert page(api, study)["count"] == 0


class TestFilters:
    def test_by_deployment_and_event(self, study: Study, api: Api) -> None:
        for number, capture in enumerate(study.captures):
            study.say(capture, box(0, (f"S{number}", 0.9 - number / 100)))
        captures.date(study.captures[1].id, EVENING + timedelta(days=3))
        study.world.drain()
        first = study.deployments[0].id
        events = api.get(f"/events?project_id={study.project.id}&deployment={first}")[1]["results"]
        assert len(events) == 2
        sizes = sorted(event["captures_count"] for event in events)
        assert sizes == [1, 5]
        for order in ORDERS:
            of_first = listed(api, study, f"ordering={order}&deployment={first}", 4)
            assert {each["deployment"]["id"] for each in of_first} == {first}
            assert len(of_first) == 6
            for event in events:
                within = listed(api, study, f"ordering={order}&event={event['id']}", 2)
                assert len(within) == event["captures_count"]
                assert {each["event"]["id"] for each in within} == {event["id"]}
        assert page(api, study, f"deployment={first}")["count"] == 6
        assert page(api, study, f"event={events[0]['id']}")["count"] == events[0]["captures_count"]
        strange = a_deployment(a_project())
        other = study.deployments[1].id
        for query in (
            f"deployment={strange.id}",
            f"event={events[0]['id']}&deployment={other}",
            f"event={first}-saaaaaaaaaa",
        ):
            assert api.get(f"/occurrences?project_id={study.project.id}&{query}")[0] == 404

    def test_by_taxon_with_all_below_it(self, study: Study, api: Api) -> None:
        known = lineage(study)
        for number, name in enumerate(("Noctua pronuba", "Noctua", "Apis")):
            study.say(study.captures[number], box(0, (name, 0.9)))
        study.world.drain()
        for order in ORDERS:
            for taxon, wanted in (("Lepidoptera", 2), ("Noctua", 2), ("Noctua pronuba", 1), ("Apis", 1)):
                assert len(listed(api, study, f"ordering={order}&taxon={known[taxon]}")) == wanted
            assert listed(api, study, f"ordering={order}&taxon={ids.taxon_id('nobody')}") == []
        assert page(api, study, f"taxon={known['Apis']}")["count"] is None

    def test_by_the_algorithms_that_really_ran(self, study: Study, api: Api) -> None:
        for key in ("second", "third"):
            algorithms.ensure(Algorithm(key, key, study.world.now()))
        a, b, c = study.captures[:3]
        study.say(a, box(0, ("Noctua", 0.9)), box(1, ("Apis", 0.8)))
        study.say(b, box(0, ("Noctua", 0.9)))
        study.say(c, box(0).model_copy(update={"classifications": [_name("second", "Noctua", 0.7)]}))
        # Of two boxes on one capture, one is looked at by another, too.
        target = study.boxes(a)[0]
        more = box(0).model_copy(
            update={"bbox": None, "detection_id": target, "classifications": [_name("third", "Noctua", 0.2)]}
        )
        study.say(a, more)
        study.world.drain()
        for order in ORDERS:

            def of(keys: str, order: str = order) -> set[str]:
                return {each["id"] for each in listed(api, study, f"ordering={order}&algorithm={keys}", 2)}

            assert of(CLASSIFIER) == {*study.boxes(a), *study.boxes(b)}
            assert of(DETECTOR) == {*study.boxes(a), *study.boxes(b), *study.boxes(c)}
            assert of("second") == set(study.boxes(c))
            assert of("third") == {target}
            assert of("second,third") == {target, *study.boxes(c)}
            assert of("nobody") == set()

    def test_by_whether_a_person_has_named_it(self, study: Study, api: Api) -> None:
        for capture in study.captures[:3]:
            study.say(capture, box(0, ("Noctua", 0.9)))
        first, second, third = (study.boxes(each)[0] for each in study.captures[:3])
        study.identify(first, "Noctua pronuba")
        study.withdraw(study.identify(second, "Apis"))
        study.identify(third, None, comment="?")
        study.world.drain()
        for order in ORDERS:
            verified = listed(api, study, f"ordering={order}&verified=true")
            assert [each["id"] for each in verified] == [first]
            others = {each["id"] for each in listed(api, study, f"ordering={order}&verified=false")}
            assert others == {second, third}

    def test_what_is_seldom_is_found_in_the_end_within_bounds(
        self, study: Study, api: Api, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for module in (by_score, by_time):
            monkeypatch.setattr(module, "ROWS", 2)
            monkeypatch.setattr(module, "ROUNDS", 2)
        monkeypatch.setattr(by_score, "KEYS", 2)
        rare = taxa.ensure({"Rare": ("SPECIES", None)})["Rare"].id
        for number, capture in enumerate(study.captures):
            study.say(capture, box(0, ("Rare" if number == 5 else "Common", 0.6 + number / 100)))
        study.world.drain()
        for order in ORDERS:
            with Meter() as meter:
                told = page(api, study, f"ordering={order}&taxon={rare}&limit=1")
            assert meter.total <= 20
            assert told["next"]
            assert names(listed(api, study, f"ordering={order}&taxon={rare}", 1)) == ["Rare"]
            of_second = listed(api, study, f"ordering={order}&deployment={study.deployments[1].id}", 1)
            assert len(of_second) == 6


def _name(algorithm: str, taxon: str, score: float) -> NameBody:
    return NameBody(algorithm=algorithm, taxon=taxon, score=score)


class TestCost:
    def test_a_page_takes_a_few_requests_however_many_there_are(self, study: Study, api: Api) -> None:
        for capture in study.captures[:6]:
            study.say(capture, *(box(at, (f"S{at}", 0.9)) for at in range(10)))
        study.world.drain()
        for limit, most in ((10, 7), (50, 7)):
            with Meter() as meter:
                told = page(api, study, f"limit={limit}")
            assert len(told["results"]) == limit
            assert meter.total <= most, meter.requests
            with Meter() as meter:
                told = page(api, study, f"limit={limit}&ordering=timestamp")
            assert len(told["results"]) == limit
            # Two captures, or six, hold them, and are asked for theirs.
            assert meter.total <= 7 + (2 if limit == 10 else 6), meter.requests
        [one, *_] = study.boxes(study.captures[0])
        with Meter() as meter:
            api.get(f"/occurrences/{one}")
        assert meter.total <= 4, meter.requests
        assert "Scan" not in meter.requests


class TestOne:
    def test_it_tells_all_that_was_said_of_it(self, study: Study, api: Api) -> None:
        known = lineage(study)
        study.say(study.captures[0], box(0, ("Noctua pronuba", 0.8)), box(1, ("Apis", 0.7)))
        study.world.drain()
        one = next(
            each
            for each in study.boxes(study.captures[0])
            if study.determination(each)[1] == 0.8  # type: ignore[index]
        )
        first = study.identify(one, "Apis")
        study.withdraw(first)
        second = study.identify(one, "Noctua", comment="surely")
        told = api.get(f"/occurrences/{one}")[1]  # though nothing is settled yet
        assert told["determination"] == {
            "id": known["Noctua"],
            "name": "Noctua",
            "rank": "GENUS",
            "parents": [{"id": known["Lepidoptera"], "name": "Lepidoptera", "rank": "ORDER"}],
        }
        assert (told["determination_score"], told["determination_source"]) == (1.0, "person")
        assert (told["determined_by"], told["verified"]) == (second.id, True)
        assert [(each["id"], each["withdrawn"]) for each in told["identifications"]] == [
            (second.id, False),
            (first.id, True),
        ]
        assert told["identifications"][0]["comment"] == "surely"
        [detection] = told["detections"]
        assert detection["id"] == one
        [classification] = detection["classifications"]
        assert (classification["taxon"], classification["terminal"]) == ("Noctua pronuba", True)
        assert classification["applied_to"] == []
        assert told["capture"]["id"] == study.captures[0].id
        assert told["event"]["id"].startswith(study.deployments[0].id)
        assert told["deployment"]["id"] == study.deployments[0].id
        assert told["crop"].endswith(f"/occurrences/{one}/crop")

    def test_recomputing_settles_it_at_once(self, study: Study, api: Api) -> None:
        study.say(study.captures[0], box(0, ("Noctua", 0.8)))
        [one] = study.boxes(study.captures[0])
        assert listed(api, study) == []
        status, told = api.send("POST", f"/occurrences/{one}/recompute", {})
        assert (status, told["determination_score"]) == (200, 0.8)
        assert names(listed(api, study)) == ["Noctua"]
        assert api.send("POST", f"/occurrences/{one}/recompute", {}, {"X": "y"})[0] == 401


class TestObserved:
    def test_taxa_come_by_how_often_they_are(self, study: Study, api: Api) -> None:
        for number, name in enumerate(("A", "B", "B", "C", "C", "C")):
            study.say(study.captures[number], box(0, (name, 0.9)))
        study.world.drain()
        assert list(observed(api, study).items()) == [("C", 3), ("B", 2), ("A", 1)]
        rising = observed(api, study, "ordering=occurrences_count")
        assert list(rising.items()) == [("A", 1), ("B", 2), ("C", 3)]
        found: list[str] = []
        where = f"/taxa/observed?project_id={study.project.id}&limit=1"
        while where:
            told = api.get(where)[1]
            assert told["count"] == 3
            found += names([{"determination": each} for each in told["results"]])
            where = (told["next"] or "").partition("/api/v2")[2]
        assert found == ["C", "B", "A"]
        with Meter() as meter:
            observed(api, study)
        assert meter.total == 3

    def test_what_it_cannot_tell_is_refused(self, study: Study, api: Api) -> None:
        own = f"/taxa/observed?project_id={study.project.id}"
        for query in ("ordering=name", "apply_defaults=false", "cursor=x", "limit=0"):
            assert api.get(f"{own}&{query}")[0] == 400
        assert api.get("/taxa/observed")[0] == 400


class TestRefusals:
    def test_drafts_are_hidden(self, study: Study, api: Api) -> None:
        study.say(study.captures[0], box(0, ("Noctua", 0.9)))
        [one] = study.boxes(study.captures[0])
        said = study.identify(one, "Apis")
        present = projects.find(study.project.id)
        projects.change(replace(present, draft=True), present.updated_at, study.world.now())
        study.world.drain()
        for path in (
            f"/occurrences?project_id={study.project.id}",
            f"/occurrences?project_id={study.project.id}&ordering=timestamp",
            f"/taxa/observed?project_id={study.project.id}",
            f"/occurrences/{one}",
            f"/occurrences/{one}?project_id={study.project.id}",
            f"/identifications?occurrence_id={one}",
        ):
            assert api.get(path)[0] == 404, path
            assert api.get(path, **AUTHORISED)[0] == 200, path
        assert api.get(f"/occurrences/{one}/crop")[0] == 404
        assert api.send("PATCH", f"/identifications/{said.id}", {"comment": "x"}, {"X": "y"})[0] == 401

    def test_hostile_input_is_refused(self, study: Study, api: Api) -> None:
        own = f"/occurrences?project_id={study.project.id}"
        assert api.get("/occurrences")[0] == 400
        for query in (
            "ordering=name", "limit=0", "limit=101", "offset=1", "cursor=x", "cursor=QQ", "verified=yes",
            "classification_threshold=nan", "classification_threshold=2", "classification_threshold=x",
            "classification_threshold=1e999", "classification_threshold=-1", "apply_defaults=no",
            "collection=c", f"algorithm={','.join(map(str, range(21)))}",
        ):  # fmt: skip
            assert api.get(f"{own}&{query}")[0] == 400, query
        for query in ("taxon=x", "taxon=TAXON%23a", "deployment=x", "event=x%00", "event=%23"):
            assert api.get(f"{own}&{query}")[0] == 404, query
        for project in ("x", "%00", "PROJECT%23x", "p" * 2000):
            assert api.get(f"/occurrences?project_id={project}")[0] == 404
        well_shaped = f"{study.captures[0].id}-aaaaaaaaaaaaaaaa"
        for one in ("x", "9223372036854775808", "%23", well_shaped, study.captures[0].id):
            for path in (f"/occurrences/{one}", f"/occurrences/{one}/crop"):
                assert api.get(path)[0] == 404, path
            assert api.send("POST", f"/occurrences/{one}/recompute", {})[0] == 404

    def test_a_cursor_of_one_list_does_no_harm_in_another(self, study: Study, api: Api) -> None:
        for number, capture in enumerate(study.captures):
            study.say(capture, box(0, (f"S{number}", 0.6 + number / 100)))
        study.world.drain()
        cursors = {
            order: page(api, study, f"limit=1&ordering={order}")["next"].partition("cursor=")[2]
            for order in ORDERS
        }
        other = study.deployments[1].id
        strange = a_project().id
        for order, cursor in cursors.items():
            for query in (
                f"ordering={order}&cursor={cursor}&classification_threshold=0.99",
                f"ordering={order}&cursor={cursor}&deployment={other}",
            ):
                assert api.get(f"/occurrences?project_id={study.project.id}&{query}")[0] == 200, query
            assert (
                api.get(f"/occurrences?project_id={strange}&ordering={order}&cursor={cursor}")[1]["results"]
                == []
            )
        crossed = f"ordering=timestamp&cursor={cursors['-determination_score']}"
        assert api.get(f"/occurrences?project_id={study.project.id}&{crossed}")[0] == 400
