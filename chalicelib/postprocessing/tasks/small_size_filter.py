"""The task that names too small boxes "Not identifiable". Pure."""

from typing import Any

from chalicelib.postprocessing.contract import Findings, Knowledge, Page, Task, findings_of
from chalicelib.postprocessing.small_size import KEY, Config, Left, flag


class SmallSizeFilter(Task[Config]):
    """Judges each box by itself. What it says of one with another threshold takes the place of what it said
    before: a lower one takes flags back."""

    key = KEY
    name = "Small size filter"
    description = 'Names boxes "Not identifiable" that cover too little of their photograph.'
    counts = tuple(Left)
    config = Config

    def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:  # noqa: ARG002
        """Flags what is too small."""
        taxon_id = knowledge.not_identifiable()
        return findings_of(
            flag(each.id, each.box, pictured.width, pictured.height, taxon_id, self.settings)
            for pictured in page
            for each in pictured.detections
        )
