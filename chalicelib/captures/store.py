"""Captures in the table."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, cast

from pynamodb.attributes import MapAttribute
from pynamodb.expressions.condition import Condition
from pynamodb.expressions.update import Action

from chalicelib.aws import keys, table
from chalicelib.aws.table import Row, instant
from chalicelib.captures.rules import Capture, Facts
from chalicelib.errors import Conflict
from chalicelib.thumbnails.rules import Thumbnail


class CaptureRow(Row):
    """A capture; `at` says when, `owner` whose."""

    facts: MapAttribute[str, Any] = MapAttribute()
    thumbnails: MapAttribute[str, Any] = MapAttribute(null=True)


def get(capture_id: str) -> Capture | None:
    """The capture of that id, or None. One request."""
    row = table.get(CaptureRow, keys.capture(capture_id))
    return capture_of(row) if row else None


def add(capture: Capture) -> bool:
    """Writes a capture that is not there yet; False if it is. One request."""
    return table.accepted(lambda: row_of(capture).save(CaptureRow.pk.does_not_exist()))


def replace(capture: Capture, seen_version: str) -> bool:
    """Writes a newer reading over the one made of `seen_version`; False if that is no longer there."""
    return table.accepted(lambda: row_of(capture).save(_is_at(seen_version)))


def put_thumbnails(capture: Capture, thumbnails: Mapping[str, Thumbnail]) -> None:
    """Remembers freshly rendered thumbnails of the object's present version.

    Raises Conflict if the object has a newer version by now.
    """
    row = CaptureRow(*keys.capture(capture.id))
    actions: list[Action] = [CaptureRow.thumbnails.set(_map_of({**capture.thumbnails, **thumbnails}))]
    if not table.accepted(lambda: row.update(actions=actions, condition=_is_at(capture.facts.version))):
        raise Conflict("The photograph has changed meanwhile; ask again.")


def row_of(capture: Capture) -> CaptureRow:
    """The row that holds a capture."""
    at = keys.capture_at(capture.id, capture.timestamp, capture.millisecond)
    return CaptureRow(
        *keys.capture(capture.id),
        at=at,
        owner=keys.project(capture.project_id)[0],
        rank=at,
        facts=_plain_facts(capture.facts),
        thumbnails=_map_of(capture.thumbnails),
    )


def capture_of(row: CaptureRow) -> Capture:
    """The capture a row holds, whether it was read from the table or through `by_owner`."""
    timestamp, millisecond = keys.time_of_capture(row.at or row.rank or "")
    return Capture(
        id=row.sk.removeprefix(keys.CAPTURES),
        project_id=(row.owner or "").removeprefix("PROJECT#"),
        timestamp=timestamp,
        millisecond=millisecond,
        facts=_facts_of(row.facts.as_dict()),
        thumbnails={label: Thumbnail(**one) for label, one in _plain(row.thumbnails).items()},
    )


def _is_at(version: str) -> Condition:
    path: Any = CaptureRow.facts["version"]
    return cast("Condition", path == version)


def _plain_facts(facts: Facts) -> dict[str, Any]:
    values = {**asdict(facts), "last_modified": instant(facts.last_modified)}
    return {name: value for name, value in values.items() if value is not None}


def _facts_of(values: Mapping[str, Any]) -> Facts:
    known = {name: value for name, value in values.items() if name in Facts.__dataclass_fields__}
    return Facts(**{**known, "last_modified": datetime.fromisoformat(values["last_modified"])})


def _map_of(thumbnails: Mapping[str, Thumbnail]) -> dict[str, dict[str, Any]]:
    return {label: asdict(one) for label, one in thumbnails.items()}


def _plain(thumbnails: Any) -> dict[str, dict[str, Any]]:
    return thumbnails.as_dict() if thumbnails is not None else {}
