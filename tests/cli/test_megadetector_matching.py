"""Which capture a file of a list is, by paths alone: never two files one capture, never a guess."""

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cli.results.matching import By, Matched, Reason, Unmatched, _parts, _path, match
from cli.results.megadetector import read


def matched(files: list[str], names: list[str]) -> list[str | Reason]:
    """What each file is: a name, or why not."""
    told = match(files, {f"id {at}": name for at, name in enumerate(names)})
    assert [each.file for each in told] == files
    return [names[int(each.capture_id[3:])] if isinstance(each, Matched) else each.reason for each in told]


@pytest.mark.parametrize(
    ("file", "name", "by"),
    [
        ("a/b.jpg", "a/b.jpg", By.PATH),
        ("a\\b.jpg", "a/b.jpg", By.PATH),
        ("./a//b.jpg", "/a/./b.jpg", By.PATH),
        ("A/b.JPG", "a/B.jpg", By.PATH),
        ("Cafe\u0301/b.jpg", "CAFÉ/b.jpg", By.PATH),
        ("D:\\photos\\a\\b.jpg", "a/b.jpg", By.ENDING),
        ("x/a/b.jpg", "y/a/b.jpg", By.ENDING),
        ("x/a.jpg", "y/a.jpg", By.NAME),
        ("a.jpg", "y/a.jpg", By.NAME),
    ],
)
def test_a_file_and_a_capture_alone(file: str, name: str, by: By) -> None:
    assert match([file], {"c": name}) == [Matched(file, "c", by)]
    assert match([name], {"c": file}) == [Matched(name, "c", by)]


def test_the_longer_ending_decides() -> None:
    files = ["photos/sd1/100/a.jpg", "photos/sd2/100/a.jpg"]
    names = ["sd2/100/a.jpg", "sd1/100/a.jpg"]
    assert matched(files, names) == ["sd1/100/a.jpg", "sd2/100/a.jpg"]


def test_a_whole_path_goes_before_endings() -> None:
    assert matched(["x/a.jpg", "p/x/a.jpg"], ["x/a.jpg"]) == ["x/a.jpg", Reason.TAKEN]
    assert matched(["x/a.jpg", "p/x/a.jpg"], ["X/a.jpg"]) == ["X/a.jpg", Reason.TAKEN]


def test_what_is_not_certain_is_not_matched() -> None:
    assert matched(["a.jpg"], ["x/a.jpg", "y/a.jpg"]) == [Reason.SEVERAL_CAPTURES]
    assert matched(["x/a.jpg", "y/a.jpg"], ["a.jpg"]) == [Reason.SEVERAL_FILES] * 2
    assert matched(["a.jpg", "./a.jpg"], ["a.jpg"]) == [Reason.REPEATED] * 2
    assert matched(["a.jpg", "/"], ["b.jpg"]) == [Reason.NONE] * 2
    assert matched(["a.jpg"], ["a.jpg", "./a.jpg"]) == [Reason.SEVERAL_CAPTURES]
    assert matched([], ["a.jpg"]) == []
    assert matched(["/"], ["/"]) == [Reason.NONE]


def test_a_capture_with_a_nearer_file_is_not_given_away() -> None:
    """Camera A's picture 1 is not uploaded: camera B's is not taken for it."""
    assert matched(["A/100/1.jpg", "B/100/1.jpg"], ["B/100/1.jpg"]) == [Reason.TAKEN, "B/100/1.jpg"]


def test_case_is_looked_at_where_it_makes_the_difference() -> None:
    assert matched(["D/IMG.JPG", "D/img.jpg"], ["img.jpg", "IMG.JPG"]) == ["IMG.JPG", "img.jpg"]
    assert matched(["IMG.JPG", "img.jpg"], ["img.jpg", "IMG.JPG"]) == ["IMG.JPG", "img.jpg"]
    # A folder's case weighs less than the folder.
    assert matched(["A/IMG.JPG"], ["a/img.jpg", "B/IMG.JPG"]) == ["a/img.jpg"]
    assert matched(["p/A/IMG.JPG"], ["q/a/img.jpg", "B/IMG.JPG"]) == ["q/a/img.jpg"]
    assert matched(["q/Img.jpg"], ["r/IMG.jpg", "s/img.jpg"]) == [Reason.SEVERAL_CAPTURES]


def test_candidates_are_named_up_to_five() -> None:
    (told,) = match(["a.jpg"], {f"id {at}": f"{at}/a.jpg" for at in range(9)})
    assert told == Unmatched("a.jpg", Reason.SEVERAL_CAPTURES, tuple(f"id {at}" for at in range(5)), 9)


def test_candidates_share_the_longest_ending() -> None:
    (told,) = match(["p/x/a.jpg"], {"1": "q/x/a.jpg", "2": "r/x/a.jpg", "3": "s/a.jpg"})
    assert told == Unmatched("p/x/a.jpg", Reason.SEVERAL_CAPTURES, ("1", "2"), 2)


# Against the rule written out, pair by pair

