"""A type of job: comparing the captures of deployments with the blobs of their thumbnails, and mending both.

Names of blobs and ids of captures sort alike, so a deployment is swept in stretches of one order: first the
blobs of a stretch are listed, then its captures are read. So a blob that is written meanwhile is not seen at
all, rather than taken for litter. A thumbnail whose blob was not listed is only a suspect: it is asked for by
its name, and forgotten if it is gone and the capture still points to it. Whoever looks next has it rendered.

Where the watch is to clear up it is left to the watch: somebody may still hold the URL of a replaced blob.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby, islice
from typing import Any

from pydantic import BaseModel, ConfigDict

from chalicelib.aws import clock, keys, objects
from chalicelib.captures import store, tidying
from chalicelib.captures.rules import Capture, Seen, following
from chalicelib.deployments import service as deployments
from chalicelib.jobs.job_type import JobType, Report, TimeIsUp
from chalicelib.jobs.stages import Param, Stage
from chalicelib.projects import tallies
from chalicelib.settings import Settings, settings
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.rules import Blob, Thumbnail, is_fresh, litter, spec_for

_STAGE = "sweep"
_BLOBS = 1000
_CAPTURES = 1000
_AT_ONCE = 8
_PHOTO = 16
"""How long the part of a capture's id is that names it within its deployment."""


class Sweep(BaseModel):
    """With `dry_run` all is only counted."""

    model_config = ConfigDict(extra="forbid")

    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What lies behind `lower` and up to `upper`, names of blobs as they go on within the deployment's own
    folder. A capture is counted where its own folder begins; it may have blobs in the next stretch, too."""

    root: str
    lower: str
    upper: str
    blobs: Mapping[str, list[Blob]]
    captures: list[tuple[str, Seen]]
    is_last: bool

    def holds(self, key: str) -> bool:
        """Whether a blob of that name would lie in the stretch."""
        return key.startswith(self.root) and self.lower < key[len(self.root) :] <= self.upper

    def folders(self) -> Iterator[tuple[str, Seen, list[Blob]]]:
        """Id by id, what there is of a capture, and its blobs."""
        left = dict(self.blobs)
        for capture_id, seen in self.captures:
            yield capture_id, seen, left.pop(capture_id, [])
        for capture_id, blobs in left.items():
            yield capture_id, Seen(), blobs


@dataclass(frozen=True, slots=True)
class Sweeping:
    """What sweeping needs from outside: the settings, when asked, and the time."""

    settings: Callable[[], Settings]
    now: Callable[[], datetime]

    def step(self, config: Sweep, cursor: Any, report: Report, time_is_up: TimeIsUp) -> Any:
        """A stretch of some five hundred captures: one request of the storage, one of the table. Blobs that
        nobody points to: one more of the storage, and one of the table per hundred captures. Each suspect:
        one of the storage, and one of the table if its blob is lost."""
        places = _places(report)
        total, met = sum(places.values()), cursor["met"] if cursor else 0
        first, lower = (cursor["deployment_id"], cursor["after"]) if cursor else ("", "")
        for deployment_id in sorted(each for each in places if each >= first):
            is_last = False
            if deployment_id != first:
                lower = ""
            while not is_last:
                stretch = self._stretch(deployment_id, lower)
                counted = self._swept(stretch, dry_run=config.dry_run)
                self._tell(report, counted)
                met += counted["captures"]
                report.met(_STAGE, met, total)
                lower, is_last = stretch.upper, stretch.is_last
                if time_is_up():
                    # What follows upon an id is before every id that does.
                    here = f"{deployment_id}{keys.LAST}" if is_last else deployment_id
                    return {"deployment_id": here, "after": lower, "met": met}
        return None

    def _stretch(self, deployment_id: str, lower: str) -> _Stretch:
        """What follows behind `lower`. The blobs first: see above."""
        shelf = self.settings().shelf
        root = f"{shelf.prefix}{deployment_id}/"
        listed = list(islice(thumbnails.blobs(shelf, root, root + lower if lower else None), _BLOBS))
        # Where names begin that no capture has, all is listed that matters.
        upper = min(listed[-1].key[len(root) :], keys.LAST) if len(listed) == _BLOBS else keys.LAST
        last = f"{upper[:_PHOTO]}{keys.LAST}"
        captures = store.stretch(deployment_id, lower[:_PHOTO], last, _CAPTURES)
        if len(captures) == _CAPTURES:
            # More may follow: it ends behind the folder of the last one.
            photo = captures[-1][0].rpartition("-")[2]
            upper = min(upper, f"{photo}/{keys.LAST}")
        is_last = upper == keys.LAST
        blobs = {f"{deployment_id}-{photo}": each for photo, each in _by_photo(listed, root, upper)}
        return _Stretch(root, lower, upper, blobs, captures, is_last)

    def _swept(self, stretch: _Stretch, *, dry_run: bool) -> Counter[str]:
        """Mends a stretch; what was found in it, by what it is."""
        counted: Counter[str] = Counter()
        orphans: dict[str, list[Blob]] = {}
        suspects: list[tuple[Capture, str]] = []
        for capture_id, seen, blobs in stretch.folders():
            capture, folder = seen.capture, self.settings().shelf.folder(capture_id)
            counted["blobs"] += len(blobs)
            if found := self._orphans(folder, seen, blobs):
                orphans[capture_id] = found
            if capture:
                suspects += _suspects(capture, stretch, {each.key for each in blobs})
            if capture and stretch.holds(folder):
                counted["captures"] += 1
                counted.update(self._states(capture))
        for capture, label in self._lost(suspects, dry_run=dry_run):
            counted["lost"] += 1
            counted.update(self._states(_without(capture, label)))
            counted.subtract(self._states(capture))
        self._count_or_delete(orphans, counted, dry_run=dry_run)
        return counted

    def _orphans(self, folder: str, seen: Seen, blobs: list[Blob]) -> list[Blob]:
        """The blobs in a capture's folder that nobody points to, or ever will."""
        stamp: str | None = seen.stamp
        if seen.is_removed:
            # Whoever renders for the very stamp of a trace has seen less than the trace, and is refused.
            stamp = following(seen.stamp)
        elif seen.capture is None:
            stamp = None
        kept = {each.key for each in seen.capture.thumbnails.values()} if seen.capture else set()
        doomed = set(litter(blobs, folder, stamp, kept, self.now()))
        return [each for each in blobs if each.key in doomed]

    def _count_or_delete(
        self, orphans: Mapping[str, list[Blob]], counted: Counter[str], *, dry_run: bool
    ) -> None:
        left_to_the_watch = tidying.noted(orphans) if orphans else set()
        doomed = [blob for each, blobs in orphans.items() if each not in left_to_the_watch for blob in blobs]
        counted["orphans"] += len(doomed)
        counted["orphan_bytes"] += sum(each.bytes for each in doomed)
        if not dry_run:
            objects.delete(self.settings().shelf.bucket, [each.key for each in doomed])

    def _lost(self, suspects: list[tuple[Capture, str]], *, dry_run: bool) -> list[tuple[Capture, str]]:
        """The suspects whose blobs are gone; unless it is a dry run they are forgotten by now."""
        if not suspects:
            return []
        bucket = self.settings().shelf.bucket

        def is_lost(suspect: tuple[Capture, str]) -> bool:
            capture, label = suspect
            if objects.version_of(bucket, capture.thumbnails[label].key):
                return False
            return dry_run or store.drop_thumbnail(capture, label)

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            verdicts = list(pool.map(is_lost, suspects))
        return [suspect for suspect, lost in zip(suspects, verdicts, strict=True) if lost]

    def _states(self, capture: Capture) -> Counter[str]:
        """How many thumbnails of a capture are fresh, stale and missing, and their bytes, each by label. One
        that is no longer configured is stale."""
        specs, found = self.settings().thumbnails, capture.thumbnails
        counted: Counter[str] = Counter()
        labels = {spec.label for spec in specs} if capture.facts.state != "unreadable" else set()
        for label in labels | set(found):
            spec, thumbnail = spec_for(label, specs), found.get(label)
            fresh = spec is not None and is_fresh(thumbnail, spec, capture.facts.version)
            counted[f"{'fresh' if fresh else 'stale' if thumbnail else 'missing'}_{label}"] += 1
            counted[f"bytes_{label}"] += thumbnail.bytes if thumbnail else 0
        return counted

    def _tell(self, report: Report, counted: Counter[str]) -> None:
        for spec in self.settings().thumbnails:
            for what in ("fresh", "stale", "missing", "bytes"):
                report.count(_STAGE, f"{what}_{spec.label}", 0)
        for key, more in counted.items():
            report.count(_STAGE, key, more)


