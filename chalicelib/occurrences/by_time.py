"""Pages of occurrences in the order of time: those of undated captures last, in either direction.

Captures with findings are walked through; their findings tell whether any of their occurrences is wanted, so
that only the rows of captures that have some are read.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from chalicelib.aws import keys, table
from chalicelib.captures import reading as captures
from chalicelib.findings.rules import Findings
from chalicelib.occurrences import indexed, store
from chalicelib.occurrences.by_score import AT_ONCE, ROUNDS, ROWS, Page
from chalicelib.occurrences.choosing import Choice
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.occurrences.rules import Occurrence


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of time that is left to be walked through."""

    lower: str
    upper: str
    forward: bool


def page(choice: Choice, taxonomy: Taxonomy, limit: int, after: str | None, *, forward: bool) -> Page:
    """Up to `limit` occurrences following the position `after`: a capture's place, with the own part of an
    occurrence's id if the capture has more to come.

    In each of three rounds one request for keys and one per hundred captures, three at the most; one for each
    capture that has some of those wanted, `limit` and one more at the most; and one for the captures.
    """
    found: list[tuple[str, Occurrence]] = []
    parts, left = _parts(choice, after, forward=forward), limit + 1
    for number in range(ROUNDS):
        if not parts:
            break
        part, size = parts[0], limit + 1 if number == 0 else ROWS
        walked = indexed.in_time(
            choice.project_id, choice.deployment_id, part.lower, part.upper, size, forward=part.forward
        )
        worth = _worth(choice, taxonomy, walked)
        several, cut = _enough(worth, limit - len(found), left)
        left -= len(several)
        found += _of(choice, taxonomy, several, after, forward=part.forward)
        if len(found) > limit:
            return _page(choice, found[:limit], _position(found[limit - 1]))
        after = several[-1][0] if cut else walked[-1][0] if walked else after
        if not cut and len(walked) < size:
            parts = parts[1:]
            continue
        parts[0] = _beyond(part, after or part.lower)
        if not left or len(found) == limit:
            break
    return _page(choice, found, after if parts else None)


def _position(last: tuple[str, Occurrence]) -> str:
    return f"{last[0]}-{last[1].id.rpartition('-')[2]}"


def _parts(choice: Choice, after: str | None, *, forward: bool) -> list[_Part]:
    session = choice.session
    lower = keys.captures_from(session.start) if session else keys.CAPTURES
    upper = keys.captures_until(session.end) if session else keys.CAPTURES + keys.LAST
    dated = _Part(lower, upper, forward)
    undated = [] if session else [_Part(keys.UNDATED, keys.UNDATED + keys.LAST, forward=True)]
    if after is None:
        return [dated, *undated]
    if after.startswith(keys.UNDATED):
        return [_beyond(each, after) for each in undated]
    return [_beyond(dated, after), *undated]


def _beyond(part: _Part, position: str) -> _Part:
    """What is left of a part behind a position."""
    place, partly = _split(position)
    if part.forward:
        return _Part(max(part.lower, place if partly else f"{place}!"), part.upper, forward=True)
    # What sorts last before it: ids are of one length, and end in a letter or a digit.
    until = place if partly else f"{place[:-1]}{chr(ord(place[-1]) - 1)}{keys.LAST}"
    return _Part(part.lower, min(part.upper, until), forward=False)


def _split(position: str) -> tuple[str, str | None]:
    """The place of a capture, and the id of its occurrence the page ended with, None if with the last."""
    located = position.rpartition("#")[2]
    if located.count("-") < 2:  # see ids
        return position, None
    return position.rpartition("-")[0], located


def _worth(
    choice: Choice, taxonomy: Taxonomy, walked: Sequence[tuple[str, Findings]]
) -> list[tuple[str, int]]:
    """The places of captures that may have some of those wanted, and how many at the most."""
    if choice.by_taxa:
        taxonomy.learn({taxon_id for _, findings in walked for taxon_id in findings.names})
    counted = ((place, choice.most(findings, taxonomy)) for place, findings in walked)
    return [(place, most) for place, most in counted if most]


def _enough(worth: Sequence[tuple[str, int]], need: int, left: int) -> tuple[list[tuple[str, int]], bool]:
    """The first of them that may have more than `need`, `left` captures at the most; and whether some are
    left out."""
    several: list[tuple[str, int]] = []
    for each in worth:
        if len(several) == left or sum(most for _, most in several) > need:
            return several, True
        several.append(each)
    return several, False


def _of(
    choice: Choice,
    taxonomy: Taxonomy,
    several: Sequence[tuple[str, int]],
    after: str | None,
    *,
    forward: bool,
) -> list[tuple[str, Occurrence]]:
    """The wanted occurrences of captures, in order; of the one where the last page ended what is left."""
    place_before, ended_with = _split(after) if after else (None, None)
    places = [place for place, _ in several]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        each_ones = list(pool.map(lambda place: _on(choice, indexed.capture_at(place)), places))
    found = []
    for place, there in zip(places, each_ones, strict=True):
        those = choice.names(sorted(there, key=lambda each: each.id, reverse=not forward), taxonomy)
        if place == place_before and ended_with:
            those = [each for each in those if (each.id > ended_with) == forward and each.id != ended_with]
        found += [(place, each) for each in those]
    return found


def _on(choice: Choice, capture_id: str) -> list[Occurrence]:
    if not choice.algorithms:
        return store.of_capture(capture_id)
    held = store.held(capture_id)
    return [each for each in held.standing if choice.looked_at(each.id, held.results)]


def _page(choice: Choice, found: Sequence[tuple[str, Occurrence]], position: str | None) -> Page:
    wanted = list(dict.fromkeys(each.capture_id for _, each in found))
    rows = table.get_many(map(captures.wanted, wanted))
    known = {each.id: each for each in captures.among(rows, wanted)}
    there = [each for _, each in found if choice.is_on(known.get(each.capture_id))]
    return Page(there, known, position)
