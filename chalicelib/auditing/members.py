"""Looking at a capture set: are its members filed as their captures are, and what do they come to?"""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from chalicelib.auditing import naming, store
from chalicelib.auditing.counting import AT_ONCE, Passing, Tally, from_facts
from chalicelib.auditing.grouping import is_hidden, segment
from chalicelib.auditing.naming import Noted
from chalicelib.auditing.recount import Look
from chalicelib.auditing.rules import Drift, Value, by_taxon, compare, found, under
from chalicelib.aws import keys, table
from chalicelib.capture_sets import reading as capture_sets
from chalicelib.capture_sets import rules
from chalicelib.capture_sets.rules import CaptureSet, Member
from chalicelib.captures import reading as captures
from chalicelib.captures import timeline
from chalicelib.findings.rules import Filters
from chalicelib.projects import service as projects
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import is_marked


@dataclass(frozen=True, slots=True)
class _One:
    """A member, where its capture stands, None if it has gone, and what was found on that."""

    member: Member
    place: str | None
    noted: Noted | None


def capture_set(set_id: str, wrong: Collection[str]) -> Look | None:
    """Looks at a capture set, its segments, its taxa and its members; None if it is being settled. What was
    found on captures is as it is noted with them, but for those where that is `wrong`, from the facts. Some
    ten requests, two per hundred members, eight of them at once, and one for each that is wrong."""
    owner = Owner("SET", set_id)
    standing, writings = capture_sets.stored(set_id)
    if standing is None:
        return Look()  # it has gone meanwhile: there is nothing to be wrong
    filters = projects.find(standing.project_id).filters
    if is_marked(owner) or _awaits(standing, filters):
        return None
    segments = capture_sets.segments(standing)
    taxa = store.taxa(*keys.taxon_count(keys.capture_set(set_id)[0], "", standing.generation))
    whole, parts, sizes = Tally(), defaultdict[str, Tally](Tally), defaultdict[str, int](int)
    filed, strayed, members = list[Drift](), list[str](), 0
    passing, name = Passing(filters), f"set {set_id}"
    for some in _members(capture_sets.filed(standing), wrong):
        members += len(some)
        passing.learn(each.noted for each in some if each.noted)
        for each in some:
            drifts = _filed(name, each)
            filed += drifts
            strayed += [each.member.capture_id] if drifts else []
            if each.place and not is_hidden(each.place):
                part = segment(each.member.capture_id)
                sizes[part] += 1
                if each.noted:
                    parts[part].add(passing.tally(each.noted))
    for tally in parts.values():
        whole.add(tally)
    after, writings_after = capture_sets.stored(set_id)
    if after is None or is_marked(owner) or writings != writings_after or _kept(after) != _kept(standing):
        return None
    counts = {"captures_count": sum(sizes.values()), "taxa_count": len(whole.taxa)}
    drifts = [
        *compare(name, _counters(standing), {**counts, **found("set", whole.counts)}, 0),
        *compare(name, _segments(segments), _true(sizes, parts), 0),
        *compare(name, by_taxon(taxa), by_taxon(whole.taxa), 0),
        *filed,
    ]
    if standing.filters and standing.filters != filters:
        drifts += compare(name, {"filters": standing.filters.text()}, {"filters": filters.text()})
    checked = 1 + len(segments) + len(taxa) + members
    return Look(checked, tuple(drifts), writings=writings, strayed=tuple(strayed))


def _awaits(made: CaptureSet, filters: Filters) -> bool:
    """Whether a set was counted by other filters than its project has by now, and waits for being counted
    anew."""
    differs = made.filters is not None and made.filters != filters
    return differs and is_marked(Owner("PROJECT", made.project_id))


def _kept(made: CaptureSet) -> tuple[object, ...]:
    return made.generation, made.captures_count, made.found, made.taxa_count, made.filters


def _counters(made: CaptureSet) -> dict[str, Value]:
    counts = {"captures_count": made.captures_count, "taxa_count": made.taxa_count}
    return {**counts, **found("set", made.found)}


def _segments(segments: Mapping[str, rules.Tally]) -> dict[str, Value]:
    told = dict[str, Value]()
    for part, each in segments.items():
        told[f"segment {part}"] = each.captures_count
        told |= under(f"segment {part}", found("set", each.found.counts, each.found.taxa))
    return told


def _true(sizes: Mapping[str, int], tallies: Mapping[str, Tally]) -> dict[str, Value]:
    told: dict[str, Value] = {f"segment {part}": size for part, size in sizes.items()}
    for part, each in tallies.items():
        told |= under(f"segment {part}", found("set", each.counts, each.taxa))
    return told


def _filed(owner: str, one: _One) -> list[Drift]:
    """What a member says that is not so."""
    capture_id, findings = one.member.capture_id, one.member.findings
    drifts = compare(owner, {f"place of {capture_id}": one.member.at}, {f"place of {capture_id}": one.place})
    if one.place:
        kept = naming.parts(naming.read(findings.text()) if findings else None)
        name = f"findings of {capture_id}"
        drifts += compare(owner, under(name, kept), under(name, naming.parts(one.noted)))
    return drifts


def _members(filed: Iterator[Member], wrong: Collection[str]) -> Iterator[list[_One]]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        while some := list(islice(filed, AT_ONCE * table.BATCH)):
            batches = [some[at : at + table.BATCH] for at in range(0, len(some), table.BATCH)]
            for batch in pool.map(_looked_up, batches):
                amiss = [each.member.capture_id for each in batch if each.member.capture_id in wrong]
                true = from_facts(amiss) if amiss else {}
                yield [
                    _One(each.member, each.place, true.get(each.member.capture_id))
                    if each.member.capture_id in wrong
                    else each
                    for each in batch
                ]


def _looked_up(batch: list[Member]) -> list[_One]:
    wanted = [each.capture_id for each in batch]
    there, noted = captures.whole(wanted), store.findings_of(wanted)
    return [
        _One(
            each,
            timeline.position(there[each.capture_id]) if each.capture_id in there else None,
            naming.read(noted[each.capture_id]) if each.capture_id in noted else None,
        )
        for each in batch
    ]
