"""Counts what is asked of DynamoDB: every request that leaves, retries included, and its capacity units."""

from collections import Counter
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
