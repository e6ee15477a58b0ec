"""A type of job: saving results of more captures than are taken at once. What was sent waits in S3."""

import secrets
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.aws import clock, objects
from chalicelib.detections import service
from chalicelib.detections.schemas import BatchBody, CaptureResults
from chalicelib.errors import Invalid
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.settings import settings

KEY = "save_results"
_STAGE = "results"
_PIECE = 50
_TOLD = 200
"""So many failures are told one by one; all are counted."""
_MOST_BYTES = 64 * 1024 * 1024


class Sent(BaseModel):
    """Where what was sent waits."""

    model_config = ConfigDict(extra="forbid")

    key: str


def keep(body: BatchBody) -> str:
    """Keeps what was sent until a job takes it; returns its key. One S3 request. Raises StorageFault."""
    key = f"reports/results-{secrets.token_hex(12)}.json"
    objects.write(settings().thumbnails_bucket, key, body.model_dump_json().encode(), "application/json")
    return key


def _step(config: Sent, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    results, at = _sent(config.key).captures, int(cursor or 0)
    while at < len(results):
        _take(results[at : at + _PIECE], report)
        at += _PIECE
        report.progress(_STAGE, min(at / len(results), 0.99))
        if time_is_up():
            return at
    objects.delete(settings().thumbnails_bucket, [config.key])
    return None


def _sent(key: str) -> BatchBody:
    stored = objects.read(settings().thumbnails_bucket, key, _MOST_BYTES)
    if stored.data is None:
        raise Invalid("What was sent is larger than can be taken.")
    return BatchBody.model_validate_json(stored.data)


def _take(piece: list[CaptureResults], report: Report) -> None:
    for each in service.save(report.project_id, piece, clock.now(), report.job_id):
        report.count(_STAGE, "captures_failed" if each.error else "captures_saved")
        report.count(_STAGE, "rows_written", each.written)
        report.count(_STAGE, "rows_removed", each.removed)
        if each.error:
            report.log("WARNING", f"{each.capture_id[:80]}: {each.error}")


SAVE = JobType(
    key=KEY,
    label="Save results",
    config=Sent,
    stages=(
        Stage(
            "Save results",
            _STAGE,
            params=(
                Param("Captures saved", "captures_saved", 0),
                Param("Captures failed", "captures_failed", 0),
                Param("Rows written", "rows_written", 0),
                Param("Rows removed", "rows_removed", 0),
            ),
        ),
    ),
    step=_step,
    undo=lambda job: ("undo_post_processing", {"job": job.id}),
)
