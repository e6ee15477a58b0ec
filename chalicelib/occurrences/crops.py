"""Pictures of occurrences, cut out of their photographs: each once, however many ask.

As thumbnails are rendered (see `captures/rendering.py`): whoever finds none writes down that they are at it,
all others wait a little; what fails is written there too, and answered from there for a while.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib import ids
from chalicelib.access.rules import Principal
from chalicelib.aws import keys, objects, table
from chalicelib.aws.table import Row
from chalicelib.captures import originals
from chalicelib.captures import reading as captures
from chalicelib.captures.rendering import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, check_readable
from chalicelib.captures.rules import Capture
from chalicelib.deployments import reading as deployments
from chalicelib.detections import reading as detections
from chalicelib.detections.rules import Box, Detection
from chalicelib.errors import Busy, Conflict, NotFound, Unreadable
from chalicelib.occurrences import cropped
from chalicelib.occurrences.cropped import CropRow
from chalicelib.settings import Settings
from chalicelib.thumbnails.attempts import Attempt, claimed, failed, is_under_way, refusal

log = logging.getLogger("nightjar")

RECIPE = "480/0.1/85"
"""How pictures are cut out (see `cutting`): with another recipe all are cut out anew."""


def url(blob: str, settings: Settings) -> str:
    """Where its holder may read a picture, as long as a thumbnail's URL lives. Asks nobody."""
    return objects.stable_url(settings.thumbnails_bucket, blob, settings.url_lifetime)


def name_of(version: str, box: Box) -> str:
    """What the picture of a box is called: the same of the same photograph's same box."""
    told = repr((version, box.corners, box.relative, RECIPE))
    return hashlib.sha256(told.encode()).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class _Present:
    """What there is of an occurrence that is to be shown."""

    capture: Capture
    box: Box
    row: CropRow | None

    @property
    def name(self) -> str:
        """What its picture is called."""
        return name_of(self.capture.facts.version, self.box)

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt at this very picture, if it has not succeeded."""
        return self.row.attempt if self.row and self.row.name == self.name else None


@dataclass(frozen=True, slots=True)
class Cropping:
    """What cutting out needs from outside: the settings, the time, and waiting."""

    settings: Settings
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep

    def fresh(self, principal: Principal, occurrence_id: str, *, verify: bool = False) -> str:
        """The key of the blob of an occurrence's picture, cut out if there is none. One request of the table
        if there is; else two transactions, a read and a write of S3; whoever waits reads now and then. With
        `verify` one of S3 more.

        Raises NotFound; what rendering it raises, or has raised a while ago: SourceGone, SourceSlow,
        Unreadable, Conflict if the photograph is being replaced, StorageFault; Busy if others take too long.
        """
        end, pause = self.now() + PATIENCE, FIRST_PAUSE
        while True:
            there = _present(principal, occurrence_id)
            row = there.row
            if row and row.blob and row.name == there.name and not (verify and self._is_lost(row.blob)):
                return row.blob
            check_readable(there.capture)
            now = self.now()
            if is_under_way(there.attempt, now) and now < end:
                self.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            elif refused := refusal(there.attempt, now):
                raise refused
            elif blob := self._attempt(occurrence_id, there):
                return blob
            elif now >= end:
                raise Busy("The photograph keeps changing; ask again in a moment.")

    def _is_lost(self, blob: str) -> bool:
        return objects.version_of(self.settings.thumbnails_bucket, blob) is None

    def _attempt(self, occurrence_id: str, there: _Present) -> str | None:
        """The key of the blob; None if another was quicker, or the box has gone meanwhile."""
        name = there.name
        begun = claimed(there.attempt, secrets.token_hex(8), self.now())
        mine = cropped.put(occurrence_id, there.row, name, begun, None, begun.until)
        if mine is None:
            return None
        blob = cropped.blob_of(occurrence_id, name)
        try:
            self._cut(there, blob)
        except Exception as error:
            ended = failed(begun, error, self.now())
            cropped.put(occurrence_id, mine, name, ended, None, ended.until)
            raise
        # Under a new token, so that whoever has seen the claim sees that it has ended.
        done = Attempt(secrets.token_hex(8), 0, self.now())
        if cropped.put(occurrence_id, mine, name, done, blob, done.until):
            return blob
        self._forsaken(occurrence_id, blob)
        return None

    def _cut(self, there: _Present, blob: str) -> None:
        from chalicelib.occurrences.cutting import cut
        from chalicelib.thumbnails.photograph import open_photograph

        facts = there.capture.facts
        found = originals.read(facts, self.settings)
        if found.version != facts.version:
            raise Conflict("The photograph is being replaced; ask again in a moment.")
        if found.data is None:
            raise Unreadable(f"The photograph has {found.size:,} bytes, more than are read.")
        try:
            picture = cut(open_photograph(found.data), there.box)
        except Unreadable as error:
            raise Unreadable(f"The photograph cannot be shown: {error.detail}.") from error
        objects.write(self.settings.thumbnails_bucket, blob, picture.data, "image/jpeg")

    def _forsaken(self, occurrence_id: str, blob: str) -> None:
        """Deletes a blob that could not be noted, unless another has noted it: the same has one name."""
        row = cropped.get(occurrence_id)
        if row is not None and row.name in blob:
            return
        try:
            objects.delete(self.settings.thumbnails_bucket, [blob])
        except Exception:  # best effort: it goes with the others of its capture
            log.exception("could not delete the blob of a box that has gone")


def _present(principal: Principal, occurrence_id: str) -> _Present:
    """What there is of it, read consistently. One request. Raises NotFound, for what the principal may not
    see, too."""
    capture_id, home_id = ids.capture_of(occurrence_id), ids.deployment_of(occurrence_id)
    wanted: list[tuple[type[Row], keys.Key]] = [
        captures.wanted(capture_id),
        deployments.wanted(home_id),
        (detections.KINDS[keys.DETECTIONS], keys.detection(occurrence_id)),
        (CropRow, keys.crop(occurrence_id)),
    ]
    rows = table.get_many(wanted, consistent=True)
    capture, deployment = captures.seen_among(rows, capture_id).capture, deployments.among(rows, home_id)
    what = f"occurrence with the id {occurrence_id!r}"
    box = _box(detections.results_of(rows.values()).detections)
    if capture is None or deployment is None or box is None:
        raise NotFound(f"There is no {what}.")
    principal.must_see(what, draft=deployment.inherited.draft)
    return _Present(capture, box, rows.get(keys.crop(occurrence_id)))


def _box(found: tuple[Detection, ...]) -> Box | None:
    return found[0].box if found else None
