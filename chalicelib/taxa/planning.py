"""What taking a checklist in would write. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.taxa.checklist import Bad, Line
from chalicelib.taxa.rules import UNKNOWN, Taxon, why_not_below


@dataclass(slots=True)
class Plan:
    """What is to be written, each changed taxon with the `updated_at` it was seen with, and the lines that
    cannot be taken."""

    created: list[Taxon] = field(default_factory=list)
    changed: list[tuple[Taxon, datetime]] = field(default_factory=list)
    bad: list[Bad] = field(default_factory=list)


def plan(lines: Iterable[Line], known: Mapping[str, Taxon], now: datetime) -> Plan:
    """What the lines change of the taxa that are known, which are all that the lines name and what is above
    those. A line is taken after that of its parent, wherever it stands; each only if its taxon then has its
    place, so that what was a tree is one still."""
    made = Plan()
    alike = _alike(lines, made)
    lines_by_id = {taxon_id: same[0] for taxon_id, same in alike.items()}
    parents = {taxon_id: _parent_id(line, known) for taxon_id, line in lines_by_id.items()}
    order, circling = parents_first(parents)
    taxa = dict(known)
    for taxon_id in order:
        line, old = lines_by_id[taxon_id], known.get(taxon_id)
        new = _told(line, old, now)
        placed = old is None or line.rank or line.parent_id
        reason = _why_not(line, new, taxa, lines_by_id, circling) if placed else None
        if reason:
            made.bad += [Bad(each.number, each.name, "parent", reason) for each in alike[taxon_id]]
            continue
        taxa[taxon_id] = new
        if old is None:
            made.created.append(new)
        elif new != old:
            made.changed.append((replace(new, updated_at=now), old.updated_at))
    return made


def parents_first(parents: Mapping[str, str | None]) -> tuple[list[str], set[str]]:
    """What has a parent, in an order in which each comes after its parent; and what stands above itself."""
    order: list[str] = []
    circling: set[str] = set()
    seen: set[str] = set()
    for start in parents:
        chain: dict[str, None] = {}
        here: str | None = start
        while here is not None and here in parents and here not in seen:
            seen.add(here)
            chain[here] = None
            here = parents[here]
        upwards = list(chain)
        if here in chain:
            circling |= set(upwards[upwards.index(here) :])
        order += reversed(upwards)
    return order, circling


def _alike(lines: Iterable[Line], made: Plan) -> dict[str, list[Line]]:
    """The lines by the ids of their taxa: the first, and those that repeat it. One that contradicts it is
    bad."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        same = found.setdefault(line.id, [])
        if same and _said(same[0]) != _said(line):
            # Without the number of the other: whoever sends a file in pieces has other numbers.
            made.bad.append(Bad(line.number, line.name, "name", "an earlier line says otherwise of it"))
        else:
            same.append(line)
    return found


def _said(line: Line) -> tuple[object, ...]:
    return line.rank, line.parent_id, line.gbif_key, line.common_name


def _parent_id(line: Line, known: Mapping[str, Taxon]) -> str | None:
    old = known.get(line.id)
    return line.parent_id or (old.parent_id if old else None)


def _told(line: Line, old: Taxon | None, now: datetime) -> Taxon:
    """The taxon as the line wants it; what it does not tell stays."""
    taxon = old or Taxon(line.id, line.name, UNKNOWN, now, now)
    return replace(
        taxon,
        rank=line.rank or taxon.rank,
        parent_id=line.parent_id or taxon.parent_id,
        gbif_key=line.gbif_key or taxon.gbif_key,
        common_name=line.common_name or taxon.common_name,
    )


def _why_not(
    line: Line,
    new: Taxon,
    taxa: Mapping[str, Taxon],
    lines_by_id: Mapping[str, Line],
    circling: set[str],
) -> str | None:
    """Why a taxon cannot have the place its line wants for it, None if it can."""
    if line.parent_id and line.id in circling:
        return "it would stand above itself"
    if new.parent_id and new.parent_id not in taxa:
        if line.parent is None:
            return None  # it has been so before; the line says nothing of it
        if new.parent_id in lines_by_id:
            return f"its parent {line.parent!r} could not be taken"
        return f"its parent {line.parent!r} is neither in the file nor known"
    return why_not_below(new, taxa)
