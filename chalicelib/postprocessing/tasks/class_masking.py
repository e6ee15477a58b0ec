"""The task that names what a classifier would have named, had it known only the taxa of a list. Pure."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.errors import Invalid
from chalicelib.postprocessing.class_masking import (
    KEY,
    Config,
    Left,
    Mask,
    mask_of,
    masked,
    output_algorithm,
)
from chalicelib.postprocessing.contract import Findings, Knowledge, Output, Page, Task, findings_of
from chalicelib.postprocessing.shapes import Classified, Proposed

_UNCHECKED = (Left.NOT_TERMINAL, Left.NO_LOGITS, Left.WRONG_LENGTH)


class ClassMasking(Task[Config]):
    """Judges each classification of one classifier by itself. A run with another list takes the place of the
    one before, as far as it was of the same classifier: each list is tried on what the classifier said, never
    on what another list has left of it."""

    key = KEY
    name = "Class masking"
    description = "Lets only the taxa of a list win, from the logits of a classifier."
    counts = ("classifications_total", "classifications_checked", "classifications_masked", *Left)
    reads_vectors = True
    config = Config
    _mask: tuple[Mask, str] | None = None

    def output(self, knowledge: Knowledge) -> Output:
        """An algorithm for each content of a list. Raises Invalid if the classifier has no categories, the
        list is not there, or would leave none of them."""
        _, algorithm = self._made(knowledge)
        listed = len(knowledge.members_of(self.settings.taxa_list_id))
        name = f"{self.settings.algorithm_id[:40]}, only {listed:,} taxa"
        return Output(algorithm, name, self.settings.algorithm_id)

    def wants(self, algorithm: str) -> bool:
        """Logits of the one classifier."""
        return algorithm == self.settings.algorithm_id

    def owns(self, config: Mapping[str, Any]) -> bool:
        """What was made of the same classifier's, by whichever list."""
        return config.get("algorithm_id") == self.settings.algorithm_id

    def run(self, page: Page, knowledge: Knowledge, state: Any) -> Findings:  # noqa: ARG002
        """Masks what the classifier said."""
        mask, algorithm = self._made(knowledge)
        outcomes = [masked(each, mask, algorithm, self.settings) for each in self._of_classifier(page)]
        told = Counter(
            classifications_total=len(outcomes),
            classifications_checked=sum(each not in _UNCHECKED for each in outcomes),
            classifications_masked=sum(isinstance(each, Proposed) for each in outcomes),
        )
        return findings_of(outcomes, told)

    def _of_classifier(self, page: Page) -> Iterator[Classified]:
        for pictured in page:
            for detected in pictured.detections:
                for each in detected.classifications:
                    if each.algorithm == self.settings.algorithm_id:
                        yield each

    def _made(self, knowledge: Knowledge) -> tuple[Mask, str]:
        """The mask, and the key of the algorithm that it makes: the same for all pages."""
        if self._mask is None:
            source = self.settings.algorithm_id
            taxa = knowledge.taxa_of(source)
            if not taxa:
                why = "no algorithm with categories has this key"
                raise Invalid(f"{source[:80]!r} cannot be masked: {why}.", {"algorithm_id": why})
            listed = knowledge.members_of(self.settings.taxa_list_id)
            key = output_algorithm(source, listed, reweight=self.settings.reweight)
            self._mask = mask_of(taxa, listed), key
        return self._mask
