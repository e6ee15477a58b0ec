"""From what is there of a capture to what a task is given, and from what it proposes to rows. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.captures.rules import Capture
from chalicelib.detections.rules import Classification, Detection, Results, classification_id, terminal
from chalicelib.postprocessing.contract import Detected, Pictured
from chalicelib.postprocessing.shapes import Box, Classified, Proposed

NOMINAL = 10_000
"""Pixels. How large a photograph is taken to be of which nobody knows it, where all boxes are told in
fractions of it: shares of its area, and of each other's, are right all the same."""

Numbers = tuple[Sequence[float] | None, Sequence[float] | None]
"""Scores and logits, each None if they were never sent."""

TASK, CONFIG = "task", "config"
"""Where a row's details say which task proposed it, and how it was told to."""


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name rows are written: the job, the task, and its config as plain JSON."""

    job_id: str
    task: str
    config: Mapping[str, Any]


def is_by(row: Classification, task: str) -> Mapping[str, Any] | None:
    """The config by which that task has proposed a row; None if it has not."""
    if row.details.get(TASK) != task:
        return None
    config = row.details.get(CONFIG)
    return config if isinstance(config, Mapping) else {}


def pictured(
    capture: Capture, results: Results, vectors: Mapping[str, Numbers], only: str | None = None
) -> Pictured:
    """A capture as a task is given it; `vectors` by the id of the classification. With `only`, but that
    detection."""
    detections = [each for each in results.detections if only in (None, each.id)]
    said: dict[str, list[Classification]] = {}
    for each in results.classifications:
        said.setdefault(each.detection_id, []).append(each)
    size = _size(capture, detections)
    width, height = size or (None, None)
    return Pictured(
        capture.id,
        capture.deployment_id,
        width,
        height,
        tuple(_detected(each, size, said.get(each.id, []), vectors) for each in detections),
    )


def _size(capture: Capture, detections: Sequence[Detection]) -> tuple[int, int] | None:
    facts = capture.facts
    if facts.width and facts.height:
        return facts.width, facts.height
    boxes = [each.box for each in detections if each.box]
    return (NOMINAL, NOMINAL) if boxes and all(each.relative for each in boxes) else None


def _detected(
    each: Detection,
    size: tuple[int, int] | None,
    said: Sequence[Classification],
    vectors: Mapping[str, Numbers],
) -> Detected:
    last = {one.id for one in terminal(said)}
    corners = each.box.in_pixels(size) if each.box else None
    classified = (_classified(one, one.id in last, vectors.get(one.id, (None, None))) for one in said)
    return Detected(each.id, Box(*corners) if corners else None, tuple(classified))


def _classified(each: Classification, is_terminal: bool, vectors: Numbers) -> Classified:
    created_at = each.created_at.astimezone(UTC).isoformat(timespec="microseconds")
    return Classified(
        each.id,
        each.detection_id,
        each.algorithm,
        each.taxon_id,
        each.score,
        *vectors,
        is_terminal,
        created_at,
    )


def row_of(proposed: Proposed, author: Author, vectors: str | None, now: datetime) -> Classification:
    """The row of what is proposed: the same proposal is always the same row, whenever and by whichever job it
    is made."""
    basis = [proposed.basis] if proposed.basis else []
    return Classification(
        id=classification_id(proposed.detection_id, proposed.algorithm, basis),
        algorithm=proposed.algorithm,
        taxon_id=proposed.taxon_id,
        label=None,
        score=proposed.score,
        created_at=now,
        replaces=tuple(sorted(set(proposed.replaces))),
        details={**proposed.details, TASK: author.task, CONFIG: dict(author.config)},
        vectors=vectors,
        job=author.job_id,
    )
