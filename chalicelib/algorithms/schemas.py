"""Algorithms as they are sent and answered."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chalicelib.algorithms.rules import (
    HIGHEST_INDEX,
    MOST_CATEGORIES,
    Algorithm,
    Category,
    TaskType,
    key_for,
    key_of,
    label_of,
)
from chalicelib.errors import Invalid
from chalicelib.http.fields import Body, Description, Name
from chalicelib.http.routing import Ask
from chalicelib.taxa.rules import HIGHEST_GBIF_KEY, Rank

_short = StringConstraints(max_length=1000)

Key = Annotated[str, _short, AfterValidator(key_of)]
Label = Annotated[str, _short, AfterValidator(label_of)]
Uri = Annotated[str, StringConstraints(max_length=500, pattern=r"^[!-~]*$")]
Version = Annotated[int, Field(ge=1, le=999_999, strict=True)]
Index = Annotated[int, Field(ge=0, le=HIGHEST_INDEX, strict=True)]
TaxonId = Annotated[str, StringConstraints(pattern=r"^t[a-z2-7]{16}$")]
GbifKey = Annotated[int, Field(ge=1, le=HIGHEST_GBIF_KEY, strict=True)]


class CategoryMake(Body):
    """What an index stands for; without one, that of its place."""

    index: Index | None = None
    label: Label
    taxon_id: TaxonId | None = None
    taxon_rank: Rank | None = None
    gbif_key: GbifKey | None = None


class AlgorithmMake(Body):
    """A new algorithm, or one that is there. Without a key, that of its name and version. `taxa`: labels
    without a taxon get that of their name."""

    key: Key | None = None
    name: Name
    version: Version = 1
    task_type: TaskType = "unknown"
    uri: Uri = ""
    description: Description = ""
    categories: Annotated[list[CategoryMake], Field(max_length=MOST_CATEGORIES)] | None = None
    taxa: bool = True

    def algorithm(self, now: datetime) -> Algorithm:
        """The algorithm, as yet without categories. Raises Invalid if no key can be made of its name."""
        try:
            key = self.key or key_for(self.name, self.version)
        except ValueError as error:
            raise Invalid(f"This cannot be taken as it is: {error}.", {"key": str(error)}) from error
        return Algorithm(
            key=key,
            name=self.name,
            created_at=now,
            version=self.version,
            task_type=self.task_type,
            uri=self.uri,
            description=self.description,
        )

    def told(self) -> list[Category] | None:
        """The categories, None if none were sent."""
        if self.categories is None:
            return None
        return [
            Category(
                at if each.index is None else each.index,
                each.label,
                each.taxon_id,
                each.taxon_rank,
                each.gbif_key,
            )
            for at, each in enumerate(self.categories)
        ]


class AlgorithmAnswer(BaseModel):
    """An algorithm. `labels_hash` tells its categories from others, null where it has none."""

    key: str
    details: str
    name: str
    version: int
    task_type: TaskType
    uri: str
    description: str
    categories_count: int
    labels_hash: str | None
    created_at: datetime

    @classmethod
    def of(cls, algorithm: Algorithm, ask: Ask) -> "AlgorithmAnswer":
        """How an algorithm is answered."""
        return cls(
            key=algorithm.key,
            details=ask.url(f"/ml/algorithms/{algorithm.key}"),
            name=algorithm.name,
            version=algorithm.version,
            task_type=algorithm.task_type,
            uri=algorithm.uri,
            description=algorithm.description,
            categories_count=algorithm.categories_count,
            labels_hash=algorithm.labels_hash,
            created_at=algorithm.created_at,
        )


def categories_answer(algorithm: Algorithm, categories: Sequence[Category]) -> dict[str, object]:
    """How the categories of an algorithm are answered: all at once, for an index means nothing without."""
    results = [
        {"index": each.index, "label": each.label, "taxon_id": each.taxon_id, "taxon_rank": each.rank}
        for each in categories
    ]
    return {
        "algorithm": algorithm.key,
        "labels_hash": algorithm.labels_hash,
        "count": len(results),
        "results": results,
    }
