"""How detections are answered."""

from collections.abc import Iterable, Mapping

from chalicelib.captures.rules import Capture
from chalicelib.detections.rules import Classification, Detection, Results, Size, terminal
from chalicelib.detections.schemas import ClassificationAnswer, DetectionAnswer, LookedAnswer
from chalicelib.taxa import reading as taxa
from chalicelib.taxa.rules import Taxon


def looked(capture: Capture, results: Results) -> LookedAnswer:
    """All that was found on a capture. One request per hundred taxa."""
    said = results.classifications
    named = taxa.whole({each.taxon_id for each in said if each.taxon_id})
    return LookedAnswer(
        capture_id=capture.id,
        algorithms=sorted(
            {each.algorithm for each in results.detections} | {each.algorithm for each in said}
        ),
        detections=[
            detection(each, [one for one in said if one.detection_id == each.id], size_of(capture), named)
            for each in results.detections
            if each.box
        ],
    )


def size_of(capture: Capture) -> Size | None:
    """How large a photograph is displayed; None where nobody has looked yet."""
    facts = capture.facts
    return (facts.width, facts.height) if facts.width and facts.height else None


def detection(
    each: Detection, said: Iterable[Classification], size: Size | None, named: Mapping[str, Taxon]
) -> DetectionAnswer:
    """How a detection is answered, with all that was said of it, the best first."""
    said = list(said)
    last = {one.id for one in terminal(said)}
    said.sort(key=lambda one: (one.id in last, one.score or 0.0, one.created_at, one.id), reverse=True)
    return DetectionAnswer(
        id=each.id,
        capture_id=each.capture_id,
        occurrence_id=each.id,
        algorithm=each.algorithm,
        bbox=each.box.in_pixels(size) if each.box else None,
        bbox_normalized=each.box.in_fractions(size) if each.box else None,
        score=each.score,
        source_id=each.source_id,
        job_id=each.job,
        created_at=each.created_at,
        classifications=[_classification(one, one.id in last, named) for one in said],
    )


def _classification(each: Classification, is_last: bool, named: Mapping[str, Taxon]) -> ClassificationAnswer:
    taxon = named.get(each.taxon_id or "")
    return ClassificationAnswer(
        id=each.id,
        detection_id=each.detection_id,
        algorithm=each.algorithm,
        taxon_id=each.taxon_id,
        taxon=taxon.name if taxon else None,
        label=each.label,
        score=each.score,
        terminal=is_last,
        applied_to=list(each.replaces),
        details=dict(each.details),
        has_vectors=each.vectors is not None,
        job_id=each.job,
        created_at=each.created_at,
    )
