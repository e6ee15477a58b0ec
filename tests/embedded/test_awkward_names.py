"""Whatever a file is called, its photograph arrives under that very name, byte by byte, and can go again."""

import json
import signal
import unicodedata
from pathlib import Path
from typing import Any

import pytest
import requests
from test_restarts import PHOTOS, THUMBNAILS, TOKEN, Service, photograph, wait_until

from cli.client import Client
from localstack.embedded.clients import Clients

COLLECTED = Path(__file__).parents[3] / "shared" / "data" / "awkward_names.json"
LONGEST = 1024  # bytes of a key, with the folder of its deployment
LINES = [
    "card 1\n/a\nb_20220622_000459.jpg",
    "\nat the beginning.jpg",
    "at the end.jpg\n",
    "CRLF\r\nin the middle.jpg",
    "CRLF at the end.jpg\r\n",
    "as in a form\r\n\r\n--boundary--\r\n.jpg",
    "a lone\rreturn.jpg",
    "\ttab and\ttab.jpg",
    "next\x85line.jpg",
    "line\u2028separator.jpg",
    "paragraph\u2029separator.jpg",
]
SIGNS = [
    "quotes \" ' ` and ; filename=x.jpg",
    "a+b c.jpg",
    "a%2Bb%20c.jpg",
    "literally%0A.jpg",
    "100%.jpg",
    "?.jpg",
    "a=b&key=c#d?e.jpg",
    "<Key>&amp;&#10;</Key>.jpg",
    "~!@$^*()[]{}|,:;.jpg",
    "$ {filename}.jpg",
    "\ufeffmark\u200b\u202e.jpg",
    "🦋👩🏽‍🔬.jpg",
    *(unicodedata.normalize(form, "Gruß aus Šumava_é.jpg") for form in ("NFC", "NFD")),
]


def names(deployment: dict[str, Any]) -> list[str]:
    collected = json.loads(COLLECTED.read_text()) if COLLECTED.exists() else []
    room = LONGEST - len(f"photos/{deployment['id']}/.jpg")
    longest = "é" * (room // 2) + "x" * (room % 2) + ".jpg"
    return list(dict.fromkeys([*collected, *LINES, *SIGNS, longest]))


def captures(client: Client, deployment: dict[str, Any]) -> dict[str, Any]:
    """Every capture by its name, as those who may edit see it."""
    query = {"project_id": deployment["project_id"], "limit": "100"}
    return {each["path"]: each for each in client.pages("captures", query)}


def test_a_photograph_of_any_name_arrives_is_kept_and_goes(tmp_path: Path) -> None:
    first = Service(tmp_path)
    deployment = first.deployment()
    client = Client(first.api.removesuffix("/api/v2"), TOKEN)
    sent = {name: photograph(number) for number, name in enumerate(names(deployment))}
    for name, body in sent.items():
        assert not client.send_photograph(deployment["id"], name, body).present, name
    wait_until(lambda: captures(client, deployment).keys() == sent.keys())
    for name, body in sent.items():
        assert client.send_photograph(deployment["id"], name, body).present, name
    assert first.end(signal.SIGTERM) == (0, "")

    second = Service(tmp_path)
    assert second.caught_up == 0
    client = Client(second.api.removesuffix("/api/v2"), TOKEN)
    found = captures(client, deployment)
    assert found.keys() == sent.keys()
    assert {each["state"] for each in found.values()} == {"ready"}
    for name, body in sent.items():
        assert requests.get(found[name]["url"], timeout=30).content == body, name

    s3, folder = second.s3(deployment), f"photos/{deployment['id']}/"
    listed = {entry["Key"] for entry in s3.list_objects_v2(Bucket=PHOTOS)["Contents"]}
    assert listed == {folder + name for name in sent}
    for name in sent:
        s3.delete_object(Bucket=PHOTOS, Key=folder + name)
    assert s3.list_objects_v2(Bucket=PHOTOS)["KeyCount"] == 0
    wait_until(lambda: not captures(client, deployment))
    wait_until(lambda: s3.list_objects_v2(Bucket=THUMBNAILS)["KeyCount"] == 0)
    assert second.end(signal.SIGTERM) == (0, "")


@pytest.mark.parametrize("page", [1, 7])
def test_names_are_listed_whole_however_short_the_pages_are(clients: Clients, unique: str, page: int) -> None:
    s3 = clients.s3
    s3.create_bucket(Bucket=unique)
    for name in [*LINES, *SIGNS]:
        s3.put_object(Bucket=unique, Key=name)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=unique, PaginationConfig={"PageSize": page})
    listed = [entry["Key"] for each in pages for entry in each["Contents"]]
    assert listed == sorted([*LINES, *SIGNS], key=str.encode)
