"""Opening photographs: what is told of them, and what is refused before a pixel is decoded."""

import struct
import subprocess
import sys
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from chalicelib.captures.timestamps import ExifTimes
from chalicelib.errors import Unreadable
from chalicelib.thumbnails.exif import Camera, read_exif
from chalicelib.thumbnails.headers import scans
from chalicelib.thumbnails.photograph import Limits, open_photograph

DATA = Path(__file__).parents[3] / "shared" / "data"


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def scene(width: int = 60, height: int = 40, mode: str = "RGB") -> Image.Image:
    image = Image.new("RGB", (width, height), (90, 120, 60))
    ImageDraw.Draw(image).ellipse((5, 5, width // 2, height // 2), fill=(200, 180, 20))
    return image.convert(mode)


def full_exif(orientation: int = 6) -> Image.Exif:
    exif = Image.Exif()
    exif.update({0x0112: orientation, 0x010F: "Moth Works ", 0x0110: "Lamp 2", 0x0132: "2024:05:01 09:00:00"})
    exif.get_ifd(0x8769).update(
        {
            0x9003: "2024:03:09 20:04:10",
            0x9004: "2024:03:09 20:04:11",
            0x9011: "-05:00",
            0x9291: "042",
            0xA431: "A-17",
        }
    )
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 29.0, 45.6), 3: "W", 4: (4.0, 46.0, 26.4)})
    return exif


def header_of_png(width: int, height: int, colour: int = 0) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99))


def header_of_jpeg(width: int, height: int) -> bytes:
    data = encoded(Image.new("RGB", (16, 16)), "JPEG")
    at = data.index(b"\xff\xc0")
    return data[: at + 5] + struct.pack(">HH", height, width) + data[at + 9 :]


@pytest.mark.parametrize(
    ("form", "content_type"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/tiff"),
        ("BMP", "image/bmp"),
        ("GIF", "image/gif"),
    ],
)
def test_a_photograph_is_told_by_its_content(form: str, content_type: str) -> None:
    photograph = open_photograph(encoded(scene(), form))
    assert (photograph.format, photograph.content_type) == (form, content_type)
    assert (photograph.width, photograph.height, photograph.orientation) == (60, 40, 1)


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
def test_an_mpo_says_so_and_a_broken_index_of_its_frames_costs_nothing() -> None:
    whole = encoded(scene(), "MPO", save_all=True, append_images=[scene()])
    assert open_photograph(whole).format == "MPO"
    assert open_photograph(whole).content_type == "image/mpo"
    broken = whole.replace(b"MPF\0", b"MPF\0" + b"\xff" * 4, 1)
    assert (open_photograph(broken).width, open_photograph(broken).height) == (60, 40)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_exif_is_read_and_the_frame_is_the_displayed_one(form: str) -> None:
    photograph = open_photograph(encoded(scene(), form, exif=full_exif()))
    assert (photograph.width, photograph.height, photograph.orientation) == (40, 60, 6)
    assert photograph.exif == ExifTimes(
        "2024:03:09 20:04:10\0", "2024:03:09 20:04:11\0", "2024:05:01 09:00:00\0", "-05:00", "042"
    )
    assert photograph.camera == Camera("Moth Works", "Lamp 2", "A-17")
    assert photograph.gps == pytest.approx((51.496, -4.774))


def test_a_tiff_is_its_own_exif_and_its_frame_the_displayed_one() -> None:
    # Pillow writes only the main directory of it.
    photograph = open_photograph(encoded(scene(), "TIFF", exif=full_exif()))
    assert (photograph.width, photograph.height, photograph.orientation) == (40, 60, 6)
    assert photograph.exif == ExifTimes(modified="2024:05:01 09:00:00\0")
    assert photograph.camera == Camera("Moth Works", "Lamp 2")


def test_the_position_and_the_bytes_stay_out_of_logs() -> None:
    shown = repr(open_photograph(encoded(scene(), "JPEG", exif=full_exif())))
    assert "51.49" not in shown
    assert "data=" not in shown


