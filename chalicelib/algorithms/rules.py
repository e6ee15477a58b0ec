"""What an algorithm is, and what its numbers stand for. Pure."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Literal, get_args

from chalicelib.taxa.rules import Rank

TaskType = Literal[
    "detection",
    "localization",
    "segmentation",
    "classification",
    "tagging",
    "embedding",
    "tracking",
    "post_processing",
    "unknown",
]
TASK_TYPES: tuple[TaskType, ...] = get_args(TaskType)

LONGEST_KEY = 120
LONGEST_LABEL = 200
MOST_CATEGORIES = 20_000
HIGHEST_INDEX = 999_999

_KEY = re.compile(r"[a-z0-9][a-z0-9_.-]{0,119}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Algorithm:
    """What has found or named something, by a key that never changes. `labels_hash` tells its categories
    apart from others, None while it has none."""

    key: str
    name: str
    created_at: datetime
    version: int = 1
    task_type: TaskType = "unknown"
    uri: str = ""
    description: str = ""
    categories_count: int = 0
    labels_hash: str | None = None


@dataclass(frozen=True, slots=True)
class Category:
    """What one index of an algorithm's results stands for."""

    index: int
    label: str
    taxon_id: str | None = None
    rank: Rank | None = None
    gbif_key: int | None = None


def key_of(text: str) -> str:
    """The key of an algorithm. Raises ValueError if it is none."""
    if not _KEY.fullmatch(text):
        raise ValueError(
            f"up to {LONGEST_KEY} small letters and digits, and after the first dots, hyphens, underscores"
        )
    return text


def key_for(name: str, version: int) -> str:
    """The key of an algorithm that was given none, by its name and version. Raises ValueError if the name
    has no letter or digit that a key may have."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if not slug:
        raise ValueError("name has no letters from which to make a key: give one")
    end = f"-{version}"
    return f"{slug[: LONGEST_KEY - len(end)]}{end}"


def label_of(text: str) -> str:
    """A label, as it is. Raises ValueError if it is none."""
    if any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise ValueError("it holds control characters")
    if not text.strip() or len(text) > LONGEST_LABEL:
        raise ValueError(f"1 to {LONGEST_LABEL} characters")
    return text


def ordered(categories: Sequence[Category]) -> tuple[Category, ...]:
    """Categories in the order of their indexes. Raises ValueError if two have the same."""
    found = sorted(categories, key=lambda each: each.index)
    for one, other in pairwise(found):
        if one.index == other.index:
            raise ValueError(f"{one.label[:40]!r} and {other.label[:40]!r} both have the index {one.index}")
    return tuple(found)


def labels_hash(categories: Sequence[Category]) -> str:
    """What tells categories apart by their labels and indexes, on which rows of results rely: 32 hexadecimal
    digits, whatever the order in which they are told."""
    told = [(each.index, each.label) for each in sorted(categories, key=lambda each: each.index)]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
