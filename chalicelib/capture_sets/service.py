"""The verbs of capture sets: make, find, change, add, remove, refile."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import keys, table
from chalicelib.capture_sets import members as member_rows
from chalicelib.capture_sets import store
from chalicelib.capture_sets.frames import Check, Frame, passes
from chalicelib.capture_sets.rules import STARRED, CaptureSet, Member
from chalicelib.captures import reading, timeline
from chalicelib.captures.rules import Capture
from chalicelib.errors import Conflict, NotFound
from chalicelib.findings import reading as findings
from chalicelib.findings.rules import Findings

MOST_LIVE = 20


def new_generation() -> str:
    """A name for members that gather: never the same twice, also where a set's id comes back."""
    return secrets.token_hex(4)


def make(made: CaptureSet) -> CaptureSet:
    """Makes a set. One request, two for a live one. Raises Conflict if there are too many of these."""
    check_live(made)
    store.add(made)
    return made


def find(set_id: str) -> CaptureSet:
    """The set of that id, read consistently. Raises NotFound, for one that is being deleted, too."""
    found = store.get(ids.check("set", set_id))
    if found is None or found.leaving:
        raise NotFound(f"There is no capture set with the id {set_id!r}.")
    return found


def check_live(made: CaptureSet) -> None:
    """Raises Conflict if a project has as many live sets as are followed: each costs every capture that
    comes. One request for a live set."""
    others = set(store.live(made.project_id)) - {made.id} if made.is_live else set()
    if len(others) >= MOST_LIVE:
        raise Conflict(f"A project has {MOST_LIVE} sets at the most that follow a rule.")


def change(made: CaptureSet, seen_at: datetime, now: datetime) -> CaptureSet:
    """Writes a changed set, unless it changed since `seen_at`. Its members stay: populating changes them.
    Raises as `make`."""
    check_live(made)
    return store.change(replace(made, updated_at=now), seen_at)


def add(found: CaptureSet, capture_ids: Sequence[str]) -> int:
    """Adds captures of the set's project; those that are in it are. Returns how many of those named there
    are. A request per hundred, three per 25 and one more.

    Raises NotFound if one of them is none of the project, Conflict if the set is populated meanwhile.
    """
    _check_stays(found)
    wanted = [ids.check("capture", each) for each in dict.fromkeys(capture_ids)]
    there = reading.whole(wanted)
    for each in wanted:
        if each not in there or there[each].project_id != found.project_id:
            raise NotFound(f"There is no capture with the id {each!r} in this project.")
    file(found.id, found.generation, wanted)
    _check_still(found, wanted)
    return len(wanted)


def remove(found: CaptureSet, capture_ids: Sequence[str]) -> int:
    """Takes captures out of a set; those that are not in it are not. Two requests per 25.

    Raises Conflict if the set is populated meanwhile.
    """
    _check_stays(found)
    wanted = [ids.check("capture", each) for each in dict.fromkeys(capture_ids)]
    member_rows.drop(found.id, found.generation, wanted)
    _check_still(found)
    return len(wanted)


def _check_stays(found: CaptureSet) -> None:
    if found.leaving:
        raise Conflict("The capture set is being deleted.")


def _check_still(found: CaptureSet, filed: Sequence[str] = ()) -> None:
    """Raises Conflict if the set has got other members meanwhile, or is being deleted; what was filed is
    taken out of what nobody is served any more."""
    present = store.get(found.id)
    if present is None or present.leaving or present.generations != found.generations:
        _forsake(found, filed)
        raise Conflict("The capture set has been populated anew meanwhile; look at it again.")


