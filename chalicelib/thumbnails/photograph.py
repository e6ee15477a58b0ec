"""Opening a photograph within bounds: what it is, how large, when and by which camera it was taken.

No pixel is decoded here: a bomb costs no more than its header.
"""

import logging
import warnings
from dataclasses import dataclass, field
from io import BytesIO
from typing import Literal

from PIL import Image, ImageFile, JpegImagePlugin

from chalicelib.captures.timestamps import ExifTimes
from chalicelib.errors import Unreadable
from chalicelib.thumbnails.exif import Camera, Exif, read_exif
from chalicelib.thumbnails.headers import Container, png_exif, recognise, scans

Format = Container | Literal["MPO"]

CONTENT_TYPES: dict[Format, str] = {
    "JPEG": "image/jpeg",
    "MPO": "image/mpo",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "TIFF": "image/tiff",
    "BMP": "image/bmp",
    "GIF": "image/gif",
}

# Pillow thinks aloud about every odd tag. What matters of it is said once, as the reason on the capture.
logging.getLogger("PIL").setLevel(logging.CRITICAL)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)

# Pillow allocates for some formats while it reads the header, after this check of its own and before ours.
# It warns from this many pixels on and refuses twice as many.
Image.MAX_IMAGE_PIXELS = 200_000_000

