"""Where everything is put together: the handlers' work with its clock, settings and queues."""

import json
import logging
import time
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.auditing.nightly import Nightly
from chalicelib.aws import clock
from chalicelib.captures.tidying import Tidying
from chalicelib.failures.service import Failing
from chalicelib.jobs.rules import STEP
from chalicelib.jobs.types import jobs
from chalicelib.jobs.working import Working
from chalicelib.settings import settings
from chalicelib.settling import regrouping
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
def failing() -> Failing:
    """What keeps the failures of ingest, as this function runs it."""
    return Failing(settings(), clock.now)


@cache
def settling() -> Settling:
    """Settling, as this function runs it."""
    return Settling(clock.now, _defer)


def _defer(owner: Owner) -> None:
    regrouping.ensure(jobs(settings()), owner)


@cache
def working() -> Working:
    """Working on jobs, as this function runs it."""
    return Working(jobs(settings()))


def step(message: str, seconds_left: float) -> None:
    """Does what a message of the jobs queue asks for: a step of a job."""
    asked = json.loads(message)
    end = time.monotonic() + min(STEP.total_seconds(), seconds_left * 2 / 3)
    working().step(asked["job"], asked["step"], lambda: time.monotonic() >= end)


def watch() -> None:
    """Takes up what was left behind: marks nobody has settled, messages nobody could process, jobs that show
    no sign of life, captures nobody has cleared up after. Once a night it has some counters audited.

    Each duty is done whatever becomes of the others; the first fault is raised at the end, to be seen.
    """
    tidying, nightly = Tidying(settings().shelf, clock.now), Nightly(jobs(settings()), clock.now)
    faults = []
    for duty in (settling().overdue, failing().collect, working().overdue, tidying.overdue, nightly.sample):
        try:
            duty()
        except Exception as fault:
            log.exception("the watch could not finish %s", duty.__qualname__)
            faults.append(fault)
    if faults:
        raise faults[0]