def file(set_id: str, generation: str, capture_ids: Sequence[str], fits: Check | None = None) -> int:
    """Files captures as members of a generation, where they stand by now; returns how many there are of them
    (of those that fit, if that is asked). Three requests per 25 and four per hundred; one for each on which
    something was found.

    The mirror comes first: from then on a change of the capture finds the member. What changed before, or
    while it was filed, is seen by looking once more; so is that somebody took it out meanwhile.
    """
    member_rows.keep_mirrors(set_id, generation, capture_ids)
    filed = {each.id: member_of(each) for each in reading.whole(capture_ids).values()}
    member_rows.keep_members(set_id, generation, list(filed.values()))
    looked = table.get_many(
        [
            *map(reading.wanted, capture_ids),
            *member_rows.mirrors(set_id, generation, capture_ids),
            *map(findings.wanted, capture_ids),
        ],
        consistent=True,
    )
    present = {each.id: each for each in reading.among(looked, capture_ids)}
    there = {each: present[each] for each in present if fits is None or fits(frame_of(present[each]))}
    kept = 0
    for each in capture_ids:
        if keys.member_mirror(each, set_id, generation) not in looked:
            member_rows.drop_members(set_id, generation, [each])
        elif each not in there:
            member_rows.drop(set_id, generation, [each])
        else:
            kept += 1
            if member_of(there[each]) != filed.get(each):
                member_rows.refile(set_id, generation, member_of(there[each]))
            told = findings.among(looked, each)
            if told[1]:
                member_rows.note_findings(set_id, generation, each, *told)
    return kept


def refile(capture_id: str, told: tuple[Findings | None, int], *, moved: bool) -> None:
    """Tells the sets a capture is in of what was found on it, with the version of that; and, if it has moved
    in time, where it stands, or that it has gone. One request, and one or two for each set; one more if it
    has moved.

    To be called when the findings are written: whoever files the capture meanwhile sees them, or is seen.
    """
    found = member_rows.sets_of(capture_id)
    if not found:
        return
    capture = reading.whole([capture_id]).get(capture_id) if moved else None
    for set_id, generation in found:
        if moved and capture is None:
            member_rows.drop(set_id, generation, [capture_id])
            continue
        if capture:
            member_rows.refile(set_id, generation, member_of(capture))
        member_rows.note_findings(set_id, generation, capture_id, *told)


def retell(capture_id: str) -> None:
    """Tells the sets a capture is in how it stands by now, whatever they have been told. Five requests, and
    two for each set."""
    looked = table.get_many([findings.wanted(capture_id)], consistent=True)
    refile(capture_id, findings.among(looked, capture_id), moved=True)


def follow(project_id: str, capture_ids: Sequence[str]) -> None:
    """Lets the sets that follow a project's captures take in those that are new or have changed, or let them
    go. One request where there is none; else three for each set, and what filing takes."""
    sets = [found for each in store.live(project_id) if (found := store.get(each))]
    captures = reading.whole(capture_ids) if sets else {}
    for found in sets:
        if not found.is_live or found.leaving:  # it has been changed a moment ago
            continue
        fits = passes(found.kwargs)
        inside = [each.id for each in captures.values() if fits(frame_of(each))]
        outside = [each for each in capture_ids if each not in inside]
        for generation in found.generations:
            file(found.id, generation, inside, fits)
            member_rows.drop(found.id, generation, outside)
        _forsake(found, inside)


def _forsake(found: CaptureSet, capture_ids: Sequence[str]) -> None:
    """Takes what was filed out of a generation again that has been cleared away meanwhile."""
    present = store.get(found.id)
    kept = present.generations if present and not present.leaving else ()
    for generation in found.generations:
        if generation not in kept:
            member_rows.drop(found.id, generation, capture_ids)


def frame_of(capture: Capture, session_id: str | None = None, *, has_detections: bool = False) -> Frame:
    """A capture as sampling sees it. Whether it has detections is known only where a method asks for it."""
    return Frame(
        capture_id=capture.id,
        deployment_id=capture.deployment_id,
        session_id=session_id,
        timestamp=capture.timestamp,
        millisecond=capture.millisecond,
        size=capture.facts.size,
        has_detections=has_detections,
    )


def member_of(capture: Capture) -> Member:
    """A capture as a member."""
    return Member(capture.id, timeline.position(capture), capture.stamp)


def starred(project_id: str, now: datetime) -> CaptureSet:
    """The starred captures of a project; made when they are first asked for. One request, two more then."""
    set_id = ids.starred_set_id(project_id)
    found = store.get(set_id)
    if found is None:
        made = CaptureSet(set_id, project_id, "Starred", STARRED, now, now, new_generation())
        store.add(made)
        found = store.get(set_id) or made
    return found
