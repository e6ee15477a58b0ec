"""The many kinds of pixels photographs have, made sRGB. Pure."""

from functools import lru_cache
from io import BytesIO
from typing import cast

from PIL import Image, ImageChops, ImageCms

_WORKING_MODES = {
    "1": "L", "P": "RGB", "PA": "RGBA", "LA": "RGBA", "La": "RGBA", "RGBa": "RGBA", "RGBX": "RGB",
    "YCbCr": "RGB", "HSV": "RGB",
}  # fmt: skip

_PROBES = [(grey, grey, grey) for grey in range(0, 256, 15)] + [
    (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255), (255, 0, 255), (160, 90, 40),
]  # fmt: skip
_SAME = 3


def workable(image: Image.Image) -> Image.Image:
    """The picture in a mode that can be resampled, no channel in it that says nothing."""
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        image = image.convert("RGBA")
    elif image.mode in _WORKING_MODES:
        image = image.convert(_WORKING_MODES[image.mode])
    if image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255):
        return image.convert("RGB")
    return image


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in sRGB, on white where it was transparent: "RGB" or "L", or "YCbCr" if it was that and
    nothing needed converting. `profile` is the ICC profile its numbers are meant in."""
    image = _flatten(image)
    try:
        if image.mode == "LAB":
            return _converted(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
        if profile and not (image.mode in ("RGB", "YCbCr") and _is_srgb(profile)):
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            return _converted(image.convert("RGB") if image.mode == "YCbCr" else image, source)
    except (ImageCms.PyCMSError, OSError, ValueError):
        # A broken profile, or one of other channels than the picture: without it colours are a little off.
        pass
    return image if image.mode in ("RGB", "L", "YCbCr") else image.convert("RGB")


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


@lru_cache(maxsize=64)
def _is_srgb(profile: bytes) -> bool:
    """Whether a profile means the colours sRGB means, whatever it is called: nearly all do. Raises what
    ImageCms raises."""
    strip = Image.new("RGB", (len(_PROBES), 1))
    strip.putdata(_PROBES)
    shown = _converted(strip, ImageCms.ImageCmsProfile(BytesIO(profile)))
    differences = cast(tuple[tuple[int, int], ...], ImageChops.difference(strip, shown).getextrema())
    return all(most <= _SAME for _, most in differences)


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    target = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    return converted if converted is not None else image
