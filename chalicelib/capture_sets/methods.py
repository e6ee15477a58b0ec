"""By which methods a capture set is drawn, and what each of them can be told. Pure.

Each method is a model of its kwargs; forms are built from their JSON schemas, so what a field says of itself
is written for people. A session is an event here, as in all of the API's fields.
"""

import re
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from chalicelib.errors import Invalid

MOST_NAMED = 1000
MOST_CAPTURES = 1000
"""They lie in the row of the set; more are added by hand."""
_FIELDS_TOLD = 20
_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def _iso(value: Any) -> Any:
    # Else numbers would be taken for seconds since 1970, and moments at midnight for their date.
    if value is None or (isinstance(value, str) and _A_DATE.fullmatch(value)):
        return value
    raise ValueError("a date like '2026-06-09'")


def _once(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


# The shapes of ids are those of chalicelib/ids.py, which is not pure; a test compares them.
DeploymentId = Annotated[str, StringConstraints(pattern=r"^d[a-z2-7]{10}$")]
EventId = Annotated[str, StringConstraints(pattern=r"^d[a-z2-7]{10}-s[a-z2-7]{10}$")]
CaptureId = Annotated[str, StringConstraints(pattern=r"^d[a-z2-7]{10}-[a-z2-7]{16}$")]
EventIds = Annotated[list[EventId], Field(max_length=MOST_NAMED), AfterValidator(_once)]
DeploymentIds = Annotated[list[DeploymentId], Field(max_length=MOST_NAMED), AfterValidator(_once)]
CaptureIds = Annotated[list[CaptureId], Field(max_length=MOST_CAPTURES), AfterValidator(_once)]
Day = Annotated[date, BeforeValidator(_iso)]
Month = Annotated[int, Field(ge=1, le=12, strict=True)]
Hour = Annotated[int, Field(ge=0, le=23, strict=True)]
Size = Annotated[int, Field(ge=1, le=10_000, strict=True)]
NumEach = Annotated[int, Field(ge=1, le=1000, strict=True)]
Seed = Annotated[int, Field(ge=0, le=2**53, strict=True)]


class Method(BaseModel):
    """The kwargs of a method. One that nobody knows is refused: it is more likely misspelt than meant."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _own_first(schema: dict[str, Any]) -> None:
    """In a form, what makes the method comes before what all have; the seed is its last."""
    names = sorted(schema["properties"], key=lambda name: (name in Filters.model_fields, name == "seed"))
    schema["properties"] = {name: schema["properties"][name] for name in names}


class Filters(Method):
    """Which captures a set is drawn from, the same for every method that draws.

    Times are those of the camera's wall clock. As soon as one of them is given, captures without a timestamp
    are left out.
    """

    model_config = ConfigDict(json_schema_extra=_own_first)

    deployment_ids: DeploymentIds = Field([], description="Only of these stations; of all, if none is named.")
    event_ids: EventIds = Field([], description="Only of these sessions; of all, if none is named.")
    date_start: Day | None = Field(None, description="Not before this day.")
    date_end: Day | None = Field(None, description="Not after this day, which is included.")
    month_start: Month | None = Field(
        None, description="From this month of every year: 1 is January. After the last month: over New Year."
    )
    month_end: Month | None = Field(None, description="To the end of this month of every year.")
    hour_start: Hour | None = Field(
        None,
        description="From this hour of every day, 0 to 23. After the last hour: over midnight. Equal to it: "
        "all hours.",
    )
    hour_end: Hour | None = Field(
        None, description="To the end of this hour of every day: 15 is until 15:59."
    )

    @field_validator("date_end")
    @classmethod
    def _ends_after_it_starts(cls, end: date | None, info: ValidationInfo) -> date | None:
        start = info.data.get("date_start")
        if start and end and end < start:
            raise ValueError("this day is before date_start")
        return end


class Seeded(Method):
    """What is drawn by a seed."""

    seed: Seed | None = Field(
        None, description="The same seed draws the same captures. Left out: one is drawn with the set."
    )


class Full(Filters, title="All captures"):
    """Every capture."""


class Random(Filters, Seeded, title="Random"):
    """So many captures, each as likely as any other."""

    size: Size = Field(100, description="How many captures; all, if there are fewer.")


class StratifiedRandom(Filters, Seeded, title="Random, in proportion"):
    """So many captures at random, of each session in proportion to how many it has."""

    size: Size = Field(100, description="How many captures in all; all there are, if they are fewer.")


class Interval(Filters, title="At intervals"):
    """Of each station the first capture, and then each that is long enough after the one before."""

    minute_interval: int = Field(
        10,
        ge=1,
        le=10_080,
        strict=True,
        description="How many minutes are between two captures at the least.",
    )
    exclude_events: EventIds = Field([], description="Sessions of which nothing is to be taken.")


class Manual(Method, title="By hand"):
    """Exactly the captures that are named."""

    capture_ids: CaptureIds = Field(
        description="The captures.", validation_alias=AliasChoices("capture_ids", "image_ids")
    )


class Starred(Method, title="Starred"):
    """The captures that people star, one by one."""


class RandomFromEachEvent(Filters, Seeded, title="Random from each session"):
    """So many captures of each session, each as likely as any other."""

    num_each: NumEach = Field(10, description="How many captures of each session; all, if it has fewer.")


class LastAndRandomFromEachEvent(Filters, Seeded, title="Last and random from each session"):
    """The last capture of each session, and so many others at random."""

    num_each: NumEach = Field(1, description="How many captures of each session beside its last.")


class GreatestFileSizeFromEachEvent(Filters, title="Largest files of each session"):
    """The captures of each session whose files are largest; of equal ones, the earlier."""

    num_each: NumEach = Field(1, description="How many captures of each session; all, if it has fewer.")


class DetectionsOnly(Filters, title="With detections"):
    """Every capture on which something was detected."""


class Nth(Filters, title="Every n-th of each session"):
    """Each n-th capture of each session, beginning with its first."""

    n: int = Field(10, ge=1, le=100_000, strict=True, description="One of how many captures is taken.")


class Positional(Filters, title="One place in each session"):
    """One capture of each session: the one at this place. A session that is too short gives none."""

    position: int = Field(
        0,
        ge=-100_000,
        le=100_000,
        strict=True,
        description="0 is the first capture, 1 the second; -1 is the last, -2 the one before.",
    )


class Live(Filters, title="Kept current"):
    """Every capture, now and in future: the set follows what is taken in, changed and deleted."""


METHODS: Mapping[str, type[Method]] = {
    "full": Full,
    "random": Random,
    "stratified_random": StratifiedRandom,
    "interval": Interval,
    "manual": Manual,
    "starred": Starred,
    "random_from_each_event": RandomFromEachEvent,
    "last_and_random_from_each_event": LastAndRandomFromEachEvent,
    "greatest_file_size_from_each_event": GreatestFileSizeFromEachEvent,
    "detections_only": DetectionsOnly,
    "nth": Nth,
    "positional": Positional,
    "rule": Live,
}


def read(method: str, kwargs: Mapping[str, Any]) -> Method:
    """The kwargs of a method as its model, with the defaults of what is left out.

    Raises Invalid, with `fields` that name each unknown or unusable kwarg, or `method` if nobody knows it.
    """
    model = METHODS.get(method)
    if model is None:
        why = f"one of {', '.join(METHODS)}"
        raise Invalid(f"There is no method {method[:80]!r} to draw a set by: {why}.", {"method": why})
    try:
        return model.model_validate(dict(kwargs))
    except ValidationError as error:
        told = error.errors(include_url=False, include_input=False)[:_FIELDS_TOLD]
        fields = {".".join(map(str, each["loc"]))[:100]: each["msg"] for each in told}
        listed = "; ".join(f"{name}: {why}" for name, why in fields.items())
        raise Invalid(f"These kwargs do not fit the method {method!r}. {listed}"[:2000], fields) from error


def checked(method: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The complete kwargs of a method as plain JSON: dates like "2026-06-09", the defaults filled in, but for
    the seed, which whoever makes the set is to draw. Checking them again changes nothing. Raises Invalid.
    """
    return read(method, kwargs).model_dump(mode="json")


def filters_of(kwargs: Mapping[str, Any]) -> Filters:
    """The common filters among the checked kwargs of any method; none of those that have none."""
    return Filters.model_validate({name: kwargs[name] for name in Filters.model_fields if name in kwargs})
