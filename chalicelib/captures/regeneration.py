"""A type of job: rendering the thumbnails of many captures, those that are not fresh, or all of them.

A capture is rendered from one decoding, whatever its labels, and a few at a time: while one waits for the
storage, another is decoded. What a step does again after a crash is fresh by then, and skipped; with `force`
it is rendered twice, which harms nobody.
"""

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.captures import reading, timeline
from chalicelib.captures.rendering import Rendering
from chalicelib.captures.rules import Capture
from chalicelib.counts import Counts
from chalicelib.deployments import service as deployments
from chalicelib.errors import (
    Busy,
    Conflict,
    Invalid,
    NightjarError,
    NotFound,
    SourceGone,
    SourceSlow,
    StorageFault,
    Unreadable,
)
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.projects import service as projects
from chalicelib.settings import settings
from chalicelib.thumbnails.rules import ThumbnailSpec, is_fresh, spec_for

MOST_NAMED = 1000
"""How many captures may be named by their ids."""

_STAGE = "render"
_PAGE = 100
_AT_ONCE = 4
_BETWEEN_LOOKS = 8
"""How many captures are rendered between two looks at the time: a second or two of work."""
_IN_A_STEP = 32
"""How many captures a step renders at most: progress is seen, and kept, when a step ends."""
_TOLD = 20
"""How many failures a step tells one by one; the others it counts."""
_FAILURES = (Unreadable, SourceGone, SourceSlow, StorageFault, Conflict, Busy, NotFound)


class Regenerate(BaseModel):
    """Which labels, None for those that are rendered in advance; fresh ones too, with `force`. Of these
    captures, or of the job's deployment or project: of all, or of those taken from `start` to `end`, both
    inclusive, by the camera's wall clock."""

    model_config = ConfigDict(extra="forbid")

    labels: list[str] | None = None
    force: bool = False
    capture_ids: list[str] | None = Field(default=None, max_length=MOST_NAMED)
    start: datetime | None = None
    end: datetime | None = None

    @model_validator(mode="after")
    def _makes_sense(self) -> "Regenerate":
        if any(each and each.tzinfo for each in (self.start, self.end)):
            raise ValueError("a camera's wall clock has no zone: send it like '2026-06-09T21:30:00'")
        if self.start and self.end and self.start > self.end:
            raise ValueError("the period ends before it starts")
        return self


def check(config: Regenerate, project_id: str) -> None:
    """Whether there is what a job is to render. One request per hundred captures that are named.

    Raises Invalid for a label that is not configured, NotFound for a capture that is not the project's.
    """
    _specs(config.labels)
    wanted = [ids.check("capture", each) for each in dict.fromkeys(config.capture_ids or ())]
    there = {each.id for each in reading.whole(wanted).values() if each.project_id == project_id}
    for each in wanted:
        if each not in there:
            raise NotFound(f"There is no capture with the id {each!r} in this project.")


@dataclass(slots=True)
class _Walk:
    """How far a job has come: behind `after`, among the captures that are shown, then the `hidden` ones."""

    total: int
    hidden: bool = False
    after: str | None = None
    met: int = 0


