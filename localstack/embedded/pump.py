"""What all pumps share: threads that take turns until stopped, and word of whether anything goes on."""

import logging
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

log = logging.getLogger("nightjar.embedded")

STOP_SECONDS = 30.0
"""How long stopping waits for running handlers: a batch of ten large photographs may take as long."""
RECOVERY_SECONDS = 1.0
"""How long a thread rests after a turn that failed, for example because an engine did not answer."""


class Pump(ABC):
    """Threads that call `turn` again and again.

    `progress` counts whatever begins or ends; two equal readings with `busy` at 0 between them mean
    that nothing went on meanwhile.
    """

    def __init__(self, name: str, threads: int = 1) -> None:
        self.name = name
        self.stopping = threading.Event()
        self.progress = 0
        self.busy = 0
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._run, name=f"{name}-{number}", daemon=True)
            for number in range(threads)
        ]

    @abstractmethod
    def turn(self) -> None:
        """One step of one thread. Must return within about a second when there is nothing to do."""

    def start(self) -> None:
        """Starts the threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Takes nothing new on and lets running handlers finish, for `timeout` seconds at most."""
        self.stopping.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(timeout)
            if thread.is_alive():
                log.warning("%s is still running and is left behind", thread.name)

    @contextmanager
    def working(self, amount: int = 1) -> Iterator[None]:
        """Counts as busy while inside."""
        self.began(amount)
        try:
            yield
        finally:
            self.ended(amount)

    def began(self, amount: int = 1) -> None:
        """Something to do has come in."""
        with self._lock:
            self.busy += amount
            self.progress += 1

    def ended(self, amount: int = 1) -> None:
        """It is done."""
        with self._lock:
            self.busy -= amount
            self.progress += 1

    def _run(self) -> None:
        while not self.stopping.is_set():
            try:
                self.turn()
            except Exception:  # the edge: a pump must outlive whatever an engine does
                log.exception("%s stumbled and goes on", self.name)
                self.stopping.wait(RECOVERY_SECONDS)
