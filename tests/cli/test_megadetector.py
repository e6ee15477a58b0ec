"""Reading files of MegaDetector results: every version's form, real files, and broken ones."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.connecting import CannotBegin
from cli.results import megadetector
from cli.results.images import NOTHING_SAID, Classified, Found, ImageResult
from cli.results.megadetector import Results, read


def saved(folder: Path, content: object) -> Path:
    path = folder / "md.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def detection(**fields: Any) -> dict[str, Any]:
    return {"category": "1", "conf": 0.9, "bbox": [0.1, 0.2, 0.3, 0.4], **fields}


def content(*images: object, **fields: Any) -> dict[str, Any]:
    return {
        "info": {"format_version": "1.6", "detector": "md_v5a.0.0.pt"},
        "detection_categories": {"1": "animal", "2": "person", "3": "vehicle"},
        "images": list(images),
        **fields,
    }


@pytest.fixture
def results_of(tmp_path: Path) -> Any:
    """Reads what is given as if it were a file."""
    return lambda held: read(saved(tmp_path, held))


def one_image(results: Results) -> ImageResult:
    (image,) = results.images
    return image


# Forms


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3", "1.4", "1.5", "1.6", 1.0, 1.2, 1, " 1.5 "])
def test_known_versions_are_read_without_a_word(results_of: Any, version: object) -> None:
    held = content({"file": "a.jpg", "detections": [detection()]})
    held["info"]["format_version"] = version
    results = results_of(held)
    assert results.warnings == ()
    assert results.format_version in megadetector.VERSIONS
    assert one_image(results).detections[0].box == pytest.approx((0.1, 0.2, 0.4, 0.6))


def test_the_oldest_form(results_of: Any) -> None:
    """1.0: the highest score per picture, no detector, a failure beside null."""
    results = results_of(
        {
            "info": {"format_version": "1.0", "detection_completion_time": "2019-05-22 02:12:19"},
            "detection_categories": {"1": "animal"},
            "images": [
                {"file": "a.jpg", "max_detection_conf": 0.9, "detections": [detection()]},
                {"file": "b.jpg", "max_detection_conf": 0.0, "detections": []},
                {"file": "c.jpg", "max_detection_conf": -1.0, "detections": None, "failure": "Failure TF"},
            ],
        }
    )
    found, empty, failed = results.images
    assert (found.is_empty, empty.is_empty, failed.is_empty) == (False, True, False)
    assert [each.failure for each in results.images] == [None, None, "Failure TF"]
    assert results.detector.key == "megadetector_v4"
    assert "MegaDetector v4" in results.warnings[0]


def test_the_newest_form(results_of: Any) -> None:
    """1.6: a video, a classifier, descriptions, thresholds."""
    video = {
        "file": "v.mp4",
        "frame_rate": 20,
        "frames_processed": [0, 20],
        "detections": [detection(category="2", frame_number=20)],
        "failure": None,
    }
    photograph = {"file": "a.jpg", "detections": [detection(classifications=[["7", 0.2], ["0", 0.7]])]}
    held = content(
        video,
        photograph,
        classification_categories={"0": "Vulpes vulpes ", "7": "elk"},
        classification_category_descriptions={"0": "animalia;chordata", "7": "animalia"},
    )
    held["info"] |= {
        "detector": "/models/md_v5a.0.1.pt",
        "classifier": "kaggle:google/speciesnet/pyTorch/v4.0.2a/1",
        "detector_metadata": {
            "image_size": 1280,
            "megadetector_version": "v5a.0.1",
            "typical_detection_threshold": 0.2,
            "conservative_detection_threshold": 0.05,
        },
        "summary_report": "<p>Report</p>",
    }
    results = results_of(held)
    assert (results.detector.key, results.detector.name) == ("md_v5a_0_1", "/models/md_v5a.0.1.pt")
    assert results.detector.version == "v5a.0.1"
    assert results.classifier is not None
    assert results.classifier.key == "kaggle_google_speciesnet_pytorch_v4_0_2a_1"
    assert (results.typical_threshold, results.conservative_threshold) == (0.2, 0.05)
    assert results.class_descriptions["7"] == "animalia"
    film, still = results.images
    assert (film.frame_rate, film.frames_processed, film.detections[0].frame_number) == (20.0, (0, 20), 20)
    assert film.detections[0].label == "person"
    assert still.detections[0].classifications == (
        Classified("0", "Vulpes vulpes", 0.7),
        Classified("7", "elk", 0.2),
    )
    assert results.warnings == ()


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("md_v5b.0.0.pt", "md_v5b_0_0"),
        ("MDV5A", "mdv5a"),
        ("megadetector_v4.1", "megadetector_v4_1"),
        ("C:\\models\\md_v4.1.0.pb", "md_v4_1_0"),
        ("Фон", "detector"),
    ],
)
def test_a_detector_has_a_key(results_of: Any, name: str, key: str) -> None:
    detector = results_of(content(info={"format_version": "1.6", "detector": name})).detector
    assert (detector.key, detector.name) == (key, name)


@pytest.mark.parametrize("info", [{}, None, {"format_version": "2.0"}, {"format_version": "next"}])
def test_an_unknown_version_is_read_and_warned_of(results_of: Any, info: object) -> None:
    results = results_of(content({"file": "a.jpg", "detections": [detection()]}, info=info))
    assert len(one_image(results).detections) == 1
    assert "read as 1.6" in results.warnings[0]


def test_names_of_categories(results_of: Any) -> None:
    held = content(
        {"file": "a.jpg", "detections": [detection(category=1), detection(category="12")]},
        detection_categories={"1": " Animal ", "12": " "},
    )
    results = results_of(held)
    assert results.categories == {"1": "animal", "12": "12"}
    assert [each.label for each in one_image(results).detections] == ["animal", "12"]


def test_a_threshold_that_is_none_is_warned_of(results_of: Any) -> None:
    held = content()
    held["info"]["detector_metadata"] = {"typical_detection_threshold": "high"}
    results = results_of(held)
    assert results.typical_threshold is None
    assert "typical_detection_threshold" in results.warnings[0]


def test_a_byte_order_mark_is_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "md.json"
    path.write_text(json.dumps(content()), encoding="utf-8-sig")
    assert read(path).images == ()


# What is not taken, and told


def test_ids_that_are_not_listed_are_no_detection_and_counted(results_of: Any) -> None:
    results = results_of(
        content(
            {"file": "a.jpg", "detections": [detection(category="9")]},
            {"file": "b.jpg", "detections": [detection(category="9"), detection(classifications=[["5", 1]])]},
        )
    )
    unlisted, other = results.images
    assert unlisted.is_empty
    assert [each.classifications for each in other.detections] == [()]
    assert [warning.split(" is not in")[0] for warning in results.warnings] == ["Category 9", "Class 5"]
    assert "2 detections" in results.warnings[0]


@pytest.mark.parametrize(
    ("box", "corners"),
    [
        ([-0.001, 0.0, 0.5, 1.001], (0.0, 0.0, 0.499, 1.0)),
        ([0.7, 0.9, 0.3000001, 0.101], (0.7, 0.9, 1.0, 1.0)),
        ([0, 0, 1, 1], (0.0, 0.0, 1.0, 1.0)),
    ],
)
def test_a_box_hardly_outside_is_clipped(results_of: Any, box: list[float], corners: tuple[float]) -> None:
    image = one_image(results_of(content({"file": "a.jpg", "detections": [detection(bbox=box)]})))
    assert image.detections[0].box == pytest.approx(corners)
    assert all(0 <= each <= 1 for each in image.detections[0].box)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"bbox": [0.9, 0.1, 0.11, 0.1]}, "not within the picture"),
        ({"bbox": [102.4, 88.1, 540.7, 470.2]}, "not within the picture"),
        ({"bbox": [-0.01, 0.1, 0.1, 0.1]}, "not within the picture"),
        ({"bbox": [0.1, 0.1, 0.0, 0.1]}, "no area"),
        ({"bbox": [0.1, 0.1, 0.2, -0.05]}, "no area"),
        ({"bbox": [1.0, 0.1, 0.0005, 0.1]}, "no area"),
        ({"conf": 1.2}, "score of 1.2"),
        ({"classifications": [["0", -1]]}, "score of -1"),
    ],
)
def test_an_impossible_detection_is_told_and_the_rest_is_read(
    results_of: Any, fields: dict[str, Any], says: str
) -> None:
    held = content(
        {"file": "a.jpg", "detections": [detection(), detection(**fields)]},
        {"file": "b.jpg", "detections": [detection(**fields)]},
        classification_categories={"0": "fox"},
    )
    both, alone = results_of(held).images
    assert len(both.detections) == 1
    assert both.problems[0].startswith("detections[1]: ")
    assert says in both.problems[0]
    assert not alone.detections
    assert not alone.is_empty  # something was found there


@pytest.mark.parametrize(
    ("fields", "failure", "problems"),
    [
        ({"failure": "Failure image open"}, "Failure image open", 0),
        ({"failure": "Failure image open", "detections": None}, "Failure image open", 0),
        ({"failure": "Failure image open", "detections": []}, "Failure image open", 0),
        ({"failure": "Failure", "detections": [detection()]}, "Failure", 1),
        ({"failure": None, "detections": []}, None, 0),
        ({"failure": " ", "detections": []}, None, 0),
        ({"failure": None}, NOTHING_SAID, 0),
        ({}, NOTHING_SAID, 0),
    ],
)
def test_failures(results_of: Any, fields: dict[str, Any], failure: str | None, problems: int) -> None:
    image = one_image(results_of(content({"file": "a.jpg", **fields})))
    assert (image.failure, len(image.problems), image.detections) == (failure, problems, ())
    assert image.is_empty == (failure is None)


# Broken files


@pytest.mark.parametrize(
    ("held", "says"),
    [
        ([], "it is a list"),
        (None, "it is missing or null"),
        ("text", "it is a text"),
        ({}, "detection_categories: must be an object, is missing or null"),
        (content(info=[]), "info: must be an object, is a list"),
        (content(info={"format_version": True}), "info, format_version: must be a number, is true"),
        (content(info={"format_version": 10**400}), "info, format_version: must be a finite number"),
        (content(info={"detector": 5}), "info, detector: must be a text, is a number"),
        (content(detection_categories={"1": None}), 'detection_categories, "1": must be a text'),
        (content(classification_categories=[]), "classification_categories: must be an object"),
        (content(classification_category_descriptions={"0": 1}), 'classification_category_descriptions, "0"'),
        (content(images=None), "images: must be a list, is missing or null"),
        (content(images={}), "images: must be a list, is an object"),
        (content({"file": "a", "detections": []}, 7), "images[1]: must be an object, is a number"),
        (content({"detections": []}), "images[0], file: must be a text, is missing or null"),
        (content({"file": " "}), 'images[0] (" "), file: must not be blank'),
        (
            content({"file": "a", "failure": True}),
            'images[0] ("a"), failure: must be a text, is true or false',
        ),
        (content({"file": "a", "detections": {}}), 'images[0] ("a"), detections: must be a list'),
        (content({"file": "a", "detections": [1]}), 'images[0] ("a"), detections[0]: must be an object'),
        (
            content({"file": "a", "detections": [detection(category=None)]}),
            "detections[0], category: must be",
        ),
        (content({"file": "a", "detections": [detection(bbox=None)]}), "detections[0], bbox: must be a list"),
        (content({"file": "a", "detections": [detection(bbox=[1])]}), "bbox: must be 4 numbers, are 1"),
        (
            content({"file": "a", "detections": [detection(bbox=["0"] * 4)]}),
            "bbox: must be a number, is a text",
        ),
        (content({"file": "a", "detections": [detection(conf=True)]}), "conf: must be a number, is true or"),
        (
            content({"file": "a", "detections": [detection(conf=float("nan"))]}),
            "conf: must be a finite number",
        ),
        (content({"file": "a", "detections": [detection(conf=10**400)]}), "conf: must be a finite number"),
        (
            content({"file": "a", "detections": [detection(frame_number=0.5)]}),
            "frame_number: must be a whole",
        ),
        (
            content({"file": "a", "detections": [detection(classifications=["0"])]}),
            "classifications[0]: must",
        ),
        (content({"file": "a", "detections": [detection(classifications=[["0"]])]}), "has 1 parts"),
        (content({"file": "a", "detections": [detection(classifications=[["0", "x"]])]}), "score: must be a"),
        (content({"file": "a", "detections": [], "frame_rate": "20"}), "frame_rate: must be a number"),
        (
            content({"file": "a", "detections": [], "frames_processed": [0, -1]}),
            "frames_processed[1]: must be",
        ),
        (content({"file": "\x1b[2J", "detections": 0}), 'images[0] ("\\x1b[2J"), detections'),
    ],
)
def test_a_wrong_shape_is_named_with_its_place(results_of: Any, held: object, says: str) -> None:
    with pytest.raises(CannotBegin) as told:
        results_of(held)
    assert says in told.value.message
    assert "no file of MegaDetector results" in told.value.message
    assert told.value.message.isprintable()


@pytest.mark.parametrize(
    ("held", "says"),
    [
        (b"", "not JSON, or not all of it"),
        (b'{"info": {}, "images": [', "not all of it: Expecting value at line 1, column 25"),
        (b"PK\x03\x04\xff\xfe", "not JSON"),
        (b"[" * 200_000, "nested too deep"),
        (b'{"images": ' + b"9" * 5000 + b"}", "not JSON: "),
    ],
)
def test_what_is_no_json(tmp_path: Path, held: bytes, says: str) -> None:
    path = tmp_path / "md.json"
    path.write_bytes(held)
    with pytest.raises(CannotBegin) as told:
        read(path)
    assert says in told.value.message


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(CannotBegin, match="cannot be read"):
            read(path)


def test_a_file_too_large_is_not_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(megadetector, "LARGEST_BYTES", 10)
    with pytest.raises(CannotBegin, match="larger than 1 GiB"):
        read(saved(tmp_path, content()))


_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "1", "a.jpg", "1.6", "file", "detections"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["1", "file"]), inner),
    max_leaves=6,
)


@given(path=st.lists(st.integers(0, 20), min_size=1, max_size=6), value=_values)
def test_whatever_stands_anywhere_there_is_no_traceback(
    tmp_path_factory: pytest.TempPathFactory, path: list[int], value: object
) -> None:
    """One value of a good file is replaced by any other."""
    whole = content(
        {
            "file": "a.jpg",
            "frame_rate": 1,
            "frames_processed": [0],
            "failure": None,
            "detections": [detection(classifications=[["0", 0.5]], frame_number=0)],
        },
        classification_categories={"0": "fox"},
        classification_category_descriptions={"0": "animalia"},
    )
    whole["info"]["detector_metadata"] = {"megadetector_version": "5", "typical_detection_threshold": 0.2}
    held: Any = {"root": whole}
    at, key = held, "root"
    for step in path:
        inner = at[key]
        if not isinstance(inner, dict | list) or not inner:
            break
        keys: list[Any] = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        at, key = inner, keys[step % len(keys)]
    at[key] = value
    file = saved(tmp_path_factory.mktemp("any"), held["root"])
    with contextlib.suppress(CannotBegin):
        results = read(file)
        for found in (each for image in results.images for each in image.detections):
            x1, y1, x2, y2 = found.box
            assert 0 <= x1 < x2 <= 1
            assert 0 <= y1 < y2 <= 1
            assert 0 <= found.score <= 1


# Real files


def test_ena24(data: Path) -> None:
    """21 pictures of 7 species, 3 each; format 1.4 with a classifier."""
    results = read(data / "cameratrap/ena24/md_annotations.json")
    assert (results.format_version, results.detector.version, results.typical_threshold) == (
        "1.4",
        "v5.0.0",
        0.8,
    )
    assert results.classifier is not None
    assert results.classifier.key == "ecosystem1_v2"
    assert len(results.classes) == len(results.class_descriptions) == 7
    assert [len(image.detections) for image in results.images] == [1] * 21
    assert {image.detections[0].label for image in results.images} == {"animal"}
    assert results.warnings == ()
    assert not any(image.problems or image.failure for image in results.images)
    best = {image.file: image.detections[0].classifications[0].label for image in results.images}
    labels = (data / "cameratrap/ena24/labels.csv").read_text(encoding="utf-8").split()[1:]
    assert len(best) == 21
    assert best["2480.jpg"] == "virginia_opossum"
    assert "2480.jpg,Virginia" in labels


def test_md_format(data: Path) -> None:
    """Hand-made: no version, no detector; found, empty and failed with and without detections."""
    results = read(data / "cameratrap/md_format/megadetector_output.json")
    assert results.format_version is None
    assert len(results.warnings) == 3
    assert [len(image.detections) for image in results.images] == [2, 1, 0, 0, 0]
    assert [image.is_empty for image in results.images] == [False, False, True, False, False]
    assert [image.failure for image in results.images[3:]] == ["Failure image access"] * 2
    assert results.images[0].detections[1] == Found(
        pytest.approx((0.0451, 0.1849, 0.4093, 0.6485)), 0.061, "1", "animal"
    )
