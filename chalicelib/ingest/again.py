"""Reading photographs again: those somebody names, or, as a job, all of a project that cannot be opened."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib import ids
from chalicelib.aws import queues, table
from chalicelib.captures import noted, reading
from chalicelib.errors import NotFound
from chalicelib.ingest.rules import read_again
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.settings import settings

_STAGE = "unreadable"
_PAGE = 100


def ask(capture_ids: Sequence[str], queue_url: str) -> int:
    """Has the objects of captures read anew; says of how many. One request of the table per hundred, one of
    the queue per ten. Raises NotFound, with nothing asked, if one of them is not there."""
    wanted = [ids.check("capture", each) for each in dict.fromkeys(capture_ids)]
    found = table.get_many(map(reading.wanted, wanted), consistent=True)
    there = {capture.id for capture in reading.among(found, wanted)}
    for each in wanted:
        if each not in there:
            raise NotFound(f"There is no capture with the id {each!r}.")
    _send(wanted, queue_url)
    return len(wanted)


class Unreadable(BaseModel):
    """Those of the job's deployment, or of all the project."""

    model_config = ConfigDict(extra="forbid")


def _ask_all(_: Unreadable, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    project_id, deployment_id = report.project_id, report.deployment_id
    total = cursor["total"] if cursor else noted.count("unreadable", project_id, deployment_id)
    after, met = (cursor["after"], cursor["met"]) if cursor else (None, 0)
    while True:
        captures, after = noted.page("unreadable", project_id, deployment_id, _PAGE, after)
        _send([capture.id for capture in captures], settings().ingest_queue_url)
        report.count(_STAGE, "asked", len(captures))
        met += len(captures)
        if after is None:
            return None
        report.progress(_STAGE, min(met / total, 0.99) if total else 0.5)
        if time_is_up():
            return {"total": total, "after": after, "met": met}


def _send(capture_ids: Sequence[str], queue_url: str) -> None:
    queues.send_many(queue_url, [json.dumps(read_again(each)) for each in capture_ids])


READ_AGAIN = JobType(
    key="read_again",
    label="Read unreadable photographs again",
    config=Unreadable,
    stages=(Stage("Ask for the unreadable again", _STAGE, params=(Param("Asked", "asked", 0),)),),
    step=_ask_all,
    is_startable=True,
)
