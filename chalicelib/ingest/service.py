"""Ingest: an object in the photos bucket becomes one capture, with its eager thumbnails.

An event only says where to look. What counts is the object as it is, and what the table holds of it; a
write is refused if that has changed since it was seen. So events may come twice, late, or out of order:
whoever comes last writes what is there, and a late "created" after a "removed" finds nothing to write.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from chalicelib import ids
from chalicelib.aws import objects
from chalicelib.aws.objects import StoredObject
from chalicelib.captures import originals
from chalicelib.captures import service as captures
from chalicelib.captures.corrections import corrected
from chalicelib.captures.examining import Subject, examine
from chalicelib.captures.rules import Seen, following, parse_key
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict, NotFound, SourceGone
from chalicelib.ingest import store
from chalicelib.ingest.rules import ObjectCreated, ObjectRemoved, ReadAgain, asked
from chalicelib.settings import Settings

log = logging.getLogger("nightjar")

_ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Ingest:
    """What ingest needs from outside: the settings and the time."""

    settings: Settings
    now: Callable[[], datetime]

    def message(self, body: str) -> None:
        """Does what one message asks for. What fails is raised, for the queue to send again."""
        for each in asked(body):
            if isinstance(each, ObjectCreated):
                self.created(each)
            elif isinstance(each, ObjectRemoved):
                self.removed(each)
            else:
                self.again(each)

    def created(self, each: ObjectCreated) -> None:
        """Ingests one object. One read of the table when it is known already; else one of S3, one write
        of S3 per eager thumbnail and one write of the table.

        Raises Conflict if another worker was quicker with another version: the queue sends it again.
        """
        deployment_id = self._deployment_id(each.key)
        if deployment_id is None:
            self._keep_unassigned(each, "its key does not begin with photos/<deployment id>/")
            return
        capture_id = ids.capture_id(deployment_id, each.bucket, each.key)
        deployment, seen = captures.see(capture_id)
        if deployment is None:  # or it was made a moment ago
            deployment, seen = captures.see(capture_id, consistent=True)
        if deployment is None:
            self._keep_unassigned(each, f"there is no deployment with the id {deployment_id}")
        elif seen.capture and seen.capture.facts.version == each.version:
            captures.note_event(seen.capture, each.stamp)
        else:
            self._look_up(each, capture_id, deployment, seen)

    def removed(self, each: ObjectRemoved) -> None:
        """Removes the capture of an object that has gone. Two reads of the table and S3, one write, and
        what clearing up after it takes.

        Raises Conflict if others keep changing it: the queue sends it again.
        """
        deployment_id = self._deployment_id(each.key)
        if deployment_id is None:
            store.forget(each.bucket, each.key)
            return
        capture_id = ids.capture_id(deployment_id, each.bucket, each.key)
        for _ in range(_ROUNDS):
            deployment, seen = captures.see(capture_id, consistent=True)
            if deployment is None:
                store.forget(each.bucket, each.key)
                return
            if seen.is_removed and seen.stamp >= each.stamp:
                return
            there = objects.version_of(each.bucket, each.key)
            if there:
                # It has come back, or with one of its versions gone another one counts.
                if seen.capture is None or seen.capture.facts.version != there:
                    self._look_up(each, capture_id, deployment, seen)
                return
            if captures.remove(seen, capture_id, each.stamp, self._tidying):
                log.info("%s is removed", capture_id)
                return
        raise Conflict(f"{capture_id} keeps changing while it is to be removed.")

    def again(self, each: ReadAgain) -> None:
        """Reads a capture's object anew, whatever is known of it. As dear as a new object."""
        deployment, seen = captures.see(each.capture_id, consistent=True)
        if deployment is None or seen.capture is None:
            log.info("%s is there no more", each.capture_id)
            if seen.stamp:  # an earlier attempt may have left thumbnails
                self._tidying.after(each.capture_id)
            return
        facts = seen.capture.facts
        subject = Subject(each.capture_id, facts.key, facts.filename, "", deployment, facts.source)
        if facts.source:
            self._look(partial(originals.read, facts, self.settings), subject, seen, even_if_known=True)
        else:
            read = partial(self._read, self.settings.photos_bucket, facts.key)
            self._look(read, subject, seen, even_if_known=True)

    def _look_up(
        self, each: ObjectCreated | ObjectRemoved, capture_id: str, deployment: Deployment, seen: Seen
    ) -> None:
        """Looks at the object an event tells of."""
        parsed = parse_key(each.key)
        filename = parsed[1] if parsed else each.key
        subject = Subject(capture_id, each.key, filename, each.stamp, deployment)
        self._look(partial(self._read, each.bucket, each.key), subject, seen)

    def _read(self, bucket: str, key: str) -> StoredObject:
        return objects.read(bucket, key, self.settings.max_upload_bytes)

    def _look(
        self, read: Callable[[], StoredObject], subject: Subject, seen: Seen, *, even_if_known: bool = False
    ) -> None:
        """Writes what is in the bucket. `subject` comes with the stamp of the event that led there."""
        try:
            found = read()
        except SourceGone:
            log.warning("%s was removed before it was read", subject.key)
            found = None
        known = seen.capture.facts.version if seen.capture else None
        if found is None or (found.version == known and not even_if_known):
            # An earlier attempt at this event may have left thumbnails of what has been overtaken.
            if seen.stamp:
                self._tidying.after(subject.capture_id)
            return
        self._write(found, subject, seen, even_if_known=even_if_known)

    def _write(self, found: StoredObject, subject: Subject, seen: Seen, *, even_if_known: bool) -> None:
        subject = replace(subject, stamp=following(seen.stamp, subject.stamp))
        eager = [spec for spec in self.settings.thumbnails if spec.eager]
        capture = examine(found, subject, eager, self.settings, self.now())
        if seen.capture:
            capture = corrected(capture, seen.capture.corrections)
        if captures.keep(seen, capture, self._tidying, subject.deployment):
            log.info("%s is %s", capture.id, "read anew" if seen.capture else "new")
            return
        _, present = captures.see(capture.id, consistent=True)
        is_same = present.capture and present.capture.facts.version == capture.facts.version
        if even_if_known or not is_same:
            raise Conflict(f"{capture.id} was changed by another worker meanwhile.")
        log.info("%s was written by another worker", capture.id)
        self._tidying.after(capture.id)

    @property
    def _tidying(self) -> Tidying:
        return Tidying(self.settings.shelf, self.now)

    @staticmethod
    def _deployment_id(key: str) -> str | None:
        parsed = parse_key(key)
        try:
            return ids.check("deployment", parsed[0] if parsed else "")
        except NotFound:
            return None

    def _keep_unassigned(self, each: ObjectCreated, reason: str) -> None:
        if objects.version_of(each.bucket, each.key) is None:
            log.warning("%s belongs to no deployment, and is gone already", each.key)
            return
        log.warning("%s is kept as unassigned: %s", each.key, reason)
        store.keep(each, reason, self.now())
