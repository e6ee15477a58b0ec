"""Ingest: an object in the photos bucket becomes one capture, with its eager thumbnails.

Every step may happen twice. The blobs of thumbnails are named by their content, and the capture, which
makes all of it visible, is written last and under a condition.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from chalicelib import ids
from chalicelib.aws import objects
from chalicelib.captures import service as captures
from chalicelib.captures.rules import Capture, parse_key
from chalicelib.errors import Conflict, NotFound, SourceGone
from chalicelib.ingest import store
from chalicelib.ingest.reading import read
from chalicelib.ingest.rules import ObjectCreated, created
from chalicelib.settings import Settings

log = logging.getLogger("nightjar")


@dataclass(frozen=True, slots=True)
class Ingest:
    """What ingest needs from outside: the settings and the time."""

    settings: Settings
    now: Callable[[], datetime]

    def message(self, body: str) -> None:
        """Ingests the objects one notification reports. What fails is raised, for the queue to send again."""
        for each in created(body):
            self.object(each)

    def object(self, each: ObjectCreated) -> None:
        """Ingests one object. One read of the table when it is known already; else one of S3, one write
        of S3 per eager thumbnail and one write of the table.

        Raises Conflict if another worker was quicker with another version: the queue sends it again.
        """
        deployment_id = self._deployment_id(each)
        if deployment_id is None:
            return
        capture_id = ids.capture_id(deployment_id, each.bucket, each.key)
        deployment, known = captures.with_deployment(capture_id)
        if deployment is None:  # or it was made a moment ago
            deployment, known = captures.with_deployment(capture_id, consistent=True)
        if deployment is None:
            self._keep_unassigned(each, f"there is no deployment with the id {deployment_id}")
            return
        if known and known.facts.version == each.version:
            log.info("%s is known already", capture_id)
            return
        try:
            found = objects.read(each.bucket, each.key, self.settings.max_upload_bytes)
        except SourceGone:
            log.warning("%s was removed before it was read", each.key)
            return
        if known and known.facts.version == found.version:
            log.info("%s is known in a newer version than this event's", capture_id)
            return
        capture = read(
            found, each.key, capture_id, deployment.project_id, settings=self.settings, now=self.now()
        )
        self._write(capture, known)

    def _deployment_id(self, each: ObjectCreated) -> str | None:
        parsed = parse_key(each.key)
        try:
            return ids.check("deployment", parsed[0] if parsed else "")
        except NotFound:
            self._keep_unassigned(each, "its key does not begin with photos/<deployment id>/")
            return None

    def _keep_unassigned(self, each: ObjectCreated, reason: str) -> None:
        log.warning("%s is kept as unassigned: %s", each.key, reason)
        store.keep(each, reason, self.now())

    def _write(self, capture: Capture, known: Capture | None) -> None:
        if captures.keep(capture, known):
            log.info("%s is %s", capture.id, "read anew" if known else "new")
            return
        _, present = captures.with_deployment(capture.id, consistent=True)
        if present is None or present.facts.version != capture.facts.version:
            raise Conflict(f"{capture.id} was written by another worker, in another version.")
        log.info("%s was written by another worker", capture.id)
