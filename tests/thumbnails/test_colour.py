"""Colours: the same whichever way a JPEG is coded and decoded, and sRGB whatever they were before."""

from io import BytesIO
from itertools import product
from typing import Any, get_args

import pytest
from PIL import Image, ImageChops, ImageCms, ImageDraw, ImageStat

from chalicelib.thumbnails import decoding
from chalicelib.thumbnails.codec import fit, render
from chalicelib.thumbnails.colour import to_srgb, workable
from chalicelib.thumbnails.photograph import Limits, open_photograph
from chalicelib.thumbnails.rules import Format, ThumbnailSpec

PATCHES = [
    (220, 30, 30), (30, 200, 40), (30, 40, 220), (220, 210, 30), (30, 200, 210), (200, 40, 200),
    (0, 0, 0), (128, 128, 128), (255, 255, 255), (90, 60, 30), (200, 160, 120), (20, 30, 50),
]  # fmt: skip
CODINGS: dict[str, dict[str, Any]] = {
    "4:4:4": {"subsampling": "4:4:4"},
    "4:2:2": {"subsampling": "4:2:2"},
    "4:2:0": {"subsampling": "4:2:0"},
    "progressive": {"subsampling": "4:2:0", "progressive": True},
    "RGB": {"keep_rgb": True},
}
EVERY_SCALE = [700, 350, 170, 90]
PLANES = pytest.mark.parametrize("planes", [True, False], ids=["in planes", "in RGB"])


