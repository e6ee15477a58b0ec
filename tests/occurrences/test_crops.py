"""Pictures of occurrences: what they show, and that each is cut out once."""

import io
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from api import AUTHORISED, Api
from bucket import THUMBNAILS, Bucket, capture_in, ingest
from meter import Meter, asked_of_s3
from PIL import Image, ImageDraw
from study import CLASSIFIER, DETECTOR
from world import Killed, World

from chalicelib import ids
from chalicelib.access.rules import Principal
from chalicelib.algorithms import service as algorithms
from chalicelib.algorithms.rules import Algorithm
from chalicelib.aws import clock, objects
from chalicelib.captures.rules import Capture
from chalicelib.detections import service as detections
from chalicelib.detections import store as detection_rows
from chalicelib.detections.rules import Box
from chalicelib.detections.schemas import BoxBody, CaptureResults, NameBody
from chalicelib.errors import Busy, Conflict, NotFound, SourceGone
from chalicelib.occurrences import cropped, crops
from chalicelib.occurrences.crops import Cropping
from chalicelib.occurrences.cutting import LONGEST, cut, with_margin
from chalicelib.occurrences.settled import settle
from chalicelib.projects import service as projects
from chalicelib.settings import settings
from chalicelib.thumbnails.attempts import CLAIM, SOONEST
from chalicelib.thumbnails.photograph import Limits, open_photograph

NAME = "20260609_213000.jpg"
ADMIN = Principal(is_admin=True)
RED, GREEN, BLUE, WHITE, GREY = (200, 30, 30), (30, 170, 30), (40, 40, 210), (235, 235, 235), (120, 120, 120)
TURNS = {
    1: None, 2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
}  # fmt: skip
"""From the photograph as displayed to its pixels as they are stored, by EXIF orientation."""
FRAME = (400, 300)
QUARTERED = (200, 100, 260, 140)
"""A box of 60×40 pixels of the displayed photograph, each quarter of which has a colour."""


def displayed(scale: int = 1) -> Image.Image:
    image = Image.new("RGB", (FRAME[0] * scale, FRAME[1] * scale), GREY)
    x1, y1, x2, y2 = (scale * each for each in QUARTERED)
    across, down = (x1 + x2) // 2, (y1 + y2) // 2
    draw = ImageDraw.Draw(image)
    for corners, colour in (
        ((x1, y1, across - 1, down - 1), RED),
        ((across, y1, x2 - 1, down - 1), GREEN),
        ((x1, down, across - 1, y2 - 1), BLUE),
        ((across, down, x2 - 1, y2 - 1), WHITE),
    ):
        draw.rectangle(corners, colour)
    return image


def stored(image: Image.Image, orientation: int = 1, form: str = "JPEG", **more: Any) -> bytes:
    turn = TURNS[orientation]
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010F] = "Reconyx"
    tags.get_ifd(0x8825).update({1: "N", 2: (47.0, 30.0, 0.0)})
    file = io.BytesIO()
    told = {"quality": 92} if form == "JPEG" else {}
    (image.transpose(turn) if turn is not None else image).save(file, form, exif=tags, **told, **more)
    return file.getvalue()


