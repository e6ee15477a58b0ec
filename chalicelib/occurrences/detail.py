"""One occurrence with all that was said of it, straight from the facts: settling may be a moment behind."""

from dataclasses import dataclass, replace

from chalicelib import ids
from chalicelib.aws import table
from chalicelib.captures import reading as captures
from chalicelib.captures.rules import Capture
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.detections import answering
from chalicelib.errors import NotFound
from chalicelib.findings.rules import Filters
from chalicelib.http.routing import Ask
from chalicelib.occurrences import store
from chalicelib.occurrences.choosing import Choice
from chalicelib.occurrences.listing import seen_project
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.occurrences.rules import Identification, Occurrence, derived
from chalicelib.occurrences.schemas import (
    DeterminationAnswer,
    IdentificationAnswer,
    OccurrenceDetail,
    Place,
    fields,
)
from chalicelib.projects import reading as projects
from chalicelib.sessions import reading as sessions
from chalicelib.sessions.grouping import Stretch


@dataclass(frozen=True, slots=True)
class Known:
    """An occurrence, its capture and deployment, all that was found on the capture, and, where it is sought
    in a project, that one's default filters."""

    occurrence: Occurrence
    capture: Capture
    deployment: Deployment
    held: store.Held
    filters: Filters | None = None

    @property
    def identifications(self) -> list[Identification]:
        """What people said of it, the newest first."""
        own = [each for each in self.held.identifications if each.occurrence_id == self.occurrence.id]
        return sorted(own, key=lambda each: (each.created_at, each.id), reverse=True)


def seen(ask: Ask, occurrence_id: str, project_id: str | None = None) -> Known:
    """An occurrence as its facts have it by now. Two requests, both consistent.

    Raises NotFound, for what the principal may not see, and what is not of that project, too.
    """
    ids.check("occurrence", occurrence_id)
    capture_id, home_id = ids.capture_of(occurrence_id), ids.deployment_of(occurrence_id)
    wanted = [captures.wanted(capture_id), deployments.wanted(home_id)]
    if project_id is not None:
        wanted.append(projects.wanted(ids.check("project", project_id)))
    rows = table.get_many(wanted, consistent=True)
    project = seen_project(ask.principal, rows, project_id) if project_id is not None else None
    capture, deployment = captures.seen_among(rows, capture_id).capture, deployments.among(rows, home_id)
    what = f"occurrence with the id {occurrence_id!r}"
    if capture is None or deployment is None or (project and capture.project_id != project.id):
        raise NotFound(f"There is no {what}.")
    ask.principal.must_see(what, draft=deployment.inherited.draft)
    held = store.held(capture_id)
    there = derived(capture.project_id, held.results, held.identifications).occurrences
    occurrence = next((each for each in there if each.id == occurrence_id), None)
    if occurrence is None:
        raise NotFound(f"There is no {what}.")
    return Known(occurrence, capture, deployment, held, project.filters if project else None)


def answer(known: Known, ask: Ask) -> OccurrenceDetail:
    """How an occurrence is answered by itself. One request for its session, and those of `Taxonomy`: one for
    each level above its taxa. Raises NotFound for one that the filters leave out."""
    occurrence, capture, taxonomy = known.occurrence, known.capture, Taxonomy()
    said = [each for each in known.held.results.classifications if each.detection_id == occurrence.id]
    named = occurrence.determination
    taxonomy.learn({named.taxon_id} if named else set())
    if known.filters is not None:
        choice = Choice(capture.project_id, known.filters)
        if not choice.names([occurrence], taxonomy):
            detail = "The project's default filters leave this occurrence out: apply_defaults=false shows it."
            raise NotFound(detail)
    people = known.identifications
    spoken = [each.taxon_id for each in said] + [each.taxon_id for each in people]
    taxonomy.learn((each for each in spoken if each), above=False)
    session = sessions.around(capture)
    stretch = Stretch(session.id, session.start, session.end) if session else None
    place = Place(capture, known.deployment, stretch)
    return OccurrenceDetail(
        **fields(occurrence, place, ask),
        determination=DeterminationAnswer.with_parents(named.taxon_id, taxonomy) if named else None,
        detections=[
            answering.detection(each, said, answering.size_of(capture), taxonomy.taxa)
            for each in known.held.results.detections
            if each.id == occurrence.id
        ],
        identifications=[IdentificationAnswer.of(each, taxonomy) for each in people],
    )


def unfiltered(known: Known) -> Known:
    """The same, whatever the project's default filters say of it."""
    return replace(known, filters=None)
