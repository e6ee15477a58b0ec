"""A sample every night: some projects' counters are audited, others the next night, nothing is repaired.

The watch calls; in the first minutes of an hour when nobody photographs much it takes the night's turn, once.
Which projects, and which deployment and set of a large one, follows from the date: each has its turn. Where
counters have drifted the job says `job.ALARM` in the function's own log, as an error: a metric filter on that
word makes an alarm of it.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chalicelib.auditing import store
from chalicelib.auditing.job import KEY
from chalicelib.errors import Conflict, NotFound
from chalicelib.jobs.service import Jobs, Start
from chalicelib.projects import service as projects

log = logging.getLogger("nightjar")

HOUR = 3
"""UTC."""
MINUTES = 10
"""So long the watch tries; each try is one request."""
PROJECTS = 3
"""So many have their turn in one night."""
SMALL = 20_000
"""A project of no more captures is audited as a whole; of a larger one, one deployment and one set."""
_MOST_LISTED = 5000


@dataclass(frozen=True, slots=True)
class Nightly:
    """What the sample needs from outside: jobs, and the time."""

    jobs: Jobs
    now: Callable[[], datetime]

    def sample(self) -> int:
        """Starts the audits of a night, if it is time and nobody has; returns how many. One request, and if
        it is this call's turn a few more, one for each project, two for a large one, and three for each job:
        some thirty at the most."""
        now = self.now()
        if now.hour != HOUR or now.minute >= MINUTES or not store.claim_night(f"{now:%Y-%m-%d}", now):
            return 0
        started = 0
        for project_id, times in turns(store.projects(_MOST_LISTED), now.date().toordinal(), PROJECTS):
            try:
                started += sum(map(self._started, _chosen(project_id, times)))
            except NotFound:  # the list is a moment behind
                log.info("%s is not there; its counters are not audited", project_id)
        return started

    def _started(self, start: Start) -> bool:
        try:
            self.jobs.start(start)
        except Conflict:
            return False  # somebody is auditing that at this moment
        return True


def turns(ids: Sequence[str], number: int, most: int) -> list[tuple[str, int]]:
    """Whose turn it is in that night: `most` of them, the next ones in the next, all around; each with how
    often all have had their turn before."""
    several = min(most, len(ids))
    places = range(number * several, (number + 1) * several)
    return [(ids[each % len(ids)], each // len(ids)) for each in places]


def _chosen(project_id: str, number: int) -> list[Start]:
    """What is audited of a project whose turn it is for that many times."""
    if projects.find(project_id).counts.captures_count <= SMALL:
        return [_start(project_id, None)]
    stations = turns(store.deployments(project_id, _MOST_LISTED), number, 1)
    sets = turns(store.sets(project_id, _MOST_LISTED), number, 1)
    return [
        *(_start(project_id, station) for station, _ in stations),
        *(_start(project_id, None, set_id=each) for each, _ in sets),
    ]


def _start(project_id: str, deployment_id: str | None, **config: Any) -> Start:
    return Start(KEY, project_id, deployment_id, {**config, "alarm": True}, "Nightly audit of counts")
