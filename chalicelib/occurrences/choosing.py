"""Which occurrences a list is asked for, and whether one is among them. No requests of its own."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from chalicelib import ids
from chalicelib.captures.rules import Capture
from chalicelib.detections.rules import Results
from chalicelib.findings.rules import Filters, Findings
from chalicelib.occurrences.naming import Taxonomy
from chalicelib.occurrences.rules import CERTAIN, Occurrence
from chalicelib.sessions.grouping import Stretch

NO_FILTERS = Filters(score=0.0)


@dataclass(frozen=True, slots=True)
class Choice:
    """What is asked for, of a project: what passes `filters`, its defaults where these apply, and, where that
    is given, is of a deployment, of a session of it, of a taxon or below it, was looked at by one of some
    algorithms, and was named by a person, or was not."""

    project_id: str
    filters: Filters = NO_FILTERS
    deployment_id: str | None = None
    session: Stretch | None = None
    taxon_id: str | None = None
    algorithms: frozenset[str] = field(default_factory=frozenset)
    verified: bool | None = None

    def at_least(self, score: float | None) -> "Choice":
        """The same, of at least that score too."""
        if score is None:
            return self
        return replace(self, filters=replace(self.filters, score=max(score, self.filters.score)))

    @property
    def is_plain(self) -> bool:
        """Whether nothing but the score and the order decides, so that a page is where it is sought."""
        asked = self.deployment_id or self.session or self.taxon_id or self.algorithms
        return not (asked or self.filters.by_taxa) and self.verified is None

    @property
    def by_taxa(self) -> bool:
        """Whether a taxon's place among the others matters."""
        return self.taxon_id is not None or self.filters.by_taxa

    def may_hold(self, occurrence_id: str) -> bool:
        """Whether an occurrence may be among them, by its id alone."""
        return self.deployment_id is None or ids.deployment_of(occurrence_id) == self.deployment_id

    def names(self, several: Iterable[Occurrence], taxonomy: Taxonomy) -> list[Occurrence]:
        """Those that are among them by the name they go by. Requests as `Taxonomy.learn`, and only where
        taxa are asked for."""
        named = [each for each in several if self._is_named(each)]
        if not self.by_taxa:
            return named
        taxonomy.learn(each.determination.taxon_id for each in named if each.determination)
        return [
            each
            for each in named
            if each.determination and self._admits(each.determination.taxon_id, taxonomy)
        ]

    def _is_named(self, occurrence: Occurrence) -> bool:
        named = occurrence.determination
        if named is None or occurrence.project_id != self.project_id or named.score < self.filters.score:
            return False
        return self.verified is None or self.verified == (named.source == "person")

    def _admits(self, taxon_id: str, taxonomy: Taxonomy) -> bool:
        line = taxonomy.lineage(taxon_id)
        return (self.taxon_id is None or self.taxon_id in line) and self.filters.admits(line)

    def is_on(self, capture: Capture | None) -> bool:
        """Whether occurrences of that capture may be among them."""
        if capture is None or capture.hidden or capture.project_id != self.project_id:
            return False
        if self.session is None:
            return True
        at = capture.timestamp
        return at is not None and self.session.start <= at <= self.session.end

    def most(self, findings: Findings, taxonomy: Taxonomy) -> int:
        """How many of a capture's occurrences there may be among them: as many as there are, unless it is
        asked who has named, or looked at, them. What is above its taxa is to be learnt before."""
        if self.algorithms and not self.algorithms & set(findings.algorithms):
            return 0
        lowest = CERTAIN if self.verified else self.filters.score
        return sum(
            sum(score >= lowest for score in scores)
            for taxon_id, scores in findings.names.items()
            if not self.by_taxa or self._admits(taxon_id, taxonomy)
        )

    def looked_at(self, occurrence_id: str, results: Results) -> bool:
        """Whether one of the algorithms drew the box, or took it for something, given all that algorithms
        said of its capture."""
        drew = any(
            each.id == occurrence_id and each.algorithm in self.algorithms for each in results.detections
        )
        return drew or any(
            each.detection_id == occurrence_id and each.algorithm in self.algorithms
            for each in results.classifications
        )
