"""The task that names the genus or the family where a classifier cannot tell the species. Pure."""

from collections.abc import Sequence
from typing import Any

from chalicelib.postprocessing.contract import Findings, Knowledge, Page, Task, findings_of
from chalicelib.postprocessing.rank_rollup import KEY, Config, Ladder, Left, ladder_of, roll_up
from chalicelib.postprocessing.shapes import Classified


class RankRollup(Task[Config]):
    """Judges each detection by the scores of what is shown of it, and never by what it said itself before."""

    key = KEY
    name = "Rank rollup"
    description = "Names the genus or the family where the scores of a species alone are too low."
    counts = tuple(Left)
    reads_vectors = True
    config = Config

    def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:  # noqa: ARG002
        """Makes names coarser where they are not sure enough."""
        verdicts = (knowledge.not_identifiable(),)
        detections = [each for pictured in page for each in pictured.detections if each.box]
        said = [each.classifications for each in detections]
        ladders = self._ladders(said, knowledge)
        return findings_of(roll_up(each, ladders, self.settings, verdicts) for each in said)

    def _ladders(self, said: Sequence[Sequence[Classified]], knowledge: Knowledge) -> dict[str, Ladder]:
        """Of every algorithm whose scores come up, each made once."""
        for algorithm in {each.algorithm for of_one in said for each in of_one if each.scores}:
            if algorithm not in self._known:
                taxa = knowledge.taxa_of(algorithm)
                ladder = ladder_of([knowledge.lineage_of(each) if each else None for each in taxa])
                self._known[algorithm] = ladder if taxa else None
        return {key: ladder for key, ladder in self._known.items() if ladder}

    def __init__(self, given: Any) -> None:
        """As every task."""
        super().__init__(given)
        self._known: dict[str, Ladder | None] = {}
