"""What follows from what was said of a capture: the names of its occurrences, and its findings.

By brute force and from what the rule says, without the code that settles: an audit by the same code would
share its errors.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib import ids
from chalicelib.auditing.grouping import is_hidden
from chalicelib.auditing.rules import TAXON, Drift, Value, compare, under
from chalicelib.auditing.store import FactRow

Noted = Mapping[str, Any]
"""Findings as they are kept: `boxes`, the scores by taxon as `names`, the `algorithms` that have looked."""


@dataclass(frozen=True, slots=True)
class Truth:
    """What follows from the facts of a capture: of each occurrence its determination, its score, by what and
    by whom it is said, nothing of one without a name; and the findings, None where nobody has looked."""

    occurrences: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)
    findings: Noted | None = None


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at one capture found: how many derived rows it has, what is wrong with them, and where it
    stands in time, None for one that has gone."""

    capture_id: str
    place: str | None
    checked: int
    drifts: tuple[Drift, ...]


def follows(rows: Iterable[FactRow]) -> Truth:
    """What follows from the rows of a capture's partition."""
    kinds = _by_kind(rows)
    detections = kinds["DETECTION"]
    if not detections:
        return Truth()
    said, meant = _by_detection(kinds["CLASSIFICATION"]), _by_detection(kinds["IDENTIFICATION"])
    boxes = sorted(_id(each) for each in detections if each.box)
    occurrences = {each: _by_people(meant[each]) or _by_algorithms(said[each]) for each in boxes}
    names = defaultdict[str, list[Any]](list)
    for each in occurrences.values():
        if each:
            names[str(each["determination"])].append(each["score"])
    findings = {
        "boxes": len(boxes),
        "names": {taxon_id: sorted(scores) for taxon_id, scores in names.items()},
        "algorithms": sorted({each.algorithm for each in (*detections, *kinds["CLASSIFICATION"])}),
    }
    return Truth(occurrences, findings)


def _by_people(identifications: Sequence[FactRow]) -> dict[str, Value]:
    """The latest that names a taxon and was not withdrawn is certain."""
    naming = [each for each in identifications if each.taxon_id and not each.withdrawn]
    if not naming:
        return {}
    latest = sorted(naming, key=lambda each: (each.created_at, _id(each)))[-1]
    return _named(latest, 1.0, "person")


def _by_algorithms(classifications: Sequence[FactRow]) -> dict[str, Value]:
    """Of those that are meant as the name and that nothing has replaced, else of all, the highest score; of
    equal ones the latest, of these the last by id."""
    replaced = {each for one in classifications for each in one.replaces or ()}
    left = [each for each in classifications if each.taxon_id and each.score is not None]
    left = [each for each in left if each.is_last is not False and _id(each) not in replaced] or left
    if not left:
        return {}
    highest = max(each.score for each in left)
    left = [each for each in left if each.score == highest]
    latest = max(each.created_at for each in left)
    last = max((each for each in left if each.created_at == latest), key=_id)
    return _named(last, last.score, "algorithm")


def _named(row: FactRow, score: float, source: str) -> dict[str, Value]:
    return {"determination": row.taxon_id, "score": score, "determined by": _id(row), "source": source}


def looked(
    capture_id: str, project_id: str, at: str | None, rows: Sequence[FactRow], in_time: str | None
) -> Looked:
    """Holds what is kept of a capture against what follows from its facts. `at` is where it stands in time,
    None if it has gone; `in_time` what is noted there of its findings."""
    true = follows(rows) if at else Truth()
    owner, kinds = f"capture {capture_id}", _by_kind(rows)
    kept = next(iter(kinds["FINDINGS"]), None)
    place = at if at and not is_hidden(at) else None
    drifts = [
        *_occurrences(owner, project_id, kinds["OCCURRENCE"], true),
        *_findings(owner, "findings", kept.findings if kept else None, true.findings),
        *_findings(owner, "findings in time", in_time, true.findings if place else None),
    ]
    if kept and true.findings:
        drifts += compare(owner, {"place of findings": kept.place}, {"place of findings": place})
    checked = len(kinds["OCCURRENCE"]) + (kept is not None) + (in_time is not None)
    return Looked(capture_id, at, checked, tuple(drifts))


def _occurrences(owner: str, project_id: str, rows: Iterable[FactRow], true: Truth) -> list[Drift]:
    standing = {_id(row): _kept(row) for row in rows}
    expected = {each: {**named, "project": project_id} for each, named in true.occurrences.items()}
    found = []
    for each in sorted({*standing, *expected}):
        if each in standing and each in expected:
            found += compare(f"occurrence {each}", standing[each], expected[each])
        else:
            found.append(Drift(owner, f"occurrence {each}", _told(standing, each), _told(expected, each)))
    return found


def _kept(row: FactRow) -> dict[str, Value]:
    named = {"determination": row.taxon_id, "score": row.score, "determined by": row.by, "source": row.source}
    return {**(named if row.taxon_id else {}), "project": row.project_id}


def _told(occurrences: Mapping[str, Mapping[str, Value]], each: str) -> Value:
    if each not in occurrences:
        return None
    named = occurrences[each]
    return f"{named['determination']} ({named['score']})" if "determination" in named else "unnamed"


def _findings(owner: str, name: str, kept: str | None, true: Noted | None) -> list[Drift]:
    """What is wrong with findings: part by part, or all of them where there are none or are to be none."""
    noted = read(kept) if kept is not None else None
    if noted is None or true is None:
        same = noted is None and true is None
        return [] if same else [Drift(owner, name, _sum(noted), _sum(true))]
    return compare(owner, under(name, parts(noted)), under(name, parts(true)))


def parts(noted: Noted | None) -> dict[str, Value]:
    """What findings say, part by part, as words and numbers."""
    if noted is None:
        return {}
    taxa = {f"{TAXON}{each}": ", ".join(map(str, scores)) for each, scores in noted["names"].items()}
    return {"boxes": noted["boxes"], "algorithms": ", ".join(noted["algorithms"]), **taxa}


def _sum(noted: Noted | None) -> Value:
    if noted is None:
        return None
    return f"{noted['boxes']} boxes, {sum(map(len, noted['names'].values()))} named"


def read(text: str) -> Noted:
    """Findings as they are kept in a row."""
    noted: Noted = json.loads(text)
    return noted


def _by_kind(rows: Iterable[FactRow]) -> defaultdict[str, list[FactRow]]:
    kinds = defaultdict[str, list[FactRow]](list)
    for row in rows:
        kinds[row.sk.partition("#")[0]].append(row)
    return kinds


def _by_detection(rows: Iterable[FactRow]) -> defaultdict[str, list[FactRow]]:
    grouped = defaultdict[str, list[FactRow]](list)
    for row in rows:
        grouped[ids.detection_of(_id(row))].append(row)
    return grouped


def _id(row: FactRow) -> str:
    return row.sk.partition("#")[2]
