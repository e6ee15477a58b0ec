"""The two eager thumbnails of a photograph, ours beside other ways to make them: time, memory and likeness.

    pip install -r bench/requirements.txt
    python bench/thumbnails.py [--repeats N] [--files NAME…] [--quick] [--data FOLDER]

Every method has a process of its own, and they take turns on every file: N rounds of three each (of fewer,
where they take long), of which the median processor time counts. The most memory is that of one more
process, which renders once, above what it held when it had imported everything. Likeness is told of the
pixels that go into the encoder and, as delivered, of the decoded thumbnail: the SSIM of the luma and the
mean ΔE2000 of the colours to a full decoding resampled by LANCZOS to the same size.
"""

import argparse
import importlib.util
import json
import math
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from chalicelib.thumbnails import codec
from chalicelib.thumbnails.photograph import Photograph, open_photograph
from chalicelib.thumbnails.rules import ThumbnailSpec

ROOT = Path(__file__).resolve().parents[1]
SMALL, MEDIUM = 240, 1024
SPECS = (ThumbnailSpec("small", SMALL), ThumbnailSpec("medium", MEDIUM))
SAVED: dict[str, Any] = {"quality": 82, "progressive": True, "optimize": True}
LANCZOS = Image.Resampling.LANCZOS
TALLEST = 100_000
ROUND, LONGEST_ROUND = 3, 400

REAL = (
    "moth/ami/raw1.jpg",
    "moth/camfi/DSCF0010.JPG",
    "moth/hubbardbrook/2023_WS1_0611_0310_WSCT3059.JPG",
    "moth/mothbox08/ManFocus_mothbox08_240309200409.jpg",
    "cameratrap/southwest/2021-05-28_SYFR0041.JPG",
    "cameratrap/southwest/2021-08-08_RCNX0063.JPG",
    "cameratrap/southwest/IMAG0104.JPG",
    "cameratrap/carpathian/badger_example_3.JPG",
    "cameratrap/peru_S90/SDZG 1/EK000001.JPG",
    "cameratrap/buow/IMG_0827.JPG",
    "cameratrap/ena24/352.jpg",
    "cameratrap/ena24/4451.jpg",
    "cameratrap/ena24/2573.jpg",
    "cameratrap/speciesnet/african_elephants_bw.jpg",
    "orientation/recurser/Landscape_6.jpg",
)
TILES = (REAL[0], REAL[5], REAL[2], REAL[0], REAL[4])
QUICK = (REAL[0], REAL[3], REAL[11], "24 MP.jpg")

# ---------------------------------------------------------------------------------------------- the methods

Raster = Image.Image


def ours(data: bytes) -> None:
    codec.render(open_photograph(data), SPECS)


def vips(data: bytes) -> None:
    for image in vips_pictures(data):
        image.jpegsave_buffer(Q=82, optimize_coding=True, interlace=True, keep="none")


def vips_pictures(data: bytes) -> tuple[Any, Any]:
    """libvips at its best: shrunk while it is loaded, the small one from the medium one, colours converted
    only where there is a profile."""
    import pyvips

    pyvips.cache_set_max(0)
    header = pyvips.Image.new_from_buffer(data, "")
    profiled = header.get_typeof("icc-profile-data") or header.interpretation == "cmyk"
    options = {"export_profile": "srgb"} if profiled else {}
    medium = pyvips.Image.thumbnail_buffer(data, MEDIUM, height=TALLEST, size="down", **options)
    if medium.hasalpha():
        medium = medium.flatten(background=[255, 255, 255])
    medium = medium.copy_memory()
    return medium.thumbnail_image(SMALL, height=TALLEST, size="down"), medium


def two_decodes(data: bytes) -> None:
    for width in (SMALL, MEDIUM):
        image = Image.open(BytesIO(data)).convert("RGB")
        image.thumbnail((width, TALLEST))
        image.save(BytesIO(), "JPEG", **SAVED)


def two_drafts(data: bytes) -> None:
    """The same, but for `thumbnail` being called first: then it can have the decoder shrink."""
    for width in (SMALL, MEDIUM):
        image = Image.open(BytesIO(data))
        image.thumbnail((width, TALLEST))
        image.convert("RGB").save(BytesIO(), "JPEG", **SAVED)


def upright_first(data: bytes) -> None:
    image = ImageOps.exif_transpose(Image.open(BytesIO(data))).convert("RGB")
    for width in (MEDIUM, SMALL):
        image.thumbnail((width, TALLEST), LANCZOS)
        image.save(BytesIO(), "JPEG", **SAVED)


