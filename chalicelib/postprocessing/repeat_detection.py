"""Repeat detection: what is at the same place in many photographs is a leaf, or dirt on the lens. Pure.

A box is flagged if the boxes that match it, itself among them, are of at least `minimum` different captures;
two boxes match if their IoU reaches the threshold. That is said of each box by itself, so it does not matter
in which order, pages or parts the boxes come.

How matching boxes are found without comparing each with each is told in `same_box.py`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.postprocessing.same_box import SameBoxes
from chalicelib.postprocessing.shapes import Box, Proposed

KEY = "repeat_detection"


class Config(BaseModel):
    """What the filter can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Repeat detection")

    iou: float = Field(
        default=0.9,
        ge=0.5,
        le=0.99,
        strict=True,
        allow_inf_nan=False,
        title="Least overlap",
        description="Two boxes are the same if the area they share is at least this part of the area they "
        "cover together.",
    )
    minimum: int = Field(
        default=10,
        ge=2,
        le=10_000,
        strict=True,
        title="Least number of captures",
        description="In how many different captures of a station the same box must be.",
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """A detection's box, and the capture it is in."""

    id: str
    capture_id: str
    box: Box


class Gathered:
    """The boxes of a deployment, as they come: page by page, again, or from several workers.

    A detection that comes twice is one. The state is plain JSON, about 150 bytes a box, and the same whatever
    order they came in.
    """

    def __init__(self, state: Any = None) -> None:
        state = state or {"boxes": [], "malformed": []}
        self._boxes = {each[0]: Placed(each[0], each[1], Box(*each[2:])) for each in state["boxes"]}
        self._malformed: set[str] = set(state["malformed"])

    def add(self, placed: Placed) -> None:
        """Meets a box; a malformed one is counted, and matches none."""
        if placed.box.is_malformed:
            self._malformed.add(placed.id)
        else:
            self._boxes[placed.id] = placed

    def merge(self, other: "Gathered") -> None:
        """Meets all that another one has met."""
        self._boxes |= other._boxes
        self._malformed |= other._malformed

    @property
    def malformed(self) -> int:
        """How many boxes were malformed."""
        return len(self._malformed)

    def boxes(self) -> Iterator[Placed]:
        """All well-formed boxes, by detection id."""
        return (self._boxes[each] for each in sorted(self._boxes))

    def state(self) -> Any:
        """All it has met."""
        rows = (
            [each.id, each.capture_id, each.box.x1, each.box.y1, each.box.x2, each.box.y2]
            for each in self.boxes()
        )
        return {"boxes": list(rows), "malformed": sorted(self._malformed)}


def repeated(boxes: Iterable[Placed], settings: Config) -> list[str]:
    """The ids of the detections whose box is in at least `minimum` different captures, ascending.

    Malformed boxes match nothing, not even each other.
    """
    alike: dict[Box, list[Placed]] = {}
    for placed in boxes:
        if not placed.box.is_malformed:
            alike.setdefault(placed.box, []).append(placed)
    known = SameBoxes(settings.iou, settings.minimum)
    for box, same in alike.items():
        known.put(box, {each.capture_id for each in same})
    return sorted(each.id for box, same in alike.items() if known.has_enough(box) for each in same)


def proposed(detection_id: str, taxon_id: str, settings: Config) -> Proposed:
    """What is proposed for a detection that is `repeated`: the taxon given, "Not identifiable", with a score
    of 1, which is higher than any model's. It replaces nothing."""
    return Proposed(detection_id, KEY, taxon_id, 1.0, details=settings.model_dump(mode="json"))
