"""Categories as bytes, and back: small enough for one row of the table. Pure."""

import json
import zlib
from collections.abc import Sequence

from chalicelib import ids
from chalicelib.algorithms.rules import Category
from chalicelib.errors import Invalid

MOST_BYTES = 350_000
"""A row holds 400 kB, and more than these."""

_OWN = 1
"""For the taxon of a label's own name: its id follows from that, and would not get any smaller."""


def packed(categories: Sequence[Category]) -> bytes:
    """Categories in few bytes. Raises Invalid if they are still too many."""
    told = [
        [each.index, each.label, _OWN if _is_own(each) else each.taxon_id, each.rank, each.gbif_key]
        for each in categories
    ]
    data = zlib.compress(json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode(), 9)
    if len(data) > MOST_BYTES:
        why = f"more than {MOST_BYTES:,} bytes when compressed: fewer or shorter labels"
        raise Invalid(f"The categories have {why}.", {"categories": why})
    return data


def unpacked(data: bytes) -> tuple[Category, ...]:
    """What `packed` made few bytes of."""
    return tuple(
        Category(index, label, ids.taxon_id(label) if taxon == _OWN else taxon, rank, gbif_key)
        for index, label, taxon, rank, gbif_key in json.loads(zlib.decompress(data))
    )


def _is_own(category: Category) -> bool:
    return category.taxon_id is not None and category.taxon_id == ids.taxon_id(category.label)
