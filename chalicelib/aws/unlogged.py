"""Requests of which nothing is logged, not even where somebody has turned on boto's debug log: it writes
down parameters, headers and answers, and these hold secrets."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_LOUD = ("botocore", "boto3", "urllib3")
_here = threading.local()


def _speaks(record: logging.LogRecord) -> bool:  # noqa: ARG001
    return not getattr(_here, "silent", False)


@contextmanager
def unlogged() -> Iterator[None]:
    """What this thread does within leaves no trace in the logs of boto and urllib3."""
    # A filter of a logger does not hold for those below it, so each gets its own. Adding it twice is once.
    for name in list(logging.root.manager.loggerDict):
        if name.partition(".")[0] in _LOUD:
            logging.getLogger(name).addFilter(_speaks)
    before = getattr(_here, "silent", False)
    _here.silent = True
    try:
        yield
    finally:
        _here.silent = before
