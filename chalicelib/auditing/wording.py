"""Drifts as lines of a log, with the names of taxa in the place of their ids."""

import re
from collections.abc import Sequence

from chalicelib.auditing.rules import Drift
from chalicelib.taxa import reading as taxa

_TAXON = re.compile(r"\bt[a-z2-7]{16}\b")


def lines(drifts: Sequence[Drift]) -> list[str]:
    """What has drifted, a line for each. One request per hundred taxa that are spoken of."""
    told = [each.told for each in drifts]
    spoken_of = {found for each in told for found in _TAXON.findall(each)}
    known = taxa.whole(spoken_of) if spoken_of else {}
    names = {each: known[each].name for each in known}
    return [_TAXON.sub(lambda found: names.get(found[0], found[0]), each) for each in told]
