"""The verbs of identifications: say what an occurrence is, change that, take it back.

An identification is written together with all that follows from it, over what was seen of its capture:
whoever says something at the same time is refused, and looks again. So of one person's identifications of an
occurrence that name a taxon one counts, whatever happens at once.
"""

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from pynamodb.exceptions import PynamoDBException

from chalicelib import ids
from chalicelib.access.rules import Principal
from chalicelib.aws import clock, table
from chalicelib.captures import reading as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture
from chalicelib.deployments import reading as deployments
from chalicelib.errors import Busy, Invalid, NightjarError, NotFound
from chalicelib.occurrences import settled, store
from chalicelib.occurrences.rules import Derived, Determination, Identification, derived
from chalicelib.taxa import reading as taxa

log = logging.getLogger("nightjar")

AT_ONCE = 8
_ROUNDS = 8


class Wrong(Exception):
    """One field of what somebody says cannot be taken. Ends within this room."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(why)
        self.field, self.why = field, why


@dataclass(frozen=True, slots=True)
class Saying:
    """What somebody takes an occurrence for: a taxon, or none for a comment only; and what they agree with:
    another identification of it, or a classification."""

    occurrence_id: str
    taxon_id: str | None
    comment: str = ""
    identification_id: str | None = None
    prediction_id: str | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """An identification as it stands by now, and what its occurrence goes by since then."""

    identification: Identification
    determination: Determination | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one saying of many: `errors` by field where it could not be taken."""

    occurrence_id: str
    said: Said | None = None
    errors: dict[str, str] | None = None


def user_of(principal: Principal) -> str:  # noqa: ARG001  (there are no accounts yet)
    """Under which name somebody says what an occurrence is."""
    return "admin"


def say(principal: Principal, saying: Saying) -> Said:
    """Says what one occurrence is. Four requests. Raises Invalid, by field; Busy if its capture keeps
    changing."""
    try:
        return _say(saying, _known(principal, [saying]), user_of(principal))
    except Wrong as error:
        raise Invalid(f"This cannot be taken: {error.why}", {error.field: error.why}) from error


def say_many(principal: Principal, sayings: Sequence[Saying]) -> list[Outcome]:
    """Says what some occurrences of one project are: each by itself, so that what cannot be taken of one
    keeps no other from it. Two requests for each, one per hundred taxa, and one per fifty captures.

    Raises Invalid, and nothing is written, if one occurrence is named twice, or if they are of several
    projects; NotFound if the principal may not see one of them.
    """
    named = [each.occurrence_id for each in sayings]
    if len(set(named)) < len(named):
        twice = next(each for number, each in enumerate(named) if each in named[:number])
        why = f"the occurrence {twice[:80]!r} is named twice"
        raise Invalid(f"This cannot be taken: {why}.", {"identifications": why})
    known, user = _known(principal, sayings), user_of(principal)
    if len({each.project_id for each in known.captures.values()}) > 1:
        why = "they are of several projects"
        raise Invalid(f"This cannot be taken: {why}.", {"identifications": why})
    by_capture: dict[str, list[int]] = {}
    for number, each in enumerate(sayings):
        by_capture.setdefault(ids.capture_of(each.occurrence_id), []).append(number)
    outcomes: dict[int, Outcome] = {}

    def one(capture_id: str) -> None:  # what is said of one capture is written one after the other
        for number in by_capture[capture_id]:
            outcomes[number] = _tried(sayings[number], known, user)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(one, by_capture))
    return [outcomes[number] for number in range(len(sayings))]


@dataclass(frozen=True, slots=True)
class _Known:
    """Captures by id, and the ids of taxa that there are."""

    captures: dict[str, Capture]
    taxa: frozenset[str]


def _known(principal: Principal, sayings: Sequence[Saying]) -> _Known:
    """What is there of all that is named. Raises NotFound if the principal may not see it."""
    located = [each.occurrence_id for each in sayings if ids.is_one("occurrence", each.occurrence_id)]
    wanted = list(dict.fromkeys(ids.capture_of(each) for each in located))
    homes = list(dict.fromkeys(ids.deployment_of(each) for each in located))
    keys = [*map(captures.wanted, wanted), *map(deployments.wanted, homes)]
    rows = table.get_many(keys, consistent=True)
    for each in homes:
        home = deployments.among(rows, each)
        if home:
            principal.must_see(f"deployment with the id {each!r}", draft=home.inherited.draft)
    there = {
        each.id: each for each in captures.among(rows, wanted) if deployments.among(rows, each.deployment_id)
    }
    named = {each.taxon_id for each in sayings if each.taxon_id and ids.is_one("taxon", each.taxon_id)}
    found = set(taxa.whole(named))
    if named - found:  # it may have been made a moment ago
        found |= set(taxa.with_above(named - found, consistent=True))
    return _Known(there, frozenset(found))


def _tried(saying: Saying, known: _Known, user: str) -> Outcome:
    told = saying.occurrence_id
    try:
        return Outcome(told, _say(saying, known, user))
    except Wrong as error:
        return Outcome(told, errors={error.field: error.why})
    except NightjarError as error:
        return Outcome(told, errors={"non_field_errors": error.detail})
    except PynamoDBException:
        log.exception("an identification of %s could not be written", told)
        return Outcome(told, errors={"non_field_errors": "It could not be written; try again in a moment."})


