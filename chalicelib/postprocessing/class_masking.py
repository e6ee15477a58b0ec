"""Class masking: what a classifier would have said, had it known only the taxa of a list. Pure.

Everything comes from the logits; the stored scores are not looked at. They are the softmax of the logits but
for a rounding (single precision loses more than 1e-9), and a rounding is no reason for a new row. So "old" is
the softmax over all classes, "new" is the one after masking, and both are of the same precision.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from itertools import compress
from operator import sub

from pydantic import BaseModel, ConfigDict, Field

from chalicelib.algorithms.rules import LONGEST_KEY
from chalicelib.errors import Invalid
from chalicelib.postprocessing.shapes import Classified, Proposed, all_finite

KEY = "class_masking"
UNCHANGED = 1e-9
"""Score vectors are the same if no score differs by more."""


class Config(BaseModel):
    """What the masking can be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="Class masking")

    taxa_list_id: str = Field(
        min_length=1,
        max_length=200,
        title="Taxa list",
        description="Only these taxa can win: exactly the members of the list, not their descendants.",
    )
    algorithm_id: str = Field(
        min_length=1,
        max_length=200,
        title="Classifier",
        description="Whose classifications are masked. They must have logits.",
    )
    reweight: bool = Field(
        default=True,
        strict=True,
        title="Reweight",
        description="Scores of the taxa that remain sum to 1. Otherwise each keeps the score it had.",
    )
    only_when_taxon_changes: bool = Field(
        default=True,
        strict=True,
        title="Only when the taxon changes",
        description="Leave classifications alone that would name the same taxon with another score.",
    )


class Left(StrEnum):
    """Why nothing is proposed."""

    NOT_TERMINAL = "skipped_not_terminal"
    NO_LOGITS = "skipped_no_logits"
    WRONG_LENGTH = "skipped_wrong_length"
    SAME_TAXON = "same_taxon"
    UNCHANGED = "unchanged"


@dataclass(frozen=True, slots=True)
class Mask:
    """Which classes of a category map may win. Made once for the map, used for each of its classifications.

    taxa     of each class by its index; None where the label is no taxon that is known
    keeps    whether the class may win, by index
    kept     indices of those that may, ascending; there is at least one
    """

    taxa: tuple[str | None, ...]
    keeps: tuple[bool, ...]
    kept: tuple[int, ...]


def mask_of(taxa: Sequence[str | None], listed: Collection[str]) -> Mask:
    """The mask of a category map and a list of taxa. A class without a taxon cannot win.

    Raises Invalid if no class is left: then nothing is masked at all, rather than everything named wrongly.
    """
    members = frozenset(listed)
    keeps = tuple(taxon is not None and taxon in members for taxon in taxa)
    kept = tuple(compress(range(len(taxa)), keeps))
    if not kept:
        why = "none of its taxa is among the classifier's classes"
        raise Invalid(f"This list would mask every class: {why}.", {"taxa_list_id": why})
    return Mask(tuple(taxa), keeps, kept)


def output_algorithm(source: str, listed: Collection[str], *, reweight: bool) -> str:
    """The key of the algorithm that masks `source` with these taxa.

    The list goes in by its content: an edited list is another algorithm and masks anew, whereas one with
    the same taxa under another id is the same. A source whose key is too long for that is shortened.
    """
    content = blake2b("\n".join(sorted(set(listed))).encode(), digest_size=8).hexdigest()
    end = f"_filtered_by_taxa_list_{content}_{'reweighted' if reweight else 'absolute'}"
    if len(source) + len(end) > LONGEST_KEY:
        own = blake2b(source.encode(), digest_size=4).hexdigest()
        source = f"{source[: LONGEST_KEY - len(end) - len(own) - 1]}-{own}"
    return f"{source}{end}"


def softmax(logits: Sequence[float]) -> list[float]:
    """The score of each class, from finite logits, at least one. Their sum is 1, but for a rounding."""
    top = max(logits)
    # The greatest is exp(0): nothing overflows, and the sum is at least 1.
    shares = [math.exp(logit - top) for logit in logits]
    total = math.fsum(shares)
    return [share / total for share in shares]


def masked_scores(logits: Sequence[float], mask: Mask, *, reweight: bool) -> list[float]:
    """The score of each class, 0 for the masked ones.

    Reweighted, it is the softmax over the kept logits alone: the same as dividing each score by the sum of
    the kept ones, but sound even where all of these are too small for a float.
    """
    if not reweight:
        return [score if keep else 0.0 for score, keep in zip(softmax(logits), mask.keeps, strict=True)]
    scores = [0.0] * len(logits)
    for index, score in zip(mask.kept, softmax(list(compress(logits, mask.keeps))), strict=True):
        scores[index] = score
    return scores


def winner_of(logits: Sequence[float], mask: Mask) -> int:
    """The index of the kept class with the greatest logit, the lowest of equals."""
    kept = list(compress(logits, mask.keeps))
    return mask.kept[kept.index(max(kept))]


def masked(classified: Classified, mask: Mask, algorithm: str, settings: Config) -> Proposed | Left:
    """The classification with only the kept classes, which replaces the original.

    mask         of the category map of the classification's algorithm
    algorithm    the key of what proposes it: see `output_algorithm`

    Raises Invalid, naming the classification, for logits that are no finite numbers.
    """
    logits = classified.logits
    if not classified.terminal:
        return Left.NOT_TERMINAL
    if logits is None:
        return Left.NO_LOGITS
    if len(logits) != len(mask.taxa):
        return Left.WRONG_LENGTH
    if not all_finite(logits):
        why = "logits must be finite numbers"
        raise Invalid(f"The classification {classified.id} cannot be masked: {why}.", {classified.id: why})
    winner = winner_of(logits, mask)
    taxon_id = mask.taxa[winner]
    assert taxon_id is not None  # noqa: S101  (what has none is not kept)
    # Before any score is computed: most rows end here.
    if settings.only_when_taxon_changes and taxon_id == classified.taxon_id:
        return Left.SAME_TAXON
    scores = masked_scores(logits, mask, reweight=settings.reweight)
    if max(map(abs, map(sub, scores, softmax(logits)))) <= UNCHANGED:
        return Left.UNCHANGED
    return Proposed(
        classified.detection_id,
        algorithm,
        taxon_id,
        scores[winner],
        scores=tuple(scores),
        logits=tuple(logits),
        replaces=(classified.id,),
        details={
            "taxa_list_id": settings.taxa_list_id,
            "reweight": settings.reweight,
            "classes": len(mask.taxa),
            "classes_masked": len(mask.taxa) - len(mask.kept),
        },
        basis=classified.id,
    )
