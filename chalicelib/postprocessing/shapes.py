"""What post-processing reads and what it proposes: boxes, classifications, proposals. Pure.

A task looks at what stands and proposes new classifications; it never alters one. Whoever writes a proposal
derives its id from the detection, the algorithm and the `basis`, so the same proposal made twice is one row.
Therefore a proposal must depend on nothing but what it was made from: no clock, no chance, no order of pages.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FARTHEST = 1e7
"""Pixels. What lies farther from the corner of a photograph, either way, is no place in it."""
THINNEST = 1e-3
"""Pixels. What is thinner has no extent: it is a line or a point, but for a rounding."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box in pixels of the photograph as it is displayed: left, top, right and bottom edge.

    It may stick out of the photograph, as detectors' boxes do.
    """

    x1: float
    y1: float
    x2: float
    y2: float

    @property
    def is_malformed(self) -> bool:
        """Whether it bounds nothing: an edge is no finite number or beyond any photograph, or its width or
        height is nought or negative. Corners in the wrong order are not put right: who sends them may well
        have sent width and height."""
        # What is NaN passes no comparison, so each asks what is right, not what is wrong.
        is_near = min(self.x1, self.y1) >= -FARTHEST and max(self.x2, self.y2) <= FARTHEST
        return not (is_near and self.x2 - self.x1 >= THINNEST and self.y2 - self.y1 >= THINNEST)

    @property
    def area(self) -> float:
        """Its square pixels; 0 if it is malformed."""
        return 0.0 if self.is_malformed else (self.x2 - self.x1) * (self.y2 - self.y1)

    def iou(self, other: "Box") -> float:
        """The area both cover, by the area either covers: from 0 to 1, the same both ways.

        Edges lie between pixels, so a box from 0 to 10 is 10 wide, not 11; boxes that only touch share
        nothing, and a malformed one shares nothing with any.
        """
        if self.is_malformed or other.is_malformed:
            return 0.0
        across = min(self.x2, other.x2) - max(self.x1, other.x1)
        down = min(self.y2, other.y2) - max(self.y1, other.y1)
        if across <= 0 or down <= 0:
            return 0.0
        shared = across * down
        return shared / (self.area + other.area - shared)


@dataclass(frozen=True, slots=True)
class Classified:
    """A classification as it stands.

    taxon_id       what it names; None for a label that no taxon is known for
    scores         one for each class of the algorithm's category map, by index, like `logits`; None if the
                   vector was never sent
    terminal       whether it counts: what was replaced by another does not
    created_at     ISO 8601, UTC
    """

    id: str
    detection_id: str
    algorithm: str
    taxon_id: str | None
    score: float | None
    scores: Sequence[float] | None
    logits: Sequence[float] | None
    terminal: bool
    created_at: str


@dataclass(frozen=True, slots=True)
class Proposed:
    """A classification to be written; it is terminal.

    algorithm    the key of what proposes it
    replaces     ids of classifications that are terminal no more once it is there. The basis is the last:
                 as long as it is terminal, a run that starts again finds what the first one found, so who
                 cannot withdraw all of them at once withdraws them in this order
    details      plain JSON: what it was made by, for people
    basis        id of the classification it is derived from, if it is derived from one: `applied_to`
    """

    detection_id: str
    algorithm: str
    taxon_id: str
    score: float
    scores: Sequence[float] | None = None
    logits: Sequence[float] | None = None
    replaces: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    basis: str | None = None


def precedence(classified: Classified) -> tuple[float, str, str]:
    """The greatest of several is the one whose name is shown: by score, then the newest, then by id.

    One without a score comes last, and so does one whose score is no finite number.
    """
    score = classified.score
    known = score is not None and math.isfinite(score)
    return (score if known and score is not None else -math.inf, classified.created_at, classified.id)


def all_finite(values: Sequence[float]) -> bool:
    """Whether all are numbers, and finite ones. True and False are no numbers here."""
    # Types first, and each once: then what is left runs at the speed of C, over thousands of classes a row.
    if any(kind is bool or not issubclass(kind, int | float) for kind in set(map(type, values))):
        return False
    try:
        return all(map(math.isfinite, values))
    except OverflowError:  # an int beyond any float
        return False
