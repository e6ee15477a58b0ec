"""The task that finds what is at the same place in many photographs of a station. Pure."""

from typing import Any

from chalicelib.postprocessing.contract import Findings, Knowledge, Page, Task
from chalicelib.postprocessing.repeat_detection import KEY, Config, Gathered, Placed, proposed, repeated

State = dict[str, Gathered]
"""The boxes of each deployment, by its id: those of different stations are never compared."""


class RepeatDetection(Task[Config]):
    """Judges boxes together: all of the scope are gathered before one is flagged. It is not run over a single
    occurrence, which would be compared with nothing."""

    key = KEY
    name = "Repeat detection"
    description = 'Names boxes "Not identifiable" that are at one place in many photographs of a station.'
    scopes = ("source_image_collection_id", "event_id", "deployment_id")
    counts = ("skipped_null_box", "skipped_malformed_box")
    judges_together = True
    config = Config

    def load(self, kept: Any) -> State:
        """The boxes met so far."""
        return {each: Gathered(state) for each, state in (kept or {}).items()}

    def dump(self, state: State) -> Any:
        """About 150 bytes a box."""
        return {each: gathered.state() for each, gathered in state.items()}

    def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:  # noqa: ARG002
        """Gathers boxes."""
        found: State = self.load(None) if state is None else state
        empty = 0
        for pictured in page:
            gathered = found.setdefault(pictured.deployment_id, Gathered())
            for each in pictured.detections:
                if each.box:
                    gathered.add(Placed(each.id, pictured.id, each.box))
                else:
                    empty += 1
        return Findings(metrics={"skipped_null_box": empty}, state=found)

    def end(self, knowledge: Knowledge, state: Any) -> Findings:
        """Flags those that repeat, station by station."""
        taxon_id = knowledge.not_identifiable()
        found: State = self.load(None) if state is None else state
        flagged = [
            proposed(each, taxon_id, self.settings)
            for deployment_id in sorted(found)
            for each in repeated(found[deployment_id].boxes(), self.settings)
        ]
        malformed = sum(each.malformed for each in found.values())
        return Findings(flagged, {"skipped_malformed_box": malformed}, found)
