"""Captures in the table.

Whoever writes a capture says what it has seen there; the write is refused if that has changed. Each write
sets a later stamp, so nothing that was seen ever comes back and nobody can be deceived.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, cast

from pynamodb.attributes import MapAttribute, NumberAttribute, UnicodeAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row, instant
from chalicelib.captures.rules import Capture, Corrections, Facts, Origin, Seen, following
from chalicelib.thumbnails.attempts import Attempt
from chalicelib.thumbnails.rules import Thumbnail

REMEMBERED = timedelta(days=30)
"""How long it is remembered that a capture was removed: longer than any event of it can be under way."""


class CaptureRow(Row):
    """A capture; `at` says when, `owner` whose. Of a removed one only the stamp is left, for a while."""

    facts: MapAttribute[str, Any] = MapAttribute(null=True)
    thumbnails: MapAttribute[str, Any] = MapAttribute(null=True)
    attempts: MapAttribute[str, Any] = MapAttribute(null=True)
    origin: MapAttribute[str, Any] = MapAttribute(null=True)
    stamp = UnicodeAttribute(null=True)
    bytes = NumberAttribute(null=True)
    expires = NumberAttribute(null=True)


class UnreadableRow(Row):
    """The note that a capture is unreadable: what the list of them is read from."""


Others = Callable[[TransactWrite], None]


def both(one: Others | None, other: Others | None) -> Others | None:
    """What writes the one and the other."""
    if one is None or other is None:
        return one or other
    first, second = one, other

    def write(writing: TransactWrite) -> None:
        first(writing)
        second(writing)

    return write


def get(capture_id: str) -> Capture | None:
    """The capture of that id, or None. One request."""
    row = table.get(CaptureRow, keys.capture(capture_id))
    return seen_of(row).capture


def see(capture_id: str) -> Seen:
    """What there is of a capture, read consistently. One request."""
    return seen_of(table.get(CaptureRow, keys.capture(capture_id), consistent=True))


def stretch(deployment_id: str, lower: str, upper: str, limit: int) -> list[tuple[str, Seen]]:
    """What there is of up to `limit` captures of a deployment, traces of removed ones too, with their ids, in
    the order of those: from the one whose own part is `lower` to `upper`, both inclusive; read consistently.
    One request per megabyte, some eight hundred."""
    pk, first = keys.capture(f"{deployment_id}-{lower}")
    _, last = keys.capture(f"{deployment_id}-{upper}")
    rows = table.query(CaptureRow, pk, CaptureRow.sk.between(first, last), consistent=True, limit=limit)
    return [(row.sk.removeprefix(keys.CAPTURES), seen_of(row)) for row in rows]


def write(seen: Seen, capture: Capture, others: Others | None = None) -> bool:
    """Writes a capture over what was seen of it, with what `others` adds; False if anything was refused.

    One request: a transaction only where more than the capture's own row is written.
    """
    notes = _unreadable_notes(seen.capture, capture)
    return _save(row_of(capture), seen, [*notes, *([others] if others else [])])


def remove(seen: Seen, capture_id: str, stamp: str, now: datetime, others: Others | None) -> bool:
    """Leaves of a capture the trace that it was removed; False if it is no longer as it was seen. One
    request."""
    row = CaptureRow(
        *keys.capture(capture_id),
        stamp=following(seen.stamp, stamp),
        expires=int((now + REMEMBERED).timestamp()),
    )
    return _save(row, seen, [*_unreadable_notes(seen.capture, None), *([others] if others else [])])


def touch(capture: Capture, stamp: str) -> bool:
    """Notes that a capture is as of a later event, too; False if it is no longer as it was seen. What failed
    may succeed by now: the event says that the object is there."""
    row = CaptureRow(*keys.capture(capture.id))
    unseen = _unchanged(Seen(capture, capture.stamp))
    actions: list[Action] = [CaptureRow.stamp.set(stamp), CaptureRow.attempts.set({})]
    return table.accepted(lambda: row.update(actions=actions, condition=unseen))


def correct(before: Capture, after: Capture, others: Others | None = None) -> bool:
    """Writes what people changed of a capture, its place in time with it; False if it is no longer as it was
    before. One request. Thumbnails that were rendered meanwhile stay."""
    row = row_of(replace(after, stamp=following(before.stamp)))
    wanted = (CaptureRow.at, CaptureRow.rank, CaptureRow.facts, CaptureRow.stamp)
    actions: list[Action] = [attribute.set(getattr(row, attribute.attr_name)) for attribute in wanted]
    return _update(row, actions, _unchanged(Seen(before, before.stamp)), others)


def put_attempts(capture: Capture, attempts: Mapping[str, Attempt]) -> bool:
    """Writes attempts at thumbnails, by label, over those that were seen; False if the capture, one of them,
    or one of those thumbnails is no longer as it was seen. One request."""
    row = CaptureRow(*keys.capture(capture.id))
    unseen = _unchanged(Seen(capture, capture.stamp))
    for label in attempts:
        # The thumbnail, too: an attempt that has succeeded meanwhile has left no other trace.
        unseen &= _untried(label, capture.attempts.get(label))
        unseen &= _unrendered(label, capture.thumbnails.get(label))
    actions: list[Action] = [
        _path(CaptureRow.attempts, label).set(_plain_attempt(each)) for label, each in attempts.items()
    ]
    return table.accepted(lambda: row.update(actions=actions, condition=unseen))


def put_thumbnails(capture: Capture, made: Mapping[str, Thumbnail], others: Others | None) -> bool:
    """Remembers freshly rendered thumbnails of the object's present version, and no more the attempts that
    made them; False if the capture has changed by now, or another has taken one of the attempts over. One
    request."""
    row = CaptureRow(*keys.capture(capture.id))
    unseen = _unchanged(Seen(capture, capture.stamp))
    actions: list[Action] = []
    for label, thumbnail in made.items():
        unseen &= _untried(label, capture.attempts[label])
        actions.append(_path(CaptureRow.thumbnails, label).set(asdict(thumbnail)))
        actions.append(_path(CaptureRow.attempts, label).remove())
    return _update(row, actions, unseen, others)


def drop_thumbnail(capture: Capture, label: str) -> bool:
    """Forgets a thumbnail whose blob has gone; False if it is another one by now. One request."""
    row = CaptureRow(*keys.capture(capture.id))
    path = _path(CaptureRow.thumbnails, label)
    same = path["key"] == capture.thumbnails[label].key
    return table.accepted(lambda: row.update(actions=[path.remove()], condition=same))


def _untried(label: str, seen: Attempt | None) -> Any:
    path = _path(CaptureRow.attempts, label)
    return path["token"] == seen.token if seen else path.does_not_exist()


def _unrendered(label: str, seen: Thumbnail | None) -> Any:
    path = _path(CaptureRow.thumbnails, label)
    return path["key"] == seen.key if seen else path.does_not_exist()


def _path(attribute: Any, label: str) -> Any:
    return attribute[label]


def row_of(capture: Capture) -> CaptureRow:
    """The row that holds a capture."""
    at = keys.capture_at(capture.id, capture.timestamp, capture.millisecond, hidden=capture.hidden)
    return CaptureRow(
        *keys.capture(capture.id),
        at=at,
        owner=keys.project(capture.project_id)[0],
        rank=at,
        facts=_plain_facts(capture),
        thumbnails={label: asdict(one) for label, one in capture.thumbnails.items()},
        attempts={label: _plain_attempt(one) for label, one in capture.attempts.items()},
        origin=_without_none(asdict(capture.origin)) or None,
        stamp=capture.stamp or None,
        bytes=capture.facts.size,
    )


def seen_of(row: CaptureRow | None) -> Seen:
    """What a row, if there is one, holds of a capture."""
    if row is None:
        return Seen()
    return Seen(capture_of(row) if row.facts else None, row.stamp or "")


def capture_of(row: CaptureRow) -> Capture:
    """The capture a row holds, whether it was read from the table or through `by_owner`."""
    at = row.at or row.rank or ""
    timestamp, millisecond = keys.time_of_capture(at)
    values = row.facts.as_dict()
    return Capture(
        id=row.sk.removeprefix(keys.CAPTURES),
        project_id=(row.owner or "").removeprefix("PROJECT#"),
        timestamp=timestamp,
        millisecond=millisecond,
        facts=_facts_of(values),
        thumbnails={label: Thumbnail(**one) for label, one in _plain(row.thumbnails).items()},
        corrections=_corrections_of(values.get("corrections", {})),
        duplicate_of=values.get("duplicate_of"),
        hidden=at.startswith(keys.HIDDEN),
        origin=Origin(**_plain(row.origin)),
        stamp=row.stamp or "",
        attempts={label: _attempt_of(one) for label, one in _plain(row.attempts).items()},
    )


def _unchanged(seen: Seen) -> Condition:
    if seen.stamp:
        return CaptureRow.stamp == seen.stamp
    if seen.capture is None:
        return CaptureRow.pk.does_not_exist()
    path: Any = CaptureRow.facts["version"]
    unstamped = CaptureRow.stamp.does_not_exist() & (path == seen.capture.facts.version)
    return cast("Condition", unstamped)


def _update(row: CaptureRow, actions: list[Action], unseen: Condition, others: Others | None) -> bool:
    def update_all() -> None:
        with table.transaction() as writing:
            writing.update(row, actions=actions, condition=unseen)
            if others:
                others(writing)

    return table.accepted(update_all if others else lambda: row.update(actions=actions, condition=unseen))


def _save(row: CaptureRow, seen: Seen, others: list[Others]) -> bool:
    unseen = _unchanged(seen)

    def save_all() -> None:
        with table.transaction() as writing:
            writing.save(row, condition=unseen)
            for other in others:
                other(writing)

    return table.accepted(save_all if others else lambda: row.save(unseen))


def _unreadable_notes(before: Capture | None, after: Capture | None) -> list[Others]:
    """What keeps the list of unreadable captures true: nothing, where nothing changes for it."""
    was = before is not None and before.facts.state == "unreadable"
    if after is not None and after.facts.state == "unreadable":
        pk, sk = keys.unreadable(after.id)
        owner, rank = keys.project(after.project_id)[0], f"{keys.UNREADABLE}{after.id}"
        note = UnreadableRow(pk, sk, owner=owner, rank=rank)
        return [] if was else [lambda writing: writing.save(note)]
    if before is not None and was:
        gone = UnreadableRow(*keys.unreadable(before.id))
        return [lambda writing: writing.delete(gone)]
    return []


def _plain_facts(capture: Capture) -> dict[str, Any]:
    facts, corrections = capture.facts, capture.corrections
    values = {
        **asdict(facts),
        "last_modified": instant(facts.last_modified),
        "missing_since": instant(facts.missing_since) if facts.missing_since else None,
        "duplicate_of": capture.duplicate_of,
    }
    if corrections:
        values["corrections"] = _without_none(
            {
                "read": _moment(corrections.read),
                "manual": _moment(corrections.manual),
                "shifts": dict(corrections.shifts),
            }
        )
    return _without_none(values)


def _facts_of(values: Mapping[str, Any]) -> Facts:
    known = {name: value for name, value in values.items() if name in Facts.__dataclass_fields__}
    times = {name: datetime.fromisoformat(known[name]) for name in _TIMES if name in known}
    return Facts(**{**known, **times})


_TIMES = ("last_modified", "missing_since")


def _corrections_of(values: Mapping[str, Any]) -> Corrections:
    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(values[name]) if name in values else None

    shifts = {job: int(seconds) for job, seconds in values.get("shifts", {}).items()}
    return Corrections(moment("read"), moment("manual"), shifts)


def _plain_attempt(attempt: Attempt) -> dict[str, Any]:
    return _without_none({**asdict(attempt), "until": instant(attempt.until)})


def _attempt_of(values: Mapping[str, Any]) -> Attempt:
    known = {**values, "tries": int(values["tries"]), "until": datetime.fromisoformat(values["until"])}
    return Attempt(**known)


def _moment(value: datetime | None) -> str | None:
    return value.isoformat(timespec="milliseconds") if value else None


def _without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _plain(value: Any) -> dict[str, Any]:
    return value.as_dict() if value is not None else {}
