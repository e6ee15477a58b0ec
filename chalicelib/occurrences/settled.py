"""Settling a capture: its occurrences and findings follow from the facts that lie with it.

No lease: all of it is one small partition, and what is written is refused if another has written since it was
read. Whoever is refused reads again.
"""

from dataclasses import dataclass

from chalicelib.captures import reading as captures
from chalicelib.captures import timeline
from chalicelib.captures.rules import Capture
from chalicelib.detections import vectors
from chalicelib.errors import Busy
from chalicelib.findings import filing
from chalicelib.findings.rules import Findings
from chalicelib.occurrences import store
from chalicelib.occurrences.rules import Derived, derived

_ROUNDS = 8


@dataclass(frozen=True, slots=True)
class Settled:
    """How a capture stands once it is settled: its findings, None where there are none, with their version,
    0 where there never were any, or the capture is no more."""

    findings: Findings | None = None
    version: int = 0


def settle(capture_id: str) -> Settled:
    """Makes what is derived of a capture true. Two requests, and a transaction if anything differs. Of a
    capture that has gone everything that was found on it is deleted.

    Raises Busy if others keep changing it.
    """
    for _ in range(_ROUNDS):
        before = store.held(capture_id)
        if before.is_empty:
            return Settled()
        capture = captures.whole([capture_id]).get(capture_id)
        if capture is None:
            vectors.drop(capture_id)
            store.drop(capture_id, before)
            return Settled()
        wanted = derived(capture.project_id, before.results, before.identifications)
        if _stands(before, wanted, _place(capture)):
            return _settled(before)
        version = store.write(capture_id, capture.project_id, _place(capture), before, wanted)
        if version is not None:
            return Settled(wanted.findings, version)
    raise Busy("The capture keeps changing; what follows from it is counted in a moment.")


def _place(capture: Capture) -> str | None:
    return None if capture.hidden else timeline.position(capture)


def _stands(before: store.Held, wanted: Derived, place: str | None) -> bool:
    row = before.findings
    if before.standing != wanted.occurrences:
        return False
    if row is None or wanted.findings is None:
        return (row is None or row.findings is None) and wanted.findings is None
    return row.findings == wanted.findings.text() and row.place == place


def _settled(held: store.Held) -> Settled:
    return Settled(*filing.told(held.findings)) if held.findings else Settled()
