"""Correcting when a photograph was taken: by hand, or by shifting the clock. Pure.

What its sources told is kept, so that every correction can be taken back.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.captures.rules import Capture, Corrections
from chalicelib.captures.wall_clock import EARLIEST_YEAR
from chalicelib.errors import Invalid


def dated(capture: Capture, moment: datetime | None) -> Capture:
    """The capture with a date by hand (naive, to the millisecond); None takes the hand's date back."""
    return _with(capture, replace(capture.corrections, read=_read(capture), manual=moment))


def shifted(capture: Capture, job_id: str, seconds: int) -> Capture:
    """The capture with its clock shifted by `seconds`, once per job; itself where there is nothing to do.

    A date by hand stays, and so does an undated capture. Raises Invalid where the result is no date that a
    camera can have written.
    """
    corrections = capture.corrections
    if job_id in corrections.shifts or corrections.manual or capture.timestamp is None:
        return capture
    shifts = {**corrections.shifts, job_id: seconds}
    return _with(capture, replace(corrections, read=_read(capture), shifts=shifts))


def unshifted(capture: Capture, job_id: str) -> Capture:
    """The capture without the shift of that job; itself where there is none."""
    corrections = capture.corrections
    if job_id not in corrections.shifts:
        return capture
    shifts = {job: seconds for job, seconds in corrections.shifts.items() if job != job_id}
    return _with(capture, replace(corrections, shifts=shifts))


def corrected(capture: Capture, corrections: Corrections) -> Capture:
    """A capture as it was read, with the corrections of an earlier reading of the same object.

    A shift that leads nowhere with the new time is dropped.
    """
    try:
        return _with(capture, replace(corrections, read=capture.moment)) if corrections else capture
    except Invalid:
        return _with(capture, Corrections(capture.moment, corrections.manual))


def _read(capture: Capture) -> datetime | None:
    return capture.corrections.read if capture.corrections else capture.moment


def _with(capture: Capture, corrections: Corrections) -> Capture:
    moment = corrections.manual or _after_shifts(corrections)
    return replace(
        capture,
        timestamp=moment.replace(microsecond=0) if moment else None,
        millisecond=moment.microsecond // 1000 if moment else 0,
        corrections=corrections if corrections else Corrections(),
    )


def _after_shifts(corrections: Corrections) -> datetime | None:
    if corrections.read is None:
        return None
    try:
        moment = corrections.read + timedelta(seconds=sum(corrections.shifts.values()))
    except OverflowError as error:
        raise Invalid("The shifted time is beyond all calendars.") from error
    if moment.year < EARLIEST_YEAR and moment != corrections.read:
        raise Invalid(f"The shifted time is before {EARLIEST_YEAR}.")
    return moment
