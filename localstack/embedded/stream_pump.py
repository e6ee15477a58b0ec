"""DynamoDB stream -> function, as an event source mapping with a parallelization factor does it."""

import json
import logging
import queue
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from localstack.embedded.delivery import RETRIES, Delivery, Record
from localstack.embedded.files import write_whole
from localstack.embedded.invocation import Function
from localstack.embedded.pump import STOP_SECONDS, Pump
from localstack.embedded.shards import Shards
from localstack.embedded.stream_records import lambda_record

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient

log = logging.getLogger("nightjar.embedded")

BATCH = 100
FIRST_REST_SECONDS = 0.1  # reading takes the table's time and ours, and records are gathered anyway
LONGEST_REST_SECONDS = 0.25
READ_AHEAD = 1000  # records a lane may hold before reading waits for it

Item = tuple[str, Record]
"""A record and the shard it came from."""

GiveUp = Callable[[Record, str, int], None]
"""Called with a record, its shard and how often it was tried."""


class StreamPump(Pump):
    """Hands a table's changes to a function, each partition key's in order.

    Reading starts at the oldest record. Records go to `lanes` by their partition key; a lane calls the
    function with what has gathered within `window` seconds, at most 100 records, one call at a time.
    With `place`, a file, the next run goes on where this one ended; it is written whenever everything
    read has been handled, so some records may come twice, none is left out.
    """

    def __init__(
        self,
        streams: "DynamoDBStreamsClient",
        stream_arn: str,
        function: Function,
        give_up: GiveUp,
        *,
        lanes: int = 1,
        retries: int = RETRIES,
        window: float = 0.0,
        place: Path | None = None,
    ) -> None:
        super().__init__(f"{function.name} stream pump")
        self.empty_rounds = 0
        """How often a whole round of reading found nothing."""
        self._place = place
        self._noted = _noted_places(place, stream_arn)
        self._shards = Shards(streams, stream_arn, self._noted)
        self._rest = FIRST_REST_SECONDS
        self._lanes = [_Lane(self, number, function, give_up, retries, window) for number in range(lanes)]

    def start(self) -> None:
        for lane in self._lanes:
            lane.start()
        super().start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        super().stop(timeout)
        for lane in self._lanes:
            lane.stop(timeout)
        self._note_place()

    def turn(self) -> None:
        found = 0
        for shard, records in self._shards.read():
            found += len(records)
            self.began(len(records))
            for record in records:
                self._dispatch(shard, lambda_record(dict(record), self._shards.stream_arn))
        if found >= BATCH:
            return
        if found:
            self._rest = FIRST_REST_SECONDS
        else:
            self.empty_rounds += 1
            self._note_place()
        self.stopping.wait(self._rest)
        self._rest = min(self._rest * 1.5, LONGEST_REST_SECONDS)

    def _dispatch(self, shard: str, record: Record) -> None:
        lane = self._lanes[zlib.crc32(_partition(record)) % len(self._lanes)]
        while not self.stopping.is_set():
            try:
                lane.waiting.put((shard, record), timeout=0.5)
            except queue.Full:
                continue
            return

    def _note_place(self) -> None:
        """Notes how far everything was handled; says nothing while a record is still on its way."""
        places = self._shards.places()
        if self._place is None or self.busy or places == self._noted:
            return
        write_whole(self._place, json.dumps({"stream": self._shards.stream_arn, "shards": places}).encode())
        self._noted = places


class _Lane(Pump):
    """The records of some partition keys, delivered one batch after another."""

    def __init__(
        self,
        pump: StreamPump,
        number: int,
        function: Function,
        give_up: GiveUp,
        retries: int,
        window: float,
    ) -> None:
        super().__init__(f"{function.name} lane {number}")
        self.waiting: queue.Queue[Item] = queue.Queue(READ_AHEAD)
        self._pump = pump
        self._shard_of: dict[str, str] = {}
        self._give_up = give_up
        self._window = window
        self._delivery = Delivery(function, self._abandon, self.stopping.wait, retries)

    def turn(self) -> None:
        items = self._gather()
        if not items:
            return
        self._shard_of = {record["dynamodb"]["SequenceNumber"]: shard for shard, record in items}
        if self._delivery.deliver([record for _, record in items]):
            self._pump.ended(len(items))  # else they stay counted: their place must not be noted

    def _gather(self) -> list[Item]:
        items: list[Item] = []
        try:
            items.append(self.waiting.get(timeout=0.5))
            until = time.monotonic() + self._window
            while len(items) < BATCH:
                left = 0.0 if self.stopping.is_set() else until - time.monotonic()
                items.append(self.waiting.get(left > 0, max(left, 0.0)))
        except queue.Empty:
            pass  # that is all there is for now
        return items

    def _abandon(self, record: Record, tries: int) -> None:
        log.error("a stream record is given up after %d tries: %s", tries, record["dynamodb"]["Keys"])
        self._give_up(record, self._shard_of[record["dynamodb"]["SequenceNumber"]], tries)


def _partition(record: Record) -> bytes:
    keys = record["dynamodb"]["Keys"]
    return json.dumps(keys.get("pk", keys), sort_keys=True).encode()


def _noted_places(place: Path | None, stream_arn: str) -> dict[str, str]:
    if place is None or not place.exists():
        return {}
    noted = json.loads(place.read_bytes())
    if noted["stream"] != stream_arn:  # another table now
        return {}
    return dict(noted["shards"])
