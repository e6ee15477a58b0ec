"""What algorithms said of a capture, for rooms that read its partition as a whole."""

from chalicelib.detections import store
from chalicelib.detections.rules import Results
from chalicelib.detections.store import KINDS, results_of

__all__ = ["KINDS", "drop", "results_of"]


def drop(results: Results) -> None:
    """Deletes what algorithms said of a capture that has gone. One request per 25 rows."""
    store.drop([each.id for each in results.detections])
    store.drop([each.id for each in results.classifications])
