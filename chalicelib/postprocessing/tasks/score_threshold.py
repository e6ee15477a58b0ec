"""The task that withdraws names of which no classifier is sure enough. Pure."""

from typing import Any

from chalicelib.postprocessing.contract import Findings, Knowledge, Page, Task, findings_of
from chalicelib.postprocessing.score_threshold import KEY, Config, Left, withdrawn


class ScoreThreshold(Task[Config]):
    """Judges each detection by all of its names. A lower threshold gives names back."""

    key = KEY
    name = "Score threshold"
    description = 'Replaces names whose scores are too low by "Not identifiable".'
    counts = tuple(Left)
    config = Config

    def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:  # noqa: ARG002
        """Withdraws doubtful names."""
        taxon_id = knowledge.not_identifiable()
        return findings_of(
            withdrawn(each.classifications, taxon_id, self.settings)
            for pictured in page
            for each in pictured.detections
            if each.box
        )
