"""With a folder, what S3 has answered for is there after moto was killed, as it was."""

import hashlib
import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError

from localstack.embedded.children import EngineError, free_port
from localstack.embedded.engines import start_moto

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

NAMES = Path(__file__).parents[3] / "shared" / "data" / "awkward_names.json"
BUCKET = "photos-bucket"
KEY = "photos/d/a.JPG"


@contextmanager
def killed_moto(folder: Path) -> Iterator["S3Client"]:
    """moto with that folder, killed at the end."""
    engine = start_moto(data=folder)
    try:
        yield client(engine.url)
        children = Path(f"/proc/{engine.process.pid}/task/{engine.process.pid}/children")
        if children.exists():
            os.kill(int(children.read_text()), signal.SIGKILL)
        engine.process.kill()
    finally:
        engine.stop()


def client(url: str) -> "S3Client":
    config = Config(signature_version="s3v4", retries={"total_max_attempts": 1})
    return boto3.client("s3", endpoint_url=url, config=config)


def contents(s3: "S3Client", bucket: str = BUCKET) -> dict[str, dict[str, Any]]:
    """Every object with all that S3 tells of it."""
    found = {}
    for entry in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
        answer = s3.get_object(Bucket=bucket, Key=entry["Key"])
        told = {name: value for name, value in answer.items() if name not in ("ResponseMetadata", "Body")}
        found[entry["Key"]] = {**told, "listed": entry, "bytes": answer["Body"].read()}
    return found


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")


def send_form(s3: "S3Client", key: str, body: bytes) -> None:
    """As `nightjar upload` and the console do."""
    fields = {"Content-Type": "image/jpeg", "x-amz-meta-sha256": "abc"}
    form = s3.generate_presigned_post(BUCKET, key, Fields=fields, Conditions=[fields])
    answer = requests.post(form["url"], data=form["fields"], files={"file": body}, timeout=10)
    assert answer.status_code == 204, answer.text


def test_objects_come_back_as_they_were_however_they_came(tmp_path: Path) -> None:
    part = bytes(5 << 20)
    with killed_moto(tmp_path) as s3:
        s3.create_bucket(Bucket=BUCKET)
        headers: Any = {"CacheControl": "max-age=1", "ContentDisposition": "inline", "ContentEncoding": "br"}
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"put", ContentType="image/webp", **headers)
        send_form(s3, "form.jpg", b"form")
        s3.copy_object(Bucket=BUCKET, Key="copy.json", CopySource={"Bucket": BUCKET, "Key": "form.jpg"})
        whole: Any = {"Bucket": BUCKET, "Key": "parts", "UploadId": ""}
        whole["UploadId"] = s3.create_multipart_upload(Bucket=BUCKET, Key="parts")["UploadId"]
        parts: Any = [
            {"PartNumber": n, "ETag": s3.upload_part(**whole, PartNumber=n, Body=part)["ETag"]}
            for n in (1, 2)
        ]
        s3.complete_multipart_upload(**whole, MultipartUpload={"Parts": parts})
        before = contents(s3)
    with killed_moto(tmp_path) as s3:
        after = contents(s3)
        assert {key: after[key] for key in before if after.get(key) != before[key]} == {}
        assert after.keys() == before.keys()
        assert s3.get_object(Bucket=BUCKET, Key=KEY, Range="bytes=1-")["Body"].read() == b"ut"
    assert before["parts"]["ETag"].endswith('-2"')
    assert before["parts"]["bytes"] == part * 2
    assert before["form.jpg"]["Metadata"] == before["copy.json"]["Metadata"] == {"sha256": "abc"}
    assert before["copy.json"]["ContentType"] == "image/jpeg"
    assert (before[KEY]["CacheControl"], before[KEY]["ContentEncoding"]) == ("max-age=1", "br")


def test_names_survive_whatever_they_are(tmp_path: Path) -> None:
    if not NAMES.exists():
        pytest.skip("the collection of awkward names is not here")
    lines = ["a\nb.jpg", "a.jpg\n", "a\r\n.jpg", "a\r.jpg", "a\u2028.jpg"]
    others = ["../../up.jpg", "x" * 1000, "a/b/c.jpg", "a.note.json"]
    keys = [f"photos/{name}" for name in [*json.loads(NAMES.read_text()), *lines, *others]]
    with killed_moto(tmp_path) as s3:
        s3.create_bucket(Bucket=BUCKET)
        for number, key in enumerate(keys):
            s3.put_object(Bucket=BUCKET, Key=key, Body=f"{number} {key}".encode(), ContentType="image/jpeg")
        before = contents(s3)
    assert all(path.resolve().is_relative_to(tmp_path) and path.name.isascii() for path in files(tmp_path))
    with killed_moto(tmp_path) as s3:
        after = contents(s3)
        assert {key: after[key] for key in before if after.get(key) != before[key]} == {}
        assert after.keys() == before.keys()
        assert {key: before[key]["bytes"] for key in keys} == {
            key: f"{number} {key}".encode() for number, key in enumerate(keys)
        }


def test_what_was_removed_or_replaced_is_not_put_back(tmp_path: Path) -> None:
    with killed_moto(tmp_path) as s3:
        for bucket in (BUCKET, "another"):
            s3.create_bucket(Bucket=bucket)
            for key in ("one", "two", "three", "four"):
                s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
        s3.put_object(Bucket=BUCKET, Key="four", Body=b"five", ContentType="image/png")
        s3.delete_object(Bucket=BUCKET, Key="one")
        s3.delete_object(Bucket=BUCKET, Key="never there")
        s3.delete_objects(Bucket=BUCKET, Delete={"Objects": [{"Key": "two"}, {"Key": "three"}]})
    assert len(files(tmp_path)) == 2 * (1 + 4)
    with killed_moto(tmp_path) as s3:
        [(key, found)] = contents(s3).items()
        assert (key, found["bytes"], found["ContentType"]) == ("four", b"five", "image/png")
        assert set(contents(s3, "another")) == {"one", "two", "three", "four"}
        s3.delete_object(Bucket=BUCKET, Key="four")
    assert len(files(tmp_path)) == 2 * 4


def test_what_a_kill_left_half_written_is_cleared_away(tmp_path: Path) -> None:
    with killed_moto(tmp_path) as s3:
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")
    whole = files(tmp_path)
    for name in (".writing-abc", "0123abcd.jpg"):
        (whole[0].parent / name).write_bytes(b"half")
    with killed_moto(tmp_path) as s3:
        assert set(contents(s3)) == {KEY}
    assert files(tmp_path) == whole


def test_what_cannot_be_kept_is_not_acknowledged(tmp_path: Path) -> None:
    with killed_moto(tmp_path) as s3:
        s3.create_bucket(Bucket=BUCKET)
        in_the_way = tmp_path / hashlib.sha256(f"{BUCKET}/{KEY}".encode()).hexdigest()[:2]
        in_the_way.touch()
        with pytest.raises(ClientError, match="500"):
            s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")
        in_the_way.unlink()
        s3.put_object(Bucket=BUCKET, Key=KEY, Body=b"x")
    assert len(files(tmp_path)) == 2


def test_a_folder_belongs_to_one_at_a_time(tmp_path: Path) -> None:
    with killed_moto(tmp_path), pytest.raises(EngineError, match="in use by another Nightjar"):
        start_moto(data=tmp_path, port=free_port())
