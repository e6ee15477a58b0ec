"""What results name: algorithms, taxa, categories; each looked up once for all of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from chalicelib.algorithms import reading as algorithms
from chalicelib.algorithms.rules import Category
from chalicelib.detections.schemas import NameBody, ResultsBody
from chalicelib.errors import Invalid
from chalicelib.taxa import reading as taxa
from chalicelib.taxa import service as taxa_verbs


@dataclass(frozen=True, slots=True)
class Names:
    """What names stand for: taxa by name, and the categories of algorithms by key."""

    by_name: Mapping[str, str]
    categories: Mapping[str, Sequence[Category]]

    def of(self, body: NameBody) -> tuple[str | None, str | None]:
        """Taxon and label of a classification, each None where it names none. Raises Invalid for a category
        that its algorithm does not have."""
        if body.taxon_id or body.taxon:
            return body.taxon_id or self.by_name[body.taxon or ""], body.label or body.taxon
        known = self.categories.get(body.algorithm, ())
        if body.index is not None:
            found = next((each for each in known if each.index == body.index), None)
        else:
            found = next((each for each in known if each.label == body.label), None)
        if found:
            return found.taxon_id, found.label
        if body.index is not None:
            why = f"{body.algorithm} has no category {body.index}"
            raise Invalid(f"A classification cannot be taken: {why}.", {"index": why})
        return None, body.label


def names(results: Iterable[ResultsBody]) -> Names:
    """Looks up what all of the results name. Taxa that are named and not there are made. One request per
    hundred algorithms and taxa, one for each algorithm whose categories are named.

    Raises Invalid for algorithms and ids of taxa that are not there.
    """
    results = list(results)
    bodies = [name for each in results for box in each.detections for name in box.classifications]
    drawing = {box.algorithm or each.algorithm for each in results for box in each.detections}
    naming = {each.algorithm for each in bodies}
    _check_algorithms({*drawing, *naming, *(each.algorithm for each in results)})
    _check_taxa({each.taxon_id for each in bodies if each.taxon_id})
    wanted = {each.taxon: ("UNKNOWN", None) for each in bodies if each.taxon and not each.taxon_id}
    made = taxa_verbs.ensure(wanted) if wanted else {}
    by_category = {each.algorithm for each in bodies if not each.taxon and not each.taxon_id}
    return Names(
        {name: taxon.id for name, taxon in made.items()},
        {key: algorithms.categories(key) for key in sorted(by_category)},
    )


def _check_algorithms(keys: set[str]) -> None:
    missing = sorted(keys - set(algorithms.whole(keys)))
    if missing:
        raise Invalid(
            f"There is no algorithm {missing[0]!r}: make it by POST /ml/algorithms, or name it under "
            "'algorithms' of POST /projects/{id}/results.",
            {"algorithm": f"{missing[0]} is not there"},
        )


def _check_taxa(taxon_ids: set[str]) -> None:
    missing = sorted(taxon_ids - set(taxa.whole(taxon_ids)))
    if missing:
        raise Invalid(f"There is no taxon with the id {missing[0]!r}.", {"taxon_id": "not there"})