def floor(data: bytes) -> None:
    """Nothing but libjpeg-turbo's decoding, from C, at the smallest of 1/8, 1/4, 1/2 and 1 that is no smaller
    than the medium one."""
    import simplejpeg

    photograph = open_photograph(data)
    image = Image.open(BytesIO(data))
    if photograph.format not in ("JPEG", "MPO"):
        raise NotImplementedError("not a JPEG")
    wanted = codec.fit(photograph.width, photograph.height, MEDIUM)
    stored = wanted[::-1] if photograph.orientation >= 5 else wanted
    spare = min(image.width / stored[0], image.height / stored[1])
    scale = next((scale for scale in (8, 4, 2) if spare >= scale), 1)
    colours = {"L": "GRAY", "CMYK": "CMYK"}.get(image.mode, "RGB")
    simplejpeg.decode_jpeg(data, colours, min_width=-(-image.width // scale), strict=False)


METHODS: dict[str, Callable[[bytes], None]] = {
    "ours": ours,
    "libvips": vips,
    "libvips, 2 threads": vips,
    "two decodes": two_decodes,
    "two drafts": two_drafts,
    "upright first": upright_first,
    "floor": floor,
}

# ---------------------------------------------------------------------------------- one method, one process


def work(method: str) -> None:
    """Reads a path a line, answers with the processor milliseconds of each of a round, or null."""
    function = METHODS[method]
    for line in sys.stdin:
        data = Path(line.rstrip("\n")).read_bytes()
        try:
            print(json.dumps(one_round(function, data)), flush=True)
        except NotImplementedError:
            print("null", flush=True)


def one_round(function: Callable[[bytes], None], data: bytes) -> list[float]:
    times: list[float] = []
    while len(times) < ROUND and sum(times) < LONGEST_ROUND:
        times.append(timed(function, data))
    return times


def timed(function: Callable[[bytes], None], data: bytes) -> float:
    before = processor_seconds()
    function(data)
    return 1000 * (processor_seconds() - before)


def processor_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def remember(method: str, path: str) -> None:
    """Prints the most memory one rendering took, in MB above the idle process."""
    function = METHODS[method]
    # What is loaded on first use is not the photograph's.
    warm = BytesIO()
    Image.effect_noise((64, 48), 40).convert("RGB").save(warm, "JPEG")
    function(warm.getvalue())
    Path("/proc/self/clear_refs").write_text("5")
    idle = memory("VmRSS")
    try:
        function(Path(path).read_bytes())
    except NotImplementedError:
        print("null")
    else:
        print((memory("VmHWM") - idle) / 1e6)


def memory(line: str) -> int:
    status = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(text.split()[1]) for text in status if text.startswith(line))


class Worker:
    """A process that times one method."""

    def __init__(self, method: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, __file__, "--worker", method],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(method),
        )

    def times(self, path: Path) -> list[float] | None:
        assert self.process.stdin
        assert self.process.stdout
        print(path, file=self.process.stdin, flush=True)
        answer: list[float] | None = json.loads(self.process.stdout.readline())
        return answer

    def stop(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def environment(method: str) -> dict[str, str]:
    return {**os.environ, "VIPS_CONCURRENCY": "2" if "2 threads" in method else "1"}


# ------------------------------------------------------------------------------------------------- likeness


@dataclass(frozen=True)
class Likeness:
    """To the full decoding: SSIM of the luma and mean ΔE2000, before and after encoding."""

    ssim: float
    colours: float
    delivered_ssim: float
    delivered_colours: float


def likenesses(data: bytes) -> dict[str, list[Likeness]]:
    """Of ours and of libvips: the small one, the medium one."""
    photograph = open_photograph(data)
    reference = [whole(photograph, spec.width) for spec in SPECS]
    found = {
        "ours": [likeness(*pair) for pair in zip(reference, our_rasters(photograph), strict=True)],
    }
    rasters = []
    for image in vips_pictures(data):
        pixels = image.numpy()
        encoded = image.jpegsave_buffer(Q=82, optimize_coding=True, interlace=True, keep="none")
        rasters.append((Image.fromarray(pixels.squeeze()), encoded))
    found["libvips"] = [likeness(*pair) for pair in zip(reference, rasters, strict=True)]
    return found


def whole(photograph: Photograph, width: int) -> Raster:
    image = ImageOps.exif_transpose(Image.open(BytesIO(photograph.data)))
    if image.mode == "RGBA":
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB").resize(codec.fit(photograph.width, photograph.height, width), LANCZOS)


def our_rasters(photograph: Photograph) -> list[tuple[Raster, bytes]]:
    """What the codec hands to its encoder, and what that makes of it."""
    encode, seen = codec._encode, {}

    def noting(image: Raster, spec: ThumbnailSpec) -> codec.Rendition:
        rendition = encode(image, spec)
        seen[spec.label] = (image.copy(), rendition.data)
        return rendition

    codec._encode = noting
    try:
        codec.render(photograph, SPECS)
    finally:
        codec._encode = encode
    return [seen[spec.label] for spec in SPECS]


def likeness(reference: Raster, made: tuple[Raster, bytes]) -> Likeness:
    raster, encoded = made
    delivered = Image.open(BytesIO(encoded))
    return Likeness(
        ssim(reference, raster),
        difference(reference, raster),
        ssim(reference, delivered),
        difference(reference, delivered),
    )


def ssim(one: Raster, other: Raster) -> float:
    import numpy
    from skimage.metrics import structural_similarity

    luma = [numpy.asarray(luma_of(image)) for image in (one, other)]
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(*luma, data_range=255, **options))


