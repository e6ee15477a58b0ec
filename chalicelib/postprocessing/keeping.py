"""What a step leaves to the next: small things in the job's cursor, large ones in S3 until a job is done."""

import json
import secrets
import zlib
from typing import Any

from chalicelib.aws import objects
from chalicelib.errors import Invalid
from chalicelib.settings import settings

_INLINE = 20_000
_MOST_BYTES = 256 * 1024 * 1024


def put_away(job_id: str, value: Any) -> dict[str, str]:
    """Keeps plain JSON; answers what a cursor is to hold of it. One S3 request if it is large. Raises
    StorageFault."""
    text = json.dumps(value, separators=(",", ":"))
    if len(text) <= _INLINE:
        return {"inline": text}
    key = f"{_place(job_id)}state-{secrets.token_hex(6)}"
    data = zlib.compress(text.encode(), 6)
    objects.write(settings().thumbnails_bucket, key, data, "application/octet-stream")
    return {"key": key}


def taken_out(kept: dict[str, str] | None) -> Any:
    """What was put away; None where nothing was. One S3 request if it is large. Raises SourceGone,
    StorageFault."""
    if kept is None:
        return None
    if "inline" in kept:
        return json.loads(kept["inline"])
    data = objects.read(settings().thumbnails_bucket, kept["key"], _MOST_BYTES).data
    if data is None:
        raise Invalid("There are too many boxes to judge them together: choose a smaller scope.")
    return json.loads(zlib.decompress(data))


def clear(job_id: str) -> None:
    """Forgets all that a job has put away. One S3 request, one more per thousand."""
    bucket = settings().thumbnails_bucket
    objects.delete(bucket, [each.key for each in objects.under(bucket, _place(job_id))])


def _place(job_id: str) -> str:
    return f"reports/{job_id}/"
