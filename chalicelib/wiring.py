"""Where everything is put together: the handlers' work with its clock, settings and queues."""

import json
from functools import cache
from typing import TYPE_CHECKING

from chalicelib.aws import clock, queues
from chalicelib.settings import settings
from chalicelib.settling.rules import Owner
from chalicelib.settling.service import Settling

if TYPE_CHECKING:
    from chalicelib.ingest.service import Ingest


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