# All formats but JPEG are decoded in full. Beside the picture there is then a canvas (WebP), indices (P) or a
# premultiplied copy (alpha); anything else counts 4, as it is copied to be worked with.
_BYTES_PER_PIXEL = {"P": 5, "PA": 8, "LA": 8, "RGBA": 8}
_WEBP_BYTES_PER_PIXEL = 16
_START_OF_SCAN = b"\xff\xda"
_EXIF_BLOCK = b"Exif\0\0"
_EXIF_WITHIN = 4096
_LARGEST_BLOCK = 65_536
COARSEST_SCALE = 8
"""A JPEG can be decoded at 1, 1/2, 1/4 or 1/8 of its sides."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much a photograph may cost.

    `max_bytes` of the file, `max_pixels` of the picture, `max_decode_bytes` of memory while it is decoded,
    `max_scans` passes over a JPEG's pixels (progressive encoders write about ten), `max_aspect` of the
    longer side to the shorter.
    """

    max_bytes: int = 100_000_000
    max_pixels: int = 200_000_000
    max_decode_bytes: int = 400 * 1024 * 1024
    max_scans: int = 64
    max_aspect: int = 64


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph that was opened and may be decoded.

    `width` and `height` are in pixels of the displayed frame, `orientation` (1–8, EXIF) has been applied to
    them. `gps` (latitude and longitude in degrees) is private: it tells where the station is.
    """

    format: Format
    content_type: str
    width: int
    height: int
    orientation: int
    exif: ExifTimes
    camera: Camera
    gps: tuple[float, float] | None = field(repr=False)
    data: bytes = field(repr=False)
    limits: Limits = DEFAULT_LIMITS


def open_photograph(data: bytes, limits: Limits = DEFAULT_LIMITS) -> Photograph:
    """The photograph in `data`, from its header alone.

    JPEG, MPO, PNG, WebP, TIFF, BMP and GIF (the first frame), told by content. Raises Unreadable, with a
    reason for people, for anything else and for what is beyond `limits`. Broken EXIF stops nothing.
    """
    if len(data) > limits.max_bytes:
        raise Unreadable(f"the file has {len(data):,} bytes; at most {limits.max_bytes:,} are read")
    container = recognise(data)
    image = open_image(data, container)
    exif = _exif(image, container, data)
    _check(image, container, data, exif.orientation, limits)
    width, height = image.size
    # Pillow tells the size of a TIFF as it is displayed, and that of all others as it is stored.
    if container != "TIFF" and exif.orientation >= 5:
        width, height = height, width
    form: Format = "MPO" if image.format == "MPO" else container
    return Photograph(
        format=form,
        content_type=CONTENT_TYPES[form],
        width=width,
        height=height,
        orientation=exif.orientation,
        exif=exif.times,
        camera=exif.camera,
        gps=exif.gps,
        data=data,
        limits=limits,
    )


def times_of_torn(data: bytes) -> ExifTimes:
    """The EXIF dates of a JPEG that cannot be opened: they stand before the pixels, and often survive."""
    at = data.find(_EXIF_BLOCK, 0, _EXIF_WITHIN)
    return read_exif(data[at : at + _LARGEST_BLOCK]).times if at >= 0 else ExifTimes()


def open_image(data: bytes, container: Container) -> ImageFile.ImageFile:
    """Pillow's view of `data`, nothing decoded yet. Raises Unreadable, whatever Pillow raises.

    Only the decoder of the recognised format is let near the bytes: others start programs (PostScript) or
    take any memory they are told to.
    """
    try:
        image = Image.open(BytesIO(data), formats=(container,))
    except Image.DecompressionBombError as error:
        raise Unreadable("the picture claims more pixels than any that is read") from error
    except Exception as error:
        # Pillow lets ValueError, SyntaxError, ZeroDivisionError, AssertionError and more out of open().
        if container == "JPEG":
            return _plain_jpeg(data)
        raise Unreadable(_unopened(container)) from error
    if container == "TIFF":
        # Pillow would also turn it by what its XMP says, which nobody else does.
        image.info.pop("xmp", None)
    return image


def _plain_jpeg(data: bytes) -> ImageFile.ImageFile:
    # A damaged index of further frames (MPO) must not lose the first, which is the photograph.
    try:
        return JpegImagePlugin.JpegImageFile(BytesIO(data))
    except Exception as error:
        raise Unreadable(_unopened("JPEG")) from error


def _unopened(container: Container) -> str:
    return f"the file begins like a {container} picture, but its header is damaged or cut off"


def _check(
    image: ImageFile.ImageFile, container: Container, data: bytes, orientation: int, limits: Limits
) -> None:
    width, height = image.size
    shown = f"{width}×{height} pixels"
    if width * height > limits.max_pixels:
        raise Unreadable(f"{shown} are more than the {limits.max_pixels / 1e6:g} million that are read")
    if max(width, height) > limits.max_aspect * min(width, height):
        raise Unreadable(f"{shown} are no picture: one side is over {limits.max_aspect} times the other")
    if container == "JPEG" and _has_more_scans(image, data, limits.max_scans):
        raise Unreadable(f"its pixels are sent in more than {limits.max_scans} passes")
    if _decode_bytes(image, container, data, orientation) > limits.max_decode_bytes:
        mebibytes = limits.max_decode_bytes // 1024**2
        raise Unreadable(f"{shown} as {container} take more than {mebibytes} MiB of memory to decode")


def _has_more_scans(image: ImageFile.ImageFile, data: bytes, most: int) -> bool:
    # A progressive picture is walked to its end. Its marks are counted seven times as fast, and what only
    # looks like one makes them no fewer.
    if image.info.get("progressive") and data.count(_START_OF_SCAN) <= most:
        return False
    return scans(data, most) > most


def _decode_bytes(image: ImageFile.ImageFile, container: Container, data: bytes, orientation: int) -> int:
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        return jpeg_bytes(image, data, COARSEST_SCALE)
    per_pixel = _WEBP_BYTES_PER_PIXEL if container == "WEBP" else _BYTES_PER_PIXEL.get(image.mode, 4)
    # Pillow turns a TIFF as soon as it is decoded, which takes a second copy.
    copies = 2 if container == "TIFF" and orientation > 1 else 1
    return image.width * image.height * per_pixel * copies


def jpeg_bytes(image: JpegImagePlugin.JpegImageFile, data: bytes, scale: int) -> int:
    """About how much memory decoding `image` at 1/`scale` of its sides (1, 2, 4 or 8) takes, in bytes."""
    pixels = image.width * image.height
    # A pixel of colour takes 4 bytes, and a fifth while its luma is resampled.
    raster = pixels * (1 if image.mode == "L" else 5) // scale**2
    if not image.info.get("progressive") and scans(data, 1) < 2:
        return raster
    # Until the last of several passes is read all coefficients are kept, whatever the scale: 2 bytes each,
    # for each component as finely as it is sampled.
    sampling = [(across, down) for _, across, down, _ in image.layer]
    finest = max(across for across, _ in sampling) * max(down for _, down in sampling)
    return raster + 2 * pixels * sum(across * down for across, down in sampling) // max(1, finest)


def _exif(image: ImageFile.ImageFile, container: Container, data: bytes) -> Exif:
    if container == "TIFF":
        return read_exif(data)
    block = png_exif(data) if container == "PNG" else image.info.get("exif")
    return read_exif(block) if isinstance(block, bytes) else Exif()
