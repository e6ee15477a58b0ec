"""What a capture is, and what its object may be called. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from chalicelib.errors import Invalid
from chalicelib.thumbnails.rules import Thumbnail

State = Literal["ready", "unreadable"]

CONTENT_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif", "image/mpo"}
)
PREFIX = "photos/"
MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What one reading of the object found. Sizes in bytes and in pixels of the displayed frame."""

    key: str
    filename: str
    version: str
    size: int
    last_modified: datetime
    state: State
    sha256: str | None = None
    reason: str | None = None
    content_type: str | None = None
    width: int | None = None
    height: int | None = None
    orientation: int = 1
    timestamp_source: str | None = None
    timestamp_offset: str | None = None
    timestamp_conflict: bool = False
    undated_reason: str | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True)
class Capture:
    """One photograph of one deployment. `timestamp` is the camera's wall clock, naive, to the second."""

    id: str
    project_id: str
    timestamp: datetime | None
    millisecond: int
    facts: Facts
    thumbnails: Mapping[str, Thumbnail] = field(default_factory=dict)

    @property
    def deployment_id(self) -> str:
        """The deployment it belongs to, which its id names."""
        return self.id.partition("-")[0]


def object_key(deployment_id: str, filename: str) -> str:
    """Where a photograph of that name lies in the photos bucket. The name is kept to the letter.

    `filename` may hold folders, parted by "/". Raises Invalid for names that play tricks with paths or that
    S3 cannot keep.
    """
    why = _what_is_wrong(filename)
    if why:
        raise Invalid(f"The file name {filename[:120]!r} cannot be used: {why}.", {"filename": why})
    key = f"{PREFIX}{deployment_id}/{filename}"
    if len(key.encode()) > MAX_KEY_BYTES:
        why = f"with its folders it is longer than the {MAX_KEY_BYTES} bytes S3 allows"
        raise Invalid(f"The file name is too long: {why}.", {"filename": why})
    return key


def _what_is_wrong(filename: str) -> str | None:
    parts = filename.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "a folder in it is empty, '.' or '..'"
    if "\\" in filename:
        return "it holds a backslash; part folders by '/'"
    if "${" in filename:
        return "it holds '${', which S3 would fill in"
    if any(ord(sign) < 32 and sign != "\t" for sign in filename):
        return "it holds a line break or another control character"
    try:
        filename.encode()
    except UnicodeEncodeError:
        return "it is not valid Unicode"
    return None


def parse_key(key: str) -> tuple[str, str] | None:
    """Deployment id and file name of an object's key; None if it is not under a deployment's folder."""
    if not key.startswith(PREFIX):
        return None
    deployment_id, _, filename = key[len(PREFIX) :].partition("/")
    return (deployment_id, filename) if deployment_id and filename else None
