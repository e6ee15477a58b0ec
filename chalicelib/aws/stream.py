"""The table's stream: from Lambda's records to what changed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Image = Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class Change:
    """The scalars of one item before and after; None where there was, or is, none."""

    pk: str
    sk: str
    before: Image | None
    after: Image | None


def changes(event: Mapping[str, Any]) -> list[Change]:
    """The changes of one batch of stream records, in their order."""
    return [_change(record["dynamodb"]) for record in event["Records"]]


def _change(record: Mapping[str, Any]) -> Change:
    return Change(
        record["Keys"]["pk"]["S"],
        record["Keys"]["sk"]["S"],
        _image(record.get("OldImage")),
        _image(record.get("NewImage")),
    )


def _image(raw: Mapping[str, Any] | None) -> Image | None:
    # Settling looks at scalars only; maps (a photograph's facts) are many times their size.
    return {name: _scalar(value) for name, value in raw.items() if _is_scalar(value)} if raw else None


def _is_scalar(value: Mapping[str, Any]) -> bool:
    return next(iter(value), None) in ("S", "N", "BOOL")


def _scalar(value: Mapping[str, Any]) -> str | int | float | bool:
    """A scalar in DynamoDB's notation as a plain value."""
    [(kind, held)] = value.items()
    if kind == "N":
        return float(held) if "." in held else int(held)
    return held  # type: ignore[no-any-return]
