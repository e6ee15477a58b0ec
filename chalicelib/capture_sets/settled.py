"""What settling reads and writes on a capture set: its lease, the counts of its segments, its own counts."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from pynamodb.expressions.update import Action

from chalicelib.aws import keys, lease, table
from chalicelib.capture_sets import members as member_rows
from chalicelib.capture_sets import segments as segment_rows
from chalicelib.capture_sets import store
from chalicelib.capture_sets.rules import CaptureSet, Member, Tally, segment_of, tally
from chalicelib.errors import LeaseLost
from chalicelib.findings import reading as findings
from chalicelib.findings.rules import Filters, Found, steps
from chalicelib.projects import service as projects

SetLease = lease.Lease[store.SetRow]

_RENEWED = 50
"""So many segments are counted between two renewals of the lease."""
_TOGETHER = 20
"""So many are written in one transaction, so that the set is not written for each."""


def take_lease(set_id: str, clock: lease.Clock) -> SetLease | None:
    """The lease on a set's derived rows, if nobody has it."""
    return lease.take(store.SetRow, keys.capture_set(set_id), clock)


def find(set_id: str) -> CaptureSet | None:
    """The set of that id, also one that is being deleted, read consistently. One request."""
    return store.get(set_id)


def set_under(held: SetLease) -> CaptureSet:
    """The set, as of the last write under this lease."""
    return store.set_of(held.row)


def filters_for(held: SetLease) -> Filters | None:
    """The filters by which a set's segments are counted one by one, which are its project's; None if it was
    counted by others so far, and all of it is to be counted anew. One request."""
    made = set_under(held)
    present = projects.find(made.project_id).filters
    never = made.filters is None and not made.captures_count
    return present if never or made.filters == present else None


def settle_segments(held: SetLease, generation: str, segments: Sequence[str], filters: Filters) -> bool:
    """Recounts segments of the generation that is served, and with them the set; returns whether anything
    differed. One request for each and one per twenty; and where anything differs one more and a transaction
    per twenty, or a few if very many taxa do. Other generations are counted before they are served.

    Raises LeaseLost if another has taken over.
    """
    made, proven = set_under(held), False
    if made.leaving or generation != made.generation:
        return False
    for at in range(0, len(segments), _TOGETHER):
        some = segments[at : at + _TOGETHER]
        before = segment_rows.some(made.id, generation, some)
        now = {each: _counted(list(member_rows.filed(made.id, generation, each)), filters) for each in some}
        differing = {each: (before[each], now[each]) for each in some if now[each] != before[each]}
        proven = bool(differing)
        _settle(held, differing, filters)
    return proven


def _settle(held: SetLease, differing: Mapping[str, tuple[Tally, Tally]], filters: Filters) -> None:
    taxa = {taxon for before, now in differing.values() for taxon in (now - before).found.taxa}
    if not differing:
        return
    if len(taxa) <= findings.ROOM - len(differing):
        _write(held, differing, filters)
        return
    for segment, (before, now) in differing.items():
        state = before
        for found in steps(before.found, now.found, findings.ROOM):
            after = Tally(now.captures_count, found)
            _write(held, {segment: (state, after)}, filters)
            state = after


def count_all(held: SetLease, generation: str, filters: Filters) -> Tally:
    """Counts all members of a generation, and writes the counts of its segments and taxa, but not the set's
    own; returns what they come to. One request per megabyte of members, 25 segments and 25 taxa.

    Raises LeaseLost if another has taken over.
    """
    made = set_under(held)
    stale = set(segment_rows.standing(made.id, generation))
    whole, counted = Tally(), dict[str, Tally]()
    for segment, members in _by_segment(member_rows.filed(made.id, generation)):
        counted[segment] = _counted(members, filters)
        whole += counted[segment]
        stale.discard(segment)
        if len(counted) == _RENEWED:
            lease.write_under(held, [])
            segment_rows.keep(made.id, generation, counted)
            counted = {}
    lease.write_under(held, [])
    segment_rows.keep(made.id, generation, counted)
    segment_rows.drop(made.id, generation, sorted(stale))
    segment_rows.replace_taxa(made.id, generation, whole.found.taxa)
    return whole


def recount(held: SetLease, filters: Filters) -> None:
    """Counts the generation that is served, and makes its segments and the set's own counts say so, whatever
    they said. One request more than `count_all`. Raises LeaseLost if another has taken over."""
    whole = count_all(held, set_under(held).generation, filters)
    lease.write_under(held, [*_counts(whole, filters), store.SetRow.settled.set(lease.writes(held) + 1)])


def serve(held: SetLease, generation: str, whole: Tally, filters: Filters) -> None:
    """Lets a generation take the place of the one that is served. One request. Raises LeaseLost if another
    has taken over, or if it is no longer the one that gathers."""
    row = store.SetRow
    actions: list[Action] = [
        row.generation.set(generation),
        *_counts(whole, filters),
        row.populating.remove(),
        row.populated_at.set(held.clock()),
        lease.renewal(held),
    ]
    gathering = held.held() & (row.populating == generation)
    if not table.accepted(lambda: held.row.update(actions=actions, condition=gathering)):
        raise LeaseLost(f"Another worker is settling {held.row.pk} by now.")


def _counts(whole: Tally, filters: Filters) -> list[Action]:
    row = store.SetRow
    return [
        row.captures_count.set(whole.captures_count),
        row.found.set(dict(whole.found.counts)),
        row.taxa_count.set(len(whole.found.taxa)),
        row.filters.set(filters.text()),
    ]


def _counted(members: list[Member], filters: Filters) -> Tally:
    lineage = findings.lineage(filters, (each.findings for each in members if each.findings))
    return tally(members, filters, lineage)


def _by_segment(members: Iterator[Member]) -> Iterator[tuple[str, list[Member]]]:
    """Members, which come in the order of their ids, by segment."""
    for segment, some in groupby(members, lambda each: segment_of(each.capture_id)):
        yield segment, list(some)


def _write(held: SetLease, differing: Mapping[str, tuple[Tally, Tally]], filters: Filters) -> None:
    """Segments, as they were seen and as they are by now, and with them the set, in one transaction."""
    made, row, pk = set_under(held), store.SetRow, held.row.pk
    more = sum((now - before for before, now in differing.values()), Tally())
    taxa = findings.TaxonCounts.changed_by(
        {keys.taxon_count(pk, each, made.generation): number for each, number in more.found.taxa.items()}
    )
    captures_count = made.captures_count + more.captures_count
    found = dict((Found(made.found) + Found(more.found.counts)).counts)
    taxa_count = made.taxa_count + taxa.more
    actions: list[Action] = [
        row.captures_count.set(captures_count),
        row.found.set(found),
        row.taxa_count.set(taxa_count),
        row.filters.set(filters.text()),
        *lease.settling(held),
    ]

    def write_all() -> None:
        with table.transaction() as writing:
            writing.update(row(pk, held.row.sk), actions=actions, condition=lease.as_settled(held))
            for segment, (_, now) in differing.items():
                writing.save(segment_rows.row_of(made.id, made.generation, segment, now))
            taxa.write(writing)

    if not table.accepted(write_all):
        raise LeaseLost(f"Another worker is settling {pk} by now.")
    held.row.settled = lease.writes(held) + 1
    held.row.captures_count, held.row.found = captures_count, found
    held.row.taxa_count, held.row.filters = taxa_count, filters.text()
