"""How far something long is: a bar in a terminal, a line now and then in a log."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

PLAIN_LINE_SECONDS = 10.0


class Steps:
    """Shows how many of `total` are done. The bar goes when it has ended."""

    def __init__(self, console: Console, what: str, total: int) -> None:
        self._console, self._what, self._total = console, what, total
        columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._bar.add_task("", total=total)
        self._last = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def tell(self, done: int) -> None:
        """So many are done."""
        self._bar.update(self._task, completed=done)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last >= PLAIN_LINE_SECONDS:
            self._last = now
            self._console.print(f"{self._what}: {done:,} of {self._total:,}")