def luma_of(image: Raster) -> Raster:
    return image.getchannel("Y") if image.mode == "YCbCr" else image.convert("RGB").convert("L")


def difference(one: Raster, other: Raster) -> float:
    import numpy
    from skimage.color import deltaE_ciede2000, rgb2lab

    return float(
        deltaE_ciede2000(*(rgb2lab(numpy.asarray(image.convert("RGB"))) for image in (one, other))).mean()
    )


def webp_to_jpeg(data: bytes) -> tuple[float, float, float]:
    """At the SSIM a JPEG of quality 82 has: WebP's bytes to JPEG's, small and medium, and its processor time
    to JPEG's for the medium one."""
    ratios, times = [], 1.0
    for raster, encoded in our_rasters(open_photograph(data)):
        goal = ssim(raster, Image.open(BytesIO(encoded)))
        low, high = 40, 98
        while low < high:
            quality = (low + high) // 2
            if ssim(raster, Image.open(BytesIO(as_webp(raster, quality)))) < goal:
                low = quality + 1
            else:
                high = quality
        ratios.append(len(as_webp(raster, low)) / len(encoded))
        spec = SPECS[len(ratios) - 1]
        jpeg = [timed(lambda _: codec._encode(raster, spec), b"") for _ in range(ROUND)]  # noqa: B023
        webp = [timed(lambda _: as_webp(raster, low), b"") for _ in range(ROUND)]  # noqa: B023
        times = statistics.median(webp) / statistics.median(jpeg)
    return ratios[0], ratios[1], times


def as_webp(raster: Raster, quality: int) -> bytes:
    out = BytesIO()
    raster.convert("RGB").save(out, "WEBP", quality=quality, method=4)
    return out.getvalue()


# ---------------------------------------------------------------------------------------------------- files


def made_files(data: Path, folder: Path) -> Iterator[Path]:
    """Mosaics of real photographs, each at the scale of its own pixels."""
    plain: dict[str, Any] = {"quality": 92, "subsampling": "4:2:0"}
    sheet = mosaic(data, (9248, 6936))
    sideways = Image.Exif()
    sideways[0x0112] = 6
    part = sheet.crop((0, 0, 6000, 4000))
    eight = sheet.crop((0, 0, 3464, 2540))
    pictures: tuple[tuple[str, Raster, dict[str, Any]], ...] = (
        ("2 MP.jpg", sheet.crop((0, 0, 1632, 1224)), plain),
        ("24 MP.jpg", part, plain),
        ("24 MP progressive.jpg", part, {**plain, "progressive": True}),
        ("24 MP 444.jpg", part, {**plain, "subsampling": "4:4:4"}),
        ("24 MP turned.jpg", part, {**plain, "exif": sideways}),
        ("26 MP.jpg", sheet.crop((0, 0, 5936, 4452)), plain),
        ("45 MP turned.jpg", sheet.crop((0, 0, 8192, 5464)), {**plain, "exif": sideways}),
        ("64 MP.jpg", sheet, {**plain, "quality": 95}),
        ("8 MP CMYK.jpg", eight.convert("CMYK"), {"quality": 92}),
        ("8 MP.png", eight, {"compress_level": 3}),
        ("8 MP alpha.png", with_alpha(eight), {"compress_level": 3}),
    )
    for name, picture, options in pictures:
        picture.save(folder / name, **options)
        yield folder / name


