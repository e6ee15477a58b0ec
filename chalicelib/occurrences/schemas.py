"""Occurrences and identifications as they are sent and answered."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, StringConstraints

from chalicelib.captures.rules import Capture
from chalicelib.captures.schemas import DeploymentOfCapture, EventOfCapture
from chalicelib.deployments.rules import Deployment
from chalicelib.detections.schemas import DetectionAnswer
from chalicelib.http.fields import Body, Change, Description
from chalicelib.http.routing import Ask
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.occurrences.rules import Determination, Identification, Occurrence
from chalicelib.sessions.grouping import Stretch
from chalicelib.taxa.rules import Rank, Taxon
from chalicelib.thumbnails import service as thumbnails

MOST_ITEMS = 200

Id = Annotated[str, StringConstraints(max_length=100)]


class IdentificationMake(Body):
    """What somebody takes an occurrence for. Without a taxon it is a comment, which names nothing. It may
    agree with another identification, or with a prediction (a classification), of the same occurrence."""

    occurrence_id: Id
    taxon_id: Id | None
    comment: Description = ""
    agreed_with_identification_id: Id | None = None
    agreed_with_prediction_id: Id | None = None
    withdrawn: Any = Field(default=None, exclude=True)
    """Not looked at: what is said is meant."""


class BulkMake(Body):
    """What somebody takes some occurrences of one project for."""

    identifications: Annotated[list[IdentificationMake], Field(min_length=1, max_length=MOST_ITEMS)]


class IdentificationChange(Change):
    """Changes of an identification."""

    withdrawn: Annotated[bool, Field(strict=True)] = False
    comment: Description = ""


class TaxonOfOccurrence(BaseModel):
    """A taxon that an occurrence is taken for."""

    id: str
    name: str | None
    rank: Rank | None

    @classmethod
    def of(cls, taxon_id: str, taxon: Taxon | None) -> "TaxonOfOccurrence":
        """How it is answered; of one that is not there only its id."""
        return cls(id=taxon_id, name=taxon.name if taxon else None, rank=taxon.rank if taxon else None)


class DeterminationAnswer(TaxonOfOccurrence):
    """The taxon an occurrence goes by, and those above it, from the root down."""

    parents: list[TaxonOfOccurrence]

    @classmethod
    def with_parents(cls, taxon_id: str, taxonomy: Taxonomy) -> "DeterminationAnswer":
        """How a determination is answered."""
        told = TaxonOfOccurrence.of(taxon_id, taxonomy.taxa.get(taxon_id))
        above = [TaxonOfOccurrence.of(each.id, each) for each in taxonomy.parents(taxon_id)]
        return cls(**dict(told), parents=above)


class CaptureOfOccurrence(BaseModel):
    """The photograph an occurrence is on. Sizes in pixels of the displayed frame."""

    id: str
    details: str
    path: str
    timestamp: datetime | None
    width: int | None
    height: int | None
    thumbnails: dict[str, str]

    @classmethod
    def of(cls, capture: Capture, ask: Ask) -> "CaptureOfOccurrence":
        """How an occurrence's capture is answered."""
        facts = capture.facts
        endpoint = ask.url(f"/captures/thumbnails/{capture.id}")
        return cls(
            id=capture.id,
            details=ask.url(f"/captures/{capture.id}"),
            path=facts.filename,
            timestamp=capture.moment,
            width=facts.width,
            height=facts.height,
            thumbnails=thumbnails.urls(capture.thumbnails, facts.version, endpoint, ask.settings)
            if facts.state != "unreadable"
            else {},
        )


class OccurrenceAnswer(BaseModel):
    """An occurrence in a list. `verified`: a person has named it. `determined_by` is the identification, or
    the classification, that its determination follows. Its event is null, too, where a page spans more than a
    month."""

    id: str
    details: str
    project_id: str
    deployment: DeploymentOfCapture
    event: EventOfCapture | None
    capture: CaptureOfOccurrence
    determination: TaxonOfOccurrence | None
    determination_score: float | None
    determination_source: Literal["person", "algorithm"] | None
    determined_by: str | None
    verified: bool
    crop: str

    @classmethod
    def of(cls, occurrence: Occurrence, place: "Place", taxonomy: Taxonomy, ask: Ask) -> "OccurrenceAnswer":
        """How an occurrence is answered."""
        named = occurrence.determination
        told = TaxonOfOccurrence.of(named.taxon_id, taxonomy.taxa.get(named.taxon_id)) if named else None
        return cls(**fields(occurrence, place, ask), determination=told)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an occurrence is."""

    capture: Capture
    deployment: Deployment | None
    session: Stretch | None


def fields(occurrence: Occurrence, place: Place, ask: Ask) -> dict[str, Any]:
    """What is answered of an occurrence in a list and by itself."""
    named, capture = occurrence.determination, place.capture
    url = ask.url(f"/occurrences/{occurrence.id}")
    return {
        "id": occurrence.id,
        "details": url,
        "project_id": occurrence.project_id,
        "deployment": DeploymentOfCapture(
            id=capture.deployment_id,
            name=place.deployment.name if place.deployment else None,
            details=ask.url(f"/deployments/{capture.deployment_id}"),
        ),
        "event": EventOfCapture.of(place.session, ask) if place.session else None,
        "capture": CaptureOfOccurrence.of(capture, ask),
        **_told(named),
        "crop": f"{url}/crop",
    }


def _told(named: Determination | None) -> Mapping[str, Any]:
    return {
        "determination_score": named.score if named else None,
        "determination_source": named.source if named else None,
        "determined_by": named.by if named else None,
        "verified": named is not None and named.source == "person",
    }


class IdentificationAnswer(BaseModel):
    """An identification; a comment only, where there is no taxon. One that is withdrawn does not count."""

    id: str
    occurrence_id: str
    user: str
    taxon: TaxonOfOccurrence | None
    comment: str
    withdrawn: bool
    agreed_with_identification_id: str | None
    agreed_with_prediction_id: str | None
    created_at: datetime

    @classmethod
    def of(cls, each: Identification, taxonomy: Taxonomy) -> "IdentificationAnswer":
        """How an identification is answered."""
        agreed = each.agreed_with
        is_person = agreed is not None and agreed.rpartition("-")[2].startswith("i")
        taxon_id = each.taxon_id
        return cls(
            id=each.id,
            occurrence_id=each.occurrence_id,
            user=each.user,
            taxon=TaxonOfOccurrence.of(taxon_id, taxonomy.taxa.get(taxon_id)) if taxon_id else None,
            comment=each.comment,
            withdrawn=each.withdrawn,
            agreed_with_identification_id=agreed if is_person else None,
            agreed_with_prediction_id=None if is_person else agreed,
            created_at=each.created_at,
        )


class SaidAnswer(IdentificationAnswer):
    """An identification that was just made or changed, and what its occurrence goes by since then."""

    determination: TaxonOfOccurrence | None
    determination_score: float | None

    @classmethod
    def with_effect(
        cls, each: Identification, named: Determination | None, taxonomy: Taxonomy
    ) -> "SaidAnswer":
        """How it is answered."""
        taxon = TaxonOfOccurrence.of(named.taxon_id, taxonomy.taxa.get(named.taxon_id)) if named else None
        told = dict(IdentificationAnswer.of(each, taxonomy))
        return cls(**told, determination=taxon, determination_score=named.score if named else None)


class OccurrenceDetail(OccurrenceAnswer):
    """An occurrence by itself: what algorithms and people said of it, people the newest first."""

    determination: DeterminationAnswer | None
    detections: list[DetectionAnswer]
    identifications: list[IdentificationAnswer]
