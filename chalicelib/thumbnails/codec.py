"""Thumbnails from a photograph: one decoding, shrunk as early as possible, turned as late as possible."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import cast

from PIL import Image, ImageChops, ImageCms, ImageFile, JpegImagePlugin

from chalicelib.errors import Unreadable
from chalicelib.thumbnails.headers import Container
from chalicelib.thumbnails.photograph import COARSEST_SCALE, Photograph, jpeg_bytes, open_image
from chalicelib.thumbnails.rules import ThumbnailSpec

LANCZOS = Image.Resampling.LANCZOS

HEADROOM = 1.5
"""How much larger than the thumbnail a JPEG is decoded: below this LANCZOS has too little to work with."""

LONGEST_SIDE = 16_383
"""In pixels: what WebP can hold; JPEG holds more."""

_FULL_CHROMA_UP_TO = 480
# One row in two hundred is no photograph; even a black night has more noise than that.
_BLANK = 0.995
_END_OF_IMAGE = b"\xff\xd9"
Box = tuple[float, float, float, float]
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WORKING_MODES = {
    "1": "L", "P": "RGB", "PA": "RGBA", "LA": "RGBA", "La": "RGBA", "RGBa": "RGBA", "RGBX": "RGB",
    "YCbCr": "RGB", "HSV": "RGB",
}  # fmt: skip


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
    """The picture at `width` as it is displayed, "RGB" or "L", sRGB; and whether it was cut off."""
    image, box, truncated = _decode(photograph, width)
    profile = image.info.get("icc_profile")
    inverted = image.mode == "CMYK" and photograph.format in ("JPEG", "MPO") and "adobe" not in image.info
    working = _workable(image)
    size = _stored_size(photograph, width)
    if size != working.size:
        gap = None if box or working.mode.startswith("I;16") else 2.0
        working = working.resize(size, LANCZOS, box=box, reducing_gap=gap)
    if inverted:
        # Pillow takes every CMYK JPEG for one of Adobe's, which are stored as negatives.
        working = ImageChops.invert(working)
    working = _to_srgb(_flatten(working), profile)
    # A TIFF was turned by Pillow when it was decoded.
    turn = None if photograph.format == "TIFF" else _TURNS.get(photograph.orientation)
    return (working.transpose(turn) if turn is not None else working), truncated


def _stored_size(photograph: Photograph, width: int) -> tuple[int, int]:
    across, down = fit(photograph.width, photograph.height, width)
    sideways = photograph.orientation >= 5 and photograph.format != "TIFF"
    return (down, across) if sideways else (across, down)


def _decode(photograph: Photograph, width: int) -> tuple[Image.Image, Box | None, bool]:
    """The decoded picture, which part of it holds the photograph (None: all), and whether it was cut off."""
    container: Container = "JPEG" if photograph.format == "MPO" else photograph.format
    image, box = _drafted(photograph, photograph.data, container, width)
    failed = _load(image)
    if failed and container == "JPEG":
        # The decoder holds back the rows it was at, and all of a progressive picture, until it sees the end
        # of the file: so it is shown one. What it decoded of that is kept, whether it likes it or not.
        image, box = _drafted(photograph, photograph.data + _END_OF_IMAGE, container, width)
        _load(image)
    if failed:
        _salvage(image, failed)
    return image, box, failed is not None


def _load(image: ImageFile.ImageFile) -> Exception | None:
    """Decodes; returns what stopped it, for which decoders have all kinds of exceptions."""
    try:
        image.load()
    except Exception as error:  # noqa: BLE001  # returned
        return error
    return None


def _salvage(image: ImageFile.ImageFile, failed: Exception) -> None:
    """Keeps what was decoded of a damaged picture. Raises Unreadable if that is nothing.

    Pillow's own switch for this is a global that every thread decoding at the time would obey, and pass
    damaged pictures off as whole ones. So this one picture is told that no tiles are left to decode.
    """
    if image.tile:
        image.tile = []
        if image.format == "TIFF":
            image.load_end()  # turns it, as a whole one would have been
    if all(_is_blank(image.getchannel(index)) for index in range(len(image.getbands()))):
        raise Unreadable("the file was cut off or damaged before its first pixels") from failed


def _is_blank(band: Image.Image) -> bool:
    """Whether nothing was decoded: then all pixels have one value, but for a block the decoder made up."""
    if band.mode != "L":
        low, high = band.getextrema()
        return low == high
    return max(band.histogram()) >= _BLANK * band.width * band.height


def _drafted(
    photograph: Photograph, data: bytes, container: Container, width: int
) -> tuple[ImageFile.ImageFile, Box | None]:
    image = open_image(data, container)
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return image, None
    scale = _scale(image, photograph, _stored_size(photograph, width))
    # Sides that `scale` does not divide are rounded up: the box says where the photograph ends.
    drafted = image.draft(None, (image.width // scale, image.height // scale))
    return image, drafted[1] if drafted else None


def _scale(image: JpegImagePlugin.JpegImageFile, photograph: Photograph, size: tuple[int, int]) -> int:
    """How many times smaller than stored to decode: with headroom, or without where memory asks for it."""
    spare = min(image.width / size[0], image.height / size[1])
    scale = 1
    while scale < COARSEST_SCALE and spare >= 2 * scale * HEADROOM:
        scale *= 2
    most = photograph.limits.max_decode_bytes
    while jpeg_bytes(image, photograph.data, scale) > most:
        if scale == COARSEST_SCALE or spare < 2 * scale:
            raise Unreadable(f"{size[0]}×{size[1]} pixels of it take more memory than there is to decode")
        scale *= 2
    return scale


def _workable(image: Image.Image) -> Image.Image:
    """The picture in a mode that can be resampled, no channel in it that says nothing."""
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        image = image.convert("RGBA")
    elif image.mode in _WORKING_MODES:
        image = image.convert(_WORKING_MODES[image.mode])
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def _flatten(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _stretched(image)
    if image.mode == "RGBA":
        matte = Image.new("RGB", image.size, "white")
        matte.paste(image, mask=image.getchannel("A"))
        return matte
    return image


def _stretched(image: Image.Image) -> Image.Image:
    """Deep grey as 8 bits, its darkest black and its brightest white: thermal pictures use a sliver of 16."""
    deep = image.convert("F")
    low, high = cast(tuple[float, float], deep.getextrema())
    if high > low:
        factor, base = 255 / (high - low), low
    else:
        factor, base = 1 / 257, 0.0
    return deep.point(lambda value: value * factor - base * factor).convert("L")


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    try:
        if image.mode == "LAB":
            return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
        if profile:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            # Nearly all profiles are sRGB's own; CMYK has none by that name.
            if "sRGB" not in (ImageCms.getProfileDescription(source) or ""):
                return _converted(image, source)
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A broken profile, or one of other channels than the picture: without it colours are a little off.
        pass
    return image if image.mode in ("RGB", "L") else image.convert("RGB")


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    return converted if converted is not None else image


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
