"""With a data folder, objects are the same after a restart, whatever they are called."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from localstack.embedded.clients import Clients
from localstack.embedded.originals import Originals, bar
from localstack.embedded.stack import Stack

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = Path(__file__).parents[3] / "shared" / "data" / "awkward_names.json"

INGEST_LOOKS_ON_DISK = """
    import json, os
    from pathlib import Path
    from urllib.parse import unquote_plus
    from chalice import Chalice

    app = Chalice(app_name="tiny")
    on_disk = {{}}
    folder = Path({folder!r})


    @app.route("/api/v2/status")
    def status():
        return {{"ok": True}}


    @app.on_sqs_message(queue_arn="arn:aws:sqs:us-east-1:000000000000:x")
    def ingest(event):
        kept = {{json.loads(note.read_text())["key"] for note in folder.glob("objects/*/*/*.json")}}
        for message in event:
            for record in json.loads(message.body).get("Records", []):
                key = unquote_plus(record["s3"]["object"]["key"])
                on_disk[key] = key in kept


    def work(event, context): pass
    def settle(event, context): pass
    def watch(event, context): pass
"""


def names() -> list[str]:
    if not NAMES.exists():
        pytest.skip("the collection of awkward names is not here")
    return list(json.loads(NAMES.read_text()))


@pytest.fixture
def bucket(clients: Clients, unique: str) -> str:
    clients.s3.create_bucket(Bucket=unique)
    return unique


def contents(s3: "S3Client", bucket: str, key: str) -> tuple[bytes, str, dict[str, str]]:
    found = s3.get_object(Bucket=bucket, Key=key)
    return found["Body"].read(), found["ContentType"], found["Metadata"]


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_objects_survive_a_restart_of_the_stack(tmp_path: Path, make_app: Callable[[str], str]) -> None:
    data = tmp_path / "data"
    module = make_app(INGEST_LOOKS_ON_DISK.format(folder=str(data)))
    keys = [f"photos/{name}" for name in [*names(), "../../up.jpg", "x" * 1000, "a/b/c.jpg"]]
    photos = thumbnails = ""
    before = {}

    with Stack(data=data, app_module=module) as stack:
        s3, photos = stack.clients.s3, stack.resources.buckets["PhotosBucket"]
        thumbnails = stack.resources.buckets["ThumbnailsBucket"]
        for number, key in enumerate(keys):
            body = f"{number} {key}".encode()
            s3.put_object(
                Bucket=photos, Key=key, Body=body, ContentType="image/jpeg", Metadata={"n": str(number)}
            )
        s3.put_object(Bucket=thumbnails, Key="gone.webp", Body=b"x")
        s3.put_object(Bucket=thumbnails, Key="kept.webp", Body=b"y", ContentType="image/webp")
        s3.delete_objects(Bucket=thumbnails, Delete={"Objects": [{"Key": "gone.webp"}]})
        before = {key: contents(s3, photos, key) for key in keys}
        stack.wait_until_quiet(30)
        assert sys.modules[module].on_disk == dict.fromkeys(keys, True)

    assert all(path.resolve().is_relative_to(data) and path.name.isascii() for path in files(data))
    with Stack(data=data, app_module=module) as stack:
        s3 = stack.clients.s3
        assert {key: contents(s3, photos, key) for key in keys} == before
        assert len(s3.list_objects_v2(Bucket=photos)["Contents"]) == len(keys)
        listed = [found["Key"] for found in s3.list_objects_v2(Bucket=thumbnails)["Contents"]]
        assert listed == ["kept.webp"]


def test_a_replaced_object_leaves_one_file_and_a_removed_one_none(
    clients: Clients, bucket: str, tmp_path: Path
) -> None:
    originals = Originals(clients.s3, tmp_path)
    for body in (b"one", b"two", b"two"):
        clients.s3.put_object(Bucket=bucket, Key="a.JPG", Body=body)
        originals.mirror(bucket, "a.JPG")
        originals.mirror(bucket, "a.JPG")
        assert {path.suffix for path in files(tmp_path)} == {".json", ".jpg"}
        assert len(files(tmp_path)) == 2
    clients.s3.delete_object(Bucket=bucket, Key="a.JPG")
    originals.mirror(bucket, "a.JPG")
    originals.mirror(bucket, "never-there")
    assert files(tmp_path) == []


def test_an_object_uploaded_in_parts_is_put_back_once(clients: Clients, bucket: str, tmp_path: Path) -> None:
    part = bytes(5 * 1024 * 1024)
    upload = clients.s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    whole: Any = {"Bucket": bucket, "Key": "big", "UploadId": upload}
    parts: Any = [
        {"PartNumber": n, "ETag": clients.s3.upload_part(**whole, PartNumber=n, Body=part)["ETag"]}
        for n in (1, 2)
    ]
    clients.s3.complete_multipart_upload(**whole, MultipartUpload={"Parts": parts})
    originals = Originals(clients.s3, tmp_path)
    originals.mirror(bucket, "big")
    assert [kept.etag[-3:] for kept in originals.kept()] == ['-2"']
    assert originals.put_back() == 1
    assert contents(clients.s3, bucket, "big")[0] == part * 2
    before = files(tmp_path)
    originals.mirror(bucket, "big")
    assert files(tmp_path) == before


def test_the_progress_bar() -> None:
    assert bar(5, 10, width=4) == "[##..] 5 of 10"
    assert bar(10, 10, width=4) == "[####] 10 of 10"
