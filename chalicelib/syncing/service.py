"""Syncing: the listing of a deployment's data source, held against what is known of it.

First the new captures of a page are written, then the times they touch are marked, then it is noted that
their objects are known. Whoever is cut off in between finds, the next time, that the captures are there
already, and marks them again. What has changed or gone is written together with that note. No bytes of a
photograph are read.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from chalicelib.captures import registering
from chalicelib.captures.registering import Listed, Registered
from chalicelib.captures.tidying import Tidying
from chalicelib.deployments.rules import Deployment
from chalicelib.errors import NightjarError
from chalicelib.syncing import store
from chalicelib.syncing.rules import Fate, Found, Gone, Known, Pair, Terms, Verdict, verdict

log = logging.getLogger("nightjar")

ENOUGH = 20
"""Where so many objects fail, and nothing else was tried, it is not the objects."""

FAILURE = "it failed by a fault of ours"


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one object, as the report tells it. `there`: it is a photograph in the source; `gone`:
    it is not there, and its capture is marked or deleted for that."""

    fate: Fate
    key: str
    reason: str = ""
    size: int = 0
    undated: bool = False
    there: bool = True
    gone: Gone | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    """What was done about one object: its line, what is known of it from now on, what became of its
    capture. `known` is still to be remembered."""

    line: Line
    known: Known | None = None
    registered: Registered | None = None
    fault: Exception | None = None


@dataclass(frozen=True, slots=True)
class Syncing:
    """What syncing needs: of which deployment, by which terms, what the keys begin with that are looked at,
    how to mark the places in time that were touched, and whom to let work."""

    deployment: Deployment
    terms: Terms
    place: str
    tidying: Tidying
    mark: Callable[[Sequence[str]], None]
    pool: ThreadPoolExecutor
    is_repeat: bool = False

    def page(self, pairs: Iterable[Pair]) -> list[Line]:
        """Does what is to be done for some objects, and tells what became of each. One or two requests for
        each that is new, a few for each that has changed or is to be removed, none for any other; and one per
        25 of these."""
        lines: list[Line] = []
        due: list[tuple[int, Callable[[], _Done]]] = []
        for found, known in pairs:
            judged = verdict(found, known, self.terms)
            if judged is None:
                continue
            if judged.to_do:
                due.append((len(lines), partial(self._safely, judged, found, known)))
            lines.append(_line(judged.fate, found, known))
        done = list(self.pool.map(lambda each: each[1](), due))
        for (number, _), one in zip(due, done, strict=True):
            lines[number] = one.line
        registered = [one.registered for one in done if one.registered]
        self.mark([at for one in registered for at in (one.before, one.after) if at])
        self._remember([one.known for one in done if one.known])
        faults = [one.fault for one in done if one.fault]
        if len(faults) == len(done) >= ENOUGH and not self.is_repeat:
            raise faults[0]
        return lines

    def _safely(self, judged: Verdict, found: Found | None, known: Known | None) -> _Done:
        """Does it. One object never loses another: what fails is told, and tried again by the next sync."""
        try:
            if judged.to_do == "register" and found:
                return self._register(judged.fate, found, known)
            assert known  # noqa: S101  (only what is known can be missing)
            return self._miss(known, "deleted" if judged.to_do == "delete" else "marked")
        except NightjarError as error:
            reason, fault = error.detail, cast("Exception", error)
        except Exception as error:
            log.exception("an object could not be synced")
            reason, fault = FAILURE, error
        key, size = (found.key, found.size) if found else (known.key if known else "", 0)
        return _Done(Line(Fate.FAILED, key, reason, size, there=found is not None), fault=fault)

    def _register(self, fate: Fate, found: Found, known: Known | None) -> _Done:
        key, now = found.key, self.tidying.now()
        listed = Listed(
            source=self.terms.source,
            key=key,
            filename=key.removeprefix(self.place),
            version=found.version,
            size=found.size,
            last_modified=found.written,
        )
        capture = registering.unread(self.deployment, listed, now)
        made = None if known else registering.begin(capture)
        remembered = Known(
            key=key,
            version=found.version,
            size=found.size,
            written=found.written,
            source=self.terms.source,
            origin=self.terms.origin,
            job=self.terms.job,
            fate=fate,
            undated=capture.timestamp is None,
        )
        line = Line(fate, key, size=found.size, undated=remembered.undated)
        if made:
            return _Done(line, remembered, made)
        note = self._noted(known, remembered)
        return _Done(line, None, registering.register(capture, self.deployment, self.tidying, note))

    def _miss(self, known: Known, gone: Gone) -> _Done:
        capture_id = registering.capture_id(self.deployment.id, known.key)
        remembered = replace(known, gone=gone, job=self.terms.job, fate=Fate.MISSING)
        note = self._noted(known, remembered)
        if gone == "deleted":
            done = registering.remove(capture_id, self.tidying, note)
        else:
            done = registering.mark_missing(capture_id, self.tidying.now(), note)
        return _Done(_missing(remembered), None, done)

    def _noted(self, before: Known | None, after: Known) -> store.Others:
        return store.noted(self.deployment.id, before, after, self.tidying.now())

    def _remember(self, known: Sequence[Known]) -> None:
        batches = [known[at : at + store.BATCH] for at in range(0, len(known), store.BATCH)]
        now, deployment_id = self.tidying.now(), self.deployment.id
        list(self.pool.map(lambda batch: store.keep(deployment_id, batch, now), batches))


def _line(fate: Fate, found: Found | None, known: Known | None) -> Line:
    if found is None and known:
        return _missing(known)
    assert found  # noqa: S101  (only what is missing is not listed)
    undated = known is not None and known.undated and fate in (Fate.NEW, Fate.CHANGED)
    there = fate is not Fate.SKIPPED
    return Line(fate, found.key, found.skipped or "", found.size, undated, there)


def _missing(known: Known) -> Line:
    reason = f"its capture is {known.gone or 'kept'}"
    return Line(Fate.MISSING, known.key, reason, known.size, there=False, gone=known.gone)