_part = st.sampled_from(["a", "A", "b", "é", "e\u0301", "É"])
_paths = st.lists(_part, min_size=0, max_size=4).map("/".join)
_lists = st.lists(_paths, max_size=6)


def common(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    shared = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        shared += 1
    return shared


def pairs_by(files: list[tuple[str, ...]], names: list[tuple[str, ...]]) -> set[tuple[int, int]]:
    """Every file and capture that have more in common with each other than either with any other."""
    found = set()
    for f, file in enumerate(files):
        for n, name in enumerate(names):
            shared = common(file, name)
            others = [common(file, each) for at, each in enumerate(names) if at != n]
            others += [common(each, name) for at, each in enumerate(files) if at != f]
            if shared and all(shared > other for other in others):
                found.add((f, n))
    return found


def whole_pairs(files: list[tuple[str, ...]], names: list[tuple[str, ...]]) -> set[tuple[int, int]]:
    return {
        (f, n)
        for f, file in enumerate(files)
        for n, name in enumerate(names)
        if file and file == name and files.count(file) == names.count(name) == 1
    }


@settings(max_examples=400)
@given(files=_lists, names=_lists)
@example(files=["A/a", "b/a"], names=["a/A", "b/A"])
def test_the_rule(files: list[str], names: list[str]) -> None:
    told = match(files, {str(at): name for at, name in enumerate(names)})
    pairs = {(at, int(each.capture_id)) for at, each in enumerate(told) if isinstance(each, Matched)}
    assert len({capture for _, capture in pairs}) == len(pairs)  # never two files one capture

    written = [_path(each).parts for each in files], [_path(each).parts for each in names]
    folded = [_path(each).folded for each in files], [_path(each).folded for each in names]
    certain = whole_pairs(*written) | whole_pairs(*folded) | pairs_by(*folded) | pairs_by(*written)
    assert pairs <= certain  # never where there are several
    assert whole_pairs(*written) <= pairs  # equal paths, always
    used_f, used_n = {f for f, _ in pairs}, {n for _, n in pairs}
    assert all(f in used_f or n in used_n for f, n in certain)  # what is certain is not left out

    for at, each in enumerate(told):
        if isinstance(each, Unmatched):
            near = [common(folded[0][at], name) for name in folded[1]]
            best = max(near, default=0)
            expected = [n for n, shared in enumerate(near) if shared == best and best]
            assert each.candidates == tuple(str(n) for n in expected[:5])
            assert each.candidates_count == len(expected)
            assert (each.reason is Reason.NONE) == (not expected)


@given(files=_lists, names=st.lists(_paths, max_size=6), seed=st.randoms())
def test_order_does_not_matter(files: list[str], names: list[str], seed: object) -> None:
    captures = {str(at): name for at, name in enumerate(names)}
    turned = dict(reversed(captures.items()))
    once = [getattr(each, "capture_id", None) for each in match(files, captures)]
    again = [getattr(each, "capture_id", None) for each in match(files[::-1], turned)]
    assert once == again[::-1]


def test_parts_are_of_either_system() -> None:
    assert _parts("C:\\a\\./b/c.jpg") == ("c.jpg", "b", "a", "C:")
    assert _parts("") == ()


def test_many_of_one_name_take_no_longer() -> None:
    """Every camera begins at IMG_0001: 20,000 pairs of one file name, which pairwise would be 4e8 looks."""
    names = {str(at): f"s{at}/IMG_0001.JPG" for at in range(20_000)}
    told = match((f"/data/{name}" for name in names.values()), names)
    assert [each.capture_id for each in told if isinstance(each, Matched)] == list(names)


# Real files


def test_ena24_pictures_have_their_results(data: Path) -> None:
    """9 of the 21 pictures that have results are there."""
    folder = data / "cameratrap/ena24"
    names = {path.stem: f"ENA24/{path.name}" for path in folder.glob("*.jpg")}
    told = match((image.file for image in read(folder / "md_annotations.json").images), names)
    found = [each for each in told if isinstance(each, Matched)]
    assert len(names) == len(found) == 9
    assert all(each.file == f"{each.capture_id}.jpg" and each.by is By.NAME for each in found)
    assert {each.reason for each in told if isinstance(each, Unmatched)} == {Reason.NONE}


def test_two_cameras_with_the_same_names(data: Path) -> None:
    """Peru: both cameras have EK000012 to EK000014. With folders all are told apart, without them none."""
    folder = data / "cameratrap/peru_S90"
    names = {str(path): path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.JPG"))}
    windows = [f"E:\\Peru\\S90\\{name}".replace("/", "\\") for name in names.values()]
    told = match(windows, names)
    assert [each.capture_id for each in told if isinstance(each, Matched)] == list(names)
    bare = match([name.split("/")[1] for name in names.values()], names)
    assert sum(isinstance(each, Matched) for each in bare) == 12
    assert sum(each.candidates_count == 2 for each in bare if isinstance(each, Unmatched)) == 6
