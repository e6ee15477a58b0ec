"""What settling reads and writes on a capture set: its lease, the counts of its segments, its own count."""

from pynamodb.expressions.update import Action

from chalicelib.aws import keys, lease, table
from chalicelib.capture_sets import store
from chalicelib.capture_sets.rules import CaptureSet, segment_of
from chalicelib.errors import LeaseLost

SetLease = lease.Lease[store.SetRow]

_RENEWED = 5_000
"""So many members are read between two renewals of the lease."""


def take_lease(set_id: str, clock: lease.Clock) -> SetLease | None:
    """The lease on a set's derived rows, if nobody has it."""
    return lease.take(store.SetRow, keys.capture_set(set_id), clock)


def exists(set_id: str) -> bool:
    """Whether there is such a set, read consistently. One request."""
    return store.get(set_id) is not None


def set_under(held: SetLease) -> CaptureSet:
    """The set, as of the last write under this lease."""
    return store.set_of(held.row)


def settle_segment(held: SetLease, generation: str, segment: str) -> bool:
    """Recounts a segment of a generation, and with it the set, if it is the one that is served; returns
    whether the count differed. Two requests, and one transaction if it did.

    Raises LeaseLost if another has taken over.
    """
    found = set_under(held)
    if found.leaving or generation not in found.generations:
        return False  # it is cleared away
    before = store.segment(found.id, generation, segment)
    now = store.recount(found.id, generation, segment)
    if now == before:
        return False
    more = now - before if generation == found.generation else 0
    _write(held, found.captures_count + more, store.segment_row(found.id, generation, segment, now))
    return True


def count_all(held: SetLease, generation: str) -> int:
    """Counts all members of a generation, and writes the counts of its segments, but not the set's own;
    returns how many there are. One request per megabyte of keys and per 25 segments.

    Raises LeaseLost if another has taken over.
    """
    found = set_under(held)
    counted: dict[str, int] = {}
    for number, at in enumerate(store.places(found.id, generation)):
        segment = segment_of(at)
        if segment:
            counted[segment] = counted.get(segment, 0) + 1
        if number % _RENEWED == _RENEWED - 1:
            lease.write_under(held, [])
    stale = [each for each in store.segments(found.id, generation) if each not in counted]
    lease.write_under(held, [])
    store.drop_segments(found.id, generation, stale)
    store.keep_segments(found.id, generation, counted)
    return sum(counted.values())


def recount(held: SetLease) -> None:
    """Counts the generation that is served, and makes its segments and the set's own count say so, whatever
    they said. One request more than `count_all`. Raises LeaseLost if another has taken over."""
    row, count = store.SetRow, count_all(held, set_under(held).generation)
    actions: list[Action] = [
        row.captures_count.set(count),
        row.settled.set(int(held.row.settled or 0) + 1),
    ]
    lease.write_under(held, actions)


def serve(held: SetLease, generation: str, count: int) -> None:
    """Lets a generation take the place of the one that is served. One request. Raises LeaseLost if another
    has taken over, or if it is no longer the one that gathers."""
    row = store.SetRow
    actions: list[Action] = [
        row.generation.set(generation),
        row.captures_count.set(count),
        row.populating.remove(),
        row.populated_at.set(held.clock()),
        lease.renewal(held),
    ]
    gathering = held.held() & (row.populating == generation)
    if not table.accepted(lambda: held.row.update(actions=actions, condition=gathering)):
        raise LeaseLost(f"Another worker is settling {held.row.pk} by now.")


def _write(held: SetLease, count: int, segment: store.SegmentRow) -> None:
    row, before = store.SetRow(held.row.pk, held.row.sk), lease.writes(held)
    actions = [store.SetRow.captures_count.set(count), *lease.settling(held)]

    def write_both() -> None:
        with table.transaction() as writing:
            writing.update(row, actions=actions, condition=lease.as_settled(held))
            writing.save(segment)

    if not table.accepted(write_both):
        raise LeaseLost(f"Another worker is settling {held.row.pk} by now.")
    held.row.settled, held.row.captures_count = before + 1, count
