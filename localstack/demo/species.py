"""The moths of the demo: invented, but of the shapes and colours of real families."""

from collections.abc import Sequence
from dataclasses import dataclass

from localstack.demo.wings import Colour, Point, Spot, Wing


@dataclass(frozen=True, eq=False)
class Moth:
    """A kind of moth. Lengths in half wingspans; `span` in pixels; `share` is how common it is."""

    name: str
    wings: Sequence[Wing]
    fur: Colour
    abdomen_colour: Colour
    span: tuple[int, int]
    share: float
    head: float = -0.3
    thorax: Point = (0.13, 0.16)
    abdomen: Point = (0.5, 0.11)
    antenna: float = 0.3
    feathered: bool = False
    body_above: bool = True


_DELTA: list[Point] = [
    (0.0, -0.3), (0.13, -0.36), (0.3, -0.24), (0.43, 0.14), (0.57, 0.6),
    (0.45, 0.76), (0.2, 0.78), (-0.05, 0.72), (-0.04, 0.1),
]  # fmt: skip
_NARROW: list[Point] = [
    (0.0, -0.4), (0.14, -0.46), (0.24, -0.3), (0.27, 0.3), (0.24, 0.76),
    (0.08, 0.86), (-0.05, 0.74), (-0.05, 0.0),
]  # fmt: skip
_FORE: list[Point] = [
    (0.05, -0.2), (0.45, -0.4), (0.84, -0.52), (0.98, -0.46), (0.9, -0.16),
    (0.72, 0.12), (0.36, 0.1), (0.05, 0.02),
]  # fmt: skip
_HIND: list[Point] = [
    (0.05, -0.06), (0.5, 0.02), (0.74, 0.14), (0.74, 0.4), (0.54, 0.6), (0.28, 0.58), (0.08, 0.32)
]  # fmt: skip
_SWEPT: list[Point] = [
    (0.06, -0.26), (0.3, -0.3), (0.62, -0.06), (0.98, 0.34), (0.94, 0.42),
    (0.62, 0.34), (0.34, 0.26), (0.06, 0.06),
]  # fmt: skip
_SWEPT_HIND: list[Point] = [(0.06, 0.0), (0.34, 0.16), (0.52, 0.34), (0.38, 0.46), (0.2, 0.4), (0.06, 0.2)]
_BROAD_FORE: list[Point] = [
    (0.05, -0.22), (0.4, -0.52), (0.82, -0.64), (0.99, -0.54), (0.86, -0.3),
    (0.8, -0.02), (0.42, 0.06), (0.05, 0.02),
]  # fmt: skip
_BROAD_HIND: list[Point] = [
    (0.05, -0.04), (0.48, 0.0), (0.76, 0.12), (0.8, 0.42), (0.56, 0.7), (0.26, 0.66), (0.07, 0.36)
]  # fmt: skip
_PLUME: list[Point] = [(0.04, -0.2), (0.5, -0.3), (0.98, -0.34), (0.98, -0.24), (0.5, -0.17), (0.04, -0.1)]

_FORE_ROOT: Point = (0.05, -0.12)
_HIND_ROOT: Point = (0.05, 0.02)


def _resting(
    outline: list[Point], zones: Sequence[tuple[float, Colour]], line: Colour, spots: Sequence[Spot] = ()
) -> list[Wing]:
    return [Wing(outline, (0.06, -0.28), zones, line, 0.028, spots)]


def _flat(zones: Sequence[tuple[float, Colour]], line: Colour, waviness: float = 0.025) -> list[Wing]:
    return [Wing(_HIND, _HIND_ROOT, zones, line, waviness), Wing(_FORE, _FORE_ROOT, zones, line, waviness)]


