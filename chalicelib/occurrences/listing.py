"""Pages of occurrences with all that a page shows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Literal

from chalicelib import ids
from chalicelib.access.rules import Principal
from chalicelib.aws import keys, table
from chalicelib.captures.rules import Capture
from chalicelib.deployments import reading as deployments
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import NotFound
from chalicelib.occurrences import by_score, by_time
from chalicelib.occurrences.by_score import Page
from chalicelib.occurrences.choosing import Choice
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.projects import reading as projects
from chalicelib.projects.rules import Project
from chalicelib.sessions import joining
from chalicelib.sessions import reading as sessions
from chalicelib.sessions.grouping import Session, Stretch

Order = Literal["-determination_score", "determination_score", "timestamp", "-timestamp"]

_A_MONTH = timedelta(days=31)


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: of a project, a deployment, a session, as a `Choice` says it; of at least a score;
    and `defaults`, whether the project's default filters apply."""

    choice: Choice
    session_id: str | None
    score: float | None
    defaults: bool


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of occurrences, their captures, deployments and sessions by id of the capture, and taxa; how
    many there are in all, None where no counter tells; and the position the page ended at."""

    page: Page
    deployments: Mapping[str, Deployment]
    sessions: Mapping[str, Stretch]
    taxonomy: Taxonomy
    count: int | None


def listed(principal: Principal, asked: Asked, order: Order, limit: int, after: str | None) -> Listing:
    """A page, in that order.

    One request for the project, deployment and session; those of the order's own page; one for deployments,
    one or a few for sessions, one per hundred taxa, or a few more where filters ask what is above them.
    """
    project, deployment, session = _around(principal, asked)
    choice = asked.choice
    if asked.defaults:
        choice = replace(choice, filters=project.filters)
    if session:
        home = ids.deployment_of(session.id)
        choice = replace(choice, session=_stretch(session), deployment_id=home)
    choice, taxonomy = choice.at_least(asked.score), Taxonomy()
    if order in ("timestamp", "-timestamp"):
        page = by_time.page(choice, taxonomy, limit, after, forward=order == "timestamp")
    else:
        page = by_score.page(choice, taxonomy, limit, after, forward=order == "determination_score")
    taxonomy.learn(
        (each.determination.taxon_id for each in page.occurrences if each.determination), above=False
    )
    captures = [page.captures[each] for each in dict.fromkeys(one.capture_id for one in page.occurrences)]
    homes = _homes(captures, deployment)
    count = _count(asked, project, deployment, session)
    return Listing(page, homes, _sessions(captures, choice, homes), taxonomy, count)


def _around(principal: Principal, asked: Asked) -> tuple[Project, Deployment | None, Session | None]:
    choice, session_id = asked.choice, asked.session_id
    deployment_id = choice.deployment_id or (ids.deployment_of(session_id) if session_id else None)
    rows = table.get_many(
        [
            projects.wanted(choice.project_id),
            *([deployments.wanted(deployment_id)] if deployment_id else []),
            *([sessions.wanted(session_id)] if session_id else []),
        ]
    )
    project = seen_project(principal, rows, choice.project_id)
    deployment = deployments.among(rows, deployment_id) if deployment_id else None
    if deployment_id and (deployment is None or deployment.project_id != project.id):
        raise NotFound(f"There is no deployment with the id {deployment_id!r} in this project.")
    session = sessions.among(rows, session_id) if session_id else None
    if session_id and (session is None or ids.deployment_of(session_id) != deployment_id):
        raise NotFound(f"There is no session with the id {session_id!r} here.")
    return project, deployment, session


def seen_project(principal: Principal, rows: Mapping[keys.Key, Any], project_id: str) -> Project:
    """The project among the rows of `table.get_many`. Raises NotFound, for what the principal may not see,
    too."""
    project, what = projects.among(rows, project_id), f"project with the id {project_id!r}"
    if project is None:
        raise NotFound(f"There is no {what}.")
    principal.must_see(what, draft=project.draft)
    return project


def _stretch(session: Session) -> Stretch:
    return Stretch(session.id, session.start, session.end)


def _homes(captures: list[Capture], known: Deployment | None) -> dict[str, Deployment]:
    homes = {known.id: known} if known else {}
    missing = {each.deployment_id for each in captures} - set(homes)
    rows = table.get_many(map(deployments.wanted, missing))
    return homes | {each: home for each in missing if (home := deployments.among(rows, each))}


def _sessions(
    captures: list[Capture], choice: Choice, homes: Mapping[str, Deployment]
) -> Mapping[str, Stretch]:
    """Sessions of captures. Of several deployments they are told of a page that spans a month at the most:
    those of more would be read in vain by the thousand."""
    if choice.session:
        return {each.id: choice.session for each in captures}
    moments = [each.timestamp for each in captures if each.timestamp]
    if not moments or max(moments) - min(moments) > _A_MONTH:
        return {}
    if choice.deployment_id:
        return joining.of_deployment(captures, choice.deployment_id)
    return joining.of_project(captures, choice.project_id, homes)


def _count(
    asked: Asked, project: Project, deployment: Deployment | None, session: Session | None
) -> int | None:
    """How many there are, if the project's default filters apply and nothing else does but a place in it."""
    choice = asked.choice
    is_counted = asked.defaults and asked.score is None and choice.taxon_id is None
    if not is_counted or choice.algorithms or choice.verified is not None:
        return None
    found = session.found.counts if session else (deployment or project).counts.found
    return found.get("occurrences", 0)