def _regenerate(config: Regenerate, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
    """A page of a hundred that are fresh: a request, two of a project; what is rendered costs what
    `Rendering.anew` does."""
    walk = _Walk(**cursor) if cursor else _Walk(_total(config, report))
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        work = _Work(config.force, _specs(config.labels), report, pool)
        for page in _pages(config, report, walk):
            due = work.due(page, are_whole=bool(report.deployment_id or config.capture_ids))
            for run in _runs(page, due, _BETWEEN_LOOKS):
                work.do(run, due)
                walk.after, walk.met = _position(config, run[-1]), walk.met + len(run)
                report.met(_STAGE, walk.met, walk.total)
                if time_is_up() or work.tried >= _IN_A_STEP:
                    work.close()
                    return asdict(walk)
        work.close()
    return None


@dataclass(slots=True)
class _Work:
    """What one step does to the captures it meets; how many it has tried to render, and how many failed."""

    force: bool
    specs: Sequence[ThumbnailSpec]
    report: Report
    pool: ThreadPoolExecutor
    tried: int = 0
    failed: int = 0

    def due(self, page: Sequence[Capture], *, are_whole: bool) -> Mapping[str, Capture]:
        """Those of a page that are to be rendered, by id, whole. One request if they were not."""
        found = {each.id: each for each in page if self.lacks(each)}
        if are_whole or not found:
            return found
        return {each: capture for each, capture in reading.whole(found).items() if self.lacks(capture)}

    def lacks(self, capture: Capture) -> list[ThumbnailSpec]:
        """What is to be rendered of a capture."""
        if capture.facts.state == "unreadable":
            return []
        version = capture.facts.version
        return [
            spec
            for spec in self.specs
            if self.force or not is_fresh(capture.thumbnails.get(spec.label), spec, version)
        ]

    def do(self, run: Sequence[Capture], due: Mapping[str, Capture]) -> None:
        """Renders those of a run of captures that are due, and counts all of them."""
        wanted = [due[each.id] for each in run if each.id in due]
        outcomes = list(zip(wanted, self.pool.map(self._render, wanted), strict=True))
        self.tried += len(wanted)
        refused = [(capture, error) for capture, error in outcomes if error]
        unreadable = sum(each.facts.state == "unreadable" for each in run)
        for key, more in (
            ("looked_at", len(run)),
            ("rendered", len(wanted) - len(refused)),
            ("fresh", len(run) - len(wanted) - unreadable),
            ("failed", len(refused)),
            ("unreadable", unreadable),
        ):
            self.report.count(_STAGE, key, more)
        for capture, error in refused:
            self._tell(capture, error)

    def close(self) -> None:
        """Says how many failed that were not told one by one."""
        if self.failed > _TOLD:
            self.report.log("WARNING", f"{self.failed - _TOLD:,} more failed in this step.")

    def _render(self, capture: Capture) -> NightjarError | None:
        """Why a capture could not be rendered; None if it could."""
        rendering, specs = Rendering(settings(), clock.now), self.lacks(capture)
        try:
            try:
                rendering.anew(capture, specs)
            except Busy:  # with somebody who looks at it just now: what that one renders is as good
                for spec in specs:
                    rendering.fresh(capture, spec)
        except _FAILURES as error:
            return error
        return None

    def _tell(self, capture: Capture, error: NightjarError) -> None:
        self.failed += 1
        if self.failed <= _TOLD:
            self.report.log("WARNING", f"{capture.id}: {error.detail}")


def _specs(labels: Sequence[str] | None) -> list[ThumbnailSpec]:
    known = settings().thumbnails
    told = ", ".join(each.label for each in known)
    if not known:
        raise Invalid("No thumbnail sizes are configured here: set NIGHTJAR_THUMBNAILS.")
    if labels is None:
        eager = [each for each in known if each.eager]
        if not eager:
            detail = f"No thumbnails are rendered in advance here: name some of the labels {told}."
            raise Invalid(detail, {"labels": f"some of {told}"})
        return eager
    for label in labels:
        if spec_for(label, known) is None:
            detail = f"There is no thumbnail {label[:40]!r}. The labels are: {told}."
            raise Invalid(detail, {"labels": f"some of {told}"})
    return [each for each in known if each.label in labels]


def _pages(config: Regenerate, report: Report, walk: _Walk) -> Iterator[list[Capture]]:
    """The captures behind the walk's place, whose user moves it on. One request per hundred."""
    if config.capture_ids is not None:
        left = sorted(each for each in set(config.capture_ids) if each > (walk.after or ""))
        for at in range(0, len(left), _PAGE):
            yield list(reading.whole(left[at : at + _PAGE]).values())
        return
    while True:
        span = timeline.Span(
            report.project_id, report.deployment_id, config.start, config.end, hidden=walk.hidden
        )
        page = timeline.page(span, "timestamp", _PAGE, walk.after)
        yield page
        if len(page) < _PAGE and walk.hidden:
            return
        if len(page) < _PAGE:
            walk.hidden, walk.after = True, None


def _runs(page: Iterable[Capture], due: Container[str], most: int) -> Iterator[list[Capture]]:
    """A page cut into runs, each with at most so many that are due."""
    run: list[Capture] = []
    waiting = 0
    for capture in page:
        run.append(capture)
        waiting += capture.id in due
        if waiting == most:
            yield run
            run, waiting = [], 0
    if run:
        yield run


def _position(config: Regenerate, capture: Capture) -> str:
    return timeline.position(capture) if config.capture_ids is None else capture.id


def _total(config: Regenerate, report: Report) -> int:
    if config.capture_ids is not None:
        return len(set(config.capture_ids))
    of_all = (
        deployments.find(report.deployment_id).counts
        if report.deployment_id
        else projects.find(report.project_id).counts
    )
    return round(of_all.captures_count * _share(config, of_all))


def _share(config: Regenerate, counts: Counts) -> float:
    """How much of the time in which photographs were taken the period covers: a guess at their share."""
    first, last = counts.first_timestamp, counts.last_timestamp
    if first is None or last is None or first == last:
        return 1.0
    begin, end = max(config.start or first, first), min(config.end or last, last)
    return max((end - begin) / (last - first), 0.0)


REGENERATE = JobType(
    key="regenerate_thumbnails",
    label="Regenerate thumbnails",
    config=Regenerate,
    stages=(
        Stage(
            "Render thumbnails",
            _STAGE,
            params=(
                Param("Looked at", "looked_at", 0),
                Param("Rendered", "rendered", 0),
                Param("Fresh already", "fresh", 0),
                Param("Failed", "failed", 0),
                Param("Unreadable", "unreadable", 0),
            ),
        ),
    ),
    step=_regenerate,
)
