"""Decoding a photograph no larger than its thumbnails need, and what there is of one that was cut off."""

from dataclasses import dataclass

from PIL import Image, ImageFile, JpegImagePlugin

from chalicelib.errors import Unreadable
from chalicelib.thumbnails.headers import Container
from chalicelib.thumbnails.photograph import COARSEST_SCALE, Photograph, jpeg_bytes, open_image

HEADROOM = {2: 1.25, 4: 1.25, 8: 1.5}
"""A JPEG is decoded at 1/scale of its sides where that is still so many times the size wanted.

With less there is too little left to resample from, the sooner the more the decoder has averaged by itself.
"""

# One row in two hundred is no photograph; even a black night has more noise than that.
_BLANK = 0.995
_END_OF_IMAGE = b"\xff\xd9"
Box = tuple[float, float, float, float]


class TooLarge(Unreadable):
    """So large a thumbnail takes too much memory; a smaller one may not. Ends within this room."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """What was decoded, as it is stored.

    `box` is the part of `image` that holds the photograph, in pixels; None (not a JPEG): all of it. A JPEG
    in mode "YCbCr" was left as it is coded. `truncated` says that it was cut off.
    """

    image: ImageFile.ImageFile
    box: Box | None
    truncated: bool


def decode(photograph: Photograph, size: tuple[int, int]) -> Decoded:
    """The pixels of `photograph`, enough of them for `size`, the width and height wanted in stored axes.

    Raises Unreadable if there are none, or if they take more memory than the photograph's limits allow.
    """
    container: Container = "JPEG" if photograph.format == "MPO" else photograph.format
    image, box = _drafted(photograph, photograph.data, container, size, planes=True)
    failed = _load(image)
    if failed and container == "JPEG" and image.mode == "YCbCr":
        # It may be coded in RGB, of which the decoder makes nothing else. And pixels that are missing are to
        # be black: in these planes zeros are a green.
        image, box = _drafted(photograph, photograph.data, container, size)
        failed = _load(image)
    if failed and container == "JPEG":
        # The decoder holds back the rows it was at, and all of a progressive picture, until it sees the end
        # of the file: so it is shown one. What it decoded of that is kept, whether it likes it or not.
        image, box = _drafted(photograph, photograph.data + _END_OF_IMAGE, container, size)
        _load(image)
    if failed:
        _salvage(image, failed)
    return Decoded(image, box, truncated=failed is not None)


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
    photograph: Photograph, data: bytes, container: Container, size: tuple[int, int], *, planes: bool = False
) -> tuple[ImageFile.ImageFile, Box | None]:
    """The picture, to be decoded at the scale chosen: a JPEG in luma and colour if `planes`, else in RGB."""
    image = open_image(data, container)
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return image, None
    scale = _scale(image, photograph, size)
    # Sides that `scale` does not divide are rounded up: the box says where the photograph ends.
    drafted = image.draft("YCbCr" if planes else None, (image.width // scale, image.height // scale))
    # The bytes are all here; in portions, what was left of each would be copied before the next.
    image.decodermaxblock = len(data)
    return image, drafted[1] if drafted else None


def _scale(image: JpegImagePlugin.JpegImageFile, photograph: Photograph, size: tuple[int, int]) -> int:
    """How many times smaller than stored to decode: with headroom, or without where memory asks for it."""
    spare = min(image.width / size[0], image.height / size[1])
    scale = max((scale for scale, room in HEADROOM.items() if spare >= scale * room), default=1)
    most = photograph.limits.max_decode_bytes
    while jpeg_bytes(image, photograph.data, scale) > most:
        if scale == COARSEST_SCALE or spare < 2 * scale:
            raise TooLarge(f"{size[0]}×{size[1]} pixels of it take more memory than there is to decode")
        scale *= 2
    return scale
