"""EventBridge schedule -> function."""

import logging
import time
import uuid
from datetime import UTC, datetime

from localstack.embedded.invocation import Event, Function
from localstack.embedded.pump import Pump
from localstack.embedded.template import ACCOUNT, REGION

log = logging.getLogger("nightjar.embedded")

POLL_SECONDS = 0.5


class SchedulePump(Pump):
    """Calls a function at once and then every `seconds`, never twice at the same time."""

    def __init__(self, function: Function, seconds: float) -> None:
        super().__init__(f"{function.name} schedule pump")
        self._function = function
        self._seconds = seconds
        self._next = 0.0  # of time.monotonic(): the first is due

    def turn(self) -> None:
        now = time.monotonic()
        if now < self._next:
            self.stopping.wait(min(POLL_SECONDS, self._next - now))
            return
        self._next = now + self._seconds
        with self.working():
            try:
                self._function(scheduled_event(self._function.name, datetime.now(UTC)))
            except Exception:  # the edge: the next call comes whatever became of this one
                log.exception("%s failed", self._function.name)


def scheduled_event(rule: str, at: datetime) -> Event:
    """The event EventBridge sends on a schedule."""
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Scheduled Event",
        "source": "aws.events",
        "account": ACCOUNT,
        "time": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": REGION,
        "resources": [f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{rule}"],
        "detail": {},
    }
