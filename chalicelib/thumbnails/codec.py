"""Thumbnails from a photograph: one decoding, shrunk as early as possible, turned as late as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageChops

from chalicelib.errors import Unreadable
from chalicelib.thumbnails.colour import to_srgb, workable
from chalicelib.thumbnails.decoding import Box, decode
from chalicelib.thumbnails.photograph import Photograph
from chalicelib.thumbnails.rules import ThumbnailSpec

LONGEST_SIDE = 16_383
"""In pixels: what WebP can hold; JPEG holds more."""

LANCZOS, BICUBIC, BOX = Image.Resampling.LANCZOS, Image.Resampling.BICUBIC, Image.Resampling.BOX

# From this many times the size on, BICUBIC has enough pixels to do nearly as well, in two thirds of the time.
_BICUBIC_FROM = 1.5
_FULL_CHROMA_UP_TO = 480
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Rendition:
    """One encoded thumbnail; `width` and `height` in pixels, as displayed."""

    data: bytes
    width: int
    height: int
    content_type: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """The thumbnails by label; `truncated` says that only a part of the photograph's pixels was there."""

    renditions: dict[str, Rendition]
    truncated: bool


def fit(width: int, height: int, wanted: int) -> tuple[int, int]:
    """The size in pixels of a `width`×`height` picture made `wanted` wide: never larger, no side 0."""
    across = min(wanted, width)
    down = max(1, (2 * height * across + width) // (2 * width))
    if down <= LONGEST_SIDE:
        return across, down
    return max(1, across * LONGEST_SIDE // down), LONGEST_SIDE


def render(photograph: Photograph, specs: Sequence[ThumbnailSpec]) -> Rendered:
    """The thumbnails of `photograph` for all of `specs`, from one decoding, in sRGB and without metadata.

    Pixels that end early give what there is of them. Raises Unreadable if there are none.
    """
    if not specs:
        return Rendered({}, truncated=False)
    try:
        return _render(photograph, sorted(specs, key=lambda spec: spec.width, reverse=True))
    except Unreadable:
        raise
    except Exception as error:
        # Decoders raise almost anything; whatever it was, these bytes give no picture.
        raise Unreadable(f"its pixels cannot be decoded ({error})") from error


def _render(photograph: Photograph, specs: Sequence[ThumbnailSpec]) -> Rendered:
    image, truncated = _largest(photograph, specs[0].width)
    renditions = {}
    for spec in specs:
        size = fit(photograph.width, photograph.height, spec.width)
        if size != image.size:
            image = image.resize(size, LANCZOS, reducing_gap=2.0)
        renditions[spec.label] = _encode(image, spec)
    return Rendered(renditions, truncated)


def _largest(photograph: Photograph, width: int) -> tuple[Image.Image, bool]:
    """The picture at `width` as it is displayed, "RGB", "YCbCr" or "L", sRGB; and whether it was cut off."""
    size = _stored_size(photograph, width)
    decoded = decode(photograph, size)
    image = decoded.image
    if decoded.box:
        working = _shrunk(image, size, decoded.box)
    else:
        working = workable(image)
        gap = None if working.mode.startswith("I;16") else 2.0
        working = working.resize(size, LANCZOS, reducing_gap=gap)
    if image.mode == "CMYK" and decoded.box and "adobe" not in image.info:
        # Pillow takes every CMYK JPEG for one of Adobe's, which are stored as negatives.
        working = ImageChops.invert(working)
    working = to_srgb(working, image.info.get("icc_profile"))
    # A TIFF was turned by Pillow when it was decoded.
    turn = None if photograph.format == "TIFF" else _TURNS.get(photograph.orientation)
    return (working.transpose(turn) if turn is not None else working), decoded.truncated


def _stored_size(photograph: Photograph, width: int) -> tuple[int, int]:
    across, down = fit(photograph.width, photograph.height, width)
    sideways = photograph.orientation >= 5 and photograph.format != "TIFF"
    return (down, across) if sideways else (across, down)


def _shrunk(image: Image.Image, size: tuple[int, int], box: Box) -> Image.Image:
    """A decoded JPEG at `size`, its luma resampled with care and its colour, which is coarse, averaged."""
    careful = BICUBIC if box[2] >= _BICUBIC_FROM * size[0] else LANCZOS
    if image.mode != "YCbCr":
        return image.resize(size, careful, box=box)
    luma = image.getchannel("Y").resize(size, careful, box=box)
    _, *colour = image.resize(size, BOX, box=box, reducing_gap=1.0).split()
    return Image.merge("YCbCr", (luma, *colour))


def _encode(image: Image.Image, spec: ThumbnailSpec) -> Rendition:
    # Encoders copy comments, profiles and more from here: some name the place, or the person.
    image.info.clear()
    out = BytesIO()
    if spec.format == "webp":
        image.convert("RGB").save(out, "WEBP", quality=spec.quality, method=4)
    else:
        # Halved colour shows where a moth is twenty pixels wide, and saves next to nothing there.
        sampling = "4:4:4" if image.width <= _FULL_CHROMA_UP_TO else "4:2:0"
        image.save(out, "JPEG", quality=spec.quality, progressive=True, optimize=True, subsampling=sampling)
    return Rendition(out.getvalue(), image.width, image.height, f"image/{spec.format}")
