"""How a function is called here: with an event, and a context that knows how much time is left."""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]
Handler = Callable[[Event, Any], Any]


@dataclass(frozen=True)
class LambdaContext:
    """As much of AWS Lambda's context object as functions use."""

    function_name: str
    timeout_seconds: float
    memory_limit_in_mb: int = 1024
    function_version: str = "$LATEST"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started: float = field(default_factory=time.monotonic)

    def get_remaining_time_in_millis(self) -> int:
        """What is left of the function's time; nothing here enforces it."""
        left = self.timeout_seconds - (time.monotonic() - self.started)
        return max(0, int(left * 1000))


@dataclass(frozen=True)
class Function:
    """A handler by name, as it would be deployed."""

    name: str
    handler: Handler
    timeout_seconds: float = 60.0

    def __call__(self, event: Event) -> Any:
        return self.handler(event, LambdaContext(self.name, self.timeout_seconds))


def failed_items(answer: Any) -> list[Any]:
    """The identifiers in a handler's `batchItemFailures`; none for any other answer."""
    failures = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return [failure.get("itemIdentifier") for failure in failures or []]