def _places(report: Report) -> dict[str, int]:
    """The deployments to be swept, and how many captures each has. One request."""
    if report.deployment_id:
        return {report.deployment_id: deployments.find(report.deployment_id).counts.captures_count}
    return {each.deployment_id: each.counts.captures_count for each in tallies.tallies_of(report.project_id)}


def _by_photo(listed: Iterable[Blob], root: str, upper: str) -> Iterator[tuple[str, list[Blob]]]:
    """Blobs up to a name, by the photo whose folder they lie in. What lies in none is not ours."""
    rests = ((blob.key[len(root) :], blob) for blob in listed)
    within = ((rest, blob) for rest, blob in rests if rest <= upper and rest[_PHOTO : _PHOTO + 1] == "/")
    for photo, blobs in groupby(within, lambda each: each[0][:_PHOTO]):
        yield photo, [blob for _, blob in blobs]


def _suspects(capture: Capture, stretch: _Stretch, listed: set[str]) -> Iterator[tuple[Capture, str]]:
    """The thumbnails of a capture whose blobs should have been listed in a stretch, and were not. Those on
    another shelf, of an earlier configuration, never are."""
    for label, thumbnail in capture.thumbnails.items():
        if thumbnail.key not in listed and stretch.holds(thumbnail.key):
            yield capture, label


def _without(capture: Capture, label: str) -> Capture:
    kept: dict[str, Thumbnail] = {name: one for name, one in capture.thumbnails.items() if name != label}
    return replace(capture, thumbnails=kept)


def sweep_with(now: Callable[[], datetime]) -> JobType[Sweep]:
    """The type of job, by that clock."""
    return JobType(
        key="sweep_thumbnails",
        label="Sweep thumbnails",
        config=Sweep,
        stages=(
            Stage(
                "Compare captures and blobs",
                _STAGE,
                params=(
                    Param("Captures", "captures", 0),
                    Param("Blobs", "blobs", 0),
                    Param("Lost thumbnails", "lost", 0),
                    Param("Blobs nobody points to", "orphans", 0),
                    Param("Bytes of those", "orphan_bytes", 0),
                ),
            ),
        ),
        step=Sweeping(settings, now).step,
        is_startable=True,
    )


SWEEP = sweep_with(clock.now)
