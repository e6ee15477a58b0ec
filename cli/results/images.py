"""One picture of a file of MegaDetector results: what was found in it, or why it could not be looked at."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cli.results.shape import Wrong, as_frame, as_id, as_list, as_number, as_object, as_text, given
from cli.wording import shown

SLACK = 1e-3
"""How far a box or a score may lie outside of 0 to 1, by rounding, and is brought back."""

NOTHING_SAID = "The file has neither detections nor a failure for it."

_TINY = 1e-9  # what adding fractions of four digits may be off


class _Impossible(Exception):
    """The shape is right and the value cannot be."""


@dataclass(frozen=True, slots=True)
class Classified:
    """One class of a detection. `category` is the class's id in the file, as several ids may share a `label`;
    `label` is as the file writes it, without surrounding spaces; `score` is 0 to 1."""

    category: str
    label: str
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """One detection.

    `box` is (x1, y1, x2, y2), fractions of width and height, 0 to 1, origin top left, x1 < x2 and y1 < y2.
    They are fractions of the picture as MegaDetector saw it. The format says nothing on EXIF orientation;
    MegaDetector's own reader turns a JPEG that says so (orientations 3, 6 and 8) before it looks, and leaves
    mirrored ones (2, 4, 5, 7) as they are stored. So `box` is in the frame as displayed, but for a mirrored
    picture, and but for tools that do not turn.

    `category` is the id in the file, `label` its name in lower case: animal, person, vehicle. `score` is 0 to
    1. `classifications` begin with the highest score. `frame_number` is None but in videos.
    """

    box: tuple[float, float, float, float]
    score: float
    category: str
    label: str
    classifications: tuple[Classified, ...] = ()
    frame_number: int | None = None


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One picture or video. `file` is as the file writes it.

    `failure` says why it was not looked at; then there are no detections. `problems` tell of each detection
    that cannot be true and is not among `detections`. Of videos there are `frame_rate` (1/s) and the numbers
    of `frames_processed`.
    """

    file: str
    failure: str | None = None
    detections: tuple[Found, ...] = ()
    problems: tuple[str, ...] = ()
    frame_rate: float | None = None
    frames_processed: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """It was looked at and nothing was found: not so if something found could not be read."""
        return self.failure is None and not self.detections and not self.problems


class Images:
    """Reads pictures one by one with a file's categories and classes, {id: name}.

    Counts ids that are not among these: their detections and classes are left out, and no problem of the
    picture, as the format asks for a category it does not list to be treated as no detection.
    """

    def __init__(self, categories: Mapping[str, str], classes: Mapping[str, str]) -> None:
        self.unlisted_categories: Counter[str] = Counter()
        self.unlisted_classes: Counter[str] = Counter()
        self._categories = categories
        self._classes = classes

    def read(self, raw: object, index: int) -> ImageResult:
        """The picture at `index` of the file. Raises Wrong."""
        try:
            entry = as_object(raw)
            return self._image(_file(entry), entry)
        except Wrong as error:
            raise error.within(_where(raw, index)) from error

    def _image(self, file: str, entry: Mapping[str, object]) -> ImageResult:
        """Raises Wrong."""
        failure = as_text(given("failure", entry, ""), "failure").strip()
        raw = entry.get("detections")
        if failure or raw is None:
            told = "It has a failure and detections, too: these are not read." if raw else ""
            return ImageResult(file, failure or NOTHING_SAID, problems=(told,) if told else ())
        detections: list[Found] = []
        problems: list[str] = []
        for index, each in enumerate(as_list(raw, "detections")):
            where = f"detections[{index}]"
            try:
                found = self._found(as_object(each))
            except _Impossible as error:
                problems.append(f"{where}: {error}.")
            except Wrong as error:
                raise error.within(where) from error
            else:
                if found is not None:
                    detections.append(found)
        rate, frames = _video(entry)
        return ImageResult(file, None, tuple(detections), tuple(problems), rate, frames)

    def _found(self, entry: Mapping[str, object]) -> Found | None:
        """None if it is of a category that is not listed. Raises Wrong, _Impossible."""
        category = as_id(entry.get("category"), "category")
        number = entry.get("frame_number")
        numbers = [as_number(each, "bbox") for each in as_list(entry.get("bbox"), "bbox")]
        score = as_number(entry.get("conf"), "conf")
        classifications = self._classifications(entry.get("classifications"))
        frame = None if number is None else as_frame(number, "frame_number")
        if len(numbers) != 4:
            raise Wrong(f"must be 4 numbers, are {len(numbers)}", "bbox")
        label = self._categories.get(category)
        if label is None:
            self.unlisted_categories[category] += 1
            return None
        return Found(_box(numbers), _score(score), category, label, classifications, frame)

    def _classifications(self, raw: object) -> tuple[Classified, ...]:
        """Highest score first. Raises Wrong, _Impossible."""
        if raw is None:
            return ()
        read_ones = []
        for index, each in enumerate(as_list(raw, "classifications")):
            where = f"classifications[{index}]"
            pair = as_list(each, where)
            if len(pair) != 2:
                raise Wrong(f"must be a class and a score, has {len(pair)} parts", where)
            category, score = as_id(pair[0], where, "class"), as_number(pair[1], where, "score")
            label = self._classes.get(category)
            if label is None:
                self.unlisted_classes[category] += 1
            else:
                read_ones.append(Classified(category, label, _score(score)))
        return tuple(sorted(read_ones, key=lambda one: -one.score))


def _file(entry: Mapping[str, object]) -> str:
    """Raises Wrong."""
    file = as_text(entry.get("file"), "file")
    if not file.strip():
        raise Wrong("must not be blank", "file")
    return file


def _where(raw: object, index: int) -> str:
    """images[3] ("a.jpg")."""
    file = raw.get("file") if isinstance(raw, dict) else None
    return f'images[{index}] ("{shown(file)}")' if isinstance(file, str) else f"images[{index}]"


def _video(entry: Mapping[str, object]) -> tuple[float | None, tuple[int, ...]]:
    """Frames per second, and the numbers of the frames that were looked at. Raises Wrong."""
    rate, frames = entry.get("frame_rate"), entry.get("frames_processed")
    listed = [] if frames is None else as_list(frames, "frames_processed")
    return (
        None if rate is None else as_number(rate, "frame_rate"),
        tuple(as_frame(each, f"frames_processed[{index}]") for index, each in enumerate(listed)),
    )


def _box(numbers: list[float]) -> tuple[float, float, float, float]:
    """(x1, y1, x2, y2) of x, y, width and height, all fractions of the picture. Raises _Impossible."""
    x, y, width, height = numbers
    x1, y1, x2, y2 = (_within(each) for each in (x, y, x + width, y + height))
    if x1 is None or y1 is None or x2 is None or y2 is None:
        raise _Impossible(f"its box {numbers} is not within the picture, whose width and height are 1")
    if x1 >= x2 or y1 >= y2:
        raise _Impossible(f"its box {numbers} has no area")
    return x1, y1, x2, y2


def _score(number: float) -> float:
    """Raises _Impossible."""
    score = _within(number)
    if score is None:
        raise _Impossible(f"a score of {number} is not between 0 and 1")
    return score


def _within(number: float) -> float | None:
    """`number`, 0 to 1, if it lies there or hardly outside."""
    if not -SLACK - _TINY <= number <= 1 + SLACK + _TINY:
        return None
    return min(max(number, 0.0), 1.0)
