"""Which capture each file of a list is, where both are known by their paths only.

Paths are compared from their ends, as the two sides rarely begin in the same folder. The rule: a file is a
capture if some number of last parts of the path (the file's name, and folders before it) is had by this one
file and this one capture and by no other. So the longest common ending decides, and where it is had by
several, nothing does. Equal whole paths go before all endings.

Upper and lower case, and the two ways Unicode has to write é, are not told apart at first; where that leaves
several, they are. No capture is ever given to two files.
"""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

MOST_CANDIDATES = 5


class By(StrEnum):
    """By what a file was matched, from the surest to the least sure."""

    PATH = "path"
    ENDING = "end of the path"
    NAME = "file name"


class Reason(StrEnum):
    """Why a file has no capture."""

    NONE = "no capture has its name"
    SEVERAL_CAPTURES = "several captures could be it"
    SEVERAL_FILES = "several files could be the capture"
    TAKEN = "the only capture that could be it is another file's"
    REPEATED = "named more than once"


@dataclass(frozen=True, slots=True)
class Matched:
    """A file that is one capture."""

    file: str
    capture_id: str
    by: By


@dataclass(frozen=True, slots=True)
class Unmatched:
    """A file that is none. `candidates` are ids of captures that could be it, at most `MOST_CANDIDATES` of
    `candidates_count`."""

    file: str
    reason: Reason
    candidates: tuple[str, ...] = ()
    candidates_count: int = 0


@dataclass(eq=False, slots=True)
class _Path:
    """A path's parts, last first, as written and folded. `id` is a capture's, and "" of a file."""

    text: str
    id: str
    parts: tuple[str, ...]
    folded: tuple[str, ...]


_Key = Callable[[_Path], tuple[str, ...]]
_Sides = tuple[list[_Path], list[_Path]]


def match(files: Iterable[str], names: Mapping[str, str]) -> list[Matched | Unmatched]:
    """For each of `files`, in their order, its capture or why there is none.

    `names` is {capture id: relative file name}. Either side may part folders by "/" or "\\", and begin with
    "./" or "/". The time it takes grows as the paths' total number of parts.
    """
    paths = [_path(file) for file in files]
    groups: dict[str, _Sides] = {}
    for path in paths:
        groups.setdefault(_last(path.folded), ([], []))[0].append(path)
    for capture_id, name in names.items():
        folded = _folded(_last(_parts(name)))
        if folded in groups:
            groups[folded][1].append(_path(name, capture_id))
    answers: dict[_Path, Matched | Unmatched] = {}
    for sides in groups.values():
        answers.update(_Group(*sides).answers())
    return [answers[path] for path in paths]


class _Group:
    """The files and captures of one name: those of other names have no part in what becomes of them."""

    def __init__(self, files: list[_Path], captures: list[_Path]) -> None:
        self._files = files
        self._captures = captures
        self._capture_of: dict[_Path, _Path] = {}
        self._taken: set[_Path] = set()
        self._nearest: dict[_Path, list[_Path]] = {}  # the captures that share a file's longest ending

    def answers(self) -> Iterator[tuple[_Path, Matched | Unmatched]]:
        """What becomes of each file."""
        if self._captures:
            self._pair_whole(_as_written)
            self._pair_whole(_as_folded)
            self._pair_endings(_as_folded)
            self._pair_endings(_as_written)
        times = Counter(path.parts for path in self._files)
        for path in self._files:
            yield path, self._answer(path, times[path.parts])

    def _answer(self, path: _Path, times: int) -> Matched | Unmatched:
        capture = self._capture_of.get(path)
        if capture is not None:
            return Matched(path.text, capture.id, _by(path.folded, capture.folded))
        nearest = self._nearest.get(path, [])
        reason = self._reason(nearest, times)
        ids = tuple(each.id for each in nearest[:MOST_CANDIDATES])
        return Unmatched(path.text, reason, ids, len(nearest))

    def _reason(self, nearest: list[_Path], times: int) -> Reason:
        if not nearest:
            return Reason.NONE
        if times > 1:
            return Reason.REPEATED
        if len(nearest) > 1:
            return Reason.SEVERAL_CAPTURES
        return Reason.TAKEN if nearest[0] in self._taken else Reason.SEVERAL_FILES

    def _pair(self, file: _Path, capture: _Path) -> None:
        if file not in self._capture_of and capture not in self._taken:
            self._capture_of[file] = capture
            self._taken.add(capture)

    def _pair_whole(self, key: _Key) -> None:
        """Pairs a file and a capture that alone have a whole path."""
        for files, captures in _parted(key, self._files, self._captures):
            if len(files) == len(captures) == 1:
                self._pair(files[0], captures[0])

    def _pair_endings(self, key: _Key) -> None:
        """Pairs a file and a capture that alone have an ending; of several, seeks longer ones."""
        waiting = [(1, *sides) for sides in _parted(_nth(key, 0), self._files, self._captures)]
        while waiting:
            depth, files, captures = waiting.pop()
            if key is _as_folded:
                self._nearest.update(dict.fromkeys(files, captures))
            if len(files) == len(captures) == 1:
                self._pair(files[0], captures[0])
                continue
            longer = _parted(_nth(key, depth), files, captures)
            waiting.extend((depth + 1, *sides) for sides in longer)


def _parted(key: _Key, files: Iterable[_Path], captures: Iterable[_Path]) -> list[_Sides]:
    """Files and captures by their key, where there are both; those of an empty key are left out."""
    parted: dict[tuple[str, ...], _Sides] = {}
    for path in files:
        if own := key(path):
            parted.setdefault(own, ([], []))[0].append(path)
    for path in captures:
        sides = parted.get(key(path))
        if sides is not None:
            sides[1].append(path)
    return [sides for sides in parted.values() if sides[1]]


def _by(file: Sequence[str], capture: Sequence[str]) -> By:
    if file == capture:
        return By.PATH
    return By.ENDING if file[1:2] == capture[1:2] and file[1:2] else By.NAME


def _path(text: str, capture_id: str = "") -> _Path:
    parts = _parts(text)
    return _Path(text, capture_id, parts, tuple(map(_folded, parts)))


def _parts(text: str) -> tuple[str, ...]:
    """A path's parts, last first, without what leads nowhere."""
    pieces = text.replace("\\", "/").split("/")
    return tuple(piece for piece in reversed(pieces) if piece not in ("", "."))


def _last(parts: Sequence[str]) -> str:
    """The file's name, "" of a path that has none."""
    return parts[0] if parts else ""


def _folded(part: str) -> str:
    """`part` without what upper and lower case, and ways of writing an accent, make of it."""
    if part.isascii():
        return part.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", part).casefold())


def _nth(key: _Key, index: int) -> _Key:
    """The part at `index` only, of a path that has so many."""
    return lambda path: key(path)[index : index + 1]


def _as_written(path: _Path) -> tuple[str, ...]:
    return path.parts


def _as_folded(path: _Path) -> tuple[str, ...]:
    return path.folded
