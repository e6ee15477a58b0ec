"""A random sample in which each session has its share, in one pass and little memory. Pure.

The captures of a project stand in a line, session by session; those of a deployment that are in none follow
its sessions as if they were one. Of `all` captures `size` are drawn, and a line of length `all` has `size`
marks, one every `all / size` captures, the first at a place the seed says. A session gets as many captures as
there are marks within it, and those of lowest rank. So

- it has all it has, if `all` is no more than `size`;
- else its share, `its captures * size / all`, rounded down or up, and all shares together are `size`;
- each capture is as likely to be drawn as any other;
- a few captures more move the marks a little: most sessions keep what they have.

`all` is only known at the end, but it only grows, so shares only shrink: of a session that is over, only as
many candidates are kept as its share of what was met so far, rounded up. That alone would be one of each
session, and there may be more sessions than `size`. So small ones are put together in *bins*. What lies
between two marks is cut into cells; small sessions that begin in one cell share a bin, which is shorter than
the way between two marks, so that at most one of them falls into it, and the candidate of lowest rank in all
of them is the only one that is needed. Cells are as wide as a power of two and begin at its multiples: wider
ones are made of whole narrower ones, so it does not matter when the bins are put together.

A deployment has its share rounded as well, but for one more or less at either end, where one bin may hold
the sessions of two.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from chalicelib.capture_sets.frames import Frame
from chalicelib.capture_sets.lowest import RANKS, Lowest, ranks

_SLACK = 8
"""Bins are put together when there are this many candidates for each capture that is wanted. There are no
more than 4 cells and 2 large bins for each, and with them no more than 7 candidates."""


@dataclass(slots=True)
class _Bin:
    """Captures side by side in the line: how many, and the ids of the candidates, the lowest rank first.
    `small`: they were put together already, as there is at most one mark among them."""

    count: int
    candidates: list[str]
    small: bool = False


@dataclass(slots=True)
class _Open:
    """A session that is not over, or the captures of a deployment that are in none."""

    lowest: Lowest
    count: int = 0

    def add(self, frame: Frame) -> None:
        """One more."""
        self.count += 1
        self.lowest.add(frame.capture_id)


@dataclass(slots=True)
class _Strata:
    """What was met: in the bins, in what is open by session id, and of which deployment that is."""

    bins: list[_Bin] = field(default_factory=list)
    open: dict[str | None, _Open] = field(default_factory=dict)
    deployment_id: str | None = None

    def met(self) -> int:
        """How many captures it is."""
        return sum(each.count for each in self.bins) + sum(each.count for each in self.open.values())


class Stratified:
    """Draws `size` captures, of each session its share.

    State: the open deployment, what is open of it, and the bins, no more than 8 candidates for each capture
    that is wanted, and mostly one to three.
    """

    def __init__(self, size: int, seed: int, state: Any = None) -> None:
        self._size = size
        self._rank = ranks(seed)
        # No capture has this id, so the marks know nothing of the ranks.
        self._start = self._rank("")
        self._strata = self._restored(*state) if state else _Strata()
        self._met = self._strata.met()
        self._held = sum(len(each.candidates) for each in self._strata.bins)

    def meet(self, frame: Frame) -> list[str]:
        """Nothing is certain before the end."""
        strata = self._strata
        if frame.deployment_id != strata.deployment_id:
            self._close(*strata.open)
            strata.deployment_id = frame.deployment_id
        elif frame.session_id is not None and frame.session_id not in strata.open:
            self._close(*(session_id for session_id in strata.open if session_id is not None))
        if frame.session_id not in strata.open:
            strata.open[frame.session_id] = _Open(self._lowest())
        strata.open[frame.session_id].add(frame)
        self._met += 1
        return []

    def end(self) -> list[str]:
        """The sample, in the order of the line."""
        self._close(*self._strata.open)
        self._tidy()
        found, place = list[str](), 0
        for each in self._strata.bins:
            marks = self._marks_before(place + each.count) - self._marks_before(place)
            found += each.candidates[:marks]
            place += each.count
        self._strata, self._met, self._held = _Strata(), 0, 0
        return found

    def state(self) -> Any:
        """What it holds."""
        self._tidy()
        strata = self._strata
        opened = [[session_id, each.count, each.lowest.state()] for session_id, each in strata.open.items()]
        return [
            strata.deployment_id,
            opened,
            [[each.count, int(each.small), each.candidates] for each in strata.bins],
        ]

    def _restored(self, deployment_id: str | None, opened: list[Any], bins: list[Any]) -> _Strata:
        return _Strata(
            [_Bin(count, list(candidates), bool(small)) for count, small, candidates in bins],
            {session_id: _Open(self._lowest(held), count) for session_id, count, held in opened},
            deployment_id,
        )

    def _lowest(self, held: list[str] | None = None) -> Lowest:
        return Lowest(self._size, self._rank, held)

    def _marks_before(self, place: int) -> int:
        """How many marks lie before a place of the line; in whole numbers, to be exact."""
        return (place * self._size * RANKS + self._start * self._met) // (RANKS * self._met)

    def _most(self, count: int) -> int:
        """The most marks that can fall among so many captures side by side, whatever is still to come."""
        return min(count, -(-count * self._size // self._met))

    def _close(self, *session_ids: str | None) -> None:
        """Makes bins of what is over."""
        for session_id in session_ids:
            over = self._strata.open.pop(session_id)
            made = _Bin(over.count, over.lowest.state()[: self._most(over.count)])
            self._strata.bins.append(made)
            self._held += len(made.candidates)
        if self._held > _SLACK * self._size:
            self._tidy()

    def _tidy(self) -> None:
        """Puts together the bins that share a cell, and drops the candidates that are none any more."""
        if self._met:
            self._strata.bins = list(self._joined(self._strata.bins))
            self._held = sum(len(each.candidates) for each in self._strata.bins)

    def _joined(self, bins: list[_Bin]) -> Iterator[_Bin]:
        # Half the way between two marks: a bin of sessions that are no longer, and that begin in a cell that
        # is no wider, is shorter than the way.
        half = self._met // (2 * self._size)
        width = 1 << (half.bit_length() - 1) if half else 0
        last, cell_of_last, place = None, -1, 0
        for each in bins:
            each.candidates = each.candidates[: self._most(each.count)]
            small = bool(half) and (each.small or each.count <= half)
            cell = place // width if small else -1
            place += each.count
            if last and small and cell == cell_of_last:
                last = self._one_of(last, each)
            else:
                if last:
                    yield last
                last, cell_of_last = each, cell
        if last:
            yield last

    def _one_of(self, one: _Bin, other: _Bin) -> _Bin:
        candidate = max(one.candidates[0], other.candidates[0], key=lambda each: (-self._rank(each), each))
        return _Bin(one.count + other.count, [candidate], small=True)
