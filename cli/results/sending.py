"""Sending results of captures, in batches a server takes at once and tells each one's outcome of."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any

from cli.client import CallError, Client, path_segment
from cli.results.bodies import Bodies, Body, boxes_of
from cli.results.images import ImageResult
from cli.results.report import Fate, Row
from cli.wording import shown

BATCHES_AT_A_TIME = 4
CAPTURES_AT_ONCE = 50
BOXES_AT_ONCE = 2_000
BYTES_AT_ONCE = 900_000
"""Of a request: a server takes a million."""

REFUSED_IN_A_ROW = 20
"""After so many captures that the server refused one by one, the rest is not tried."""

_UNFIT = frozenset({400, 409, 413, 422})


@dataclass(frozen=True, slots=True)
class Item:
    """A picture that has a capture, and the row in which is told what becomes of it."""

    image: ImageResult
    row: Row


@dataclass(frozen=True, slots=True)
class _Ready:
    item: Item
    body: Body
    size: int


class Refused(CallError):
    """The server takes none of this file's results."""


class Sender:
    """Sends items, and writes into their rows what became of them."""

    def __init__(self, client: Client, project_id: str, bodies: Bodies) -> None:
        self._client = client
        self._path = f"projects/{path_segment(project_id)}/results"
        self._bodies = bodies
        self._refused = 0

    def send(self, items: Iterable[Item], tell: Callable[[int], None]) -> None:
        """Sends all; `tell` is told how many are done. What is there already is not written again.

        The first batch goes alone: it makes the algorithms, and shows whether anything is taken at all.
        Raises CallError when the server cannot be reached or takes no more: the rest is not sent. Then, and
        on KeyboardInterrupt, what is under way still comes to its end, and is told.
        """
        done = 0
        under_way: set[Future[int]] = set()

        def settle(until: int) -> None:
            nonlocal done, under_way
            while len(under_way) > until:
                ended, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                done += sum(each.result() for each in ended)
                tell(done)

        with ThreadPoolExecutor(BATCHES_AT_A_TIME) as pool:
            try:
                for batch in self._batches(items):
                    settle(BATCHES_AT_A_TIME - 1 if done else 0)
                    under_way.add(pool.submit(self._send, batch))
                settle(0)
            except KeyboardInterrupt:
                self._client.stop()  # it would else wait, and try again
                raise

    def _batches(self, items: Iterable[Item]) -> Iterator[list[_Ready]]:
        batch: list[_Ready] = []
        boxes = size = 0
        for item in items:
            ready = self._ready(item)
            more = boxes_of(ready.body)
            full = len(batch) == CAPTURES_AT_ONCE
            if batch and (full or boxes + more > BOXES_AT_ONCE or size + ready.size > BYTES_AT_ONCE):
                yield batch
                batch, boxes, size = [], 0, 0
            batch.append(ready)
            boxes += more
            size += ready.size
        if batch:
            yield batch

    def _ready(self, item: Item) -> _Ready:
        body = self._bodies.of(item.image, item.row.capture_id)
        return _Ready(item, body, len(json.dumps(body)) + 2)

    def _send(self, batch: Sequence[_Ready]) -> int:
        """Returns how many were sent. A batch refused as a whole is halved until it is known which are
        refused. Raises CallError."""
        body = {"algorithms": self._bodies.algorithms, "captures": [each.body for each in batch]}
        try:
            # Saying the same twice is harmless: what is there is not written again.
            answers = _results(self._client.post(self._path, body, repeatable=True), batch)
        except CallError as error:
            if error.status not in _UNFIT:
                raise
            self._halve(batch, error)
        else:
            self._refused = 0
            for each, answer in zip(batch, answers, strict=True):
                _tell(each, answer)
        return len(batch)

    def _halve(self, batch: Sequence[_Ready], error: CallError) -> None:
        """Raises CallError."""
        if len(batch) > 1:
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
            return
        row = batch[0].item.row
        row.fate, row.reason = Fate.FAILED, _joined(str(error), row.reason)
        self._refused += 1
        if self._refused >= REFUSED_IN_A_ROW:
            raise Refused(str(error), error.status)


def _results(answer: dict[str, Any], batch: Sequence[_Ready]) -> list[dict[str, Any]]:
    """Raises CallError if the answer is not about these captures."""
    found = answer.get("results")
    wanted = [each.body["capture_id"] for each in batch]
    if not isinstance(found, list) or [_field(each, "capture_id") for each in found] != wanted:
        raise CallError("the server's answer does not tell what became of the captures: is it up to date?")
    return found


def _field(answer: object, name: str) -> object:
    return answer.get(name) if isinstance(answer, dict) else None


def _tell(ready: _Ready, answer: dict[str, Any]) -> None:
    row = ready.item.row
    if answer.get("status") != "saved":
        row.fate, row.reason = Fate.FAILED, _joined(str(answer.get("error") or "not saved"), row.reason)
        return
    row.detections = boxes_of(ready.body)
    if not answer.get("written") and not answer.get("removed"):
        row.fate = Fate.UNCHANGED
    else:
        row.fate = Fate.IMPORTED if row.detections else Fate.EMPTY


def _joined(*parts: str) -> str:
    return " ".join(shown(part) for part in parts if part)