def _say(saying: Saying, known: _Known, user: str) -> Said:
    capture = known.captures.get(ids.capture_of(saying.occurrence_id))
    if capture is None or not ids.is_one("occurrence", saying.occurrence_id):
        raise _unknown(saying)
    if saying.taxon_id is not None and saying.taxon_id not in known.taxa:
        raise Wrong("taxon_id", f"There is no taxon with the id {saying.taxon_id[:80]!r}.")
    if saying.taxon_id is None and not saying.comment.strip():
        raise Wrong("taxon_id", "Without a taxon a comment is needed.")
    made: list[Identification] = []

    def change(held: store.Held) -> _Change:
        if not any(each.id == saying.occurrence_id and each.box for each in held.results.detections):
            raise _unknown(saying)
        made[:] = [_made(saying, held, user)]
        return _Change([*made, *_superseded(made[0], held)])

    determination = _write(capture, saying.occurrence_id, change)
    return Said(made[0], determination)


def _unknown(saying: Saying) -> Wrong:
    return Wrong("occurrence_id", f"There is no occurrence with the id {saying.occurrence_id[:80]!r}.")


def _made(saying: Saying, held: store.Held, user: str) -> Identification:
    return Identification(
        id=ids.new_identification_id(saying.occurrence_id),
        user=user,
        taxon_id=saying.taxon_id,
        created_at=clock.now(),
        comment=saying.comment,
        agreed_with=_target(saying, held),
    )


def _target(saying: Saying, held: store.Held) -> str | None:
    """What somebody agrees with. Raises Wrong if it is not of the same occurrence."""
    person, prediction = saying.identification_id, saying.prediction_id
    if person is not None and prediction is not None:
        raise Wrong(
            "agreed_with_prediction_id", "Agree with an identification or a prediction, not with both."
        )
    people = {each.id for each in held.identifications if each.occurrence_id == saying.occurrence_id}
    predictions = {
        each.id for each in held.results.classifications if each.detection_id == saying.occurrence_id
    }
    if person is not None and person not in people:
        raise Wrong("agreed_with_identification_id", "There is no such identification of this occurrence.")
    if prediction is not None and prediction not in predictions:
        raise Wrong("agreed_with_prediction_id", "There is no such prediction of this occurrence.")
    return person if person is not None else prediction


def _superseded(made: Identification, held: store.Held) -> list[Identification]:
    """The same person's other identifications of that occurrence that count, withdrawn. Comments stay, and
    take nothing's place."""
    if made.taxon_id is None or made.withdrawn:
        return []
    own = _of_user(made, held)
    return [replace(each, withdrawn=True) for each in own if not each.withdrawn and each.id != made.id]


def _of_user(one: Identification, held: store.Held) -> list[Identification]:
    """All identifications of an occurrence by the one's user that name a taxon."""
    return [
        each
        for each in held.identifications
        if each.occurrence_id == one.occurrence_id and each.user == one.user and each.taxon_id
    ]


def change(
    identification_id: str, capture: Capture, changed: Callable[[Identification], Identification]
) -> Said:
    """Changes an identification. One that is to count again takes the place of its user's others. Two
    requests. Raises NotFound, Busy."""
    after: list[Identification] = []

    def carried_out(held: store.Held) -> _Change:
        after[:] = [changed(_found(identification_id, held))]
        return _Change([*after, *_superseded(after[0], held)])

    determination = _write(capture, ids.detection_of(identification_id), carried_out)
    return Said(after[0], determination)


def delete(identification_id: str, capture: Capture) -> None:
    """Deletes an identification. If it was the one of its user's that counts, the latest of those that it
    took the place of counts again. Two requests. Raises NotFound, Busy."""

    def carried_out(held: store.Held) -> _Change:
        gone = _found(identification_id, held)
        others = [each for each in _of_user(gone, held) if each.id != gone.id]
        counted = gone.taxon_id is not None and not gone.withdrawn
        if not counted or not others or not all(each.withdrawn for each in others):
            return _Change([], [gone])
        latest = max(others, key=lambda each: (each.created_at, each.id))
        return _Change([replace(latest, withdrawn=False)], [gone])

    _write(capture, ids.detection_of(identification_id), carried_out)


def _found(identification_id: str, held: store.Held) -> Identification:
    found = next((each for each in held.identifications if each.id == identification_id), None)
    if found is None:
        raise NotFound(f"There is no identification with the id {identification_id!r}.")
    return found


@dataclass(frozen=True, slots=True)
class _Change:
    """Identifications of one occurrence that are to be written, and those to be deleted."""

    put: Sequence[Identification]
    gone: Sequence[Identification] = ()


def _write(
    capture: Capture, occurrence_id: str, change: Callable[[store.Held], _Change]
) -> Determination | None:
    """Makes the change that follows from what there is, with all that follows from it; returns what the
    occurrence goes by since then. Two requests, two more each time another was quicker."""
    for _ in range(_ROUNDS):
        held = store.held(capture.id)
        wanted = change(held)
        after = _after(capture, held, wanted)
        if len(store.differing(held, after)) > store.PIECE:
            settled.settle(capture.id)
            continue
        place = None if capture.hidden else timeline.position(capture)
        if store.identify(occurrence_id, capture, place, held, after, wanted.put, wanted.gone):
            return next((each.determination for each in after.occurrences if each.id == occurrence_id), None)
    raise Busy("Others are changing what is said of this photograph; try again in a moment.")


def _after(capture: Capture, held: store.Held, change: _Change) -> Derived:
    standing = {each.id: each for each in held.identifications} | {each.id: each for each in change.put}
    for each in change.gone:
        standing.pop(each.id, None)
    return derived(capture.project_id, held.results, standing.values())
