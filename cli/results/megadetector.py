"""Reading a file of MegaDetector results: what a detector found in each picture, in formats 1.0 to 1.6.

The whole file is read into memory and looked through before anything is made of it, so a broken one is told
of before anything is sent. That takes about five times the file's size, hence `LARGEST_BYTES`.

Two kinds of fault are kept apart. What has the wrong shape (a field that is missing, a text where a number
belongs) makes the file unreadable. What has the right shape and an impossible value (a box outside of the
picture) is told among the `problems` of its picture, and the rest is read.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cli.connecting import CannotBegin
from cli.results.images import ImageResult, Images
from cli.results.shape import Wrong, as_list, as_number, as_object, as_text, given, kind_of
from cli.wording import many, shown

VERSIONS = frozenset({"1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6"})
LARGEST_BYTES = 1 << 30

_UNNAMED_DETECTOR = "MegaDetector v4"
_MODEL_ENDINGS = frozenset({".pt", ".pth", ".pb", ".onnx", ".zip"})


@dataclass(frozen=True)
class Algorithm:
    """A model. `key` has only a-z, 0-9 and "_"; `name` is as the file has it; `version` is "" if not told."""

    key: str
    name: str
    version: str = ""


@dataclass(frozen=True)
class Results:
    """A whole file of results.

    `classifier` is None where nothing names one. `categories` and `classes` are {id: name}, of the detector
    and of the classifier; names need not differ from each other. `class_descriptions` is {id: lineage}, such
    as "animalia;chordata;…". The thresholds, 0 to 1, are what the detector's makers advise; None if they do
    not. `warnings` are sentences for a person.
    """

    format_version: str | None
    detector: Algorithm
    classifier: Algorithm | None
    categories: Mapping[str, str]
    classes: Mapping[str, str]
    class_descriptions: Mapping[str, str]
    typical_threshold: float | None
    conservative_threshold: float | None
    images: tuple[ImageResult, ...]
    warnings: tuple[str, ...]


def read(path: Path) -> Results:
    """Reads the file at `path`. Raises CannotBegin, which says what is wrong with it and where."""
    try:
        return _results(_loaded(path))
    except Wrong as error:
        raise CannotBegin(f"{shown(str(path))} is no file of MegaDetector results: {error}.") from error


def _loaded(path: Path) -> object:
    """What the JSON at `path` holds. Raises CannotBegin."""
    name = shown(str(path))
    try:
        if path.stat().st_size > LARGEST_BYTES:
            raise CannotBegin(f"{name} is larger than 1 GiB: split it, such as by folder.")
        content: object = json.loads(path.read_bytes())
    except OSError as error:
        raise CannotBegin(f"{name} cannot be read: {error.strerror or error}.") from error
    except MemoryError as error:
        raise CannotBegin(f"{name} is too large for this machine's memory: split it.") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise CannotBegin(f"{name} is not JSON, or not all of it: {error.msg} at {where}.") from error
    except RecursionError as error:
        raise CannotBegin(f"{name} is no file of MegaDetector results: it is nested too deep.") from error
    except ValueError as error:  # bytes that are no text, or a number of thousands of digits
        raise CannotBegin(f"{name} is not JSON: {error}.") from error
    return content


def _results(content: object) -> Results:
    """Raises Wrong."""
    if isinstance(content, list):
        raise Wrong('it is a list; expected is an object with "info", "detection_categories" and "images"')
    if not isinstance(content, dict):
        raise Wrong(f"it is {kind_of(content)}; expected is an object")
    warnings: list[str] = []
    info = as_object(given("info", content, {}), "info")
    metadata = as_object(given("detector_metadata", info, {}), "info", "detector_metadata")
    categories = {key: name.lower() for key, name in _names(content, "detection_categories").items()}
    classes = _names(content, "classification_categories", optional=True)
    images = Images(categories, classes)
    return Results(
        format_version=_version(info.get("format_version"), warnings),
        detector=_detector(info, metadata, warnings),
        classifier=_classifier(info, classes, warnings),
        categories=categories,
        classes=classes,
        class_descriptions=_descriptions(content),
        typical_threshold=_threshold(metadata, "typical_detection_threshold", warnings),
        conservative_threshold=_threshold(metadata, "conservative_detection_threshold", warnings),
        images=_images(content.get("images"), images),
        warnings=(*warnings, *_unlisted(images)),
    )


def _images(raw: object, images: Images) -> tuple[ImageResult, ...]:
    """Lets go of what was read, picture by picture, lest memory hold all of it twice. Raises Wrong."""
    listed = as_list(raw, "images")
    read_ones = []
    for index, each in enumerate(listed):
        read_ones.append(images.read(each, index))
        listed[index] = None
    return tuple(read_ones)


def _names(content: Mapping[str, object], field: str, *, optional: bool = False) -> dict[str, str]:
    """{id: name} without surrounding spaces; an id stands in for a name that is blank, which was allowed
    before 1.6. Raises Wrong."""
    raw = content.get(field)
    if optional and raw is None:
        return {}
    listed = as_object(raw, field)
    return {key: as_text(name, field, json.dumps(key)).strip() or key for key, name in listed.items()}


def _descriptions(content: Mapping[str, object]) -> dict[str, str]:
    """Raises Wrong."""
    field = "classification_category_descriptions"
    listed = as_object(given(field, content, {}), field)
    return {key: as_text(text, field, json.dumps(key)).strip() for key, text in listed.items()}


def _version(value: object, warnings: list[str]) -> str | None:
    """The format's version; before 1.6 a number was allowed, too. Raises Wrong."""
    if value is None:
        warnings.append("The file does not say its format's version: it is read as 1.6.")
        return None
    where = ("info", "format_version")
    version = value.strip() if isinstance(value, str) else str(as_number(value, *where))
    if version not in VERSIONS:
        warnings.append(f"Format {shown(version)} is not known here (1.0 to 1.6 are): it is read as 1.6.")
    return version


