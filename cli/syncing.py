"""`nightjar sync`: a station, or all stations of a project, held against the buckets they are taken from."""

import re
import sys
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from cli import wording
from cli.client import CallError, Client, path_segment
from cli.connecting import CannotBegin, cannot_begin, client_of, connected
from cli.following import Job, counts_of, follow, succeeded, where
from cli.saving import save, target_of
from cli.wording import many, shown

_POLICIES = ("keep", "mark", "delete")
_FATES = ("new", "changed", "unchanged", "missing", "skipped", "failed", "undated")
_CONNECT = "POST /api/v2/storage makes one, PATCH /api/v2/deployments/ID with its id as data_source links it."


@click.command()
@click.argument("deployment_id", metavar="[DEPLOYMENT]", required=False)
@click.option("--project", "project_id", metavar="ID", help="All its stations that have a data source.")
@click.option(
    "--missing",
    type=click.Choice(_POLICIES),
    default="keep",
    show_default=True,
    help="What becomes of captures whose objects are no longer there.",
)
@click.option("--yes", is_flag=True, help="Do not ask before captures are deleted.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="FILE.csv",
    help="Write what became of every object.",
)
@click.option("--no-wait", is_flag=True, help="Start it, and do not follow it.")
@connected
def sync(
    deployment_id: str | None,
    project_id: str | None,
    missing: str,
    yes: bool,
    report: Path | None,
    no_wait: bool,
    server: str,
    token: str,
) -> None:
    """Take in what is new or has changed in a station's data source, the bucket it is taken from.

    Of the station DEPLOYMENT, or with --project of all its stations that have one.
    Exit code: 0 all well, 1 some failed, 2 could not begin, 130 no longer followed.
    """
    if bool(deployment_id) == bool(project_id):
        raise CannotBegin("Name a station, or a project with --project: one of the two.")
    if report and (project_id or no_wait):
        raise CannotBegin("A report is of one station, when its sync has ended: no --project, no --no-wait.")
    client, console = client_of(server, token), wording.console()
    target = target_of(report) if report else None
    if missing == "delete" and not yes:
        _confirm()
    try:
        if project_id:
            well = _project(client, project_id, missing, no_wait, console)
        else:
            well = _station(client, deployment_id or "", missing, no_wait, target, console)
    except KeyboardInterrupt:
        console.print("Stopped here; what was started goes on.")
        raise SystemExit(130) from None
    if not well:
        raise SystemExit(1)


def _confirm() -> None:
    """Has somebody say that captures may be deleted. Raises CannotBegin unless they do."""
    told = "Captures of objects that are no longer in the bucket are deleted for good"
    if not sys.stdin.isatty():
        raise CannotBegin(f"{told}: say --yes.")
    try:
        click.confirm(f"{told}. Go on?", abort=True, err=True)
    except click.Abort:
        raise CannotBegin("Nothing was started, nothing is deleted.") from None


def _station(
    client: Client, deployment_id: str, missing: str, no_wait: bool, target: Path | None, console: Console
) -> bool:
    """Syncs a station; says whether all went well. Raises CannotBegin, ClickException."""
    try:
        answer = client.post(f"deployments/{path_segment(deployment_id)}/sync", {"missing": missing})
        job_id = shown(str(answer["job_id"]))
    except (CallError, KeyError) as error:
        raise _refused(client, error, deployment_id) from error
    if no_wait:
        console.print(Text(f"Started: {job_id}. {where(client, job_id)}"), soft_wrap=True)
        return True
    well = _tell(client, follow(client, job_id, console), console, has_report=bool(target))
    if target:
        save(client, job_id, target)
        console.print(Text(f"What became of every object: {shown(str(target))}"), soft_wrap=True)
    return well


def _project(client: Client, project_id: str, missing: str, no_wait: bool, console: Console) -> bool:
    """Syncs a project's stations; says whether all went well. Raises CannotBegin, ClickException."""
    try:
        path = f"deployments/sync-all?project_id={path_segment(project_id)}"
        answer = client.post(path, {"missing": missing})
        job_ids, running = [shown(str(each)) for each in answer["job_ids"]], list(answer["running"])
    except (CallError, KeyError) as error:
        raise _refused(client, error) from error
    listed = f"`nightjar jobs list --project {shown(project_id)} --type data_storage_sync` lists them."
    if running:
        console.print(Text(f"Being synced already: {_names(client, project_id, running)}."), soft_wrap=True)
    if not job_ids:
        none_connected = f"No station of this project has a data source. {_CONNECT}"
        raise CannotBegin(f"Nothing was started. {listed}" if running else none_connected)
    which = f": {', '.join(job_ids)}" if no_wait else ""
    console.print(Text(f"{many(len(job_ids), 'sync')} started{which}. {listed}"), soft_wrap=True)
    outcomes = [_followed(client, each, console) for each in job_ids if not no_wait]
    return all(outcomes)


