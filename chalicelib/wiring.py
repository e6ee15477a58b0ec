"""Where everything is put together: the handlers' work with its clock, settings and queues."""

import json
import logging
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.aws import clock, queues
from chalicelib.captures.tidying import Tidying
from chalicelib.settings import settings
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling

if TYPE_CHECKING:
    from chalicelib.ingest.service import Ingest

log = logging.getLogger("nightjar")


@cache
def ingest() -> "Ingest":
    """Ingest, as this function runs it. Only here are photographs opened, and what that takes imported."""
    from chalicelib.ingest.service import Ingest

    return Ingest(settings(), clock.now)


@cache
def settling() -> Settling:
    """Settling, as this function runs it."""
    return Settling(clock.now, _defer)


def _defer(owner: Owner) -> None:
    queues.send(settings().jobs_queue_url, {"settle": owner.pk})


def step(message: str) -> None:
    """Does what a message of the jobs queue asks for."""
    settling().deferred(Owner.of(json.loads(message)["settle"]))


def watch() -> None:
    """Takes up what was left behind: marks nobody has settled, captures nobody has cleared up after.

    Each duty is done whatever becomes of the others; the first fault is raised at the end, to be seen.
    """
    tidying = Tidying(settings().thumbnails_bucket, clock.now)
    faults = []
    for duty in (settling().overdue, tidying.overdue):
        try:
            duty()
        except Exception as fault:
            log.exception("the watch could not finish %s", duty.__qualname__)
            faults.append(fault)
    if faults:
        raise faults[0]
