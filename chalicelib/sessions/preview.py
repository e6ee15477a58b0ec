"""What another rule would make of a deployment's sessions: looked at, nothing written."""

from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count

from chalicelib.captures import timeline
from chalicelib.deployments.rules import Deployment
from chalicelib.findings.rules import NOTHING
from chalicelib.sessions import store
from chalicelib.sessions.effects import Effect, effect_of
from chalicelib.sessions.grouping import Plan, Session, Window, plan, sweep
from chalicelib.sessions.rules import Rule

MOST = 200_000
"""About how many captures are looked at: some thirty requests, a few seconds."""

SHOWN = 50
"""How many of the changed sessions are told one by one."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A session before and after; None where there is none. A new one has no id yet."""

    before: Session | None
    after: Session | None


@dataclass(frozen=True, slots=True)
class Preview:
    """What would change. `until`: the rest of the deployment, from then on, was not looked at."""

    rule: Rule
    effect: Effect
    sessions_before: int
    sessions_after: int
    changes: list[Changed]
    until: datetime | None


def preview(deployment: Deployment, rule: Rule, most: int = MOST) -> Preview:
    """What a regroup by `rule` would do. One request for each seven thousand captures, and those for the
    sessions that stand."""
    # What was found on captures is not asked: no rule of sessions changes that.
    standing = (replace(each, found=NOTHING) for each in store.standing(deployment.id, None))
    window = sweep(timeline.taken(deployment.id), standing, rule, datetime.max, most)
    numbers = count(1)
    wanted = plan(window, lambda: f"new-{next(numbers)}")
    return Preview(
        rule=rule,
        effect=effect_of(window, wanted),
        sessions_before=len(window.standing),
        sessions_after=len(window.intervals),
        changes=_changes(window, wanted),
        until=window.resume,
    )


def _changes(window: Window, wanted: Plan) -> list[Changed]:
    before = {session.id: session for session in window.standing}
    changes = [Changed(before.get(each.id), each) for each in wanted.put]
    changes += [Changed(each, None) for each in wanted.delete]
    return sorted(changes, key=_start)[:SHOWN]


def _start(change: Changed) -> datetime:
    session = change.before or change.after
    assert session  # noqa: S101  (one of both is there)
    return session.start
