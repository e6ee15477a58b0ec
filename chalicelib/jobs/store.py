"""Jobs in the table, and the notes of which are queued or running.

Every change is a write of the whole job, refused unless the job is still as it was read. The note is put and
taken away in the same transaction that lets a job begin or end: so the watch finds it without a scan, and of
the jobs with one slot only one can run.
"""

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, cast

from pynamodb.attributes import JSONAttribute, MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row, instant
from chalicelib.jobs import logs
from chalicelib.jobs.logs import Line
from chalicelib.jobs.rules import Job
from chalicelib.jobs.stages import Param, Stage

Note = Callable[[TransactWrite], None]

_WATCHED = 10_000
"""How many queued and running jobs the watch looks at in one run."""


class JobRow(Row):
    """A job. `facts` (status, type_key, deployment_id) are what lists are filtered by: `by_owner` carries
    them, so what does not fit is not read. A step leaves them as they are, so it writes no index."""

    facts: MapAttribute[str, Any] = MapAttribute(null=True)
    name = UnicodeAttribute()
    slot = UnicodeAttribute()
    config = JSONAttribute()
    stages = JSONAttribute()
    cursor = JSONAttribute(null=True)
    step = NumberAttribute()
    created_at = Instant()
    updated_at = Instant()
    started_at = Instant(null=True)
    started_from = JSONAttribute(null=True)
    finished_at = Instant(null=True)
    heartbeat = Instant(null=True)
    sent_at = Instant(null=True)
    worker = UnicodeAttribute(null=True)
    leased_until = Instant(null=True)
    tries = NumberAttribute()
    resent = NumberAttribute()
    reason = UnicodeAttribute(null=True)
    undoes = UnicodeAttribute(null=True)
    undone_by = UnicodeAttribute(null=True)
    stamp = UnicodeAttribute()


class RunningRow(Row):
    """The note that `job` is queued or running, and has its slot."""

    job = UnicodeAttribute()


def get(job_id: str) -> Job | None:
    """The job of that id, or None, read consistently. One request."""
    row = table.get(JobRow, keys.job(job_id), consistent=True)
    return job_of(row) if row else None


def change(before: Job | None, after: Job, lines: Sequence[Line] = (), new: Job | None = None) -> Job | None:
    """Writes what became of a job (a new one, where there was none before), with log lines and with a `new`
    job that follows from it; all of it or nothing. Returns it as it was written.

    None if the job is no longer as it was before, or if another has the slot of one that is to be queued. One
    request: a transaction only where more than the job's own row is written.
    """
    written = replace(after, stamp=secrets.token_hex(8))
    notes = [*_notes(before, after), *([_making(new), *_notes(None, new)] if new else [])]
    notes += [logs.noted(after.id, line) for line in lines]
    row, unseen = _row(written), _unseen(before, written)

    def write_all() -> None:
        with table.transaction() as writing:
            writing.save(row, condition=unseen)
            for note in notes:
                note(writing)

    return written if table.accepted(write_all if notes else lambda: row.save(unseen)) else None


def add(new: Sequence[Job]) -> bool:
    """Writes new jobs, up to fifty, all or none; False if one of them has the slot of another. One
    request."""
    notes = [note for job in new for note in (_making(job), *_notes(None, job))]

    def write_all() -> None:
        with table.transaction() as writing:
            for note in notes:
                note(writing)

    return table.accepted(write_all)


def holder(slot: str) -> str | None:
    """The id of the job that has a slot, read consistently. One request."""
    row = table.get(RunningRow, keys.running(slot), consistent=True)
    return row.job if row else None


def running() -> Iterator[Job]:
    """The jobs that are queued or running, the oldest first. Two requests per hundred."""
    rows = table.query(
        RunningRow, keys.RUNNING_JOBS, RunningRow.rank < keys.LAST, index=keys.BY_OWNER, limit=_WATCHED
    )
    job_ids = [(row.rank or "").rpartition("#")[2] for row in rows]
    found = table.get_many([(JobRow, keys.job(each)) for each in job_ids], consistent=True)
    for each in job_ids:
        if keys.job(each) in found:
            yield job_of(found[keys.job(each)])


def job_of(row: Any) -> Job:
    """The job a row holds."""
    facts = row.facts.as_dict()
    return Job(
        id=row.pk.removeprefix(keys.JOBS),
        project_id=row.owner.removeprefix("PROJECT#"),
        deployment_id=facts.get("deployment_id"),
        type_key=facts["type_key"],
        status=facts["status"],
        name=row.name,
        slot=row.slot,
        config=row.config,
        stages=tuple(_stage(each) for each in row.stages),
        step=int(row.step),
        cursor=row.cursor,
        created_at=row.created_at,
        updated_at=row.updated_at,
        started_at=row.started_at,
        started_from=row.started_from or 0.0,
        finished_at=row.finished_at,
        heartbeat=row.heartbeat,
        sent_at=row.sent_at,
        worker=row.worker,
        leased_until=row.leased_until,
        tries=int(row.tries),
        resent=int(row.resent),
        reason=row.reason,
        undoes=row.undoes,
        undone_by=row.undone_by,
        stamp=row.stamp,
    )


def _row(job: Job) -> JobRow:
    facts = {"status": job.status, "type_key": job.type_key, "deployment_id": job.deployment_id}
    return JobRow(
        *keys.job(job.id),
        owner=keys.project(job.project_id)[0],
        rank=keys.job_rank(job.id, instant(job.created_at)),
        facts={name: value for name, value in facts.items() if value is not None},
        name=job.name,
        slot=job.slot,
        config=dict(job.config),
        stages=[asdict(each) for each in job.stages],
        cursor=job.cursor,
        step=job.step,
        created_at=job.created_at,
        updated_at=job.updated_at,
        started_at=job.started_at,
        started_from=job.started_from or None,
        finished_at=job.finished_at,
        heartbeat=job.heartbeat,
        sent_at=job.sent_at,
        worker=job.worker,
        leased_until=job.leased_until,
        tries=job.tries,
        resent=job.resent,
        reason=job.reason,
        undoes=job.undoes,
        undone_by=job.undone_by,
        stamp=job.stamp,
    )


def _stage(values: Mapping[str, Any]) -> Stage:
    return Stage(**{**values, "params": tuple(Param(**each) for each in values["params"])})


def _unseen(before: Job | None, written: Job) -> Condition:
    # With my own stamp it is as it was, too: the answer to this very request was lost, and it came twice.
    as_it_was = JobRow.stamp == before.stamp if before else JobRow.pk.does_not_exist()
    return cast("Condition", as_it_was | (JobRow.stamp == written.stamp))


def _making(job: Job) -> Note:
    row = _row(replace(job, stamp=secrets.token_hex(8)))
    return lambda writing: writing.save(row, condition=JobRow.pk.does_not_exist())


def _notes(before: Job | None, after: Job) -> list[Note]:
    """What keeps the list of queued and running jobs true: nothing, where nothing changes for it."""
    was = before is not None and before.is_running
    if was == after.is_running:
        return []
    pk, sk = keys.running(after.slot)
    if was:
        gone = RunningRow(pk, sk)
        return [lambda writing: writing.delete(gone)]
    rank = f"{instant(after.created_at)}#{after.id}"
    row = RunningRow(pk, sk, owner=keys.RUNNING_JOBS, rank=rank, job=after.id)
    return [lambda writing: writing.save(row, condition=RunningRow.pk.does_not_exist())]
