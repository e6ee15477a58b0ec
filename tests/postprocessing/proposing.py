"""Classifications as they stand, for tests of what is proposed beside them."""

from collections.abc import Sequence

from chalicelib.postprocessing.shapes import Classified

NOT_IDENTIFIABLE = "t-not-identifiable"


def classified(
    taxon_id: str | None,
    score: float | None = 0.5,
    *,
    number: int = 1,
    algorithm: str = "model",
    scores: Sequence[float] | None = None,
    logits: Sequence[float] | None = None,
    terminal: bool = True,
) -> Classified:
    """A classification of the detection "d"; `number` is in its id and its moment."""
    made = f"2026-06-09T21:{number:02}:00+00:00"
    return Classified(f"c{number}", "d", algorithm, taxon_id, score, scores, logits, terminal, made)
