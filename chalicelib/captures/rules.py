"""What a capture is, and what its object may be called. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from chalicelib.errors import Invalid
from chalicelib.thumbnails.attempts import Attempt
from chalicelib.thumbnails.rules import Thumbnail

State = Literal["ready", "unreadable", "unread"]
"""`unread`: only listed in its bucket so far; it is read when somebody first looks at it."""

CONTENT_TYPES = frozenset(
    {"image/jpeg", "image/png", "image/webp", "image/tiff", "image/bmp", "image/gif", "image/mpo"}
)
PREFIX = "photos/"
MAX_KEY_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Facts:
    """What one reading of the object found. Sizes in bytes and in pixels of the displayed frame.

    `source` is the data source in whose bucket it lies, None for ours. `missing_since`: when it was noted
    that it is no longer there, where that is to be noted.
    """

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
    source: str | None = None
    missing_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Corrections:
    """What people changed about a capture's time. A date by hand (`manual`) outranks all; shifts of the
    clock, in seconds by the job that made them, add up on `read`, the time its sources told.

    Moments are naive, to the millisecond. Without corrections `read` is None: it is the capture's own time.
    """

    read: datetime | None = None
    manual: datetime | None = None
    shifts: Mapping[str, int] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return self.manual is not None or bool(self.shifts)


@dataclass(frozen=True, slots=True)
class Origin:
    """Which camera took it, and where by its GPS (degrees, north and east). Private: it tells where the
    station is, and whose."""

    make: str | None = None
    model: str | None = None
    serial: str | None = None
    latitude: float | None = None
    longitude: float | None = None


@dataclass(frozen=True, slots=True)
class Capture:
    """One photograph of one deployment. `timestamp` is the camera's wall clock, naive, to the second.

    `duplicate_of` is the capture that held these very bytes first; `hidden` ones are in no session and no
    count. `stamp` says which change of its object, or of itself, it is as of; it only ever grows. `attempts`
    are those at thumbnails that did not succeed, or not yet. A list of a project knows neither stamp nor
    origin nor attempts.
    """

    id: str
    project_id: str
    timestamp: datetime | None
    millisecond: int
    facts: Facts
    thumbnails: Mapping[str, Thumbnail] = field(default_factory=dict)
    corrections: Corrections = Corrections()
    duplicate_of: str | None = None
    hidden: bool = False
    origin: Origin = Origin()
    stamp: str = ""
    attempts: Mapping[str, Attempt] = field(default_factory=dict)

    @property
    def deployment_id(self) -> str:
        """The deployment it belongs to, which its id names."""
        return self.id.partition("-")[0]

    @property
    def moment(self) -> datetime | None:
        """When it was taken, to the millisecond."""
        return self.timestamp.replace(microsecond=self.millisecond * 1000) if self.timestamp else None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the table holds of an object: a capture, the trace of a removed one (its stamp alone), nothing."""

    capture: Capture | None = None
    stamp: str = ""

    @property
    def is_removed(self) -> bool:
        """Whether there was a capture, and its object has gone."""
        return self.capture is None and bool(self.stamp)


def following(seen: str, event: str = "") -> str:
    """The stamp of the next change after `seen`: the event's, if it is later, else one just past `seen`.

    Stamps compare as text. S3's sequencers are hexadecimal digits without zeros at their end, and "-" and "."
    sort before every digit: what follows a sequencer by either stays before every later one.
    """
    return event if event > seen else f"{seen}-"


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
    """Why an object cannot have that name, or None. Line breaks and tabs may be in it: S3 keeps any UTF-8.

    Not so what XML 1.0 cannot say: S3 would keep it, but no listing could name it.
    """
    parts = filename.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "a folder in it is empty, '.' or '..'"
    if "\\" in filename:
        return "it holds a backslash; part folders by '/'"
    if "${" in filename:
        return "it holds '${', which S3 would fill in"
    if any((sign < " " and sign not in "\t\n\r") or sign in "\ufffe\uffff" for sign in filename):
        return "it holds a control character that S3 cannot list"
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
