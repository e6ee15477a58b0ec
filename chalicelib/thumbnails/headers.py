"""What the first bytes of a file say, and the structure around its pixels. Pure; nothing is decoded here."""

import re
import zlib
from typing import Literal

from chalicelib.errors import Unreadable

Container = Literal["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF"]

_PHOTOGRAPHS: tuple[tuple[re.Pattern[bytes], Container], ...] = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WEBP"),
    (re.compile(rb"II\*\0(?!.{4}CR)|MM\0\*", re.DOTALL), "TIFF"),
    (re.compile(rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\0\0\0", re.DOTALL), "BMP"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
)
# What people do upload, and what storage hands out instead of a photograph.
_OTHERS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\Z"), "the file is empty"),
    (re.compile(rb"\0+\Z"), "the file holds nothing but zeros, as after a failed copy from a card"),
    (re.compile(rb"\xff\xd8"), "the file was cut off right after its first bytes"),
    (re.compile(rb"version https://git-lfs"), "this is a Git LFS pointer, not the photograph it stands for"),
    (re.compile(rb"\s*<(!doctype\s+html|html)", re.IGNORECASE), "this is a web page, not a photograph"),
    (
        re.compile(rb"\s*(<\?xml.*?)?<svg", re.IGNORECASE | re.DOTALL),
        "this is an SVG drawing, not a photograph",
    ),
    (re.compile(rb"\s*(<\?xml.*?)?<Error>", re.DOTALL), "this is an error message of a storage service"),
    (re.compile(rb"\s*<\?xml"), "this is an XML document, not a photograph"),
    (re.compile(rb"%PDF|%!PS|\xc5\xd0\xd3\xc6"), "this is a PDF or PostScript document, not a photograph"),
    (re.compile(rb"PK\x03\x04"), "this is a ZIP archive; send the photographs in it"),
    (re.compile(rb".{4}ftyp(hei|hev|mif|msf)", re.DOTALL), "this is a HEIC photograph; send it as a JPEG"),
    (re.compile(rb".{4}ftypavi", re.DOTALL), "this is an AVIF picture; send it as a JPEG"),
    (re.compile(rb".{4}ftypcrx|II\*\0.{4}CR", re.DOTALL), "this is a raw photograph; send it as a JPEG"),
    (re.compile(rb".{4}(ftyp|moov)|RIFF.{4}AVI ", re.DOTALL), "this is a video, not a photograph"),
)
_HEAD = 512

# In the pixels of a scan 0xFF is followed by 0 or by a restart marker; anything else ends the scan.
_MARKER_IN_SCAN = re.compile(rb"\xff+([^\x00\xff\xd0-\xd7])")
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))


def recognise(data: bytes) -> Container:
    """The format of a file by its content, whatever its name says. Raises Unreadable, saying what it is."""
    head = data[:_HEAD]
    for pattern, container in _PHOTOGRAPHS:
        if pattern.match(head):
            return container
    for pattern, reason in _OTHERS:
        if pattern.match(head):
            raise Unreadable(reason)
    raise Unreadable("the file is in no format of photographs that is known here")


def scans(data: bytes, most: int) -> int:
    """How many passes over its pixels a JPEG asks for; counting stops past `most`.

    Each costs the decoder a walk over the whole picture, and a few bytes are enough for one.
    """
    count, components, progressive, at = 0, 0, False, 2
    while count <= most and (found := _MARKER_IN_SCAN.search(data, at)):
        marker, body = found[1][0], found.end()
        if marker == 0xD9:
            break
        if marker in _START_OF_FRAME:
            components, progressive = int.from_bytes(data[body + 7 : body + 8]), marker in _PROGRESSIVE
        if marker == 0xDA:
            count += 1
            # One scan of all components is the whole picture, whatever follows it.
            if not progressive and data[body + 2 : body + 3] == bytes([components]):
                break
        standalone = marker in (0x01, 0xD8)
        at = body if standalone else body + max(2, int.from_bytes(data[body : body + 2]))
    return count


def png_exif(data: bytes) -> bytes | None:
    """The EXIF of a PNG, wherever it stands: Pillow would decode all pixels to reach one behind them."""
    at = data.rfind(b"eXIf")
    if at < 4:
        return None
    end = at + 4 + int.from_bytes(data[at - 4 : at])
    # The same four letters may occur in the pixels by chance; the check sum after them does not.
    whole = zlib.crc32(data[at:end]) == int.from_bytes(data[end : end + 4])
    return data[at + 4 : end] if whole else None
