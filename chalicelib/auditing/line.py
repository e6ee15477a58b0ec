"""Who is to be audited, one after the other, and how far that has come: what a step hands to the next."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from chalicelib.auditing.rules import Sums
from chalicelib.settling.rules import Owner

MOST_WRONG = 2000
"""So many captures whose findings are wrong are remembered, to count from their facts; with more of them
nobody can say what is true of what holds them."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An owner in line. `state`: captures, mend captures, captures …; then look, mend, settle, verify.

    `at` is the capture looked at last; `tries` is how often it was put off, `seen` what a look found,
    `drifted` how much of it was told, `parts` which of its parts, or captures, are to be settled.
    """

    kind: str
    id: str
    state: str = "look"
    tries: int = 0
    seen: str = ""
    drifted: int = 0
    parts: Sequence[str] = ()
    at: str = ""

    @property
    def owner(self) -> Owner:
        """As settling knows it."""
        return Owner(self.kind, self.id)

    @property
    def left(self) -> float:
        """How much of it is left, 0 to 1: ids of captures are spread evenly over all that may be."""
        own = self.at.partition("-")[2][:2]
        digits = ["abcdefghijklmnopqrstuvwxyz234567".find(each) for each in own]
        return 1 - (digits[0] / 32 + digits[1] / 1024) if len(digits) > 1 else 1.0


@dataclass(slots=True)
class Line:
    """Who is left, how many there were, how much has drifted, what the deployments come to so far; and which
    captures have findings that are wrong. `is_lost`: too many of them."""

    left: list[Entry]
    total: int
    drifted: int = 0
    sums: Sums = field(default_factory=Sums)
    wrong: list[str] = field(default_factory=list)
    is_lost: bool = False

    @classmethod
    def of(cls, cursor: Any) -> "Line":
        """What `cursor` wrote."""
        return cls(
            [Entry(*each) for each in cursor["left"]],
            cursor["total"],
            cursor["drifted"],
            Sums.of(cursor["sums"]),
            list(cursor["wrong"]),
            cursor["is_lost"],
        )

    def cursor(self) -> Any:
        """As JSON."""
        return {
            "left": [astuple(each) for each in self.left],
            "total": self.total,
            "drifted": self.drifted,
            "sums": self.sums.plain(),
            "wrong": self.wrong,
            "is_lost": self.is_lost,
        }

    def remember(self, wrong: Sequence[str]) -> None:
        """Remembers captures whose findings are wrong."""
        self.is_lost = self.is_lost or len(self.wrong) + len(wrong) > MOST_WRONG
        self.wrong = [*self.wrong, *wrong][:MOST_WRONG]

    @property
    def done(self) -> float:
        """How much of all is done, 0 to 1."""
        left = sum(each.left if number == 0 else 1.0 for number, each in enumerate(self.left))
        return max(1 - left / self.total, 0.0)