def mosaic(data: Path, size: tuple[int, int]) -> Raster:
    sheet, number, y = Image.new("RGB", size), 0, 0
    while y < size[1]:
        x = bottom = 0
        while x < size[0]:
            tile = Image.open(data / TILES[number % len(TILES)]).convert("RGB")
            sheet.paste(tile, (x, y))
            x, bottom, number = x + tile.width, tile.height, number + 1
        y += bottom
    return sheet


def with_alpha(picture: Raster) -> Raster:
    alpha = Image.linear_gradient("L").resize(picture.size)
    return Image.merge("RGBA", (*picture.split(), alpha))


# -------------------------------------------------------------------------------------------------- results


@dataclass
class Measured:
    """One file; milliseconds and MB by method."""

    name: str
    megapixels: float
    megabytes: float
    coding: str
    milliseconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, float] = field(default_factory=dict)
    likeness: dict[str, list[Likeness]] = field(default_factory=dict)
    webp: tuple[float, float, float] = (0, 0, 0)

    @classmethod
    def of(cls, path: Path) -> "Measured":
        data = path.read_bytes()
        photograph = open_photograph(data)
        image = Image.open(BytesIO(data))
        progressive = " progressive" if image.info.get("progressive") else ""
        coding = f"{photograph.format} {image.mode}{progressive}"
        return cls(path.stem, photograph.width * photograph.height / 1e6, len(data) / 1e6, coding)

    @property
    def is_jpeg(self) -> bool:
        """CMYK apart: libvips converts it by a profile, which takes it three times as long."""
        return self.coding.startswith(("JPEG", "MPO")) and "CMYK" not in self.coding

    def ratio(self, method: str, to: str) -> float:
        return self.milliseconds[method] / self.milliseconds[to]


def measure(paths: list[Path], rounds: int) -> list[Measured]:
    found = [Measured.of(path) for path in paths]
    workers = {method: Worker(method) for method in METHODS}
    for number, (path, measured) in enumerate(zip(paths, found, strict=True)):
        progress(f"{number + 1}/{len(paths)} {path.name}: time")
        times: dict[str, list[float]] = {method: [] for method in METHODS}
        for turn in range(rounds + 1):
            for method, worker in workers.items():
                if turn:
                    times[method] += worker.times(path) or []
                else:
                    worker.times(path)
        measured.milliseconds = {method: statistics.median(them) for method, them in times.items() if them}
        progress(f"{number + 1}/{len(paths)} {path.name}: memory")
        measured.memory = {
            method: megabytes for method in METHODS if (megabytes := most_memory(method, path)) is not None
        }
        progress(f"{number + 1}/{len(paths)} {path.name}: likeness")
        measured.likeness = likenesses(path.read_bytes())
        measured.webp = webp_to_jpeg(path.read_bytes())
    for worker in workers.values():
        worker.stop()
    progress("")
    return found


def most_memory(method: str, path: Path) -> float | None:
    command = [sys.executable, __file__, "--memory", method, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment(method))
    answer: float | None = json.loads(done.stdout)
    return answer


