"""Score threshold: a name that no classifier is sure enough of is withdrawn. Pure.

What users expect of "hide everything below .5" is that the detection is there and has no doubtful name. A
classification without a taxon would not do: an occurrence keeps whatever else names it, and one with no name
at all is in no list. So the name is replaced by the taxon for what is not identifiable, with a score of 1,
as the small size filter does it; an identification by a person still beats it.

It is decided for a detection, not for each classification: as long as one classifier is sure enough, its name
is shown anyway, and a "Not identifiable" with a score of 1 beside it would hide it.
"""

import math
from collections.abc import Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.postprocessing.shapes import Classified, Proposed, precedence

KEY = "score_threshold"


class Config(BaseModel):
    """What the filter can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Score threshold")

    threshold: float = Field(
        default=0.5,
        gt=0,
        le=1,
        strict=True,
        allow_inf_nan=False,
        title="Lowest score",
        description="Names with a lower score than this are withdrawn, unless another name of the same "
        "detection reaches it.",
    )


class Left(StrEnum):
    """Why nothing is proposed."""

    NO_SCORE = "skipped_no_score"
    SURE_ENOUGH = "sure_enough"


def withdrawn(classifications: Sequence[Classified], taxon_id: str, settings: Config) -> Proposed | Left:
    """The taxon for what is not identifiable, in place of all names of one detection that are too weak.

    classifications    all of the detection's, in any order. Only terminal ones with a score count, and none
                       that says "Not identifiable" already: it is no name. What has no score stays.
    taxon_id           "Not identifiable"

    Weak is strictly less than the threshold. The basis is the weak one whose name was shown.
    """
    names = [
        (each, each.score)
        for each in classifications
        if each.terminal
        and each.taxon_id != taxon_id
        and each.score is not None
        and math.isfinite(each.score)
    ]
    if not names:
        return Left.NO_SCORE
    if any(score >= settings.threshold for _, score in names):
        return Left.SURE_ENOUGH
    weak = [each for each, _ in names]
    basis = max(weak, key=precedence)
    return Proposed(
        basis.detection_id,
        KEY,
        taxon_id,
        1.0,
        replaces=(*sorted(each.id for each in weak if each is not basis), basis.id),
        details={"score": basis.score, "threshold": settings.threshold},
        basis=basis.id,
    )
