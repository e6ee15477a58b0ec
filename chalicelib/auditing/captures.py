"""Looking at captures, a piece of a deployment's or a set's at a time: does what is kept of each follow from
what was said of it?"""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chalicelib.auditing import store
from chalicelib.auditing.counting import AT_ONCE
from chalicelib.auditing.grouping import is_hidden
from chalicelib.auditing.naming import Looked, looked
from chalicelib.auditing.rules import Drift
from chalicelib.capture_sets import reading as capture_sets
from chalicelib.captures import reading, timeline
from chalicelib.ids import deployment_of
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import is_marked

PIECE = 200
"""So many captures are looked at before what was found is written down."""

PAUSE = 1.0


@dataclass(frozen=True, slots=True)
class Piece:
    """What a look at some captures found: how many derived rows they have, what is wrong with which, how many
    are being settled, and the last of them; "" when that was the last of all."""

    checked: int
    drifts: tuple[Drift, ...]
    wrong: tuple[str, ...]
    busy: int
    last: str


def look(owner: Owner, project_id: str, after: str, sleep: Callable[[float], None]) -> Piece:
    """Looks at the next captures of a deployment or a set after one. Some three requests, and one for each
    capture, eight at once; two more for each that differs: what differs is looked at once more, a second
    later, for the stream may not have told of it yet."""
    places = _next(owner, after)
    found = at(project_id, places)
    differing = [each.capture_id for each in found if each.drifts]
    if differing:
        sleep(PAUSE)
        before = {each.capture_id: set(each.drifts) for each in found}
        again = of(project_id, differing)
        wrong = [each for each in again if each.drifts and set(each.drifts) == before[each.capture_id]]
        settling = {each.capture_id for each in wrong if is_marked(Owner("CAPTURE", each.capture_id))}
        wrong = [each for each in wrong if each.capture_id not in settling]
    else:
        wrong, settling = [], set()
    return Piece(
        checked=sum(each.checked for each in found),
        drifts=tuple(drift for each in wrong for drift in each.drifts),
        wrong=tuple(each.capture_id for each in wrong),
        busy=len(settling),
        last=max(places, default="") if len(places) == PIECE else "",
    )


def of(project_id: str, capture_ids: Iterable[str]) -> list[Looked]:
    """Looks at those captures. A request for each, and two per hundred."""
    return at(project_id, _places(capture_ids))


def at(project_id: str, places: Mapping[str, str | None]) -> list[Looked]:
    """Looks at captures that stand there in time."""
    in_time = dict[str, str]()
    for deployment_id in {deployment_of(each) for each in places}:
        own = [place for each, place in places.items() if place and deployment_of(each) == deployment_id]
        in_time |= store.placed_at(deployment_id, [each for each in own if not is_hidden(each)])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        said = pool.map(store.said_of, places)
        return [
            looked(each, project_id, place, rows, in_time.get(place or ""))
            for (each, place), rows in zip(places.items(), said, strict=True)
        ]


def _next(owner: Owner, after: str) -> dict[str, str | None]:
    if owner.kind == "DEPLOYMENT":
        return dict(store.captures(owner.id, after, PIECE))
    made, _ = capture_sets.stored(owner.id)
    return _places(store.members(made.id, made.generation, after, PIECE)) if made else {}


def _places(capture_ids: Iterable[str]) -> dict[str, str | None]:
    wanted = list(capture_ids)
    there = reading.whole(wanted)
    return {each: timeline.position(there[each]) if each in there else None for each in wanted}
