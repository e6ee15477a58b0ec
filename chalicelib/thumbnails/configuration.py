"""Which thumbnails there are, as NIGHTJAR_THUMBNAILS says in JSON.

    {"prefix": "thumbnails/", "sizes": {"small": 240, "medium": {"width": 1024, "format": "webp"}}}

What is left out is as in the defaults; the first size is what is served when no label is asked for. With
`"sizes": {}` there are none.
"""

import json
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError

from chalicelib.thumbnails.rules import DEFAULT_SPECS, Format, ThumbnailSpec

WIDEST = 8192
"""In pixels: wider ones are the photograph itself."""

_Label = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,31}$")]
_Prefix = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9_-]+/)+$", max_length=200)]


class Size(BaseModel):
    """One size: `width` in pixels; eager ones are rendered when a photograph arrives, others when wanted."""

    model_config = ConfigDict(extra="forbid")

    width: Annotated[int, Field(strict=True, ge=16, le=WIDEST)]
    format: Format = "jpeg"
    quality: Annotated[int, Field(strict=True, ge=1, le=95)] = 82
    eager: bool | None = None


def _as_size(value: Any) -> Any:
    return {"width": value} if isinstance(value, int) else value


_Sizes = dict[_Label, Annotated[Size, BeforeValidator(_as_size)]]


class Configuration(BaseModel):
    """The whole of NIGHTJAR_THUMBNAILS."""

    model_config = ConfigDict(extra="forbid")

    prefix: _Prefix = "thumbnails/"
    sizes: _Sizes | None = None


def configured(text: str | None) -> tuple[str, tuple[ThumbnailSpec, ...]]:
    """What the names of blobs begin with, and the sizes; the defaults if nothing is said.

    Raises RuntimeError, which says what is wrong and where.
    """
    try:
        wanted = Configuration.model_validate(json.loads(text) if text else {})
    except ValueError as error:
        raise RuntimeError(f"NIGHTJAR_THUMBNAILS cannot be used: {_told(error)}") from error
    if wanted.sizes is None:
        return wanted.prefix, DEFAULT_SPECS
    return wanted.prefix, tuple(_spec(label, size) for label, size in wanted.sizes.items())


def _spec(label: str, size: Size) -> ThumbnailSpec:
    known = next((spec.eager for spec in DEFAULT_SPECS if spec.label == label), True)
    eager = known if size.eager is None else size.eager
    return ThumbnailSpec(label, size.width, size.format, size.quality, eager)


def _told(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return f"it is not JSON ({error})."
    return "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()) + "."
