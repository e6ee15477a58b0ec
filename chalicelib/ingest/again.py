"""Reading photographs again: those somebody names, or, as a job, those that cannot be opened, or all."""

import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib import ids
from chalicelib.aws import queues, table
from chalicelib.captures import noted, reading, timeline
from chalicelib.deployments import service as deployments
from chalicelib.errors import NotFound
from chalicelib.ingest.rules import read_again
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.projects import service as projects
from chalicelib.settings import settings

_STAGE = "ask"
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


class Which(BaseModel):
    """Of the job's deployment, or of all the project: those that cannot be opened, or all of them."""

    model_config = ConfigDict(extra="forbid")

    all: bool = False


def _ask_all(config: Which, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    total = cursor["total"] if cursor else _total(config, report)
    after, met = (cursor["after"], cursor["met"]) if cursor else (None, 0)
    while True:
        capture_ids, after = _page(config, report, after)
        _send(capture_ids, settings().ingest_queue_url)
        report.count(_STAGE, "asked", len(capture_ids))
        met += len(capture_ids)
        if after is None:
            return None
        report.met(_STAGE, met, total)
        if time_is_up():
            return {"total": total, "after": after, "met": met}


def _page(config: Which, report: Report, after: str | None) -> tuple[list[str], str | None]:
    if not config.all:
        found, after = noted.page("unreadable", report.project_id, report.deployment_id, _PAGE, after)
        return [capture.id for capture in found], after
    span = timeline.Span(report.project_id, report.deployment_id)
    captures = timeline.page(span, "timestamp", _PAGE, after)
    is_last = len(captures) < _PAGE
    return [each.id for each in captures], None if is_last else timeline.position(captures[-1])


def _total(config: Which, report: Report) -> int | None:
    if not config.all:
        return noted.count("unreadable", report.project_id, report.deployment_id)
    if report.deployment_id:
        return deployments.find(report.deployment_id).counts.captures_count
    return projects.find(report.project_id).counts.captures_count


def _send(capture_ids: Sequence[str], queue_url: str) -> None:
    queues.send_many(queue_url, [json.dumps(read_again(each)) for each in capture_ids])


READ_AGAIN = JobType(
    key="read_again",
    label="Read photographs again",
    config=Which,
    stages=(Stage("Ask for photographs to be read again", _STAGE, params=(Param("Asked", "asked", 0),)),),
    step=_ask_all,
    is_startable=True,
)