def _followed(client: Client, job_id: str, console: Console) -> bool:
    """Follows one of several jobs, under its station's name if that is to be had."""
    try:
        job = client.get(f"jobs/{path_segment(job_id)}", {"logs_limit": "1"}, attempts=2)
        station = job.get("deployment") or {}
    except CallError:
        station = {}
    console.print(Text(f"{shown(str(station.get('name') or station.get('id') or job_id))}:"), soft_wrap=True)
    return _tell(client, follow(client, job_id, console), console, has_report=False)


def _tell(client: Client, job: Job, console: Console, *, has_report: bool) -> bool:
    """Tells how a job has ended, and where more is to be had; says whether all went well."""
    try:
        counts = counts_of(succeeded(client, job))
    except click.ClickException as error:
        error.show()  # not raised: the report, or the next station, is still to come
        return False
    console.print(_summary(counts), soft_wrap=True)
    if not has_report and any(counts.get(each) for each in ("missing", "skipped", "failed")):
        station = (job.get("deployment") or {}).get("id") or "DEPLOYMENT"
        which = f"GET {client.server}/api/v2/jobs/{job.get('id')}/report"
        told = f"Which and why: {which}, or the next time `nightjar sync {station} --report FILE.csv`."
        console.print(Text(shown(told)), soft_wrap=True)
    return not counts.get("failed")


def _summary(counts: dict[str, int]) -> str:
    """What became of the objects and of the sessions, without what is 0."""
    told = _counted(counts, {each: each for each in _FATES} | {"missing": f"missing ({_done(counts)})"})
    if not any(counts.get(each) for each in ("new", "changed", "missing", "failed")):
        same = counts.get("unchanged", 0)
        first = f"Nothing has changed, {same:,} photograph{'' if same == 1 else 's'}"
        told = [first if same else "No photographs there", *_counted(counts, {"skipped": "skipped"})]
    after, before = counts.get("events_after", 0), counts.get("events_before", 0)
    sessions = f"; {many(after, 'session')}, {before:,} before" if after or before else ""
    return ", ".join(told) + sessions + "."


def _done(counts: dict[str, int]) -> str:
    """What was done with captures of objects that are no longer there."""
    done = _counted(counts, {"marked": "marked", "deleted": "deleted"})
    every = counts.get("marked", 0) + counts.get("deleted", 0) == counts.get("missing")
    return ", ".join(done if every else [*done, "kept" if not done else "the others kept"])


def _counted(counts: dict[str, int], words: dict[str, str]) -> list[str]:
    return [f"{counts[key]:,} {word}" for key, word in words.items() if counts.get(key)]


def _names(client: Client, project_id: str, ids: list[Any]) -> str:
    """Stations by name, or by id where that is not to be had."""
    try:
        found = client.pages("deployments", {"project_id": project_id, "limit": "100"})
        names = {each.get("id"): each.get("name") for each in found}
    except CallError:
        names = {}
    return ", ".join(shown(str(names.get(each) or each)) for each in ids)


def _refused(client: Client, error: CallError | KeyError, deployment_id: str = "") -> CannotBegin:
    """What is wrong, and what to do, when a sync is not started."""
    if isinstance(error, KeyError):
        return CannotBegin(f"{client.server}: the server's answer lacks {error}.")
    told = shown(str(error))
    if error.status == 409 and (job := re.search(r"\bthe job (j\w+)", told)):
        watch = f"`nightjar jobs watch {job[1]}` follows it."
        return CannotBegin(f"This station is being synced already, by the job {job[1]}: {watch}")
    if error.status == 404 and deployment_id:
        return CannotBegin(f"There is no station {shown(deployment_id)!r} for this token on {client.server}.")
    if error.status == 400 and deployment_id:
        return CannotBegin(f"{told.rstrip('.')}. {_CONNECT}")
    return cannot_begin(client, CallError(told, error.status))
