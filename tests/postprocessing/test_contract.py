"""What a task must declare, and that tasks can be written to it."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from proposing import NOT_IDENTIFIABLE
from pydantic import BaseModel, ConfigDict

from chalicelib.errors import Invalid
from chalicelib.postprocessing import contract, repeat_detection, small_size
from chalicelib.postprocessing.contract import Detected, Findings, Knowledge, Page, Pictured, Task, task_of
from chalicelib.postprocessing.shapes import Box, Proposed


@pytest.fixture(autouse=True)
def tasks(monkeypatch: pytest.MonkeyPatch) -> dict[str, type[Task[Any]]]:
    """A registry of its own for each test."""
    own: dict[str, type[Task[Any]]] = {}
    monkeypatch.setattr(contract, "TASKS", own)
    return own


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")
    size: int = 3


class Lax(BaseModel):
    size: int = 3


def run(self: Any, page: Page, knowledge: Knowledge, state: Any) -> Findings:
    return Findings()


COMPLETE: dict[str, Any] = {"key": "k", "name": "K", "config": Strict, "run": run}


def define(without: str = "", **changed: Any) -> type[Task[Any]]:
    body = {name: value for name, value in (COMPLETE | changed).items() if name != without}
    return type("Made", (Task,), body)


def test_a_complete_task_is_in_the_registry(tasks: dict[str, type[Task[Any]]]) -> None:
    task = define()
    assert tasks == {"k": task}
    made = task_of("k", {"size": 5})
    assert (type(made), made.settings) == (task, Strict(size=5))


@pytest.mark.parametrize("missing", ["key", "name", "config"])
def test_a_task_without_one_of_them_fails_when_it_is_defined(
    missing: str, tasks: dict[str, type[Task[Any]]]
) -> None:
    with pytest.raises(TypeError, match=missing):
        define(without=missing)
    assert not tasks


@pytest.mark.parametrize(
    "wrong", [{"key": ""}, {"name": None}, {"config": dict}, {"config": Strict()}, {"config": Lax}]
)
def test_a_task_with_a_wrong_one_fails_as_well(wrong: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=next(iter(wrong))):
        define(**wrong)


def test_abstract_ones_are_exempt(tasks: dict[str, type[Task[Any]]]) -> None:
    class Intermediate(Task[Strict]):
        config = Strict

    class Declared(Intermediate, ABC):
        def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:
            return self.told()

        def told(self) -> Findings:
            return Findings()

    class Further(Task[Strict]):
        def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:
            return Findings()

        @abstractmethod
        def told(self) -> Findings: ...

    assert not tasks

    class Concrete(Declared):
        key = "concrete"
        name = "Concrete"

    assert tasks == {"concrete": Concrete}
    with pytest.raises(TypeError):
        Intermediate({})  # type: ignore[abstract]


def test_a_key_that_is_taken_is_refused(tasks: dict[str, type[Task[Any]]]) -> None:
    first = define()
    with pytest.raises(TypeError, match="'k'"):
        define()
    with pytest.raises(TypeError, match="'k'"):
        type("Heir", (first,), {})
    assert tasks == {"k": first}


def test_an_unknown_task_and_an_unfit_config_are_told_before_anything_runs() -> None:
    define()
    with pytest.raises(Invalid) as unknown:
        task_of("j", {})
    assert unknown.value.fields == {"task": "one of k"}
    with pytest.raises(Invalid) as unfit:
        task_of("k", {"size": "many", "sice": 1})
    assert set(unfit.value.fields) == {"size", "sice"}


class Known:
    """Knows but one taxon."""

    def not_identifiable(self) -> str:
        return NOT_IDENTIFIABLE

    def taxa_of(self, algorithm: str) -> Sequence[str | None]:
        return ()

    def lineage_of(self, taxon_id: str) -> Mapping[str, str]:
        return {}

    def members_of(self, taxa_list_id: str) -> frozenset[str]:
        return frozenset()


def went_through(task: Task[Any], pages: Sequence[Page]) -> tuple[list[Proposed], Counter[str]]:
    """What a run of all pages finds."""
    state, found, metrics = None, list[Proposed](), Counter[str]()
    for page in pages:
        findings = task.run(page, Known(), state)
        state = findings.state
        found += findings.proposed
        metrics.update(findings.metrics)
    last = task.end(Known(), state)
    return [*found, *last.proposed], metrics + Counter(last.metrics)


def small_size_task() -> Task[Any]:
    class SmallSize(Task[small_size.Config]):
        key = small_size.KEY
        name = "Small size filter"
        config = small_size.Config

        def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:
            taxon = knowledge.not_identifiable()
            found = [
                small_size.flag(each.id, each.box, capture.width, capture.height, taxon, self.settings)
                for capture in page
                for each in capture.detections
            ]
            flagged = [each for each in found if isinstance(each, Proposed)]
            left = Counter(str(each) for each in found if not isinstance(each, Proposed))
            return Findings(flagged, {"detections_flagged": len(flagged), **left})

    return SmallSize({})


@pytest.mark.parametrize("last", [(None, 640), (Box(0, 0, 9, 9), None)])
@pytest.mark.parametrize("flags", [1, 99, 100, 101])
def test_a_last_detection_that_is_skipped_takes_none_of_those_before_with_it(last: Any, flags: int) -> None:
    box, width = last
    task = small_size_task()
    small = [Pictured(f"c{n}", "s", 640, 480, (Detected(f"d{n}", Box(0, 0, 10, 10)),)) for n in range(flags)]
    pages = [[*small, Pictured("last", "s", width, 480, (Detected("last", box),))]]
    found, metrics = went_through(task, pages)
    assert [each.detection_id for each in found] == [f"d{n}" for n in range(flags)]
    assert metrics["detections_flagged"] == flags
    assert sum(metrics.values()) == flags + 1
    # Twice is once: the same proposals are the same rows.
    assert went_through(task, pages) == (found, metrics)
    split = [[each] for page in pages for each in page]
    assert went_through(task, split) == (found, metrics)


def test_a_task_that_judges_all_pages_together_keeps_a_state() -> None:
    class Repeat(Task[repeat_detection.Config]):
        key = repeat_detection.KEY
        name = "Repeat detection"
        config = repeat_detection.Config

        def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:
            gathered = repeat_detection.Gathered(state)
            for capture in page:
                for each in capture.detections:
                    if each.box:
                        gathered.add(repeat_detection.Placed(each.id, capture.id, each.box))
            return Findings(state=gathered.state())

        def end(self, knowledge: Knowledge, state: Any) -> Findings:
            ids = repeat_detection.repeated(repeat_detection.Gathered(state).boxes(), self.settings)
            taxon = knowledge.not_identifiable()
            return Findings([repeat_detection.proposed(each, taxon, self.settings) for each in ids])

    leaf = Box(5, 5, 30, 30)
    pages = [
        [
            Pictured(
                f"c{page}{n}", "s", 640, 480, (Detected(f"d{page}{n}", leaf), Detected(f"n{page}{n}", None))
            )
        ]
        for page in range(3)
        for n in range(4)
    ]
    found, _ = went_through(Repeat({}), pages)
    assert [each.detection_id for each in found] == sorted(
        f"d{page}{n}" for page in range(3) for n in range(4)
    )
    assert went_through(Repeat({"minimum": 13}), pages)[0] == []
