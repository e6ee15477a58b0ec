"""Counts what is asked: of DynamoDB every request that leaves, retries included, and its capacity units; of
S3 every request."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from chalicelib.aws.table import Row


@dataclass
class Meter:
    """Requests by operation, and the units they took, between `with` and its end."""

    requests: Counter[str] = field(default_factory=Counter)
    units: float = 0.0

    @property
    def total(self) -> int:
        """All requests."""
        return self.requests.total()

    def __enter__(self) -> "Meter":
        self._events = Row._get_connection().connection.client.meta.events
        self._events.register("before-send.dynamodb", self._sent)
        self._events.register("after-call.dynamodb", self._answered)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister("before-send.dynamodb", self._sent)
        self._events.unregister("after-call.dynamodb", self._answered)

    def _sent(self, event_name: str, **_: Any) -> None:
        self.requests[event_name.rpartition(".")[2]] += 1

    def _answered(self, parsed: dict[str, Any], **_: Any) -> None:
        consumed = parsed.get("ConsumedCapacity", [])
        for each in consumed if isinstance(consumed, list) else [consumed]:
            self.units += each.get("CapacityUnits", 0.0)


@contextmanager
def asked_of_s3() -> Iterator[list[str]]:
    """The requests of S3 that the service makes between `with` and its end, by name."""
    from chalicelib.aws import objects

    sent: list[str] = []

    def note(event_name: str, **_: Any) -> None:
        sent.append(event_name.rpartition(".")[2])

    clients = [objects._client(), objects._client(attempts=1)]
    for client in clients:
        client.meta.events.register("before-send.s3", note)
    yield sent
    for client in clients:
        client.meta.events.unregister("before-send.s3", note)
