"""Thumbnails: the right size, the right way up, the right colours, and nothing about the place in them."""

import threading
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageFile

from chalicelib.errors import Unreadable
from chalicelib.thumbnails import decoding
from chalicelib.thumbnails.codec import Rendered, fit, render
from chalicelib.thumbnails.headers import Container
from chalicelib.thumbnails.photograph import Limits, open_image, open_photograph
from chalicelib.thumbnails.rules import ThumbnailSpec

DATA = Path(__file__).parents[3] / "shared" / "data"
RED, GREEN, BLUE, GREY = (220, 30, 30), (30, 200, 40), (30, 40, 220), (128, 128, 128)
Colour = tuple[int, int, int]


def encoded(image: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def thumbnail(data: bytes, width: int = 64, **options: Any) -> Image.Image:
    rendered = render(open_photograph(data), [ThumbnailSpec("it", width, **options)])
    return Image.open(BytesIO(rendered.renditions["it"].data))


def quarters(width: int = 120, height: int = 80) -> Image.Image:
    """Red upper left, green upper right, blue lower left, grey lower right."""
    image = Image.new("RGB", (width, height), GREY)
    image.paste(RED, (0, 0, width // 2, height // 2))
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    return image


def corners(image: Image.Image) -> list[str]:
    """The nearest of the four colours at the middle of each quarter, in the order of reading."""
    named = {"red": RED, "green": GREEN, "blue": BLUE, "grey": GREY}
    seen = image.convert("RGB")
    places = [(x, y) for y in (1, 3) for x in (1, 3)]
    colours = [seen.getpixel((image.width * x // 4, image.height * y // 4)) for x, y in places]
    return [min(named, key=lambda name: distance(colour, named[name])) for colour in colours]


def distance(one: Any, other: Any) -> int:
    return sum(abs(a - b) for a, b in zip(one, other, strict=True))


def close(image: Image.Image, colour: Colour, tolerance: int = 24) -> bool:
    middle = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    return distance(middle, colour) <= tolerance


@pytest.mark.parametrize(
    ("source", "wanted", "expected"),
    [
        ((4096, 2160), 1024, (1024, 540)),
        ((4096, 2160), 240, (240, 127)),
        ((2048, 1440), 240, (240, 169)),
        ((3264, 2448), 1024, (1024, 768)),
        ((100, 75), 240, (100, 75)),
        ((240, 1), 120, (120, 1)),
        ((10000, 1), 240, (240, 1)),
        ((3, 2), 1, (1, 1)),
        ((2, 1), 1, (1, 1)),
        ((1000, 60000), 1000, (273, 16383)),
    ],
)
def test_a_thumbnail_has_the_wanted_width_and_the_nearest_height(
    source: tuple[int, int], wanted: int, expected: tuple[int, int]
) -> None:
    assert fit(*source, wanted) == expected


@given(st.integers(1, 70_000), st.integers(1, 70_000), st.integers(1, 20_000))
def test_a_thumbnail_is_never_empty_and_never_larger_than_the_photograph(
    width: int, height: int, wanted: int
) -> None:
    across, down = fit(width, height, wanted)
    assert 1 <= across <= min(width, wanted)
    assert 1 <= down <= min(height, 16_383)


ORIENTED = [
    (1, ["red", "green", "blue", "grey"]),
    (2, ["green", "red", "grey", "blue"]),
    (3, ["grey", "blue", "green", "red"]),
    (4, ["blue", "grey", "red", "green"]),
    (5, ["red", "blue", "green", "grey"]),
    (6, ["blue", "red", "grey", "green"]),
    (7, ["grey", "green", "blue", "red"]),
    (8, ["green", "grey", "red", "blue"]),
    (35, ["red", "green", "blue", "grey"]),
]


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("orientation", "expected"), ORIENTED)
def test_a_photograph_is_shown_the_right_way_up(form: str, orientation: int, expected: list[str]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    made = thumbnail(encoded(quarters(), form, exif=exif), 40)
    assert corners(made) == expected
    assert made.size == ((40, 60) if orientation in (5, 6, 7, 8) else (40, 27))


@pytest.mark.parametrize("orientation", range(9))
def test_real_photographs_of_all_orientations_look_alike(orientation: int) -> None:
    folder = DATA / "orientation" / "recurser"
    if not folder.is_dir():
        pytest.skip(f"the optional photographs are not at {DATA}")
    made = thumbnail((folder / f"Landscape_{orientation}.jpg").read_bytes(), 90).convert("L").resize((9, 6))
    upright = thumbnail((folder / "Landscape_1.jpg").read_bytes(), 90).convert("L").resize((9, 6))
    # The number drawn on each differs, and so do a few pixels.
    apart = sorted(abs(a - b) for a, b in zip(made.tobytes(), upright.tobytes(), strict=True))
    assert apart[40] <= 12


def test_all_sizes_come_from_one_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    opened = []

    def counted(data: bytes, container: Container) -> ImageFile.ImageFile:
        opened.append(container)
        return open_image(data, container)

    monkeypatch.setattr(decoding, "open_image", counted)
    specs = [ThumbnailSpec("small", 24), ThumbnailSpec("large", 90, "webp"), ThumbnailSpec("medium", 60)]
    rendered = render(open_photograph(encoded(quarters(), "JPEG")), specs)
    assert len(opened) == 1
    sizes = {label: (made.width, made.height) for label, made in rendered.renditions.items()}
    assert sizes == {"small": (24, 16), "large": (90, 60), "medium": (60, 40)}
    for made in rendered.renditions.values():
        assert Image.open(BytesIO(made.data)).size == (made.width, made.height)
        assert corners(Image.open(BytesIO(made.data))) == ["red", "green", "blue", "grey"]


def test_no_specs_cost_nothing() -> None:
    assert render(open_photograph(encoded(quarters(), "JPEG")), []) == Rendered({}, truncated=False)


@pytest.mark.parametrize(
    ("width", "decoded"),
    [
        (2400, (2400, 1600)), (1000, (2400, 1600)), (960, (1200, 800)), (481, (1200, 800)),
        (480, (600, 400)), (201, (600, 400)), (200, (300, 200)), (10, (300, 200)),
    ],
)  # fmt: skip
def test_a_jpeg_is_decoded_no_larger_than_needed(width: int, decoded: tuple[int, int]) -> None:
    photograph = open_photograph(encoded(quarters(2400, 1600), "JPEG"))
    size = fit(photograph.width, photograph.height, width)
    assert decoding.decode(photograph, size).image.size == decoded


def test_a_jpeg_is_decoded_smaller_where_memory_is_short() -> None:
    data = encoded(quarters(2400, 1600), "JPEG")
    tight = open_photograph(data, Limits(max_decode_bytes=5_000_000))
    assert render(tight, [ThumbnailSpec("it", 1200)]).renditions["it"].width == 1200
    with pytest.raises(Unreadable, match="2400×1600 pixels of it take more memory"):
        render(tight, [ThumbnailSpec("it", 2400)])


def modes() -> list[tuple[str, bytes, Colour]]:
    flat = Image.new("RGB", (90, 60), (200, 60, 40))
    grey = Image.new("L", (90, 60), 90)
    see_through = Image.new("RGBA", (90, 60), (200, 60, 40, 0))
    half = Image.new("RGBA", (90, 60), (0, 0, 0, 128))
    palette = flat.quantize(4)
    key = Image.new("RGB", (90, 60), (1, 2, 3))
    return [
        ("1", encoded(Image.new("1", (90, 60), 1), "PNG"), (255, 255, 255)),
        ("L", encoded(grey, "PNG"), (90, 90, 90)),
        ("grey JPEG", encoded(grey, "JPEG"), (90, 90, 90)),
        ("LA", encoded(Image.merge("LA", (grey, Image.new("L", (90, 60), 0))), "PNG"), (255, 255, 255)),
        ("P", encoded(palette, "PNG"), (200, 60, 40)),
        ("GIF", encoded(palette, "GIF"), (200, 60, 40)),
        ("P transparent", encoded(palette, "PNG", transparency=palette.getpixel((5, 5))), (255, 255, 255)),
        ("RGB", encoded(flat, "PNG"), (200, 60, 40)),
        ("RGB transparent", encoded(key, "PNG", transparency=(1, 2, 3)), (255, 255, 255)),
        ("RGBA", encoded(see_through, "PNG"), (255, 255, 255)),
        ("RGBA opaque", encoded(flat.convert("RGBA"), "PNG"), (200, 60, 40)),
        ("RGBA half", encoded(half, "WEBP", lossless=True), (127, 127, 127)),
        ("CMYK", encoded(Image.new("CMYK", (90, 60), (0, 255, 255, 0)), "JPEG"), (255, 0, 0)),
        ("CMYK TIFF", encoded(Image.new("CMYK", (90, 60), (0, 255, 255, 0)), "TIFF"), (255, 0, 0)),
        ("YCbCr TIFF", encoded(flat.convert("YCbCr"), "TIFF"), (200, 60, 40)),
        ("BMP", encoded(flat, "BMP"), (200, 60, 40)),
        ("progressive", encoded(flat, "JPEG", progressive=True), (200, 60, 40)),
        ("RGB-coded JPEG", encoded(flat, "JPEG", keep_rgb=True), (200, 60, 40)),
    ]


@pytest.mark.parametrize(("data", "colour"), [pytest.param(*case, id=name) for name, *case in modes()])
def test_every_kind_of_pixel_gives_the_right_colour(data: bytes, colour: Colour) -> None:
    made = thumbnail(data, 30)
    assert made.mode in ("RGB", "L")
    assert close(made, colour)
    assert close(thumbnail(data, 30, format="webp"), colour)


def test_cmyk_without_adobes_mark_is_no_negative() -> None:
    data = encoded(Image.new("CMYK", (64, 64), (255, 0, 0, 255)), "JPEG")
    at = data.index(b"\xff\xee")
    plain = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]
    assert close(thumbnail(plain), (255, 0, 0))


@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_are_stretched_instead_of_clipped(form: str) -> None:
    deep = Image.new("I;16", (90, 60), 30_000)
    deep.paste(30_400, (45, 0, 90, 60))
    made = thumbnail(encoded(deep, form), 30).convert("L")
    dark, light = made.getpixel((4, 10)), made.getpixel((25, 10))
    assert isinstance(dark, int)
    assert isinstance(light, int)
    assert dark < 40
    assert light > 215


def test_sixteen_bits_are_shrunk_a_long_way() -> None:
    deep = Image.new("I;16", (900, 600), 30_000)
    deep.paste(30_400, (450, 0, 900, 600))
    made = thumbnail(encoded(deep, "PNG"), 30).convert("L")
    assert made.size == (30, 20)
    assert max(made.crop((0, 0, 13, 20)).tobytes()) < 30
    assert min(made.crop((17, 0, 30, 20)).tobytes()) > 225


def test_sixteen_bits_of_one_grey_keep_their_brightness() -> None:
    assert close(thumbnail(encoded(Image.new("I;16", (90, 60), 25_700), "PNG"), 30), (100, 100, 100))


def test_colours_of_another_profile_become_srgb() -> None:
    lab = ImageCms.createProfile("LAB")
    flat = Image.new("RGB", (64, 64), (200, 60, 40))
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(flat, srgb, lab, outputMode="LAB")
    assert converted is not None
    assert close(thumbnail(encoded(converted, "TIFF")), (200, 60, 40))


@pytest.mark.parametrize("profile", [b"not a profile", b""])
def test_a_broken_profile_is_passed_over(profile: bytes) -> None:
    flat = Image.new("RGB", (64, 64), (200, 60, 40))
    assert close(thumbnail(encoded(flat, "JPEG", icc_profile=profile)), (200, 60, 40))


@pytest.mark.parametrize("form", ["jpeg", "webp"])
def test_nothing_but_pixels_leaves_the_house(form: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "SECRET"
    exif.get_ifd(0x8825).update({1: "N", 2: (51.0, 29.0, 45.6), 3: "E", 4: (4.0, 46.0, 26.4)})
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = encoded(quarters(), "JPEG", exif=exif, comment=b"SECRET", icc_profile=profile, xmp=b"SECRET")
    assert data.count(b"SECRET") >= 3
    for width in (40, 400):
        made = thumbnail(data, width, format=form)
        spec = ThumbnailSpec("it", width, form)  # type: ignore[arg-type]
        rendition = render(open_photograph(data), [spec]).renditions["it"]
        assert rendition.content_type == f"image/{form}"
        assert b"SECRET" not in rendition.data
        assert not set(made.info) & {"exif", "icc_profile", "xmp", "comment"}
        assert not dict(made.getexif())


def test_a_jpeg_is_progressive_and_its_quality_is_the_specs() -> None:
    noise = encoded(Image.effect_noise((300, 200), 60).convert("RGB"), "PNG")
    fine, coarse = (thumbnail(noise, 200, quality=quality) for quality in (90, 40))
    assert fine.info["progressive"]
    sizes = [
        len(render(open_photograph(noise), [ThumbnailSpec("it", 200, quality=quality)]).renditions["it"].data)
        for quality in (90, 40)
    ]
    assert sizes[0] > 2 * sizes[1]
    assert coarse.size == fine.size == (200, 133)


NOISE = Image.effect_noise((400, 300), 60).convert("RGB")


@pytest.mark.parametrize(
    ("form", "options"),
    [("JPEG", {}), ("JPEG", {"progressive": True}), ("PNG", {}), ("BMP", {}), ("GIF", {})],
)
def test_pixels_that_end_early_give_what_there_is(form: str, options: dict[str, Any]) -> None:
    data = encoded(NOISE, form, **options)
    whole = render(open_photograph(data), [ThumbnailSpec("it", 100)])
    cut = render(open_photograph(data[: len(data) // 2]), [ThumbnailSpec("it", 100)])
    assert (whole.truncated, cut.truncated) == (False, True)
    assert (cut.renditions["it"].width, cut.renditions["it"].height) == (100, 75)


def test_a_jpeg_without_its_last_two_bytes_loses_no_row() -> None:
    data = encoded(quarters(), "JPEG")
    rendered = render(open_photograph(data[:-2]), [ThumbnailSpec("it", 60)])
    assert rendered.truncated
    assert corners(Image.open(BytesIO(rendered.renditions["it"].data))) == ["red", "green", "blue", "grey"]


@pytest.mark.parametrize(("form", "mark", "behind"), [("JPEG", b"\xff\xda", 14), ("PNG", b"IDAT", 5)])
def test_pixels_that_never_begin_are_unreadable(form: str, mark: bytes, behind: int) -> None:
    data = encoded(NOISE, form)
    with pytest.raises(Unreadable, match="cut off or damaged before its first pixels"):
        render(open_photograph(data[: data.index(mark) + behind]), [ThumbnailSpec("it", 100)])


def test_no_thread_takes_a_damaged_photograph_for_a_whole_one() -> None:
    data = encoded(NOISE, "JPEG")
    cut, whole = open_photograph(data[: len(data) // 2]), open_photograph(data)
    found: list[bool] = []

    def work() -> None:
        for _ in range(20):
            found.append(render(cut, [ThumbnailSpec("it", 100)]).truncated)
            found.append(not render(whole, [ThumbnailSpec("it", 100)]).truncated)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [True] * 160
    assert not ImageFile.LOAD_TRUNCATED_IMAGES


def test_the_first_frame_of_an_animation_is_shown() -> None:
    first, second = Image.new("RGB", (64, 64), RED), Image.new("RGB", (64, 64), BLUE)
    for form in ("GIF", "WEBP", "PNG", "MPO"):
        data = encoded(first, form, save_all=True, append_images=[second])
        assert close(thumbnail(data), RED)


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("moth/mothbox08/ManFocus_mothbox08_240309200409.jpg", 1024, (1024, 683)),
        ("moth/hubbardbrook/2023_WS1_0611_0310_WSCT3059.JPG", 240, (240, 135)),
        ("cameratrap/southwest/2021-05-28_SYFR0041.JPG", 1024, (1024, 768)),
    ],
)
def test_photographs_of_real_traps_are_rendered(name: str, width: int, expected: tuple[int, int]) -> None:
    if not (DATA / name).exists():
        pytest.skip(f"the optional photographs are not at {DATA}")
    assert thumbnail((DATA / name).read_bytes(), width).size == expected
