"""The same bytes under another name: who held them first, and who holds them too.

Within a project the first capture of some bytes claims them, in the transaction that writes it; every
other one is written as its duplicate, on condition that the claim still stands. So there is one original
at any moment, whoever comes together. When it goes, the duplicate that came next takes its place.

Whoever joins a claim or renews it raises its `joins`; who gives it away says which number it has seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Instant, Row
from chalicelib.captures import store
from chalicelib.captures.rules import Capture, Seen
from chalicelib.captures.store import Others
from chalicelib.deployments import inheritance
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import Conflict

FOLLOWED = 300
"""How many duplicates are told of another original at a time."""

_ROUNDS = 8


class ContentRow(Row):
    """The claim on some bytes."""

    capture_id = UnicodeAttribute()
    joins = NumberAttribute()


class DuplicateRow(Row):
    """A duplicate, since when, and of which capture it says to be one."""

    since = Instant()
    original_id = UnicodeAttribute()


@dataclass(frozen=True, slots=True)
class Content:
    """Some bytes within a project."""

    project_id: str
    sha256: str

    @classmethod
    def of(cls, capture: Capture | None) -> "Content | None":
        """What a capture claims; an unreadable one claims nothing: empty files are no copies."""
        if capture is None or capture.facts.state != "ready" or capture.facts.sha256 is None:
            return None
        return cls(capture.project_id, capture.facts.sha256)

    def row(self) -> ContentRow:
        """The row of the claim on it."""
        return ContentRow(*keys.content(self.project_id, self.sha256))

    def duplicate(self, capture_id: str) -> DuplicateRow:
        """The row of a duplicate of it."""
        return DuplicateRow(*keys.duplicate(self.project_id, self.sha256, capture_id))


def write(
    seen: Seen, capture: Capture, now: datetime, deployment: Deployment, others: Others | None = None
) -> bool:
    """Writes a capture as the original of its bytes, or as a duplicate, hidden if the deployment says so;
    False if it is no longer as it was seen. One request, three more for a duplicate.

    Raises Conflict if the same bytes come and go too quickly to tell.
    """
    content, before = Content.of(capture), seen.capture
    if content is None:
        return store.write(seen, capture, others)
    if before and Content.of(before) == content:
        same = replace(capture, duplicate_of=before.duplicate_of, hidden=before.hidden)
        return store.write(seen, same, others)
    original = replace(capture, duplicate_of=None, hidden=False)
    for _ in range(_ROUNDS):
        if store.write(seen, original, store.both(_claim(content, capture.id), others)):
            return True
        holder = _holder(content)
        if store.see(capture.id).stamp != seen.stamp:
            return False
        if holder and holder.capture_id != capture.id:
            hide = deployment.inherited.duplicates == "hide"
            copy = replace(capture, duplicate_of=holder.capture_id, hidden=hide)
            if store.write(seen, copy, store.both(_join(content, copy, now, deployment), others)):
                return True
    raise Conflict(f"{capture.id}: its bytes, or what becomes of duplicates, changed too quickly.")


def original_of(project_id: str, sha256: str) -> str | None:
    """The capture that holds some bytes, if one does. One request."""
    claim = table.get(ContentRow, keys.content(project_id, sha256))
    return claim.capture_id if claim else None


def leave(content: Content, capture_id: str) -> bool:
    """Makes true what is noted of some bytes that a capture may hold no more; False if there is more to do.

    May be cut off anywhere and begun again. Three requests; a few more where it was the original, or a
    duplicate, and two for each duplicate that gets another original. Raises Conflict if others are at it.
    """
    claim = _holder(content)  # first: what happens from here on raises its `joins`
    rows = _duplicates(content)
    present = store.see(capture_id).capture
    holds_still = Content.of(present) == content
    own = next((row for row in rows if row.sk == content.duplicate(capture_id).sk), None)
    if own and not (holds_still and present and present.duplicate_of):
        table.accepted(lambda: own.delete(DuplicateRow.since == own.since))
    if claim is None:
        return True
    original_id: str | None = claim.capture_id
    if original_id == capture_id and not holds_still:
        original_id = _hand_over(content, claim, rows)
    if original_id is None:
        return True
    astray = [row for row in rows if row.original_id != original_id and _id_of(row) != original_id]
    for row in astray[:FOLLOWED]:
        copy = store.see(_id_of(row)).capture
        if copy and Content.of(copy) == content and copy.duplicate_of:
            _follow(content, copy, original_id)
    return len(astray) <= FOLLOWED


def _holder(content: Content) -> ContentRow | None:
    return table.get(ContentRow, keys.content(content.project_id, content.sha256), consistent=True)


def _duplicates(content: Content) -> list[DuplicateRow]:
    """Those noted, the first that came before the others."""
    within = DuplicateRow.sk.startswith(keys.DUPLICATES)
    rows = table.query(DuplicateRow, content.row().pk, within, consistent=True)
    return sorted(rows, key=lambda row: (row.since, row.sk))


def _id_of(row: DuplicateRow) -> str:
    return row.sk.removeprefix(keys.DUPLICATES)


def _heir(content: Content, rows: Iterable[DuplicateRow]) -> Capture | None:
    """The first duplicate that holds these bytes still."""
    captures = (store.see(_id_of(row)).capture for row in rows)
    return next((each for each in captures if each and Content.of(each) == content), None)


def _hand_over(content: Content, claim: ContentRow, rows: Iterable[DuplicateRow]) -> str | None:
    """Gives the claim to the first duplicate, or gives it up; says who has it now."""
    as_seen = (ContentRow.capture_id == claim.capture_id) & (ContentRow.joins == claim.joins)
    heir = _heir(content, rows)
    if heir is None:
        if not table.accepted(lambda: content.row().delete(as_seen)):
            raise Conflict("These bytes have come again meanwhile.")
        return None

    def move(writing: TransactWrite) -> None:
        actions: list[Action] = [ContentRow.capture_id.set(heir.id), ContentRow.joins.add(1)]
        writing.update(content.row(), actions=actions, condition=as_seen)
        writing.delete(content.duplicate(heir.id))

    if not store.correct(heir, replace(heir, duplicate_of=None, hidden=False), move):
        raise Conflict(f"{heir.id} or its bytes changed while it took them over.")
    return heir.id


def _follow(content: Content, copy: Capture, original_id: str) -> None:
    """Lets a duplicate point to the present original."""

    def note(writing: TransactWrite) -> None:
        writing.condition_check(
            ContentRow, content.row().pk, content.row().sk, condition=ContentRow.capture_id == original_id
        )
        actions: list[Action] = [DuplicateRow.original_id.set(original_id)]
        row = content.duplicate(copy.id)
        writing.update(row, actions=actions, condition=DuplicateRow.pk.exists())

    if not store.correct(copy, replace(copy, duplicate_of=original_id), note):
        raise Conflict(f"{copy.id} or its bytes changed while it was to follow {original_id}.")


def _claim(content: Content, capture_id: str) -> Others:
    free: Condition = ContentRow.pk.does_not_exist() | (ContentRow.capture_id == capture_id)
    actions: list[Action] = [ContentRow.capture_id.set(capture_id), ContentRow.joins.add(1)]
    return lambda writing: writing.update(content.row(), actions=actions, condition=free)


def _join(content: Content, copy: Capture, now: datetime, deployment: Deployment) -> Others:
    assert copy.duplicate_of  # noqa: S101  (a programming error, not an input)
    original_id = copy.duplicate_of
    note = content.duplicate(copy.id)
    note.owner, note.rank = keys.project(content.project_id)[0], f"{keys.DUPLICATES}{copy.id}"
    note.since, note.original_id = now, original_id

    def join(writing: TransactWrite) -> None:
        held = ContentRow.capture_id == original_id
        writing.update(content.row(), actions=[ContentRow.joins.add(1)], condition=held)
        writing.save(note)
        inheritance.still_so(writing, deployment)

    return join