def _detector(info: Mapping[str, object], metadata: Mapping[str, object], warnings: list[str]) -> Algorithm:
    """Raises Wrong."""
    name = as_text(given("detector", info, ""), "info", "detector").strip()
    if not name:
        warnings.append(
            f"The file does not name its detector: taken for {_UNNAMED_DETECTOR}, which used not to."
        )
        name = _UNNAMED_DETECTOR
    version = given("megadetector_version", metadata, "")
    return _algorithm(name, as_text(version, "info", "detector_metadata", "megadetector_version").strip())


def _classifier(
    info: Mapping[str, object], classes: Mapping[str, str], warnings: list[str]
) -> Algorithm | None:
    """Raises Wrong."""
    name = as_text(given("classifier", info, ""), "info", "classifier").strip()
    if name:
        return _algorithm(name)
    if classes:
        warnings.append("The file has classes, but does not name the classifier they are of.")
    return None


def _algorithm(name: str, version: str = "") -> Algorithm:
    """The key is of the file's name alone where `name` is a path to a model: "md_v5a_0_0"."""
    key = name
    path = PurePosixPath(name.replace("\\", "/"))
    if path.suffix.lower() in _MODEL_ENDINGS:
        key = path.stem
    return Algorithm(re.sub(r"[^a-z0-9]+", "_", key.lower()).strip("_") or "detector", name, version)


def _threshold(metadata: Mapping[str, object], field: str, warnings: list[str]) -> float | None:
    value = metadata.get(field)
    if value is None:
        return None
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
        return float(value)
    warnings.append(f"info, detector_metadata, {field} is no number from 0 to 1: it is not used.")
    return None


def _unlisted(images: Images) -> list[str]:
    """What is told of ids that the file uses and does not list."""
    detections = [
        f"Category {shown(key)} is not in detection_categories: {many(count, 'detection')} of it treated as "
        f"none, as the format asks."
        for key, count in sorted(images.unlisted_categories.items())
    ]
    classes = [
        f"Class {shown(key)} is not in classification_categories: left out {many(count, 'time')}."
        for key, count in sorted(images.unlisted_classes.items())
    ]
    return detections + classes