def _noctuid(name: str, dark: Colour, middle: Colour, pale: Colour, share: float) -> Moth:
    zones = [(1.0, dark), (0.9, middle), (0.82, pale), (0.72, middle), (0.46, dark), (0.36, middle)]
    line = (dark[0] * 2 // 3, dark[1] * 2 // 3, dark[2] * 2 // 3)
    spots = [Spot((0.32, 0.2), 0.055, pale, line), Spot((0.2, -0.02), 0.035, pale, line)]
    return Moth(name, _resting(_DELTA, zones, line, spots), middle, pale, (62, 92), share, body_above=False)


_EYE = Spot((0.44, 0.32), 0.12, (44, 58, 92), (28, 20, 18), (226, 226, 232))
_WHITE_SPOTS = [
    Spot(at, 0.03, (34, 28, 30), (34, 28, 30))
    for at in (
        (0.2, -0.1),
        (0.34, 0.06),
        (0.2, 0.18),
        (0.42, 0.34),
        (0.24, 0.42),
        (0.52, 0.54),
        (0.12, 0.58),
        (0.36, 0.62),
    )
]

SPECIES: tuple[Moth, ...] = (
    _noctuid("brown owlet", (84, 64, 48), (128, 100, 74), (178, 152, 118), 5),
    _noctuid("grey owlet", (72, 70, 70), (116, 112, 108), (172, 168, 160), 4),
    _noctuid("rusty owlet", (112, 62, 36), (162, 98, 56), (204, 154, 98), 3),
    _noctuid("mossy owlet", (58, 72, 52), (104, 120, 84), (176, 182, 140), 2),
    Moth(
        "pale wave",
        _flat(
            [
                (1.0, (214, 200, 172)),
                (0.93, (228, 218, 196)),
                (0.74, (188, 168, 134)),
                (0.69, (232, 222, 200)),
                (0.42, (198, 180, 148)),
                (0.38, (232, 222, 200)),
            ],
            (150, 128, 98),
        ),
        (222, 210, 186),
        (214, 200, 174),
        (76, 118),
        4,
        thorax=(0.08, 0.11),
        abdomen=(0.48, 0.06),
    ),
    Moth(
        "bark looper",
        _flat(
            [
                (1.0, (88, 76, 66)),
                (0.92, (138, 124, 108)),
                (0.76, (84, 70, 58)),
                (0.68, (152, 138, 120)),
                (0.4, (92, 78, 66)),
                (0.34, (140, 124, 106)),
            ],
            (56, 46, 40),
            0.05,
        ),
        (112, 98, 84),
        (128, 114, 98),
        (88, 128),
        3,
        thorax=(0.09, 0.12),
        abdomen=(0.48, 0.07),
        feathered=True,
    ),
    Moth(
        "emerald",
        _flat(
            [
                (1.0, (196, 214, 160)),
                (0.96, (106, 168, 104)),
                (0.72, (206, 222, 178)),
                (0.69, (116, 178, 112)),
                (0.4, (200, 218, 172)),
                (0.37, (110, 172, 106)),
            ],
            (84, 138, 84),
            0.015,
        ),
        (140, 186, 126),
        (206, 210, 176),
        (70, 100),
        2,
        thorax=(0.08, 0.11),
        abdomen=(0.44, 0.06),
    ),
    Moth(
        "spotted tiger",
        _resting(_DELTA, [(1.0, (236, 230, 218)), (0.96, (244, 240, 230))], (168, 156, 140), _WHITE_SPOTS),
        (240, 234, 222),
        (222, 150, 66),
        (74, 98),
        2,
        body_above=False,
    ),
    Moth(
        "rosy maple",
        _resting(
            _DELTA,
            [
                (1.0, (222, 112, 138)),
                (0.78, (246, 222, 128)),
                (0.42, (226, 122, 146)),
                (0.3, (246, 216, 120)),
            ],
            (198, 130, 110),
        ),
        (250, 222, 116),
        (240, 200, 110),
        (66, 86),
        2,
        body_above=False,
    ),
    Moth(
        "footman",
        _resting(
            _NARROW, [(1.0, (226, 178, 74)), (0.9, (120, 116, 116)), (0.5, (136, 130, 128))], (92, 86, 84)
        ),
        (214, 160, 62),
        (190, 160, 96),
        (54, 72),
        3,
        head=-0.5,
        thorax=(0.13, 0.11),
        body_above=False,
    ),
    Moth(
        "leaf roller",
        _resting(
            _NARROW,
            [(1.0, (140, 86, 46)), (0.88, (204, 144, 78)), (0.6, (146, 88, 46)), (0.5, (212, 156, 90))],
            (110, 66, 36),
        ),
        (190, 130, 72),
        (170, 120, 76),
        (30, 46),
        6,
        head=-0.5,
        thorax=(0.12, 0.1),
        body_above=False,
    ),
    Moth(
        "plume",
        [Wing(_PLUME, (0.04, -0.15), [(1.0, (150, 122, 92)), (0.7, (190, 164, 130))], (110, 88, 64), 0.05)],
        (170, 142, 108),
        (176, 148, 114),
        (50, 64),
        1,
        thorax=(0.06, 0.1),
        abdomen=(0.62, 0.045),
        antenna=0.25,
    ),
    Moth(
        "hawk",
        [
            Wing(
                _SWEPT_HIND,
                (0.06, 0.05),
                [(1.0, (92, 58, 52)), (0.8, (196, 116, 104)), (0.4, (150, 84, 76))],
                (70, 44, 40),
            ),
            Wing(
                _SWEPT,
                (0.06, -0.1),
                [
                    (1.0, (96, 82, 66)),
                    (0.93, (142, 124, 100)),
                    (0.74, (92, 78, 62)),
                    (0.66, (160, 142, 114)),
                    (0.4, (104, 90, 70)),
                    (0.3, (146, 128, 102)),
                ],
                (64, 54, 44),
                0.02,
                [Spot((0.4, -0.02), 0.025, (224, 214, 190), (70, 58, 46))],
            ),
        ],
        (122, 106, 86),
        (150, 116, 96),
        (176, 224),
        0.8,
        head=-0.34,
        thorax=(0.13, 0.18),
        abdomen=(0.74, 0.12),
        antenna=0.26,
    ),
    Moth(
        "eyed silk moth",
        [
            Wing(
                _BROAD_HIND,
                _HIND_ROOT,
                [
                    (1.0, (176, 112, 62)),
                    (0.92, (216, 168, 88)),
                    (0.8, (150, 84, 52)),
                    (0.72, (222, 182, 108)),
                ],
                (112, 62, 40),
                0.012,
                [_EYE],
            ),
            Wing(
                _BROAD_FORE,
                _FORE_ROOT,
                [
                    (1.0, (160, 108, 68)),
                    (0.88, (188, 136, 88)),
                    (0.72, (128, 80, 54)),
                    (0.67, (198, 148, 98)),
                    (0.36, (134, 86, 58)),
                    (0.32, (176, 122, 78)),
                ],
                (104, 64, 44),
                0.012,
                [Spot((0.5, -0.22), 0.045, (108, 66, 46), (86, 50, 36))],
            ),
        ],
        (186, 128, 76),
        (190, 136, 88),
        (210, 262),
        0.3,
        thorax=(0.11, 0.15),
        abdomen=(0.46, 0.1),
        antenna=0.22,
        feathered=True,
    ),
)