def test_exif_behind_the_pixels_of_a_png_is_found_without_decoding_them() -> None:
    plain = encoded(scene(), "PNG")
    exif = full_exif().tobytes().removeprefix(b"Exif\0\0")
    chunk = b"eXIf" + exif
    behind = struct.pack(">I", len(exif)) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert open_photograph(plain[:-12] + behind + plain[-12:]).orientation == 6


@pytest.mark.parametrize("orientation", [0, 9, 35, 65535])
def test_an_orientation_that_does_not_exist_is_upright(orientation: int) -> None:
    photograph = open_photograph(encoded(scene(), "JPEG", exif=full_exif(orientation)))
    assert (photograph.orientation, photograph.width, photograph.height) == (1, 60, 40)


@pytest.mark.parametrize("latitude", [(0.0, 0.0, 0.0), (91.0, 0.0, 0.0)])
def test_a_position_that_cannot_be_is_none(latitude: tuple[float, float, float]) -> None:
    exif = full_exif()
    exif.get_ifd(0x8825).update({2: latitude, 4: (0.0, 0.0, 0.0)})
    assert open_photograph(encoded(scene(), "JPEG", exif=exif)).gps is None


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@given(st.binary(max_size=400), st.sampled_from([b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b""]))
def test_no_exif_however_broken_stops_a_photograph(junk: bytes, start: bytes) -> None:
    plain = encoded(scene(16, 16), "JPEG")
    body = b"Exif\0\0" + start + junk
    data = plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]
    assert open_photograph(data).width == 16


@given(st.data())
def test_torn_exif_costs_only_the_tags_it_hides(data: st.DataObject) -> None:
    block = bytearray(full_exif().tobytes())
    for _ in range(data.draw(st.integers(1, 8))):
        block[data.draw(st.integers(0, len(block) - 1))] = data.draw(st.integers(0, 255))
    exif = read_exif(bytes(block[: data.draw(st.integers(0, len(block)))]))
    assert 1 <= exif.orientation <= 8