def progress(text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


def report(found: list[Measured]) -> None:
    names = list(METHODS)
    table(
        "Processor milliseconds",
        ["", "", "MP", "MB", *names],
        [
            [*about(one), f"{one.megapixels:.1f}", f"{one.megabytes:.1f}"]
            + [f"{one.milliseconds[name]:.0f}" if name in one.milliseconds else "–" for name in names]
            for one in found
        ],
    )
    others = [name for name in names if name != "ours"]
    table(
        "Ours to each of the others (below 1: ours is quicker)",
        ["", "", *others],
        [
            [
                *about(one),
                *(f"{one.ratio('ours', name):.2f}" if name in one.milliseconds else "–" for name in others),
            ]
            for one in found
        ],
    )
    table(
        "Most memory, MB above idle",
        ["", "", *names],
        [
            [*about(one), *(f"{one.memory[name]:.0f}" if name in one.memory else "–" for name in names)]
            for one in found
        ],
    )
    for index, spec in enumerate(SPECS):
        table(
            f"Likeness of the {spec.label} one: SSIM and ΔE2000 before encoding, and as delivered",
            ["", "", "ours", "delivered", "libvips", "delivered"],
            [
                [*about(one), *(cell for name in ("ours", "libvips") for cell in told(one, name, index))]
                for one in found
            ],
        )
    table(
        "WebP at the SSIM of JPEG 82: bytes, small and medium; processor time, medium",
        ["", "", "small", "medium", "time"],
        [[*about(one), *(f"{ratio:.2f}" for ratio in one.webp)] for one in found],
    )
    print(
        "Geometric means:",
        ", ".join(
            f"{what} {mean([one.webp[at] for one in found]):.2f}"
            for at, what in enumerate(("small", "medium", "time"))
        ),
    )


def about(one: Measured) -> tuple[str, str]:
    return one.name[:26], one.coding


def told(one: Measured, name: str, index: int) -> tuple[str, str]:
    it = one.likeness[name][index]
    return f"{it.ssim:.4f} {it.colours:.2f}", f"{it.delivered_ssim:.4f} {it.delivered_colours:.2f}"


def table(title: str, head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    print(f"\n{title}")
    for row in [head, *rows]:
        cells = (
            f"{cell:<{width}}" if column < 2 else f"{cell:>{width}}"
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        print("  ".join(cells).rstrip())


def mean(values: list[float]) -> float:
    return math.exp(statistics.fmean(math.log(value) for value in values)) if values else math.nan


def verdicts(found: list[Measured]) -> None:
    jpegs = [one for one in found if one.is_jpeg]
    print("\nTargets, over the JPEG files in RGB and grey where it is about time")
    to_vips = {one.name: one.ratio("ours", "libvips") for one in jpegs}
    verdict("to libvips, geometric mean", {"all": mean(list(to_vips.values()))}, 1.0)
    verdict("to libvips, the worst", to_vips, 1.15)
    large = [one for one in jpegs if one.megapixels >= 60]
    verdict("to the floor, 64 MP", {one.name: one.ratio("ours", "floor") for one in large}, 1.35)
    wide = [one for one in jpegs if one.megapixels >= 24 - 0.1]
    for way in ("two decodes", "two drafts"):
        verdict(f"{way} to ours, from 24 MP", {one.name: one.ratio(way, "ours") for one in wide}, 2, -1)
    baseline = [one for one in jpegs if "progressive" not in one.coding]
    verdict("memory of a baseline JPEG, MB", {one.name: one.memory["ours"] for one in baseline}, 60)
    sizes = range(len(SPECS))
    verdict("SSIM", {one.name: min(it.ssim for it in one.likeness["ours"]) for one in found}, 0.98, -1)
    behind = {
        one.name: max(one.likeness["libvips"][at].ssim - one.likeness["ours"][at].ssim for at in sizes)
        for one in found
    }
    verdict("SSIM behind libvips", behind, 0.01)
    verdict("ΔE2000", {one.name: max(it.colours for it in one.likeness["ours"]) for one in found}, 1.5)


def verdict(what: str, values: dict[str, float], bound: float, sign: int = 1) -> None:
    """Whether the worst value is within the bound: at most it, or at least it where `sign` is -1."""
    if not values:
        print(f"  ?       {what}: no such file was measured")
        return
    name, worst = max(values.items(), key=lambda item: sign * item[1])
    beyond = sign * (worst - bound)
    how = f"missed by {beyond:.3g}" if beyond > 0 else "met"
    print(f"  {how:<16} {what}: {worst:.4g} ({name}); {'at most' if sign > 0 else 'at least'} {bound:g}")


def check_packages() -> None:
    needed = ("numpy", "pyvips", "simplejpeg", "skimage")
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        sys.exit(
            f"Not installed: {', '.join(missing)}. They come with: pip install -r bench/requirements.txt"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=7, metavar="N", help="rounds (7)")
    parser.add_argument("--files", nargs="+", metavar="NAME", help="only those with this in their names")
    parser.add_argument("--quick", action="store_true", help="four files, two rounds")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", metavar="FOLDER")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        work(options.worker)
    elif options.memory:
        remember(*options.memory)
    else:
        compare(options)


def compare(options: argparse.Namespace) -> None:
    check_packages()
    if not all((options.data / name).exists() for name in REAL):
        sys.exit(f"The photographs are not at {options.data}: say where they are with --data FOLDER.")
    with tempfile.TemporaryDirectory() as folder:
        progress("making the large files")
        paths = [options.data / name for name in REAL] + list(made_files(options.data, Path(folder)))
        if options.quick:
            paths = [path for path in paths if any(str(path).endswith(name) for name in QUICK)]
        if options.files:
            paths = [path for path in paths if any(name in path.name for name in options.files)]
        if not paths:
            sys.exit("No file has such a name.")
        found = measure(paths, 2 if options.quick else options.repeats)
    report(found)
    verdicts(found)


if __name__ == "__main__":
    main()
