"""What a taxon is, what stands above it, and what a list of taxa is. Pure."""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, get_args

Rank = Literal[
    "KINGDOM",
    "PHYLUM",
    "CLASS",
    "ORDER",
    "SUPERFAMILY",
    "FAMILY",
    "SUBFAMILY",
    "TRIBE",
    "SUBTRIBE",
    "GENUS",
    "SPECIES",
    "UNKNOWN",
]
RANKS: tuple[Rank, ...] = get_args(Rank)
"""From the highest to the lowest; UNKNOWN stands nowhere, and so fits anywhere."""

UNKNOWN: Rank = "UNKNOWN"
NOT_IDENTIFIABLE = "Not identifiable"
"""The taxon of what nobody can tell, of rank UNKNOWN."""

LONGEST_NAME = 200
LONGEST_NOTES = 2000
HIGHEST_GBIF_KEY = 9_999_999_999
MOST_ABOVE = 24
"""How many taxa may stand above one: twice as many as there are ranks. Nobody looks further."""

_FORMULA_STARTS = tuple("=+-@＝＋－＠")
_UNPRINTABLE = ("Cc", "Cs", "Zl", "Zp")


@dataclass(frozen=True, slots=True)
class Taxon:
    """A name in the tree of life. Its name, and so its id, never changes; all else may."""

    id: str
    name: str
    rank: Rank
    created_at: datetime
    updated_at: datetime
    parent_id: str | None = None
    common_name: str | None = None
    gbif_key: int | None = None
    notes: str = ""


@dataclass(frozen=True, slots=True)
class TaxaList:
    """Taxa under one name, of a project, or of all where it has none. One that is `leaving` is about to be
    deleted, and can neither be changed nor used."""

    id: str
    name: str
    created_at: datetime
    updated_at: datetime
    description: str = ""
    project_id: str | None = None
    taxa_count: int = 0
    leaving: bool = False


def name_of(text: str, longest: int = LONGEST_NAME) -> str:
    """A name as it is kept: composed, with single spaces. Raises ValueError if it is none.

    One that begins like a formula is refused, since lists of taxa come from spreadsheets, and go there.
    """
    if any(unicodedata.category(sign) in _UNPRINTABLE and not sign.isspace() for sign in text):
        raise ValueError("it holds control characters")
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not name:
        raise ValueError("it is empty")
    if len(name) > longest:
        raise ValueError(f"at most {longest} characters")
    if name.startswith(_FORMULA_STARTS):
        raise ValueError("it begins like a formula")
    return name


def rank_of(text: str) -> Rank:
    """A rank by its name in any case. Raises ValueError if it is none."""
    wanted = text.strip().upper()
    for rank in RANKS:
        if rank == wanted:
            return rank
    raise ValueError(f"one of {', '.join(RANKS)}")


def may_stand_above(upper: Rank, lower: Rank) -> bool:
    """Whether a taxon of one rank may be the parent of one of the other."""
    return UNKNOWN in (upper, lower) or RANKS.index(upper) < RANKS.index(lower)


def lineage(taxon_id: str, taxa: Mapping[str, Taxon]) -> tuple[str, ...]:
    """A taxon's own id, its parent's, and so on upwards, as far as they are among `taxa`. Ends before what
    was there already, should two stand above each other."""
    found = [taxon_id]
    while len(found) <= MOST_ABOVE:
        taxon = taxa.get(found[-1])
        parent_id = taxon.parent_id if taxon else None
        if parent_id is None or parent_id not in taxa or parent_id in found:
            break
        found.append(parent_id)
    return tuple(found)


def why_not_below(taxon: Taxon, taxa: Mapping[str, Taxon]) -> str | None:
    """Why a taxon may not have the parent it has, None if it may; `taxa` holds that, and what is above it."""
    if taxon.parent_id is None:
        return None
    parent = taxa.get(taxon.parent_id)
    if parent is None:
        return f"there is no taxon with the id {taxon.parent_id!r}"
    above = lineage(parent.id, taxa)
    if taxon.id in above:
        return "it would stand above itself"
    if len(above) > MOST_ABOVE:
        return f"more than {MOST_ABOVE} taxa would stand above it"
    if not may_stand_above(parent.rank, taxon.rank):
        return f"{parent.name}, of the rank {parent.rank}, cannot stand above the rank {taxon.rank}"
    return None


def digest(taxon_ids: Iterable[str]) -> str:
    """What tells lists apart by what is in them, in whatever order: 32 hexadecimal digits."""
    return hashlib.sha256("\n".join(sorted(set(taxon_ids))).encode()).hexdigest()[:32]
