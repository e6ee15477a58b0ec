"""Every type of job there is.

The only module that knows both the room of jobs and the rooms whose work they do: a new type is a value of
its own room, and one more line here.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from chalicelib.auditing import job as auditing
from chalicelib.aws import clock, queues
from chalicelib.capture_sets import clearing, populating
from chalicelib.captures import clock_shift, copies, regeneration, sweeping
from chalicelib.detections import importing
from chalicelib.ingest import again
from chalicelib.jobs.job_type import JobType
from chalicelib.jobs.service import Jobs
from chalicelib.postprocessing import job as postprocessing
from chalicelib.postprocessing import undoing
from chalicelib.settings import Settings
from chalicelib.settling import regrouping
from chalicelib.syncing import job as syncing

TYPES: Mapping[str, JobType[Any]] = {
    each.key: each
    for each in (
        clock_shift.SHIFT,
        clock_shift.UNSHIFT,
        copies.APPLY,
        again.READ_AGAIN,
        regeneration.REGENERATE,
        sweeping.SWEEP,
        regrouping.REGROUP,
        syncing.SYNC,
        populating.POPULATE,
        clearing.DELETE,
        auditing.AUDIT,
        importing.SAVE,
        postprocessing.RUN,
        undoing.UNDO,
    )
}


def jobs(settings: Settings) -> Jobs:
    """Jobs of every type, with the queue that the settings name."""
    return Jobs(TYPES, clock.now, partial(queues.send, settings.jobs_queue_url))
