"""The photos bucket, what befalls it, and the handler that hears of it."""

import io
from datetime import timedelta
from typing import Any

from events import Storage, object_created, object_removed, sqs_event
from PIL import Image

from chalicelib import ids
from chalicelib.aws import clock
from chalicelib.captures import store
from chalicelib.captures.rules import Capture
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments.rules import Deployment
from chalicelib.thumbnails.rules import Shelf

PHOTOS, THUMBNAILS = "nightjar-photos-bucket", "nightjar-thumbnails-bucket"


def photograph(
    width: int = 64, height: int = 48, shade: int = 200, exif: dict[int, Any] | None = None
) -> bytes:
    image = Image.new("RGB", (width, height), (shade % 256, 180, 160))
    tags = Image.Exif()
    for tag, value in (exif or {}).items():
        if isinstance(value, dict):
            tags.get_ifd(tag).update(value)
        else:
            tags[tag] = value
    file = io.BytesIO()
    image.save(file, "JPEG", exif=tags)
    return file.getvalue()


def ingest(*bodies: str) -> dict[str, Any]:
    from app import ingest as handler

    return handler(sqs_event(bodies), None)  # type: ignore[no-any-return]


def capture_in(deployment: Deployment, filename: str) -> Capture:
    found = store.get(ids.capture_id(deployment.id, PHOTOS, f"photos/{deployment.id}/{filename}"))
    assert found
    return found


def watch(minutes: int = 10) -> int:
    """The watch, a while later."""
    return Tidying(Shelf(THUMBNAILS), lambda: clock.now() + timedelta(minutes=minutes)).overdue()


class Bucket:
    """The photos bucket, and the notifications of what befalls it."""

    def __init__(self, s3: Any, deployment: Deployment, storage: Storage = "S3") -> None:
        self.s3, self.deployment, self.storage = s3, deployment, storage

    def put(self, name: str, data: bytes) -> str:
        key = f"photos/{self.deployment.id}/{name}"
        version = self.s3.put_object(Bucket=PHOTOS, Key=key, Body=data)["ETag"].strip('"')
        return object_created(PHOTOS, key, version, len(data), self.storage)

    def remove(self, name: str) -> str:
        key = f"photos/{self.deployment.id}/{name}"
        self.s3.delete_object(Bucket=PHOTOS, Key=key)
        return object_removed(PHOTOS, key, self.storage)

    def versions(self) -> dict[str, str]:
        """What is in the bucket: name and ETag."""
        prefix = f"photos/{self.deployment.id}/"
        found = self.s3.list_objects_v2(Bucket=PHOTOS, Prefix=prefix).get("Contents", ())
        return {each["Key"].removeprefix(prefix): each["ETag"].strip('"') for each in found}

    def blobs(self) -> set[str]:
        prefix = f"thumbnails/{self.deployment.id}/"
        found = self.s3.list_objects_v2(Bucket=THUMBNAILS, Prefix=prefix).get("Contents", ())
        return {each["Key"] for each in found}
