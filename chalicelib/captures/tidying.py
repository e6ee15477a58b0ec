"""What a capture leaves behind when its photograph is replaced or removed, and clearing it away.

The note that there may be something is written in the same transaction as the change. Whoever made the
change clears up at once, as well as it can; the watch comes back for what is still noted.
"""

import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from pynamodb.attributes import UnicodeAttribute, UnicodeSetAttribute
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, objects, table
from chalicelib.aws.table import Row, instant
from chalicelib.captures import duplicates, store
from chalicelib.captures.duplicates import Content
from chalicelib.captures.rules import Capture, following
from chalicelib.captures.store import Others
from chalicelib.thumbnails import service as thumbnails
from chalicelib.thumbnails.rules import Shelf

log = logging.getLogger("nightjar")

AGE = timedelta(minutes=2)
"""How old a note is when the watch takes it for left behind."""

WATCHED = 100
"""How many captures the watch clears up after in one run."""

TIME = timedelta(seconds=20)
"""For how long it does."""


class UntidyRow(Row):
    """The note: `contents` are the bytes (`project/sha256`) the capture held, `blobs` those of its thumbnails
    that lie where an earlier configuration had them, and no listing of today's finds them."""

    version = UnicodeAttribute()
    blobs = UnicodeSetAttribute(null=True)
    contents = UnicodeSetAttribute(null=True)


def noted(capture_ids: Iterable[str]) -> set[str]:
    """Those of the captures which the watch is to clear up after. One request per hundred."""
    found = table.get_many(((UntidyRow, keys.untidy(each)) for each in capture_ids), consistent=True)
    return {pk.removeprefix(keys.CAPTURES) for pk, _ in found}


@dataclass(frozen=True, slots=True)
class Tidying:
    """What clearing up needs from outside: where thumbnails are, and the time."""

    shelf: Shelf
    now: Callable[[], datetime]

    def note(self, before: Capture) -> Others:
        """Notes, as a part of a transaction, that a capture is no longer what it was."""
        content = Content.of(before)
        held = {f"{content.project_id}/{content.sha256}"} if content else set()
        return self._note(before.id, self.now(), held, self._elsewhere(before))

    def note_replaced(self, before: Capture, wait: timedelta) -> Others:
        """Notes, as a part of a transaction, that some blobs of a capture are replaced by others. For as
        long as `wait` somebody may still hold a URL of theirs: so long the watch leaves them."""
        return self._note(before.id, self.now() + wait, set(), self._elsewhere(before))

    def _elsewhere(self, before: Capture) -> set[str]:
        keys_of = (each.key for each in before.thumbnails.values())
        return {each for each in keys_of if not each.startswith(self.shelf.folder(before.id))}

    @staticmethod
    def _note(capture_id: str, since: datetime, contents: set[str], blobs: set[str]) -> Others:
        actions: list[Action] = [
            UntidyRow.version.set(secrets.token_hex(8)),
            UntidyRow.owner.set(keys.UNTIDY),
            UntidyRow.rank.set(f"{instant(since)}#{capture_id}"),
        ]
        if contents:
            actions.append(UntidyRow.contents.add(contents))
        if blobs:
            actions.append(UntidyRow.blobs.add(blobs))
        row = UntidyRow(*keys.untidy(capture_id))

        def noted(writing: TransactWrite) -> None:
            writing.update(row, actions=actions)

        return noted

    def after(self, capture_id: str) -> bool:
        """Clears up after a change, as well as it can: what fails is noted, and the watch comes back."""
        return self._try(capture_id, self.clear)

    def after_attempt(self, capture_id: str) -> bool:
        """Deletes what an attempt may have rendered that came to nothing, as well as it can."""
        return self._try(capture_id, self.blobs)

    def overdue(self) -> int:
        """Clears up what was noted a while ago, for as long as there is time; returns for how many captures
        it tried. What fails goes to the end of the line."""
        begin = self.now()
        within = UntidyRow.rank < instant(begin - AGE)
        rows = list(table.query(UntidyRow, keys.UNTIDY, within, index=keys.BY_OWNER, limit=WATCHED))
        for number, row in enumerate(rows):
            capture_id = row.pk.removeprefix(keys.CAPTURES)
            if not self.after(capture_id):
                rank = f"{instant(self.now())}#{capture_id}"
                noted = UntidyRow(*keys.untidy(capture_id))
                table.accepted(
                    lambda noted=noted, rank=rank: noted.update(  # type: ignore[misc]
                        actions=[UntidyRow.rank.set(rank)], condition=UntidyRow.pk.exists()
                    )
                )
            if self.now() - begin > TIME:
                return number + 1
        return len(rows)

    def clear(self, capture_id: str) -> None:
        """Clears up after a capture: blobs nobody points to, claims on bytes it no longer holds. About six
        requests of the table, two of S3."""
        note = table.get(UntidyRow, keys.untidy(capture_id), consistent=True)
        self.blobs(capture_id, (note.blobs if note else None) or ())
        if note is None:
            return
        left = [duplicates.leave(Content(*each.split("/")), capture_id) for each in note.contents or ()]
        if all(left):
            version = note.version
            table.accepted(lambda: note.delete(UntidyRow.version == version))

    def blobs(self, capture_id: str, elsewhere: Iterable[str] = ()) -> None:
        """Deletes the blobs of a capture that nobody points to, and those `elsewhere` that nobody points to
        any more. One request of the table, two of S3, three with blobs elsewhere."""
        seen = store.see(capture_id)
        kept = seen.capture.thumbnails if seen.capture else {}
        # Whoever renders for the very stamp of a trace has seen less than the trace, and is refused.
        stamp = following(seen.stamp) if seen.is_removed else seen.stamp
        objects.delete(self.shelf.bucket, sorted(set(elsewhere) - {each.key for each in kept.values()}))
        gone = thumbnails.tidy(capture_id, stamp, kept, self.shelf, self.now())
        if gone:
            log.info("%d blobs of %s that nobody points to are deleted", gone, capture_id)

    @staticmethod
    def _try(capture_id: str, clear: Callable[[str], None]) -> bool:
        try:
            clear(capture_id)
        except Exception:  # best effort: the change itself is done and must not come again for this
            log.exception("could not clear up after %s; the watch will try again", capture_id)
            return False
        return True