@pytest.fixture
def decoded_as(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Has JPEGs decoded in planes, or in RGB as those that are not coded so."""
    drafted = decoding._drafted

    def choose(planes: bool) -> None:
        if not planes:
            monkeypatch.setattr(decoding, "_drafted", lambda *args, **_: drafted(*args))

    return choose


def encoded(image: Image.Image, form: str = "JPEG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **{"quality": 95, **options})
    return out.getvalue()


def rendered(data: bytes, width: int, form: Format = "jpeg", quality: int = 95) -> bytes:
    spec = ThumbnailSpec("it", width, form, quality)
    return render(open_photograph(data), [spec]).renditions["it"].data


def shown(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data)).convert("RGB")


def chart(width: int = 768, height: int = 576) -> Image.Image:
    """The patches, four in a row."""
    picture = Image.new("RGB", (width, height))
    for number, colour in enumerate(PATCHES):
        x, y = number % 4 * width // 4, number // 4 * height // 3
        picture.paste(colour, (x, y, x + width // 4 + 1, y + height // 3 + 1))
    return picture


def scene(width: int, height: int) -> Image.Image:
    """Soft colours and grey lines in a pale frame."""
    ramp = Image.linear_gradient("L")
    soft = [ramp, ramp.rotate(90), ImageChops.invert(ramp)]
    picture = Image.merge("RGB", [band.point([40 + value // 2 for value in range(256)]) for band in soft])
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for x in range(0, width, 67):
        draw.line((x, 0, width - x, height), fill=(100, 100, 100), width=3)
    draw.rectangle((0, 0, width - 1, height - 1), outline=(230, 230, 230), width=4)
    return picture


def framed(width: int, height: int) -> Image.Image:
    """Grey in a pale frame of eight pixels: one, where it is decoded at an eighth."""
    picture = Image.new("RGB", (width, height), (100, 100, 100))
    ImageDraw.Draw(picture).rectangle((0, 0, width - 1, height - 1), outline=(230, 230, 230), width=8)
    return picture


def off(one: Image.Image, other: Image.Image) -> float:
    """The mean difference of two pictures, of 255."""
    return max(ImageStat.Stat(ImageChops.difference(one, other)).mean)


def test_what_is_coded_in_luma_and_colour_is_decoded_so_and_nothing_else() -> None:
    flat = Image.new("RGB", (64, 48), (200, 60, 40))
    modes = {name: decoded_mode(encoded(flat, **options)) for name, options in CODINGS.items()}
    assert modes == {**dict.fromkeys(("4:4:4", "4:2:2", "4:2:0", "progressive"), "YCbCr"), "RGB": "RGB"}
    assert decoded_mode(encoded(flat.convert("L"))) == "L"
    assert decoded_mode(encoded(flat.convert("CMYK"))) == "CMYK"
    assert decoded_mode(encoded(flat, "PNG")) == "RGB"


def decoded_mode(data: bytes) -> str:
    return decoding.decode(open_photograph(data), (32, 24)).image.mode


@pytest.mark.parametrize("names", [b"\0\1\2", b"\3\2\1", b"\1\2\3"])
def test_components_may_have_any_names(names: bytes) -> None:
    grey = renamed(encoded(Image.new("RGB", (64, 48), (90, 90, 90))), names)
    rgb = renamed(encoded(Image.new("RGB", (64, 48), (200, 60, 40)), keep_rgb=True), names)
    for data, colour in ((grey, (90, 90, 90)), (rgb, (200, 60, 40))):
        assert off(shown(rendered(data, 32)), Image.new("RGB", (32, 24), colour)) < 3
        assert not render(open_photograph(data), [ThumbnailSpec("it", 32)]).truncated


def renamed(data: bytes, names: bytes) -> bytes:
    """A baseline JPEG whose three components have other names."""
    changed = bytearray(data)
    frame, scan = data.index(b"\xff\xc0") + 10, data.index(b"\xff\xda") + 5
    for number, name in enumerate(names):
        changed[frame + 3 * number] = changed[scan + 2 * number] = name
    return bytes(changed)


@PLANES
@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("form", get_args(Format))
def test_patches_keep_their_colours(coding: str, form: Format, planes: bool, decoded_as: Any) -> None:
    decoded_as(planes)
    data = encoded(chart(), **CODINGS[coding])
    for width in (768, 500, 240, 97):
        made = shown(rendered(data, width, form))
        for number, colour in enumerate(PATCHES):
            at = (2 * (number % 4) + 1) * made.width // 8, (2 * (number // 4) + 1) * made.height // 6
            seen = made.getpixel(at)
            assert isinstance(seen, tuple)
            apart = max(abs(one - other) for one, other in zip(seen, colour, strict=True))
            # WebP keeps colours in fewer steps than there are.
            assert apart <= (6 if form == "webp" else 4), (width, colour, seen)


@pytest.mark.parametrize("coding", [name for name in CODINGS if name != "RGB"])
@pytest.mark.parametrize("width", EVERY_SCALE)
def test_a_picture_is_the_same_in_planes_as_in_rgb(coding: str, width: int, decoded_as: Any) -> None:
    data = encoded(scene(801, 603), **CODINGS[coding])
    in_planes = shown(rendered(data, width))
    decoded_as(False)
    assert off(in_planes, shown(rendered(data, width))) < 4


@PLANES
@pytest.mark.parametrize("size", [(801, 603), (802, 601), (807, 605), (800, 600)])
@pytest.mark.parametrize("width", EVERY_SCALE)
def test_no_row_or_column_is_lost_or_moved(
    size: tuple[int, int], width: int, planes: bool, decoded_as: Any
) -> None:
    decoded_as(planes)
    data = encoded(framed(*size), subsampling="4:2:0")
    made = shown(rendered(data, width))
    whole = shown(data).resize(fit(*size, width), Image.Resampling.LANCZOS)
    assert made.size == whole.size
    wide, high = made.size
    assert off(made, whole) < 0.5
    for edge in [(0, 0, wide, 1), (0, high - 1, wide, high), (0, 0, 1, high), (wide - 1, 0, wide, high)]:
        assert off(made.crop(edge), whole.crop(edge)) < 6


def test_colour_ends_where_the_picture_does(decoded_as: Any) -> None:
    picture = Image.new("RGB", (801, 601), (120, 120, 120))
    picture.paste((220, 90, 90), (793, 0, 801, 601))
    picture.paste((220, 90, 90), (0, 593, 801, 601))
    data = encoded(picture, subsampling="4:4:4")
    in_planes = shown(rendered(data, 63))
    decoded_as(False)
    in_rgb = shown(rendered(data, 63))
    for edge in [(62, 0, 63, 47), (0, 46, 63, 47)]:
        assert off(in_planes.crop(edge), in_rgb.crop(edge)) < 22


@PLANES
@pytest.mark.parametrize("size", [(1, 1), (2, 1), (1, 60), (60, 1), (3, 190), (190, 3)])
@pytest.mark.parametrize("form", get_args(Format))
def test_slivers_are_rendered(size: tuple[int, int], form: Format, planes: bool, decoded_as: Any) -> None:
    decoded_as(planes)
    made = shown(rendered(encoded(Image.new("RGB", size, (200, 60, 40))), 20, form))
    assert made.size == fit(*size, 20)
    assert off(made, Image.new("RGB", made.size, (200, 60, 40))) < 6


@pytest.mark.parametrize(("size", "made"), [((12_000, 10), (240, 1)), ((10, 12_000), (10, 12_000))])
def test_no_side_is_ever_zero(size: tuple[int, int], made: tuple[int, int]) -> None:
    photograph = open_photograph(encoded(Image.new("RGB", size, (9, 99, 199))), Limits(max_aspect=2000))
    rendition = render(photograph, [ThumbnailSpec("it", 240)]).renditions["it"]
    assert (rendition.width, rendition.height) == shown(rendition.data).size == made


@PLANES
@pytest.mark.parametrize(("orientation", "form"), list(product(range(1, 9), get_args(Format))))
def test_a_turned_picture_is_the_picture_turned(
    orientation: int, form: Format, planes: bool, decoded_as: Any
) -> None:
    decoded_as(planes)
    turns = [None, None, 0, 3, 1, 5, 4, 6, 2]
    exif = Image.Exif()
    exif[0x0112] = orientation
    picture = scene(301, 203)
    turn = turns[orientation]
    upright = picture if turn is None else picture.transpose(Image.Transpose(turn))
    for width in (300, 90):
        made = shown(rendered(encoded(picture, exif=exif, subsampling="4:4:4"), width, form))
        assert made.size == fit(*upright.size, width)
        assert off(made, upright.resize(made.size, Image.Resampling.LANCZOS)) < 6


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95])
def test_what_is_left_of_a_damaged_file_does_not_depend_on_planes(
    kept: float, progressive: bool, decoded_as: Any
) -> None:
    data = encoded(scene(801, 603), progressive=progressive, subsampling="4:2:0")
    photograph = open_photograph(data[: int(kept * len(data))])
    spec = ThumbnailSpec("it", 200)
    once = render(photograph, [spec])
    decoded_as(False)
    assert once.truncated
    assert once == render(photograph, [spec])


@pytest.mark.parametrize("form", get_args(Format))
def test_a_grey_photograph_stays_grey(form: Format) -> None:
    made = shown(rendered(encoded(chart().convert("L")), 200, form))
    red, green, blue = made.split()
    assert max(off(red, green), off(green, blue)) <= 1


def swapped_profile() -> bytes:
    """sRGB, but for red and green having changed places."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = data.replace(b"rXYZ", b"....").replace(b"gXYZ", b"rXYZ").replace(b"....", b"gXYZ")
    return data.replace("sRGB".encode("utf-16-be"), "swap".encode("utf-16-be"))


@PLANES
@pytest.mark.parametrize("form", get_args(Format))
def test_colours_of_a_profile_are_converted_and_it_is_left_out(
    form: Format, planes: bool, decoded_as: Any
) -> None:
    decoded_as(planes)
    flat = Image.new("RGB", (64, 48), (200, 60, 40))
    data = rendered(encoded(flat, icc_profile=swapped_profile()), 32, form)
    assert off(shown(data), Image.new("RGB", (32, 24), (60, 200, 40))) < 6
    assert "icc_profile" not in Image.open(BytesIO(data)).info


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_srgbs_own_profile_changes_nothing(form: str) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, tagged = encoded(chart(), form), encoded(chart(), form, icc_profile=profile)
    assert rendered(plain, 200) == rendered(tagged, 200)


def test_alpha_lies_on_white_and_a_palette_with_alpha_is_no_exception() -> None:
    half = Image.new("RGBA", (8, 8), (200, 0, 0, 128))
    see_through = Image.new("LA", (8, 8), (0, 0))
    palette = Image.new("RGB", (8, 8), (200, 60, 40)).convert("P").convert("PA")
    palette.putalpha(0)
    assert to_srgb(workable(half), None).getpixel((4, 4)) == (227, 127, 127)
    assert to_srgb(workable(see_through), None).getpixel((4, 4)) == (255, 255, 255)
    assert to_srgb(workable(palette), None).getpixel((4, 4)) == (255, 255, 255)


def loaded() -> Image.Image:
    """A picture with everything in its `info` that an encoder might copy."""
    picture = scene(300, 200)
    exif = Image.Exif()
    exif[0x010F] = "SECRET"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 29.0, 45.6), 3: "E", 4: (4.0, 46.0, 26.4)})
    picture.info = {"exif": exif.tobytes(), "comment": b"SECRET", "xmp": b"SECRET"}
    return picture


