"""Fields that several bodies share, each with its bounds."""

import unicodedata
from dataclasses import replace
from functools import cache
from typing import Annotated, Any, TypeVar
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
)

from chalicelib.captures.timestamps import SOURCES
from chalicelib.http.durations import cut_time, seconds, seconds_or_off
from chalicelib.sessions.rules import LONGEST

T = TypeVar("T")

MOST_CLOCK_OFFSET = 50 * 366 * 24 * 60 * 60
"""Seconds. A camera that lost its battery begins anew in 2000 or 1980; more than fifty years is a slip."""

_known_timezones = cache(available_timezones)


def _timezone(name: str) -> str:
    if name not in _known_timezones() - {"localtime", "Factory"}:
        raise ValueError("no IANA time zone, like 'Europe/Berlin'")
    return name


def _degrees(value: float) -> float:
    return round(value, 9)  # a tenth of a millimetre; DynamoDB's numbers end at 1e-130


def _printable(name: str) -> str:
    if any(unicodedata.category(sign) == "Cc" for sign in name):
        raise ValueError("it holds control characters")
    return name


def _sources(value: Any) -> tuple[str, ...]:
    # All at once, not one by one: whatever is wrong with them is told of the field itself.
    known = isinstance(value, list) and all(each in SOURCES for each in value)
    if not (known and value and len(set(value)) == len(value)):
        raise ValueError(f"a list of {' and '.join(map(repr, SOURCES))}, in any order, or of one of them")
    return tuple(value)


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80), AfterValidator(_printable)
]
Description = Annotated[str, StringConstraints(max_length=10_000)]
GapSeconds = Annotated[
    int, BeforeValidator(seconds), Field(gt=0, le=int(LONGEST.total_seconds()), strict=True)
]
CapSeconds = Annotated[
    int, BeforeValidator(seconds_or_off), Field(ge=0, le=int(LONGEST.total_seconds()), strict=True)
]
CutTime = Annotated[str, AfterValidator(cut_time)]
Latitude = Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False), AfterValidator(_degrees)]
Longitude = Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False), AfterValidator(_degrees)]
ClockOffset = Annotated[int, Field(ge=-MOST_CLOCK_OFFSET, le=MOST_CLOCK_OFFSET, strict=True)]
TimestampSources = Annotated[tuple[str, ...], PlainValidator(_sources)]
TimeZone = Annotated[str, AfterValidator(_timezone)]


class Body(BaseModel):
    """What is sent. A field nobody knows is refused: it is more likely misspelt than meant."""

    model_config = ConfigDict(extra="forbid")


class Change(Body):
    """What is sent to change something: only the fields that were sent count."""

    def applied_to(self, value: T) -> T:
        """The value with the fields that were sent."""
        sent: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set}
        return replace(value, **sent)  # type: ignore[type-var]
