"""Small size filter: what covers too little of its photograph cannot be identified. Pure.

The reference (§2.12) takes the absolute width and height, so a box with its corners in the wrong order is
measured there; here it is malformed, as is one without extent, and is told apart from what is measured.
"""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.postprocessing.shapes import Box, Proposed

KEY = "small_size_filter"


class Config(BaseModel):
    """What the filter can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Small size filter")

    threshold: float = Field(
        default=0.0008,
        gt=0,
        lt=1,
        strict=True,
        allow_inf_nan=False,
        title="Smallest share of the photograph",
        description="Boxes that cover less than this share of their photograph are not identifiable. "
        "0.0008 is 0.08 % of it: about 28 by 28 pixels of 1000 by 1000.",
    )


class Left(StrEnum):
    """Why nothing is proposed."""

    LARGE_ENOUGH = "large_enough"
    NULL_BOX = "skipped_null_box"
    NO_DIMENSIONS = "skipped_no_dimensions"
    MALFORMED_BOX = "skipped_malformed_box"


def relative_area(box: Box, width: int, height: int) -> float:
    """The area of a well-formed box by that of a photograph with positive width and height, in pixels.

    A box that sticks out is measured whole, so this may exceed 1.
    """
    return box.area / (width * height)


def flag(
    detection_id: str, box: Box | None, width: int | None, height: int | None, taxon_id: str, settings: Config
) -> Proposed | Left:
    """The taxon for what is not identifiable, if the box is strictly smaller than the threshold.

    width, height    of the photograph as displayed, in pixels; None or 0 if nobody knows
    taxon_id         what is named instead: "Not identifiable"

    It replaces nothing: the filter says of a detection that it is too small, not that a model saw wrongly,
    and its score of 1 is higher than any model's.
    """
    if box is None:
        return Left.NULL_BOX
    if not width or not height or width < 0 or height < 0:
        return Left.NO_DIMENSIONS
    if box.is_malformed:
        return Left.MALFORMED_BOX
    share = relative_area(box, width, height)
    if share >= settings.threshold:
        return Left.LARGE_ENOUGH
    details = {"relative_area": share, "threshold": settings.threshold}
    return Proposed(detection_id, KEY, taxon_id, 1.0, details=details)