def near(one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    return all(abs(a - b) < 40 for a, b in zip(one, other, strict=True))


def check_quarters(data: bytes) -> None:
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    width, height = picture.size
    for (x, y), colour in (
        ((0.3, 0.3), RED),
        ((0.7, 0.3), GREEN),
        ((0.3, 0.7), BLUE),
        ((0.7, 0.7), WHITE),
        ((0.02, 0.02), GREY),
    ):
        seen = picture.getpixel((int(x * width), int(y * height)))
        assert isinstance(seen, tuple)
        assert near(seen, colour), (x, y, seen)


class TestCutting:
    @pytest.mark.parametrize("orientation", range(1, 9))
    @pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "WEBP"])
    def test_it_shows_the_box_as_people_see_it(self, orientation: int, form: str) -> None:
        photograph = open_photograph(stored(displayed(), orientation, form))
        for box in (Box(*QUARTERED), Box(0.5, 1 / 3, 0.65, 14 / 30, relative=True)):
            made = cut(photograph, box)
            check_quarters(made.data)
            assert (made.width, made.height) == (72, 48)  # a tenth more on each side

    @pytest.mark.parametrize("mode", ["L", "CMYK", "P", "1", "I;16", "RGBA", "LA"])
    def test_it_knows_all_kinds_of_pixels(self, mode: str) -> None:
        image = Image.new("I;16", FRAME, 9000) if mode == "I;16" else displayed().convert(mode)
        form = {"CMYK": "JPEG"}.get(mode, "PNG")
        made = cut(open_photograph(stored(image, 6 if mode != "I;16" else 1, form)), Box(20, 20, 90, 60))
        assert Image.open(io.BytesIO(made.data)).format == "JPEG"

    def test_a_large_box_is_shrunk_and_a_small_one_is_not_blown_up(self) -> None:
        photograph = open_photograph(stored(displayed(scale=10), 8))
        box = Box(*(10.0 * each for each in QUARTERED))
        made = cut(photograph, box)
        assert (made.width, made.height) == (LONGEST, 320)
        check_quarters(made.data)
        tiny = cut(photograph, Box(10, 10, 10.4, 10.4))
        assert (tiny.width, tiny.height) == (1, 1)
        thin = cut(photograph, Box(0, 0, 4000, 0.2))
        assert (thin.width, thin.height) == (LONGEST, 1)

    def test_the_margin_ends_where_the_photograph_does(self) -> None:
        assert with_margin(Box(0, 0, 100, 100), (200, 100)) == (0, 0, 0.55, 1)
        assert with_margin(Box(500, 500, 600, 600), (200, 100)) is None

    def test_nothing_is_told_but_the_picture(self) -> None:
        made = cut(open_photograph(stored(displayed(), 6, comment=b"at home")), Box(*QUARTERED))
        picture = Image.open(io.BytesIO(made.data))
        assert not picture.getexif()
        assert not {"exif", "comment", "icc_profile", "xmp"} & picture.info.keys()
        assert b"Reconyx" not in made.data

    def test_what_would_take_too_much_memory_is_decoded_coarser(self) -> None:
        data = stored(displayed(scale=10))
        photograph = open_photograph(data, Limits(max_decode_bytes=5 * 4000 * 3000 // 16 + 1))
        made = cut(photograph, Box(*(10.0 * each for each in QUARTERED)))
        check_quarters(made.data)
        assert made.width < LONGEST

    def test_one_that_was_cut_off_shows_what_there_is(self) -> None:
        data = stored(displayed(scale=4))
        made = cut(open_photograph(data[: len(data) * 9 // 10]), Box(*(4.0 * each for each in QUARTERED)))
        assert made.width == 288


@pytest.fixture
def shown(bucket: Bucket, api: Api) -> "Shown":
    return Shown(bucket)


class Shown:
    """A photograph with a box on it."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket, self.ahead = bucket, timedelta()
        for key in (DETECTOR, CLASSIFIER):
            algorithms.ensure(Algorithm(key, key, clock.now()))
        ingest(bucket.put(NAME, stored(displayed(scale=4), 6)))
        self.box(QUARTERED)
        [self.occurrence] = self.boxes()

    @property
    def capture(self) -> Capture:
        return capture_in(self.bucket.deployment, NAME)

    def box(self, *boxes: tuple[float, ...], **more: Any) -> None:
        name = NameBody(algorithm=CLASSIFIER, taxon="Noctua", score=0.9)
        bodies = [
            BoxBody(bbox=tuple(4.0 * side for side in each), score=0.9, classifications=[name])  # type: ignore[arg-type]
            for each in boxes
        ]
        told = CaptureResults(capture_id=self.capture.id, algorithm=DETECTOR, detections=bodies, **more)
        [outcome] = detections.save(self.capture.project_id, [told], clock.now())
        assert outcome.error is None
        settle(self.capture.id)

    def boxes(self) -> list[str]:
        present = detection_rows.present(self.capture.id)
        return [each.id for each in present.results.detections if each.box]

    def blobs(self) -> list[str]:
        found = self.bucket.s3.list_objects_v2(Bucket=THUMBNAILS, Prefix="crops/").get("Contents", ())
        return [each["Key"] for each in found]

    def now(self) -> datetime:
        return clock.now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)

    def fresh(self, **more: Any) -> str:
        return Cropping(settings(), self.now, self.sleep).fresh(ADMIN, self.occurrence, **more)


class TestServing:
    def test_it_is_cut_out_once_and_then_served(self, shown: Shown, api: Api) -> None:
        path = f"/occurrences/{shown.occurrence}/crop"
        with Meter() as meter, asked_of_s3() as sent:
            status, _ = api.get(path)
        assert status == 302
        assert dict(meter.requests) == {"BatchGetItem": 1, "TransactWriteItems": 2}
        assert sent == ["GetObject", "PutObject"]
        [blob] = shown.blobs()
        assert blob.startswith(f"crops/{shown.capture.id}/")
        assert blob in api.headers["Location"]
        assert api.headers["Cache-Control"] == "private, max-age=300"
        kept = shown.bucket.s3.get_object(Bucket=THUMBNAILS, Key=blob)
        assert (kept["ContentType"], kept["CacheControl"]) == (
            "image/jpeg",
            "public, max-age=31536000, immutable",
        )
        check_quarters(kept["Body"].read())
        with Meter() as meter, asked_of_s3() as sent:
            assert api.get(path)[0] == 302
        assert (meter.total, sent) == (1, [])
        assert api.get(f"{path}?verify=perhaps")[0] == 400

    def test_whoever_comes_meanwhile_waits_and_is_served_the_same(self, shown: Shown) -> None:
        with asked_of_s3() as sent, ThreadPoolExecutor(4) as pool:
            cropping = Cropping(settings(), clock.now)
            found = set(pool.map(lambda _: cropping.fresh(ADMIN, shown.occurrence), range(4)))
        assert len(found) == 1
        assert sorted(sent) == ["GetObject", "PutObject"]

    def test_another_photograph_or_box_is_another_picture(self, shown: Shown) -> None:
        first = shown.fresh()
        ingest(shown.bucket.put(NAME, stored(displayed(scale=4), 8)))
        second = shown.fresh()
        assert first != second
        assert shown.fresh() == second
        assert crops.name_of("v", Box(1, 2, 3, 4)) != crops.name_of("v", Box(1, 2, 3, 4, relative=True))

    def test_a_lost_one_is_found_out_by_who_was_sent_to_it(self, shown: Shown) -> None:
        blob = shown.fresh()
        shown.bucket.s3.delete_object(Bucket=THUMBNAILS, Key=blob)
        assert shown.fresh() == blob
        assert shown.blobs() == []
        assert shown.fresh(verify=True) == blob
        assert shown.blobs() == [blob]

    def test_a_failure_is_remembered_for_a_while(self, shown: Shown) -> None:
        key = f"photos/{shown.bucket.deployment.id}/{NAME}"
        shown.bucket.s3.delete_object(Bucket="nightjar-photos-bucket", Key=key)
        with pytest.raises(SourceGone):
            shown.fresh()
        with asked_of_s3() as sent, pytest.raises(SourceGone):
            shown.fresh()
        assert sent == []
        shown.bucket.s3.put_object(Bucket="nightjar-photos-bucket", Key=key, Body=b"another")
        shown.ahead += SOONEST * 1.1
        with pytest.raises(Conflict):
            shown.fresh()

    def test_whoever_died_at_it_is_followed_by_another(
        self, shown: Shown, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def dies(*_: Any) -> None:
            raise Killed

        monkeypatch.setattr(objects, "write", dies)
        with pytest.raises(Killed):
            shown.fresh()
        monkeypatch.undo()
        with pytest.raises(Busy):
            shown.fresh()
        shown.ahead += CLAIM
        assert shown.blobs() == [] and shown.fresh() in shown.blobs()  # noqa: PT018

    def test_drafts_are_hidden_and_it_needs_no_name(self, shown: Shown, api: Api) -> None:
        path = f"/occurrences/{shown.occurrence}/crop"
        present = projects.find(shown.capture.project_id)
        from dataclasses import replace

        projects.change(replace(present, draft=True), present.updated_at, clock.now())
        assert api.get(path)[0] == 404
        assert api.get(path, **AUTHORISED)[0] == 302


class TestLeaving:
    def test_it_goes_with_its_capture(self, shown: Shown, engine: Any) -> None:
        world = World(engine.url)
        world.drain()
        shown.fresh()
        capture_id = shown.capture.id
        ingest(shown.bucket.remove(NAME))
        world.drain()
        assert shown.blobs() == []
        assert cropped.get(shown.occurrence) is None
        assert ids.capture_of(shown.occurrence) == capture_id
        with pytest.raises(NotFound):
            shown.fresh()

    def test_it_goes_with_its_box(self, shown: Shown) -> None:
        shown.fresh()
        shown.box((10, 10, 50, 50), replace=True)
        assert shown.occurrence not in shown.boxes()
        assert shown.blobs() == []
        assert cropped.get(shown.occurrence) is None

    def test_nothing_is_left_of_one_whose_box_goes_while_it_is_cut_out(
        self, shown: Shown, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        real = objects.write

        def write(*told: Any) -> None:
            real(*told)
            monkeypatch.undo()
            shown.box(replace=True)

        monkeypatch.setattr(objects, "write", write)
        with pytest.raises(NotFound):
            shown.fresh()
        assert shown.blobs() == []
        assert cropped.get(shown.occurrence) is None
