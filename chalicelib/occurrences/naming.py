"""Taxa as one request of the API comes to know them: each is read once, with all above it if that matters."""

from collections.abc import Iterable

from chalicelib.taxa import reading
from chalicelib.taxa.rules import MOST_ABOVE, Taxon, lineage


class Taxonomy:
    """What was read of taxa so far."""

    def __init__(self) -> None:
        self.taxa: dict[str, Taxon] = {}
        self._asked: set[str] = set()

    def learn(self, taxon_ids: Iterable[str], *, above: bool = True) -> None:
        """Reads those taxa that were not read yet, and what is above them if that is asked for. One request
        per hundred, and for each level above them: a dozen, two dozen at the most."""
        level = set(taxon_ids)
        for _ in range(MOST_ABOVE + 1):
            missing = level - self._asked
            self._asked |= missing
            self.taxa |= reading.whole(missing) if missing else {}
            parents = {self.taxa[each].parent_id for each in level if each in self.taxa}
            following = {each for each in parents if each} if above else set()
            if not following or following == level:
                return
            level = following

    def lineage(self, taxon_id: str) -> tuple[str, ...]:
        """A taxon's own id, its parent's, and so on upwards, as far as was learnt."""
        return lineage(taxon_id, self.taxa)

    def parents(self, taxon_id: str) -> list[Taxon]:
        """What stands above a taxon, from the root down, as far as was learnt."""
        return [self.taxa[each] for each in reversed(self.lineage(taxon_id)[1:])]