NOT_PHOTOGRAPHS = [
    (b"", "the file is empty"),
    (b"\0" * 5000, "the file holds nothing but zeros, as after a failed copy from a card"),
    (b"\xff\xd8", "the file was cut off right after its first bytes"),
    (b"version https://git-lfs.github.com/spec/v1\noid", "this is a Git LFS pointer, not the photograph it"),
    (b"\n<!DOCTYPE html><html>", "this is a web page, not a photograph"),
    (b"<html><body>404", "this is a web page, not a photograph"),
    (b'<?xml version="1.0"?><Error><Code>AccessDenied', "this is an error message of a storage service"),
    (b'<svg xmlns="http://www.w3.org/2000/svg">', "this is an SVG drawing, not a photograph"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9", "this is a PDF or PostScript document, not a"),
    (b"%PDF-1.7", "this is a PDF or PostScript document, not a photograph"),
    (b"PK\x03\x04....", "this is a ZIP archive; send the photographs in it"),
    (b"\0\0\0\x18ftypheic\0\0\0\0mif1", "this is a HEIC photograph; send it as a JPEG"),
    (b"\0\0\0\x18ftypmp42", "this is a video, not a photograph"),
    (b"RIFF\0\0\0\0AVI LIST", "this is a video, not a photograph"),
    (b"II*\0\x10\0\0\0CR\x02\0", "this is a raw photograph; send it as a JPEG"),
    (b"BLP2\x01\0\0\0", "the file is in no format of photographs that is known here"),
    (b"BM is not always a bitmap", "the file is in no format of photographs that is known here"),
    (b"\xff\xd8\xff\xe0\0\x10JFIF", "the file begins like a JPEG picture, but its header is damaged"),
    (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "the file begins like a PNG picture, but its header is damaged"),
]


@pytest.mark.parametrize(("data", "reason"), NOT_PHOTOGRAPHS)
def test_what_is_no_photograph_is_refused_for_what_it_is(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        open_photograph(data)
    assert refused.value.detail.startswith(reason)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (header_of_png(16000, 16000), "16000×16000 pixels are more than the 200 million that are read"),
        (header_of_png(13000, 13000), "13000×13000 pixels as PNG take more than 400 MiB of memory to decode"),
        (header_of_png(7300, 7300, colour=6), "7300×7300 pixels as PNG take more than 400 MiB of memory to"),
        (header_of_png(60000, 60000), "the picture claims more pixels than any that is read"),
        (header_of_jpeg(65500, 65500), "the picture claims more pixels than any that is read"),
        (header_of_jpeg(20000, 12000), "20000×12000 pixels are more than the 200 million that are read"),
        (header_of_png(1, 65), "1×65 pixels are no picture: one side is over 64 times the other"),
    ],
)
def test_a_bomb_is_refused_by_its_header(data: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refused:
        open_photograph(data)
    assert refused.value.detail.startswith(reason)


def test_a_jpeg_of_two_hundred_megapixels_is_welcome() -> None:
    photograph = open_photograph(header_of_jpeg(16000, 12500))
    assert (photograph.width, photograph.height) == (16000, 12500)


def test_a_file_of_too_many_bytes_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(Unreadable, match="the file has 11 bytes; at most 10 are read"):
        open_photograph(b"x" * 11, Limits(max_bytes=10))


def repeated_scans(count: int) -> bytes:
    data = encoded(scene(), "JPEG", progressive=True)
    at = data.index(b"\xff\xda")
    end = data.index(b"\xff", at + 2 + data[at + 3])
    while data[end + 1] == 0:
        end = data.index(b"\xff", end + 2)
    return data[:end] + data[at:end] * count + data[end:]


def test_a_jpeg_of_a_thousand_passes_is_refused() -> None:
    with pytest.raises(Unreadable, match="its pixels are sent in more than 64 passes"):
        open_photograph(repeated_scans(1000))
    assert open_photograph(repeated_scans(20)).width == 60


def test_passes_are_counted_as_a_decoder_makes_them() -> None:
    assert scans(encoded(scene(), "JPEG"), 64) == 1
    assert scans(encoded(scene(), "JPEG", progressive=True), 64) == 10
    # A thumbnail in the EXIF, and whatever follows the picture, is none of it.
    exif = full_exif()
    exif[0xC000] = encoded(scene(), "JPEG")
    assert scans(encoded(scene(), "JPEG", progressive=True, exif=exif) + b"\xff\xda" * 99, 64) == 10


_MEASURE = """
import re, sys
from pathlib import Path
from chalicelib.errors import NightjarError
from chalicelib.thumbnails.codec import render
from chalicelib.thumbnails.photograph import open_photograph
from chalicelib.thumbnails.rules import DEFAULT_SPECS
for path in sorted(Path(sys.argv[1]).rglob("*")):
    if path.is_file():
        try:
            photograph = open_photograph(path.read_bytes())
            made = render(photograph, DEFAULT_SPECS)
            print(path.name, "truncated" if made.truncated else "made")
        except NightjarError as refused:
            assert type(refused).__name__ == "Unreadable" and refused.detail
            print(path.name, "refused")
# Not getrusage: its peak is handed on from whoever started this process.
print(int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024)
"""


def test_every_bad_file_is_refused_or_made_and_memory_stays_small() -> None:
    if not (DATA / "bad").is_dir():
        pytest.skip(f"the optional photographs are not at {DATA}")
    if not Path("/proc/self/status").exists():
        pytest.skip("peak memory is read from /proc")
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, str(DATA / "bad")],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    *lines, peak = done.stdout.splitlines()
    outcome = dict(line.rsplit(" ", 1) for line in lines)
    refused = [name for name in outcome if "bomb_" in name or "65536" in name or "warn_only" in name]
    assert {outcome[name] for name in refused if "extents" not in name} == {"refused"}
    assert outcome["cut_half.jpg"] == "truncated"
    assert outcome["exif_loop.jpg"] == outcome["exif_huge.jpg"] == outcome["jpeg_plus_zip.jpg"] == "made"
    assert int(peak) < 250  # MiB; the largest that is let through has 88 million pixels
