"""Rendering thumbnails of a capture that are missing or no longer fresh: once, however many ask.

1. Claim: whoever finds one missing writes on the capture that they are at it. All others wait a little.
2. Read the photograph, render, keep the blobs, under names no other attempt uses.
3. Write them on the capture if it, and the claim, are as they were; else delete those blobs again.
What fails is written where the claim was, and answered from there for a while: see `thumbnails/attempts.py`.
"""

import logging
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from chalicelib.aws import objects
from chalicelib.captures import duplicates, originals, store
from chalicelib.captures.corrections import corrected
from chalicelib.captures.rules import Capture, Seen, following
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments import service as deployments
from chalicelib.errors import Busy, Conflict, NotFound, Unreadable
from chalicelib.settings import Settings
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.attempts import Attempt, claimed, failed, is_under_way, refusal
from chalicelib.thumbnails.rules import ATTEMPT_OVER, Thumbnail, ThumbnailSpec, is_fresh

log = logging.getLogger("nightjar")

PATIENCE = timedelta(seconds=10)
"""How long somebody waits for another's rendering."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 0.5


@dataclass(frozen=True, slots=True)
class Rendering:
    """What rendering needs from outside: the settings, the time, and waiting."""

    settings: Settings
    now: Callable[[], datetime]
    sleep: Callable[[float], None] = time.sleep

    def fresh(self, capture: Capture, spec: ThumbnailSpec) -> Thumbnail:
        """The thumbnail, rendered if there is none that is fresh. No request for a fresh one; else two
        writes of the table, a read and a write of S3; whoever waits reads the capture now and then.

        Raises what rendering it raises, or has raised a while ago: SourceGone, SourceSlow, Unreadable,
        Conflict if the photograph is being replaced, StorageFault; Busy if others take too long.
        """
        token, end, pause = _token(), self.now() + PATIENCE, FIRST_PAUSE
        while True:
            found = capture.thumbnails.get(spec.label)
            if found and is_fresh(found, spec, capture.facts.version):
                return found
            check_readable(capture)
            attempt, now = _of_others(capture, spec, token), self.now()
            if self._is_under_way(capture, [spec], token) and now < end:
                self.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)
            elif refused := refusal(attempt, now):
                raise refused
            elif made := self._attempt(capture, [spec], token):
                return made[spec.label]
            elif now >= end:
                raise Busy("The photograph keeps changing; ask again in a moment.")
            capture = _again(capture.id)

    def anew(self, capture: Capture, specs: Sequence[ThumbnailSpec]) -> Mapping[str, Thumbnail]:
        """Renders thumbnails from one decoding, fresh or not, whatever failed before; by label. As dear as
        `fresh`. Raises as that does, and Busy while another is at one of them."""
        token = _token()
        for _ in range(2):
            check_readable(capture)
            under_way = self._is_under_way(capture, specs, token)
            made = None if under_way else self._attempt(capture, specs, token)
            if made:
                return made
            capture = _again(capture.id)
        raise Busy("Another is rendering the photograph; ask again in a moment.")

    def verified(self, capture: Capture, spec: ThumbnailSpec) -> Capture:
        """The capture without that thumbnail if its blob has gone. One request of S3; if it has, one write
        and one read of the table."""
        found = capture.thumbnails.get(spec.label)
        if found is None or objects.version_of(self.settings.shelf.bucket, found.key):
            return capture
        log.warning("%s of %s is lost, and rendered again", spec.label, capture.id)
        store.drop_thumbnail(capture, spec.label)
        return _again(capture.id)

    def _attempt(
        self, capture: Capture, specs: Sequence[ThumbnailSpec], token: str
    ) -> Mapping[str, Thumbnail] | None:
        """The thumbnails by label; None if others were quicker, or the capture has changed."""
        claims = self._together(capture, specs)
        begun = {spec.label: claimed(capture.attempts.get(spec.label), token, self.now()) for spec in claims}
        if not store.put_attempts(capture, begun):
            return None
        capture = replace(capture, attempts={**capture.attempts, **begun})
        try:
            if capture.facts.state == "unread":
                return self._first_look(capture, claims, [spec.label for spec in specs], token)
            made = self._make(capture, specs, token)
        except Exception as error:
            ended = {label: failed(each, error, self.now()) for label, each in begun.items()}
            store.put_attempts(capture, ended)
            raise
        if self.now() >= begun[specs[0].label].until or not self._put(capture, made):
            return self._refused(capture.id, made)
        self._note_missing(replace(capture, thumbnails={**capture.thumbnails, **made}), begun, made)
        return made

    def _together(self, capture: Capture, specs: Sequence[ThumbnailSpec]) -> Sequence[ThumbnailSpec]:
        """What is rendered from one decoding: at the first look at a photograph, all that ingest would."""
        if capture.facts.state != "unread":
            return specs
        return [spec for spec in self.settings.thumbnails if spec.eager or spec in specs]

    def _is_under_way(self, capture: Capture, specs: Sequence[ThumbnailSpec], token: str) -> bool:
        now = self.now()
        return any(
            is_under_way(_of_others(capture, spec, token), now) for spec in self._together(capture, specs)
        )

    def _make(self, capture: Capture, specs: Sequence[ThumbnailSpec], token: str) -> Mapping[str, Thumbnail]:
        from chalicelib.thumbnails.photograph import open_photograph

        facts, settings = capture.facts, self.settings
        found = originals.read(facts, settings)
        if found.version != facts.version:
            raise Conflict("The photograph is being replaced; ask again in a moment.")
        if found.data is None:
            raise Unreadable(f"The photograph has {found.size:,} bytes, more than are read.")
        place = settings.shelf.place(capture.id, capture.stamp, token)
        try:
            photograph = open_photograph(found.data)
            made, _ = thumbnails.make(photograph, found.version, specs, settings.shelf.bucket, place)
        except Unreadable as error:
            raise Unreadable(f"The photograph cannot be shown: {error.detail}.") from error
        return made

    def _first_look(
        self, capture: Capture, specs: Sequence[ThumbnailSpec], asked: Sequence[str], token: str
    ) -> Mapping[str, Thumbnail] | None:
        """Examines a photograph that was only listed so far, as ingest does with one that arrives. Two more
        reads of the table than else, and one of its writes is a transaction."""
        from chalicelib.captures.examining import Subject, examine

        found, facts = originals.read(capture.facts, self.settings), capture.facts
        if found.version != facts.version:
            raise Conflict("The photograph is being replaced; ask again in a moment.")
        deployment, stamp = deployments.find(capture.deployment_id), following(capture.stamp)
        subject = Subject(capture.id, facts.key, facts.filename, stamp, deployment, facts.source, token)
        examined = examine(found, subject, specs, self.settings, self.now())
        examined = corrected(examined, capture.corrections)
        made = examined.thumbnails
        if not duplicates.write(Seen(capture, capture.stamp), examined, self.now(), deployment):
            kept = self._refused(capture.id, made)
            return kept if kept and kept.keys() >= set(asked) else None
        check_readable(examined)
        lacking = {label: claimed(None, token, self.now()) for label in asked if label not in made}
        self._note_missing(examined, lacking, made)
        return made

    def _put(self, capture: Capture, made: Mapping[str, Thumbnail]) -> bool:
        is_replacing = any(label in capture.thumbnails for label in made)
        # Until its last URL has run out; and never so soon that it might be an attempt under way.
        wait = max(timedelta(seconds=self.settings.url_lifetime), ATTEMPT_OVER)
        note = Tidying(self.settings.shelf, self.now).note_replaced(capture, wait) if is_replacing else None
        return store.put_thumbnails(capture, made, note)

    def _note_missing(
        self, capture: Capture, begun: Mapping[str, Attempt], made: Mapping[str, Thumbnail]
    ) -> None:
        """Remembers of those that were too large to be rendered beside the others that they were."""
        too_large = Unreadable("The photograph cannot be shown: it takes too much memory at that size.")
        ended = {
            label: failed(each, too_large, self.now()) for label, each in begun.items() if label not in made
        }
        if ended:
            store.put_attempts(capture, ended)
            raise too_large

    def _refused(self, capture_id: str, made: Mapping[str, Thumbnail]) -> Mapping[str, Thumbnail] | None:
        """What is left of an attempt that could not be written: nothing, and its blobs are deleted; unless it
        was written after all, and only the answer was lost."""
        seen = store.see(capture_id).capture
        kept = {each.key for each in seen.thumbnails.values()} if seen else set()
        doomed = [each.key for each in made.values() if each.key not in kept]
        if not doomed:
            return made
        try:
            objects.delete(self.settings.shelf.bucket, doomed)
        except Exception:  # best effort: a sweep finds them
            log.exception("could not delete blobs that nobody points to")
        return None


def check_readable(capture: Capture) -> None:
    """Raises Unreadable for a photograph that could not be opened when it came: nobody tries again."""
    if capture.facts.state == "unreadable":
        raise Unreadable(f"The photograph cannot be opened: {capture.facts.reason}.")


def _token() -> str:
    return secrets.token_hex(4)


def _of_others(capture: Capture, spec: ThumbnailSpec, token: str) -> Attempt | None:
    """The attempt at a thumbnail, unless it is one's own, which came to nothing as the capture changed."""
    attempt = capture.attempts.get(spec.label)
    return None if attempt and attempt.token == token and attempt.kind is None else attempt


def _again(capture_id: str) -> Capture:
    capture = store.see(capture_id).capture
    if capture is None:
        raise NotFound(f"There is no capture with the id {capture_id!r}.")
    return capture