@PLANES
@pytest.mark.parametrize("profile", [None, swapped_profile()])
def test_a_jpeg_holds_nothing_but_what_decoding_it_takes(
    profile: bytes | None, planes: bool, decoded_as: Any
) -> None:
    decoded_as(planes)
    picture = loaded()
    data = encoded(picture, icc_profile=profile, **picture.info)
    assert data.count(b"SECRET") == 3
    for width in (400, 90):
        # JFIF, tables, a progressive frame, scans.
        assert set(markers(rendered(data, width))) == {0xE0, 0xDB, 0xC2, 0xC4, 0xDA}


def markers(data: bytes) -> list[int]:
    """The marker of every segment of a JPEG."""
    found, at = [], 2
    while data[at + 1] != 0xD9:
        found.append(data[at + 1])
        at += 2 + int.from_bytes(data[at + 2 : at + 4])
        while data[at] != 0xFF or data[at + 1] == 0:
            at += 1
    return found


def test_a_webp_holds_nothing_but_pixels() -> None:
    picture = loaded()
    data = rendered(encoded(picture, icc_profile=swapped_profile(), **picture.info), 90, "webp")
    assert data[12:16] == b"VP8 "
    assert len(data) == 20 + int.from_bytes(data[16:20], "little")


def linear_profile() -> bytes:
    """sRGB's own profile, by its name, with straight lines for its curves."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    tags = int.from_bytes(profile[128:132])
    for at in range(132, 132 + 12 * tags, 12):
        if profile[at : at + 4] in (b"rTRC", b"gTRC", b"bTRC"):
            start, size = int.from_bytes(profile[at + 4 : at + 8]), int.from_bytes(profile[at + 8 : at + 12])
            gamma_1 = b"para" + bytes(8) + (65536).to_bytes(4)
            profile[start : start + size] = gamma_1.ljust(size, b"\0")
    return bytes(profile)


@pytest.mark.parametrize("form", ["JPEG", "PNG"])
def test_a_profile_is_judged_by_its_colours_not_by_its_name(form: str) -> None:
    profile = linear_profile()
    assert "sRGB" in ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(BytesIO(profile)))
    dark = Image.new("RGB", (64, 48), (55, 55, 55))
    out = BytesIO()
    dark.save(out, form, icc_profile=profile, quality=95)
    [made] = render(open_photograph(out.getvalue()), [ThumbnailSpec("a", 64)]).renditions.values()
    shown = Image.open(BytesIO(made.data)).convert("RGB").getpixel((9, 9))
    assert all(abs(value - 128) <= 2 for value in shown)  # type: ignore[union-attr]
