"""The counts of answers, as they are declared in `findings.rules`."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, Field, create_model

from chalicelib.counts import Counts
from chalicelib.findings.rules import COUNTED, TAXA, TAXA_WHAT, told


def _told_of(owner: str) -> type[BaseModel]:
    """The counts of findings that an answer has for that kind of owner, as they are declared."""
    fields: dict[str, Any] = {
        each.owners[owner]: (int, Field(description=each.what)) for each in COUNTED if owner in each.owners
    }
    fields[TAXA] = (int, Field(description=TAXA_WHAT))
    made: type[BaseModel] = create_model(f"FoundOf{owner.title()}", **fields)
    return made


if TYPE_CHECKING:

    class FoundOfCapture(BaseModel): ...

    class FoundOfSession(BaseModel): ...

    class FoundOfStation(BaseModel): ...

    class FoundOfSet(BaseModel): ...

else:
    FoundOfCapture, FoundOfSession = _told_of("capture"), _told_of("session")
    FoundOfStation, FoundOfSet = _told_of("deployment"), _told_of("set")


class Counted(FoundOfStation):
    """The counts of an answer. A session is an event here, as in all of the API's paths and fields."""

    captures_count: int
    undated_count: int
    events_count: int
    first_capture_timestamp: datetime | None
    last_capture_timestamp: datetime | None


def counted(counts: Counts) -> dict[str, Any]:
    """Counts as `Counted` answers them."""
    return {
        "captures_count": counts.captures_count,
        "undated_count": counts.undated_count,
        "events_count": counts.sessions_count,
        "first_capture_timestamp": counts.first_timestamp,
        "last_capture_timestamp": counts.last_timestamp,
        **told("deployment", counts.found),
        TAXA: counts.taxa_count,
    }
