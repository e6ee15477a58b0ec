"""Taxa and lists of them as they are sent and answered."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from chalicelib.http.fields import Body, Change, Description, Name
from chalicelib.http.routing import Ask
from chalicelib.taxa.importing import Report
from chalicelib.taxa.rules import HIGHEST_GBIF_KEY, LONGEST_NOTES, UNKNOWN, Rank, TaxaList, Taxon, name_of

MOST_NAMED = 1000
_LONGEST_SENT = 1000

TaxonName = Annotated[str, StringConstraints(max_length=_LONGEST_SENT), AfterValidator(name_of)]
Id = Annotated[str, StringConstraints(max_length=100)]
GbifKey = Annotated[int, Field(ge=1, le=HIGHEST_GBIF_KEY, strict=True)]
Notes = Annotated[str, StringConstraints(max_length=LONGEST_NOTES)]


class TaxonMake(Body):
    """A new taxon."""

    name: TaxonName
    rank: Rank = UNKNOWN
    parent_id: Id | None = None
    common_name: TaxonName | None = None
    gbif_key: GbifKey | None = None
    notes: Notes = ""


class TaxonChange(Change):
    """Changes of a taxon: of anything but its name."""

    rank: Rank = UNKNOWN
    parent_id: Id | None = None
    common_name: TaxonName | None = None
    gbif_key: GbifKey | None = None
    notes: Notes = ""


class TaxaImport(Body):
    """Taxa as a table in text."""

    csv: str


class ListMake(Body):
    """A new list of taxa: of a project, or of all."""

    name: Name
    description: Description = ""
    project_id: Id | None = None


class ListChange(Change):
    """Changes of a list of taxa."""

    name: Name = ""
    description: Description = ""


class Which(Body):
    """Some taxa."""

    taxon_ids: Annotated[list[Id], Field(min_length=1, max_length=MOST_NAMED)]


class ParentAnswer(BaseModel):
    """A taxon that stands above another."""

    id: str
    name: str
    rank: Rank


class TaxonAnswer(BaseModel):
    """A taxon."""

    id: str
    details: str
    name: str
    rank: Rank
    parent_id: str | None
    common_name: str | None
    gbif_key: int | None
    notes: str
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, taxon: Taxon, ask: Ask) -> "TaxonAnswer":
        """How a taxon is answered."""
        return cls(
            id=taxon.id,
            details=ask.url(f"/taxa/{taxon.id}"),
            name=taxon.name,
            rank=taxon.rank,
            parent_id=taxon.parent_id,
            common_name=taxon.common_name,
            gbif_key=taxon.gbif_key,
            notes=taxon.notes,
            created_at=taxon.created_at,
            updated_at=taxon.updated_at,
        )


class TaxonDetail(TaxonAnswer):
    """A taxon and those above it, from the root down to its parent."""

    parents: list[ParentAnswer]

    @classmethod
    def with_parents(cls, taxon: Taxon, above: Sequence[Taxon], ask: Ask) -> "TaxonDetail":
        """How a taxon is answered by itself."""
        parents = [ParentAnswer(id=each.id, name=each.name, rank=each.rank) for each in above]
        return cls(**TaxonAnswer.of(taxon, ask).model_dump(), parents=parents)


class BadAnswer(BaseModel):
    """A line that could not be taken."""

    line: int
    name: str
    field: str
    reason: str


class ImportAnswer(BaseModel):
    """What became of the lines of a table. `counts` are of lines, `failed` has every one that could not be
    taken."""

    counts: Mapping[str, int]
    failed: list[BadAnswer]

    @classmethod
    def of(cls, report: Report) -> "ImportAnswer":
        """How an import is answered."""
        return cls(
            counts={
                "created": report.created,
                "updated": report.updated,
                "unchanged": report.unchanged,
                "failed": len(report.failed),
            },
            failed=[
                BadAnswer(line=each.number, name=each.name, field=each.field, reason=each.reason)
                for each in report.failed
            ],
        )


class ListAnswer(BaseModel):
    """A list of taxa. `leaving`: it is being deleted; deleting it again ends that, should it have stopped."""

    id: str
    details: str
    name: str
    description: str
    project_id: str | None
    taxa_count: int
    leaving: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, found: TaxaList, ask: Ask) -> "ListAnswer":
        """How a list of taxa is answered."""
        return cls(
            id=found.id,
            details=ask.url(f"/taxa/lists/{found.id}"),
            name=found.name,
            description=found.description,
            project_id=found.project_id,
            taxa_count=found.taxa_count,
            leaving=found.leaving,
            created_at=found.created_at,
            updated_at=found.updated_at,
        )
