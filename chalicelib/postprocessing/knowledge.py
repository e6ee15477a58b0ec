"""What tasks may ask of taxa and algorithms, each looked up once in a step."""

from collections.abc import Mapping, Sequence

from chalicelib import ids
from chalicelib.algorithms import reading as algorithms
from chalicelib.algorithms import service as algorithm_verbs
from chalicelib.algorithms.rules import Algorithm
from chalicelib.aws import clock
from chalicelib.errors import Invalid, NotFound
from chalicelib.postprocessing.contract import Output
from chalicelib.taxa import reading as taxa
from chalicelib.taxa import service as taxa_verbs
from chalicelib.taxa.rules import NOT_IDENTIFIABLE, UNKNOWN, Taxon, digest, lineage


class Known:
    """What tasks may ask, in a project. `pinned` are digests of lists of taxa as they were when a run began:
    one that has changed since is refused, since its pages would not fit each other."""

    def __init__(self, project_id: str, pinned: Mapping[str, str] | None = None) -> None:
        self._project_id = project_id
        self._pinned = pinned or {}
        self._categories: dict[str, tuple[str | None, ...]] = {}
        self._members: dict[str, frozenset[str]] = {}
        self._taxa: dict[str, Taxon] = {}
        self._asked: set[str] = set()

    def not_identifiable(self) -> str:
        """The taxon of what cannot be identified. No request: its id follows from its name."""
        return ids.taxon_id(NOT_IDENTIFIABLE)

    def taxa_of(self, algorithm: str) -> Sequence[str | None]:
        """The taxon of each class of an algorithm. One request for an algorithm."""
        if algorithm not in self._categories:
            found = algorithms.categories(algorithm)
            self._categories[algorithm] = tuple(each.taxon_id for each in found)
        return self._categories[algorithm]

    def lineage_of(self, taxon_id: str) -> Mapping[str, str]:
        """A taxon and those above it, by rank. Those of all classes known by now are read together, a hundred
        a request, level by level."""
        if taxon_id not in self._asked:
            wanted = {each for classes in self._categories.values() for each in classes if each} | {taxon_id}
            self._taxa |= taxa.with_above(wanted - self._asked)
            self._asked |= wanted
        line = (self._taxa[each] for each in lineage(taxon_id, self._taxa) if each in self._taxa)
        return {each.rank: each.id for each in line if each.rank != UNKNOWN}

    def members_of(self, taxa_list_id: str) -> frozenset[str]:
        """The taxa of a list. Two requests, more for some thousand taxa.

        Raises Invalid for a list that is not there, or another project's, or has changed.
        """
        if taxa_list_id not in self._members:
            self._members[taxa_list_id] = self._read(taxa_list_id)
        return self._members[taxa_list_id]

    def pins(self) -> dict[str, str]:
        """Digests of the lists that were asked for, to be pinned."""
        return {each: digest(members) for each, members in self._members.items()}

    def _read(self, list_id: str) -> frozenset[str]:
        try:
            owner = taxa_verbs.find_list(list_id).project_id
            members = frozenset(taxa_verbs.members(list_id))
        except NotFound as error:
            raise Invalid(error.detail, {"taxa_list_id": error.detail}) from error
        if owner not in (None, self._project_id):
            why = f"There is no taxa list with the id {list_id!r} in this project."
            raise Invalid(why, {"taxa_list_id": why})
        if self._pinned.get(list_id) not in (None, digest(members)):
            why = "The taxa list has changed since the job began: start a new one, which takes its place."
            raise Invalid(why, {"taxa_list_id": why})
        return members


def ensure(output: Output) -> None:
    """Makes the algorithm in whose name a task proposes, and the taxon of what cannot be identified. What is
    there stays. Two requests if both are."""
    made = Algorithm(output.key, output.name, clock.now(), task_type="post_processing")
    algorithm_verbs.ensure(made, algorithms.categories(output.like) if output.like else None)
    taxa_verbs.ensure({NOT_IDENTIFIABLE: (UNKNOWN, None)})
