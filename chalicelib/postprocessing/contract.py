"""What a post-processing task is. Pure: a task is given pages and answers with proposals.

A new task is one file: a subclass of `Task` with a key, a name, a config and a `run`. It is in `TASKS` as
soon as its module is imported. What is missing is told when the class is defined, not when a job runs it.
"""

import inspect
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, cast, get_args

from pydantic import BaseModel, ValidationError

from chalicelib.errors import Invalid
from chalicelib.postprocessing.shapes import Box, Classified, Proposed

_FIELDS_TOLD = 20

Kind = Literal["source_image_collection_id", "occurrence_id", "event_id", "deployment_id"]
"""What a scope may be, by the field that names one."""
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True, slots=True)
class Detected:
    """A detection with all of its classifications; without a box, it marks that nothing was found."""

    id: str
    box: Box | None
    classifications: tuple[Classified, ...] = ()


@dataclass(frozen=True, slots=True)
class Pictured:
    """A capture with its detections in scope. Width and height are those of the photograph as displayed, in
    pixels; None if nobody knows."""

    id: str
    deployment_id: str
    width: int | None
    height: int | None
    detections: tuple[Detected, ...] = ()


Page = Sequence[Pictured]
"""Some captures of the scope, each whole."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a task has to say of a page.

    metrics    counts to be added to those of the pages before
    state      what the next page is given; `Task.dump` makes plain JSON of it
    """

    proposed: Sequence[Proposed] = ()
    metrics: Mapping[str, int] = field(default_factory=dict)
    state: Any = None


def findings_of(outcomes: Iterable[Proposed | StrEnum], metrics: Mapping[str, int] | None = None) -> Findings:
    """What is proposed, and how often each reason was met why nothing is, beside other metrics."""
    proposed: list[Proposed] = []
    left: Counter[str] = Counter()
    for each in outcomes:
        if isinstance(each, Proposed):
            proposed.append(each)
        else:
            left[each.value] += 1
    return Findings(proposed, {**left, **(metrics or {})})


@dataclass(frozen=True, slots=True)
class Output:
    """The algorithm in whose name a task proposes: its key, its name, and the algorithm whose categories it
    has, if it has some."""

    key: str
    name: str
    like: str | None = None


class Knowledge(Protocol):
    """What a task may ask. Answers are the same throughout a run."""

    def not_identifiable(self) -> str:
        """The id of the taxon for what cannot be identified."""
        ...

    def taxa_of(self, algorithm: str) -> Sequence[str | None]:
        """The taxon of each class of an algorithm's category map, by index; None where the label is none.
        Empty without a map."""
        ...

    def lineage_of(self, taxon_id: str) -> Mapping[str, str]:
        """A taxon and its ancestors: rank, in upper case, to id."""
        ...

    def members_of(self, taxa_list_id: str) -> frozenset[str]:
        """The taxa of a list. Raises Invalid if there is no such list."""
        ...


Settings = TypeVar("Settings", bound=BaseModel)


class Task(ABC, Generic[Settings]):
    """A way of post-processing, with the config of one run.

    A page may come again, after a worker was killed: what it finds must depend on the page, the knowledge
    and the state alone.
    """

    key: ClassVar[str]
    """By which it is run: it is also the key of its algorithm, unless it makes one of its own."""
    name: ClassVar[str]
    """What people call it."""
    description: ClassVar[str] = ""
    """What it does, in a sentence."""
    scopes: ClassVar[tuple[Kind, ...]] = KINDS
    """Over what it may be run."""
    counts: ClassVar[tuple[str, ...]] = ()
    """Its metrics that are told from the beginning, and be they 0."""
    reads_vectors: ClassVar[bool] = False
    """Whether it needs scores and logits by category; `wants` tells of which algorithms."""
    judges_together: ClassVar[bool] = False
    """Whether it proposes only when it has seen all pages, in `end`; `run` then but gathers."""
    config: type[Settings]
    """What it can be told. It forbids what it does not know: that is more likely misspelt than meant."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isabstract(cls) or ABC in cls.__bases__:
            return
        _check(cls)
        TASKS[cls.key] = cls

    def __init__(self, given: Mapping[str, Any]) -> None:
        """Raises Invalid, with `fields` that name what is wrong, for a config that does not fit."""
        try:
            self.settings: Settings = self.config.model_validate(dict(given))
        except ValidationError as error:
            raise _unfit(self.key, error) from error

    def output(self, knowledge: Knowledge) -> Output:  # noqa: ARG002  (for those who need it)
        """In whose name it proposes. Asked before any page is read, so it tells what cannot be run at all.

        Raises Invalid, with `fields` of the config.
        """
        return Output(self.key, self.name)

    def wants(self, algorithm: str) -> bool:  # noqa: ARG002
        """Whether it needs the vectors of what that algorithm said, where it is terminal."""
        return self.reads_vectors

    def owns(self, config: Mapping[str, Any]) -> bool:  # noqa: ARG002
        """Whether a run replaces what one of this task with that config has proposed: it judges the same."""
        return True

    def load(self, kept: Any) -> Any:
        """The state that plain JSON stands for, None before the first page. `run` may alter what it is given:
        a state lives as long as a step, and is kept at the end of it."""
        return kept

    def dump(self, state: Any) -> Any:
        """A state as plain JSON."""
        return state

    @abstractmethod
    def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:
        """What it finds on a page. `state` is that of the page before; None on the first."""

    def end(self, knowledge: Knowledge, state: Any) -> Findings:  # noqa: ARG002  (for those who need it)
        """What it finds when it has seen all pages: nothing, for a task that judges each page by itself."""
        return Findings(state=state)


TASKS: dict[str, type[Task[Any]]] = {}
"""Every task by its key."""


def task_of(key: str, given: Mapping[str, Any]) -> Task[Any]:
    """A task with its checked config. Raises Invalid for an unknown key, or a config that does not fit."""
    task = TASKS.get(key)
    if task is None:
        why = f"one of {', '.join(sorted(TASKS))}"
        raise Invalid(f"There is no task {key[:80]!r}: {why}.", {"task": why})
    return task(given)


def _check(task: type[Task[Any]]) -> None:
    """Raises TypeError for a task that is incomplete, or has the key of another."""
    for attribute in ("key", "name"):
        if not isinstance(value := getattr(task, attribute, None), str) or not value:
            raise TypeError(f"The task {task.__qualname__} needs a {attribute}: a text, not empty.")
    config = getattr(task, "config", None)
    if not (isinstance(config, type) and issubclass(config, BaseModel)):
        raise TypeError(f"The task {task.__qualname__} needs a config: a pydantic model.")
    if cast(Mapping[str, Any], config.model_config).get("extra") != "forbid":
        raise TypeError(f'The config of the task {task.__qualname__} must have extra="forbid".')
    if task.key in TASKS:
        taken = TASKS[task.key].__qualname__
        raise TypeError(f"The task {task.__qualname__} has the key {task.key!r}, as {taken} has.")


def _unfit(key: str, error: ValidationError) -> Invalid:
    told = error.errors(include_url=False, include_input=False)[:_FIELDS_TOLD]
    fields = {".".join(map(str, each["loc"]))[:100]: each["msg"] for each in told}
    listed = "; ".join(f"{name}: {why}" for name, why in fields.items())
    return Invalid(f"This config does not fit the task {key!r}. {listed}"[:2000], fields)
