"""Capture sets as they are sent and answered. Their paths and fields call them collections of captures."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from chalicelib.capture_sets.rules import MANUAL, CaptureSet
from chalicelib.findings.rules import TAXA, told
from chalicelib.http.counted import FoundOfSet
from chalicelib.http.fields import Body, Change, Description, Name
from chalicelib.http.routing import Ask

MOST_NAMED = 1000

Id = Annotated[str, StringConstraints(max_length=100)]
Method = Annotated[str, StringConstraints(max_length=100)]


class SetMake(Body):
    """A new capture set. It is empty until it is populated, or until captures are added to it: without a
    method only that is meant."""

    project_id: str
    name: Name
    description: Description = ""
    method: Method | None = None
    kwargs: dict[str, Any] = Field(default_factory=dict)


class SetChange(Change):
    """Changes of a capture set. By another method or other kwargs it is populated the next time."""

    name: Name = ""
    description: Description = ""
    method: Method = MANUAL
    kwargs: dict[str, Any] = Field(default_factory=dict)


class Which(Body):
    """Some captures."""

    capture_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_NAMED)]


class SetAnswer(FoundOfSet):
    """A capture set. `populating`: its members are being chosen anew; until then the old ones are served."""

    id: str
    details: str
    project_id: str
    name: str
    description: str
    method: str
    kwargs: Mapping[str, Any]
    dataset_type: str
    source_images_count: int
    populating: bool
    populated_at: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, found: CaptureSet, ask: Ask) -> "SetAnswer":
        """How a capture set is answered."""
        return cls(
            id=found.id,
            details=ask.url(f"/captures/collections/{found.id}"),
            project_id=found.project_id,
            name=found.name,
            description=found.description,
            method=found.method,
            kwargs=found.kwargs,
            dataset_type=found.dataset_type,
            source_images_count=found.captures_count,
            **told("set", found.found),
            **{TAXA: found.taxa_count},
            populating=found.populating is not None,
            populated_at=found.populated_at,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )
