"""Repairing by the settler: what is wrong is marked, then settled; what it never looks at is added up anew.

A deployment's sessions and undated segments are settled from its captures, then its counts are made what
these come to: so its count is the sum of its parts at every moment, whatever arrives meanwhile.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from chalicelib.auditing import captures, store
from chalicelib.auditing.counting import capture_of
from chalicelib.auditing.naming import Looked
from chalicelib.auditing.recount import STRAY
from chalicelib.auditing.rules import TAXON, Drift
from chalicelib.aws import keys, lease, table
from chalicelib.capture_sets import service as capture_sets
from chalicelib.capture_sets import settled as sets
from chalicelib.deployments import settled
from chalicelib.errors import LeaseLost
from chalicelib.findings.filing import FindingsRow, PlacedRow
from chalicelib.ids import deployment_of
from chalicelib.projects import service as projects
from chalicelib.sessions import service as sessions
from chalicelib.settling.rules import RESULTS, Owner, Touched
from chalicelib.settling.service import Settling

Clock = Callable[[], datetime]

_SESSIONS = "sessions"
_UNDATED = "undated "


def settling(now: Clock) -> Settling:
    """A settler that settles itself what is marked as a whole, as that of a job does."""
    return Settling(now)


def parts_of(drifts: Iterable[Drift]) -> list[str]:
    """What of an owner has to be settled, each once: "sessions", "undated xx" or "findings at place" of a
    deployment, "taxon id" of a project."""
    parts = dict[str, None]()
    for each in drifts:
        if each.owner.startswith("session ") or each.field == "session":
            parts[_SESSIONS] = None
        elif each.field.startswith(_UNDATED):
            parts[" ".join(each.field.split(" ")[:2])] = None
        elif each.field.startswith((STRAY, TAXON)):
            parts[each.field] = None
    return list(parts)


def mark(owner: Owner, parts: Iterable[str], now: Clock) -> None:
    """Marks what is to be settled of a deployment. One request per part; of findings that lie where no such
    capture is, a dozen."""
    touched = Touched()
    for each in parts:
        if each == _SESSIONS:
            touched.everything(owner)
        elif each.startswith(_UNDATED):
            touched.capture(owner, f"UNDATED#{owner.id}-{each.removeprefix(_UNDATED)}")
        elif each.startswith(STRAY):
            place = each.removeprefix(STRAY)
            _settle_captures([capture_of(place)], now)
            _file(owner.id, place)
            touched.capture(owner, place)
    settling(now).mark(touched)


def add_up(deployment_id: str, now: Clock) -> bool:
    """Makes the counts of a deployment what its sessions and undated segments come to; False if another
    settler is at it. Two requests and those of `sessions.add_up`."""
    return _under(settled.take_lease(deployment_id, now), sessions.add_up)


def settle_captures(project_id: str, capture_ids: Iterable[str], now: Clock) -> list[Looked]:
    """Settles captures, and files in time what was found on them where that is wrong still; returns those
    that are wrong nevertheless. About a dozen requests for each, and one for each set it is in."""
    _settle_captures(capture_ids, now)
    for each in captures.of(project_id, capture_ids):
        if each.drifts and each.place:
            _file(deployment_of(each.capture_id), each.place)
    return [each for each in captures.of(project_id, capture_ids) if each.drifts]


def _settle_captures(capture_ids: Iterable[str], now: Clock) -> None:
    for each in capture_ids:
        owner, touched = Owner("CAPTURE", each), Touched()
        touched.part(owner, RESULTS)
        settling(now).mark(touched)
        settling(now).look_again(owner)


def _file(deployment_id: str, place: str) -> None:
    """Makes what lies at a place in time what is noted with the capture, which settling takes for granted;
    nothing, if that is noted elsewhere. One read and a transaction, refused if the note changes meanwhile:
    who changes it writes both."""
    capture_id = capture_of(place)
    pk, sk = keys.findings(capture_id)
    noted = table.get(FindingsRow, (pk, sk), consistent=True)
    unseen = FindingsRow.version == noted.version if noted else FindingsRow.pk.does_not_exist()
    placed = PlacedRow(*keys.placed_findings(deployment_id, place))

    def write() -> None:
        with table.transaction() as writing:
            writing.condition_check(FindingsRow, pk, sk, condition=unseen)
            if noted and noted.place == place and deployment_of(capture_id) == deployment_id:
                placed.findings = noted.findings
                writing.save(placed)
            else:
                writing.delete(placed)

    table.accepted(write)


def count_project(project_id: str, parts: Iterable[str], now: Clock) -> bool:
    """Counts a project anew, and those of its taxa that are wrong; False if another settler is at it. Six
    requests, one for each taxon, one per five thousand taxa, and a transaction per eighty."""
    taxa = [each.removeprefix(TAXON) for each in parts if each.startswith(TAXON)]

    def write(held: projects.ProjectLease) -> None:
        projects.settle_taxa(held, taxa)
        projects.settle(held)
        # Settling changes how many taxa there are by what it changes beside it: it never mends the number.
        row, number = type(held.row), len(store.taxa(keys.project(project_id)[0], keys.TAXON))
        lease.write_under(held, [row.taxa_count.set(number), row.settled.set(lease.writes(held) + 1)])

    is_done = _under(projects.take_lease(project_id, now), write)
    _look_again(Owner("PROJECT", project_id), now)
    return is_done


def count_set(set_id: str, strayed: Iterable[str], now: Clock) -> bool:
    """Files members as their captures are, and counts all of a set anew; False if another settler is at it.
    Five requests for each that strayed, four and those of counting."""
    for capture_id in strayed:
        capture_sets.retell(capture_id)
    made = sets.find(set_id)
    if made is None:
        return True
    filters = projects.find(made.project_id).filters
    is_done = _under(sets.take_lease(set_id, now), lambda held: sets.recount(held, filters))
    _look_again(Owner("SET", set_id), now)
    return is_done


def _look_again(owner: Owner, now: Clock) -> None:
    """Settles what others have marked while the lease was ours; what waits for a job is left to the watch."""
    Settling(now, lambda _: None).look_again(owner)


def _under(held: lease.Lease[lease.L] | None, write: Callable[[lease.Lease[lease.L]], None]) -> bool:
    if held is None:
        return False
    try:
        write(held)
    except LeaseLost:
        return False
    finally:
        lease.release(held)
    return True
