"""Pages of occurrences in the order of their scores, through the project's index.

What the index does not tell is looked up for what it gives: in rounds, of which there are few, so that a page
that seldom finds anything ends with fewer than were asked for, and says where to go on.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from chalicelib.aws import table
from chalicelib.captures import reading as captures
from chalicelib.captures.rules import Capture
from chalicelib.occurrences import indexed, store
from chalicelib.occurrences.choosing import Choice
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.occurrences.rules import Occurrence

ROUNDS = 3
KEYS = 1000
"""So many keys are read in a round where a deployment is asked for, which they tell."""
ROWS = 200
"""So many occurrences are looked at in a round."""
AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Page:
    """Occurrences, their captures by id, and the position the page ended at, None if nothing follows."""

    occurrences: list[Occurrence] = field(default_factory=list)
    captures: dict[str, Capture] = field(default_factory=dict)
    position: str | None = None


def page(choice: Choice, taxonomy: Taxonomy, limit: int, after: str | None, *, forward: bool) -> Page:
    """Up to `limit` occurrences following the position `after`.

    A round is one request for keys, one per hundred occurrences and one per hundred captures: five at the
    most; there are three. Where algorithms are asked for there is one more for each of `limit` captures.
    """
    found: list[tuple[str, Occurrence]] = []
    known: dict[str, Capture] = {}
    left = limit
    for number in range(ROUNDS):
        size = _size(choice, limit, number)
        ranks = indexed.by_score(choice.project_id, choice.filters.score, size, after, forward=forward)
        own = [each for each in ranks if choice.may_hold(indexed.occurrence_of(each))]
        window, is_last = own[:ROWS], len(ranks) < size and len(own) <= ROWS
        reached = window[-1] if len(own) > ROWS else ranks[-1] if ranks else after
        passing = _passing(choice, taxonomy, window, known)
        if choice.algorithms:
            passing, cut = _looked_at(choice, passing, left)
            left -= cut.asked
            if cut.at is not None:
                is_last, reached = False, cut.at
        found += passing
        if len(found) > limit:
            return _page(found[:limit], known, found[limit - 1][0])
        if is_last:
            return _page(found, known, None)
        after = reached
        if len(found) == limit or not left:
            break
    return _page(found, known, after)


def _size(choice: Choice, limit: int, number: int) -> int:
    if choice.deployment_id:
        return KEYS
    return limit + 1 if number == 0 or choice.is_plain else ROWS


def _page(found: Sequence[tuple[str, Occurrence]], known: dict[str, Capture], position: str | None) -> Page:
    return Page([each for _, each in found], known, position)


def _passing(
    choice: Choice, taxonomy: Taxonomy, ranks: Sequence[str], known: dict[str, Capture]
) -> list[tuple[str, Occurrence]]:
    """Those that are among the wanted by what they are named, and by their captures, which get known."""
    wanted = {indexed.occurrence_of(each): each for each in ranks}
    rows = table.get_many(map(store.wanted, wanted))
    there = [each for one in wanted if (each := store.among(rows, one))]
    named = choice.names(there, taxonomy)
    missing = list(dict.fromkeys(each.capture_id for each in named if each.capture_id not in known))
    looked = table.get_many(map(captures.wanted, missing))
    known.update({each.id: each for each in captures.among(looked, missing)})
    return [(wanted[each.id], each) for each in named if choice.is_on(known.get(each.capture_id))]


@dataclass(frozen=True, slots=True)
class _Cut:
    """How many captures were looked at, and the rank before which that ended, None if at none."""

    asked: int
    at: str | None


def _looked_at(
    choice: Choice, passing: Sequence[tuple[str, Occurrence]], left: int
) -> tuple[list[tuple[str, Occurrence]], _Cut]:
    """Those that one of the algorithms has looked at, as far as `left` captures reach."""
    several: list[tuple[str, Occurrence]] = []
    on: dict[str, None] = {}
    at = None
    for each in passing:
        if each[1].capture_id not in on and len(on) == left:
            at = several[-1][0]
            break
        on[each[1].capture_id] = None
        several.append(each)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        results = dict(zip(on, (each.results for each in pool.map(store.held, on)), strict=True))
    kept = [each for each in several if choice.looked_at(each[1].id, results[each[1].capture_id])]
    return kept, _Cut(len(on), at)
