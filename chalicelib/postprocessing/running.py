"""Running a task over some captures: their facts are read, judged, and what is proposed is written."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from chalicelib.aws import clock
from chalicelib.captures.rules import Capture
from chalicelib.detections import proposals, vectors
from chalicelib.detections.rules import Classification, terminal
from chalicelib.detections.rules import Results as Facts
from chalicelib.detections.vectors import Packed, Vectors
from chalicelib.errors import SourceGone
from chalicelib.postprocessing import own_rows, picturing
from chalicelib.postprocessing.contract import Pictured, Task
from chalicelib.postprocessing.picturing import Author, Numbers
from chalicelib.postprocessing.shapes import Proposed

AT_ONCE = 8
"""How many captures are read at the same time."""
PIECE, PIECE_WITH_VECTORS = 50, AT_ONCE
"""How many captures are held in memory together; vectors are large."""

Count = Callable[[str, int], None]


@dataclass(frozen=True, slots=True)
class Looked:
    """A capture, what is there of it, what of that the task is to see, and as what."""

    capture: Capture
    present: proposals.Present
    seen: Facts
    pictured: Pictured


@dataclass(slots=True)
class Running:
    """A task at work for a job; over one occurrence alone, with `only`."""

    task: Task[Any]
    author: Author
    pool: ThreadPoolExecutor
    count: Count
    only: str | None = None
    is_repeat: bool = False
    missing: int = field(default=0, init=False)

    @property
    def piece(self) -> int:
        """How many captures to take at a time."""
        return PIECE_WITH_VECTORS if self.task.reads_vectors else PIECE

    def look(self, captures: Sequence[Capture]) -> list[Looked]:
        """Reads what is there of captures, several at once: one query each, and one request of S3 for each
        blob of vectors that the task wants. Raises StorageFault or SourceSlow if they do not come."""
        looked = list(self.pool.map(self._look, captures))
        boxes = sum(bool(each.box) for one in looked for each in one.pictured.detections)
        self.count("captures_checked", len(looked))
        self.count("detections_checked", boxes)
        return looked

    def _look(self, capture: Capture) -> Looked:
        for attempt in range(2):
            present = proposals.present(capture.id)
            seen = own_rows.seen_by(present.results, self._owns)
            try:
                numbers = self._vectors(seen, is_last_try=attempt == 1)
                break
            except SourceGone:  # results were replaced since they were read
                continue
        return Looked(capture, present, seen, picturing.pictured(capture, seen, numbers, self.only))

    def _owns(self, row: Classification) -> bool:
        if self.only not in (None, row.detection_id):
            return False
        config = picturing.is_by(row, self.task.key)
        return config is not None and self.task.owns(config)

    def _vectors(self, seen: Facts, *, is_last_try: bool) -> Mapping[str, Numbers]:
        if not self.task.reads_vectors:
            return {}
        wanted = {
            each.id: each.vectors
            for each in terminal(seen.classifications)
            if each.vectors and self.only in (None, each.detection_id) and self.task.wants(each.algorithm)
        }
        try:
            found = vectors.read(list(wanted.values()))
        except SourceGone:
            if not is_last_try:
                raise
            self.missing += 1
            return {}
        return {each: (found[place].scores, found[place].logits) for each, place in wanted.items()}

    def write(self, looked: Sequence[Looked], proposed: Iterable[Proposed]) -> None:
        """Makes the task's rows of captures what is proposed, and counts. Nothing is written where that is so
        already; else the notes come first. Requests as `proposals.write`."""
        by_capture = self._by_capture(looked, proposed)
        told = self._told(looked)
        made = {each.capture.id: self._made(each, by_capture[each.capture.id], told) for each in looked}
        self.count("detections_flagged", sum(len({p.detection_id for p in by_capture[i]}) for i in made))
        changed = [each for each in made.values() if each.change]
        if changed:
            proposals.write(self.author.job_id, changed, self.pool)
        self._tally(looked, made, told)

    def _by_capture(
        self, looked: Sequence[Looked], proposed: Iterable[Proposed]
    ) -> dict[str, list[Proposed]]:
        home = {each.id: one.capture.id for one in looked for each in one.pictured.detections}
        found: dict[str, list[Proposed]] = {each.capture.id: [] for each in looked}
        for each in proposed:
            if each.detection_id in home:
                found[home[each.detection_id]].append(each)
        return found

    def _made(
        self, looked: Looked, proposed: Sequence[Proposed], told: proposals.Taken
    ) -> proposals.Proposed:
        now, capture_id, there = clock.now(), looked.capture.id, looked.present.results
        numbers = [_numbers(each) for each in proposed]
        blob = vectors.packed(capture_id, numbers, f"-{self.author.job_id}") if any(numbers) else None
        references = blob.references if blob else [None] * len(proposed)
        rows = [
            picturing.row_of(each, self.author, reference, now)
            for each, reference in zip(proposed, references, strict=True)
        ]
        change = own_rows.changed_by(there, rows, self._owns, told.get(capture_id, ()))
        return proposals.Proposed(capture_id, there, change, _needed(blob, change.put))

    def _told(self, looked: Sequence[Looked]) -> proposals.Taken:
        """What had to make room when this job was here before, if it was."""
        mine = self.author.job_id
        again = [
            each.capture.id
            for each in looked
            if self.is_repeat or any(row.job == mine for row in each.present.results.classifications)
        ]
        return proposals.taken(mine, again) if again else {}

    def _tally(
        self,
        looked: Sequence[Looked],
        made: Mapping[str, proposals.Proposed],
        told: proposals.Taken,
    ) -> None:
        """Counts what this job has changed by now, of these captures: also what it did when it was here
        before, and died."""
        total: Counter[str] = Counter()
        for each in looked:
            one = made[each.capture.id]
            old = own_rows.before(one.there, self.author.job_id, told.get(one.capture_id, ()))
            done = own_rows.counted(old, own_rows.after(one.there, one.change), each.present.settled)
            total.update(
                rows_written=done.rows_written,
                rows_removed=done.rows_removed,
                occurrences_updated=done.occurrences_updated,
            )
        for key, number in total.items():
            self.count(key, number)


def _numbers(each: Proposed) -> Vectors:
    scores, logits = each.scores, each.logits
    return Vectors(
        tuple(scores) if scores is not None else None, tuple(logits) if logits is not None else None
    )


def _needed(blob: Packed | None, put: Sequence[object]) -> Packed | None:
    """The blob, if a row that is written refers to it."""
    return blob if any(isinstance(each, Classification) and each.vectors for each in put) else None
