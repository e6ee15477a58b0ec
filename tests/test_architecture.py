"""Arrows point one way: what each file of a room may import, read from the sources."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from chalicelib import errors
from chalicelib.http.errors import STATUSES

ROOT = Path(__file__).resolve().parents[1]
LIBRARY = ROOT / "chalicelib"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path
    for path in LIBRARY.rglob("*.py")
    if path.name != "__init__.py"
}
PURE = {
    "rules",
    "addresses",
    "grouping",
    "labels",
    "timestamps",
    "filename_times",
    "wall_clock",
    "stages",
    "attempts",
    "methods",
    "frames",
    "lowest",
    "each_session",
    "stratified",
    "sampling",
    "merging",
    "ordering",
    "shapes",
    "contract",
    "small_size",
    "small_size_filter",
    "class_masking",
    "rank_rollup",
    "repeat_detection",
    "same_box",
    "score_threshold",
    "own_rows",
    "picturing",
}
PURE_MAY_USE = {"chalicelib.counts", "chalicelib.errors", "chalicelib.ids"}
ROOMS = {
    path.name
    for path in LIBRARY.iterdir()
    if path.is_dir() and path.name not in ("aws", "http", "__pycache__")
}


def imports(path: Path) -> set[str]:
    """What a file imports when it runs, by full name; what only type checkers import does not count."""
    tree = ast.parse(path.read_text())
    checked_only = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if id(node) in checked_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else str(node.module) for name in names}
    return found


GRAPH = {name: imports(path) for name, path in MODULES.items()}


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if len(parts) > 2 and parts[1] in ROOMS else None


def test_no_module_imports_itself_by_a_detour() -> None:
    own = {name: {each for each in used if each in GRAPH} for name, used in GRAPH.items()}
    TopologicalSorter(own).prepare()


@pytest.mark.parametrize("module", sorted(name for name in MODULES if name.rpartition(".")[2] in PURE))
def test_pure_rules_import_the_standard_library_and_other_rules_only(module: str) -> None:
    for used in GRAPH[module]:
        top, last = used.partition(".")[0], used.rpartition(".")[2]
        assert top not in ("boto3", "botocore", "pynamodb", "chalice", "PIL", "os", "uuid", "secrets"), used
        assert top != "chalicelib" or last in PURE or used in PURE_MAY_USE, used


def test_a_room_keeps_its_store_and_its_routes_to_itself() -> None:
    for module, used in GRAPH.items():
        for each in used & set(MODULES):
            last = each.rpartition(".")[2]
            if room_of(each) and room_of(each) != room_of(module) and last in ("store", "routes"):
                assert (module, last) == ("chalicelib.http.routes", "routes"), f"{module} imports {each}"


def test_only_the_doors_know_what_is_outside() -> None:
    allowed = {
        "boto3": ("chalicelib.aws.",),
        "botocore": ("chalicelib.aws.",),
        "chalice": (),
        "PIL": ("chalicelib.thumbnails.",),
        "re2": ("chalicelib.sources.patterns",),
    }
    for module, used in GRAPH.items():
        for each in used:
            doors = allowed.get(each.partition(".")[0])
            assert doors is None or module.startswith(doors), f"{module} imports {each}"


def test_every_error_has_exactly_one_status() -> None:
    tree = {
        value
        for value in vars(errors).values()
        if isinstance(value, type) and issubclass(value, errors.NightjarError)
    }
    assert set(STATUSES) == tree - {errors.NightjarError}
    drawn = errors.__doc__ or ""
    for error, status in STATUSES.items():
        [line] = [line for line in drawn.splitlines() if f"── {error.__name__} " in line]
        assert line.endswith(str(status))


def test_importing_the_functions_opens_no_photograph_and_makes_no_client() -> None:
    program = """
import socket, sys
def refuse(*_): raise AssertionError("importing asked the network")
socket.socket.connect = refuse
import app
from chalicelib.aws import objects, queues
print("PIL" in sys.modules, objects._client.cache_info().currsize, queues._client.cache_info().currsize)
"""
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.split() == ["False", "0", "0"]
