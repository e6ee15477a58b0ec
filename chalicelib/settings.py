"""What the environment decides, read once."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from chalicelib.thumbnails.configuration import configured
from chalicelib.thumbnails.rules import DEFAULT_SPECS, Shelf, ThumbnailSpec

VERSION = "0.1.0"


@dataclass(frozen=True, slots=True)
class Settings:
    """The environment of every function. Sizes in bytes, times in seconds."""

    table: str
    photos_bucket: str
    thumbnails_bucket: str
    ingest_queue_url: str
    ingest_dead_letters_url: str
    jobs_queue_url: str
    admin_token_sha256: str | None
    engine: str
    max_upload_bytes: int
    url_lifetime: int = 3600
    thumbnails: tuple[ThumbnailSpec, ...] = DEFAULT_SPECS
    thumbnails_prefix: str = "thumbnails/"
    private_endpoints: bool = False

    @property
    def shelf(self) -> Shelf:
        """Where the blobs of thumbnails lie."""
        return Shelf(self.thumbnails_bucket, self.thumbnails_prefix)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads the NIGHTJAR_* variables; those without a default must be there."""
        missing = [name for name in _REQUIRED if not environment.get(name)]
        if missing:
            raise RuntimeError(f"Set {', '.join(missing)}: the stack's outputs have the values.")
        prefix, specs = configured(environment.get("NIGHTJAR_THUMBNAILS"))
        return cls(
            table=environment["NIGHTJAR_TABLE"],
            photos_bucket=environment["NIGHTJAR_PHOTOS_BUCKET"],
            thumbnails_bucket=environment["NIGHTJAR_THUMBNAILS_BUCKET"],
            ingest_queue_url=environment["NIGHTJAR_INGEST_QUEUE_URL"],
            ingest_dead_letters_url=environment["NIGHTJAR_INGEST_DEAD_LETTERS_URL"],
            jobs_queue_url=environment["NIGHTJAR_JOBS_QUEUE_URL"],
            admin_token_sha256=environment.get("NIGHTJAR_ADMIN_TOKEN_SHA256") or None,
            engine=environment.get("NIGHTJAR_ENGINE", "AWS"),
            max_upload_bytes=int(environment.get("NIGHTJAR_MAX_UPLOAD_BYTES", "100000000")),
            thumbnails=specs,
            thumbnails_prefix=prefix,
            private_endpoints=environment.get("NIGHTJAR_PRIVATE_ENDPOINTS") == "allow",
        )


_REQUIRED = (
    "NIGHTJAR_TABLE",
    "NIGHTJAR_PHOTOS_BUCKET",
    "NIGHTJAR_THUMBNAILS_BUCKET",
    "NIGHTJAR_INGEST_QUEUE_URL",
    "NIGHTJAR_INGEST_DEAD_LETTERS_URL",
    "NIGHTJAR_JOBS_QUEUE_URL",
)


@cache
def settings() -> Settings:
    """The settings of this process."""
    return Settings.from_environment(os.environ)
