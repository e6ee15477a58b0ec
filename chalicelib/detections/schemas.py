"""What algorithms say of captures, as it is sent, and as it is answered."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from chalicelib.algorithms.schemas import AlgorithmMake, Key
from chalicelib.detections.frames import Frame, Unit
from chalicelib.http.fields import Body

MOST_BOXES = 2_000
MOST_NAMES = 20
MOST_NUMBERS = 20_000
MOST_CAPTURES = 2_000
AT_ONCE = 50
"""So many captures are taken at once; more by a job."""

Number = Annotated[float, Field(allow_inf_nan=False)]
Score = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=255, strip_whitespace=True)]
Id = Annotated[str, StringConstraints(max_length=100)]
TaxonId = Annotated[str, StringConstraints(pattern=r"^t[a-z2-7]{16}$")]


class NameBody(Body):
    """What an algorithm takes a detection for: a taxon by its id, or by its name, which makes one that is not
    there; or one of the algorithm's own categories, by its label or its index. `scores` and `logits` are by
    category, in the order of their indexes. `terminal`: it is meant as the name, and not as one of several in
    a row."""

    algorithm: Key
    taxon_id: TaxonId | None = None
    taxon: Text | None = None
    label: Text | None = None
    index: Annotated[int, Field(ge=0, lt=MOST_NUMBERS)] | None = None
    score: Score | None = None
    scores: Annotated[list[Score], Field(max_length=MOST_NUMBERS)] | None = None
    logits: Annotated[list[Number], Field(max_length=MOST_NUMBERS)] | None = None
    terminal: bool = True

    @model_validator(mode="after")
    def _alike(self) -> "NameBody":
        if self.scores is not None and self.logits is not None and len(self.scores) != len(self.logits):
            raise ValueError("scores and logits are to be as many as each other")
        return self


class BoxBody(Body):
    """A box, and what algorithms take it for. With `detection_id` instead of a box: that of a detection that
    is there."""

    bbox: tuple[Number, Number, Number, Number] | None = None
    detection_id: Id | None = None
    algorithm: Key | None = None
    score: Score | None = None
    source_id: Annotated[str, StringConstraints(max_length=100)] = ""
    classifications: Annotated[list[NameBody], Field(default_factory=list, max_length=MOST_NAMES)]

    @model_validator(mode="after")
    def _either(self) -> "BoxBody":
        if (self.bbox is None) == (self.detection_id is None):
            raise ValueError("either a bbox or a detection_id")
        return self


class ResultsBody(Body):
    """What was found on one capture: nothing, where there are no detections. `algorithm` has looked at it,
    and drew those boxes that do not name another. `frame` and `unit` are those of all boxes. With `replace`,
    what it said before and does not say now is taken back."""

    algorithm: Key
    frame: Frame = "displayed"
    unit: Unit = "pixels"
    detections: Annotated[list[BoxBody], Field(default_factory=list, max_length=MOST_BOXES)]
    replace: bool = False


class CaptureResults(ResultsBody):
    """What was found on one capture of many."""

    capture_id: Id


class BatchBody(Body):
    """What was found on many captures of a project. Algorithms that are not there yet are made."""

    algorithms: Annotated[list[AlgorithmMake], Field(default_factory=list, max_length=20)]
    captures: Annotated[list[CaptureResults], Field(min_length=1, max_length=MOST_CAPTURES)]


class SavedAnswer(Body):
    """What became of the results of one capture: `written` counts what was not there before, `removed` what
    was taken back."""

    capture_id: str
    status: Literal["saved", "error"]
    written: int = 0
    removed: int = 0
    error: str | None = None


class BatchAnswer(Body):
    """What became of results: at once, or by a job."""

    captures_count: int
    saved_count: int = 0
    error_count: int = 0
    results: list[SavedAnswer] = Field(default_factory=list)
    job_id: str | None = None


class ClassificationAnswer(Body):
    """A classification. `applied_to` is what it was made from and has replaced; `terminal`: nothing has
    replaced it."""

    id: str
    detection_id: str
    algorithm: str
    taxon_id: str | None
    taxon: str | None
    label: str | None
    score: float | None
    terminal: bool
    applied_to: list[str]
    details: dict[str, Any]
    has_vectors: bool
    job_id: str | None
    created_at: datetime


class DetectionAnswer(Body):
    """A detection: `bbox` in pixels of the photograph as displayed, null where its size is not known yet;
    `bbox_normalized` in fractions of it."""

    id: str
    capture_id: str
    occurrence_id: str
    algorithm: str
    bbox: tuple[float, float, float, float] | None
    bbox_normalized: tuple[float, float, float, float] | None
    score: float | None
    source_id: str
    job_id: str | None
    created_at: datetime
    classifications: list[ClassificationAnswer]


class LookedAnswer(Body):
    """All that was found on a capture, and the algorithms that have looked at it."""

    capture_id: str
    algorithms: list[str]
    detections: list[DetectionAnswer]
