"""Rank rollup: where a classifier cannot tell the species, it may well know the genus or the family. Pure.

The scores of all labels of one genus are the score of the genus. From species over genus to family, the
first rank at which the score reaches its threshold is what is named.

Lineage. The reference takes the best taxon of each rank, whichever it is, and so may name a family to which
the best species does not belong: many weak species of one family outweigh one likely species of another.
Here the candidate at each rank is the ancestor of the best label, so that the name only becomes coarser. The
reference's way is `lineage="free"`.
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from chalicelib.errors import Invalid
from chalicelib.postprocessing.shapes import Classified, Proposed, all_finite, precedence

KEY = "rank_rollup"
Rank = Literal["SPECIES", "GENUS", "FAMILY"]
ORDER: tuple[Rank, ...] = ("SPECIES", "GENUS", "FAMILY")
"""From fine to coarse: the first whose threshold is reached wins."""
SHORT = 1e-6
"""A sum that falls short of its threshold by no more reaches it: vectors of single precision lose as much,
and .5 + .2 + .1 should be .8."""

Threshold = Annotated[float, Field(gt=0, le=1, strict=True, allow_inf_nan=False)]
Lineage = Mapping[str, str]
"""The taxa that one is, or is part of: rank, in upper case, to id. A species has itself under SPECIES."""


class Config(BaseModel):
    """What the rollup can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Rank rollup")

    thresholds: dict[Rank, Threshold] = Field(
        default={"SPECIES": 0.8, "GENUS": 0.6, "FAMILY": 0.4},
        min_length=1,
        title="Thresholds",
        description="The score a taxon of each rank must reach to be named. "
        "A rank without a threshold is never named.",
    )
    lineage: Literal["constrained", "free"] = Field(
        default="constrained",
        title="Lineage",
        description="Constrained: only the genus and family of the best label are considered. "
        "Free: the best genus and the best family of all, which may be those of another label.",
    )

    @field_validator("thresholds", mode="before")
    @classmethod
    def _upper_case(cls, given: Any) -> Any:
        if not isinstance(given, Mapping):
            return given
        upper = {rank.upper() if isinstance(rank, str) else rank: value for rank, value in given.items()}
        if len(upper) < len(given):
            raise ValueError("each rank has one threshold; upper and lower case are the same")
        return upper


class Left(StrEnum):
    """Why nothing is proposed."""

    NO_SCORES = "skipped_no_scores"
    WRONG_LENGTH = "skipped_wrong_length"
    UNKNOWN_TAXON = "skipped_unknown_taxon"
    VERDICT = "skipped_not_identifiable"
    BELOW_THRESHOLDS = "below_thresholds"
    SAME_TAXON = "same_taxon"


@dataclass(frozen=True, slots=True)
class Ladder:
    """The taxonomy above the classes of a category map. Made once for the map.

    lineages    of each class by its index; empty where the label is no taxon that is known
    members     rank to ancestor to the indices of its classes, ascending; the ancestors of a rank are in the
                order of their first class
    """

    lineages: tuple[Lineage, ...]
    members: Mapping[str, Mapping[str, tuple[int, ...]]]


@dataclass(frozen=True, slots=True)
class Rolled:
    """What a vector of scores says: the taxon, its rank, and the sum of the scores of its classes."""

    taxon_id: str
    rank: Rank
    score: float


def ladder_of(lineages: Sequence[Lineage | None]) -> Ladder:
    """The ladder of a category map whose classes have these lineages, None where a label is no taxon."""
    members: dict[str, dict[str, tuple[int, ...]]] = {}
    for rank in ORDER:
        found: dict[str, list[int]] = {}
        for index, lineage in enumerate(lineages):
            if lineage and rank in lineage:
                found.setdefault(lineage[rank], []).append(index)
        members[rank] = {taxon_id: tuple(indices) for taxon_id, indices in found.items()}
    return Ladder(tuple(lineage or {} for lineage in lineages), members)


def rolled(scores: Sequence[float], ladder: Ladder, settings: Config) -> Rolled | Left:
    """What finite scores, one for each class of the ladder, amount to.

    Of equally good labels the one with the lowest index is the best, and of equally good taxa the one with
    the lowest first class. Sums are exact but for one rounding, in whatever order classes come; one of more
    than 1 is 1.
    """
    if not scores:
        return Left.UNKNOWN_TAXON
    own = ladder.lineages[scores.index(max(scores))]
    if not own and settings.lineage == "constrained":
        return Left.UNKNOWN_TAXON
    for rank in ORDER:
        threshold = settings.thresholds.get(rank)
        groups = ladder.members[rank]
        if settings.lineage == "constrained":
            groups = {own[rank]: groups[own[rank]]} if rank in own else {}
        if threshold is None or not groups:
            continue
        sums = {taxon: math.fsum(map(scores.__getitem__, indices)) for taxon, indices in groups.items()}
        best = max(sums, key=sums.__getitem__)
        if sums[best] >= threshold - SHORT:
            return Rolled(best, rank, min(sums[best], 1.0))
    return Left.BELOW_THRESHOLDS


def roll_up(
    classifications: Sequence[Classified],
    ladders: Mapping[str, Ladder],
    settings: Config,
    verdicts: Collection[str] = (),
) -> Proposed | Left:
    """A coarser name for one detection, which replaces all of its terminal classifications.

    classifications    all of the detection's, in any order
    ladders            by the key of the algorithm that made a classification
    verdicts           taxa that are no names but say that there is none, like "Not identifiable": where one
                       of them is terminal, nothing is proposed. The reference would take back what the
                       small size filter did.

    It is derived from one classification, the basis: of those that are terminal and have scores and a
    ladder, the one whose name is shown. So there is one proposal for a detection at the most, whereas the
    reference makes one of each, of which the last one processed remains. What is rolled up has no scores
    of its own and is not rolled up again.

    Raises Invalid, naming the classification, for scores that are no finite numbers.
    """
    terminal = [each for each in classifications if each.terminal]
    if any(each.taxon_id in verdicts for each in terminal):
        return Left.VERDICT
    able = [each for each in terminal if each.scores is not None and each.algorithm in ladders]
    basis = max(able, key=precedence, default=None)
    if basis is None or basis.scores is None:
        return Left.NO_SCORES
    ladder = ladders[basis.algorithm]
    if len(basis.scores) != len(ladder.lineages):
        return Left.WRONG_LENGTH
    if not all_finite(basis.scores):
        why = "scores must be finite numbers"
        raise Invalid(f"The classification {basis.id} cannot be rolled up: {why}.", {basis.id: why})
    found = rolled(basis.scores, ladder, settings)
    if isinstance(found, Left):
        return found
    if found.taxon_id == basis.taxon_id:
        return Left.SAME_TAXON
    return _proposed(basis, terminal, found, settings)


def _proposed(basis: Classified, terminal: Sequence[Classified], found: Rolled, settings: Config) -> Proposed:
    # A run that was killed may have left this very proposal beside its basis: it does not replace itself.
    itself = (KEY, found.taxon_id, found.score)
    others = [
        each.id
        for each in terminal
        if each is not basis and (each.algorithm, each.taxon_id, each.score) != itself
    ]
    return Proposed(
        basis.detection_id,
        KEY,
        found.taxon_id,
        found.score,
        replaces=(*sorted(others), basis.id),
        details={
            "rank": found.rank,
            "thresholds": {rank: settings.thresholds[rank] for rank in ORDER if rank in settings.thresholds},
            "lineage": settings.lineage,
        },
        basis=basis.id,
    )
