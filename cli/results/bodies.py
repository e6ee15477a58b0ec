"""What a file of MegaDetector results says of a picture, as the server takes it.

Of one detection the server keeps one name per algorithm, so of a classifier's classes only the best is sent.
"""

from collections.abc import Iterable
from typing import Any

from cli.results.images import Found, ImageResult
from cli.results.megadetector import Algorithm, Results
from cli.wording import shown

UNNAMED_CLASSIFIER = Algorithm("unnamed_classifier", "Unnamed classifier")
"""Whose the classes of a file are that does not say so."""

_LONGEST_KEY = 120
_LONGEST_NAME = 80
_EMPTY = "empty"
"""What some tools call their category 0: a picture in which there is nothing, and no box."""

Body = dict[str, Any]


class Bodies:
    """Makes bodies of pictures. `algorithms` are to be sent along."""

    def __init__(self, results: Results, *, replace: bool) -> None:
        self._replace = replace
        self._detector = results.detector.key[:_LONGEST_KEY]
        self.algorithms = [_made(results.detector, self._detector, "detection")]
        self._classifier = ""
        if results.classifier or results.classes:
            classifier = results.classifier or UNNAMED_CLASSIFIER
            self._classifier = _other_than(self._detector, classifier.key)
            self.algorithms.append(_made(classifier, self._classifier, "classification"))

    def of(self, image: ImageResult, capture_id: str) -> Body:
        """What is said of the capture that is `image`."""
        return {
            "capture_id": capture_id,
            "algorithm": self._detector,
            "frame": "displayed",
            "unit": "fractions",
            "replace": self._replace,
            "detections": self._boxes(image.detections),
        }

    def _boxes(self, detections: Iterable[Found]) -> list[Body]:
        """The server knows a box by its place. Where several categories have the same one, the category
        tells them apart; of one category, the highest score is taken."""
        places: dict[tuple[str, ...], dict[str, Found]] = {}
        for found in detections:
            if found.label != _EMPTY:
                same = places.setdefault(tuple(f"{corner:.6f}" for corner in found.box), {})
                same[found.category] = max(same.get(found.category, found), found, key=lambda one: one.score)
        return [
            self._box(found, category[:100] if len(same) > 1 else "")
            for same in places.values()
            for category, found in same.items()
        ]

    def _box(self, found: Found, source_id: str) -> Body:
        # Of all terminal names the highest score decides: "animal" may not outdo what kind of animal it is.
        names = [_name(self._detector, found.label, found.score, terminal=not found.classifications)]
        if found.classifications:
            best = found.classifications[0]
            names.append(_name(self._classifier, best.label, best.score, terminal=True))
        return {"bbox": found.box, "score": found.score, "source_id": source_id, "classifications": names}


def boxes_of(body: Body) -> int:
    """How many boxes it has."""
    return len(body["detections"])


def _name(algorithm: str, label: str, score: float, *, terminal: bool) -> Body:
    return {"algorithm": algorithm, "taxon": label, "score": score, "terminal": terminal}


def _made(algorithm: Algorithm, key: str, task_type: str) -> Body:
    name = shown(algorithm.name)
    told = [f"Version {algorithm.version}."] if algorithm.version else []
    if len(name) > _LONGEST_NAME:
        told.append(f"In full: {name}")
    return {
        "key": key,
        "name": name[:_LONGEST_NAME].strip(),
        "task_type": task_type,
        "description": shown(" ".join(told))[:10_000],
    }


def _other_than(detector: str, key: str) -> str:
    """The classifier's key; another one if the file gives both the same name."""
    if key[:_LONGEST_KEY] != detector:
        return key[:_LONGEST_KEY]
    end = "_classifier"
    return key[: _LONGEST_KEY - len(end)] + end
