"""Every key of the table, built here and nowhere else.

Keys hold ids (checked by `ids.check`), timestamps and, in `rank` only, names: a rank is compared,
never taken apart, so a name in it can do no harm. One partition apart, SYNCED#d, whose sk are the keys
of others' objects, and which holds nothing else.

item              pk             sk                    at (LSI timeline)    owner · rank (GSI by_owner)
project           PROJECT#p      PROJECT                                    PROJECTS · PUBLIC|DRAFT#name#p
tally             PROJECT#p      DEPLOYMENT#d
deployment        DEPLOYMENT#d   DEPLOYMENT                                 PROJECT#p · DEPLOYMENT#name#d
capture, dated    DEPLOYMENT#d   CAPTURE#c             CAPTURE#<time>#c     PROJECT#p · CAPTURE#<time>#c
capture, undated  DEPLOYMENT#d   CAPTURE#c             UNDATED#c            PROJECT#p · UNDATED#c
capture, hidden   DEPLOYMENT#d   CAPTURE#c             HIDDEN#<time>#c      PROJECT#p · HIDDEN#<time>#c
capture, removed  DEPLOYMENT#d   CAPTURE#c
unreadable        CAPTURE#c      UNREADABLE                                 PROJECT#p · UNREADABLE#c
content           CONTENT#p#h    CONTENT
duplicate         CONTENT#p#h    DUPLICATE#c                                PROJECT#p · DUPLICATE#c
untidy            CAPTURE#c      UNTIDY                                     UNTIDY · <since>#c
session           DEPLOYMENT#d   SESSION#s             SESSION#<start>#s    PROJECT#p · SESSION#<start>#s
undated segment   DEPLOYMENT#d   SEGMENT#UNDATED-xx
mark              <owner's pk>   UNSETTLED#<part>                           UNSETTLED · <since>#pk#part
unassigned        UNASSIGNED#h   UNASSIGNED                                 UNASSIGNED · <since>#h
failure           FAILURE#h      FAILURE                                    FAILURES · <since>#h
job               JOB#j          JOB                                        PROJECT#p · JOB#<created>#j
log line          JOB#j          LOG#<time>#xxxx
running job       RUNNING#slot   RUNNING                                    RUNNING_JOBS · <since>#j
object, synced    SYNCED#d       its own key
capture set       SET#s          SET                                        PROJECT#p · SET#name#s
member            SET#s          MEMBER#g#c            g#<the capture's at>
… its mirror      CAPTURE#c      SET#s#g
live set          PROJECT#p      LIVE#s
segment of a set  SET#s          SEGMENT#g#<day or part of the undated>
data source       SOURCE#s       SOURCE                                     PROJECT#p · SOURCE#name#s
detection         CAPTURE#c      DETECTION#x
classification    CAPTURE#c      CLASSIFICATION#y
identification    CAPTURE#c      IDENTIFICATION#i
occurrence        CAPTURE#c      OCCURRENCE#x                               PROJECT#p · OCCURRENCE#score#x
crop of it        CAPTURE#c      CROP#x
findings          CAPTURE#c      FINDINGS                                   PROJECT#p · FINDINGS#<its at>
… in time         DEPLOYMENT#d   FINDINGS#<the capture's at>
taxon, counted    <owner's pk>   TAXON#[g#]t
… of a deployment PROJECT#p      STATION_TAXON#t#d
audited by night  NIGHT#<day>    NIGHT
written by a job  JOB#j          WROTE#c
taxon             TAXON#t        TAXON                                      TAXA · TAXON#name#t
list of taxa      TAXA_LIST#l    TAXA_LIST                                  TAXA_LISTS · TAXA_LIST#name#l
… of a project    TAXA_LIST#l    TAXA_LIST                                  PROJECT#p · TAXA_LIST#name#l
… its taxa        TAXA_LIST#l    TAXON#t               TAXON#name#t
algorithm         ALGORITHM#k    ALGORITHM                                  ALGORITHMS · ALGORITHM#name#k
… its categories  ALGORITHM#k    CATEGORIES
"""

from datetime import datetime

from chalicelib.ids import capture_of, deployment_of

TIMELINE = "timeline"
BY_OWNER = "by_owner"

PROJECTS = "PROJECTS"
PUBLIC = "PUBLIC#"
DRAFT = "DRAFT#"
UNSETTLED = "UNSETTLED"
UNASSIGNED = "UNASSIGNED"
FAILURES = "FAILURES"
JOBS = "JOB#"
LOG = "LOG#"
RUNNING_JOBS = "RUNNING_JOBS"
CAPTURES = "CAPTURE#"
UNDATED = "UNDATED#"
HIDDEN = "HIDDEN#"
UNREADABLE = "UNREADABLE#"
DUPLICATES = "DUPLICATE#"
UNTIDY = "UNTIDY"
SESSIONS = "SESSION#"
DEPLOYMENTS = "DEPLOYMENT#"
SOURCES = "SOURCE#"
SETS = "SET#"
TAXA = "TAXA"
TAXON = "TAXON#"
TAXA_LISTS = "TAXA_LISTS"
TAXA_LIST = "TAXA_LIST#"
ALGORITHMS = "ALGORITHMS"
ALGORITHM = "ALGORITHM#"
DETECTIONS = "DETECTION#"
CLASSIFICATIONS = "CLASSIFICATION#"
IDENTIFICATIONS = "IDENTIFICATION#"
OCCURRENCES = "OCCURRENCE#"
CROPS = "CROP#"
FINDINGS = "FINDINGS#"
STATION_TAXA = "STATION_TAXON#"
LAST = "~"
"""Sorts after everything that may follow a prefix."""

Key = tuple[str, str]


def project(project_id: str) -> Key:
    """pk and sk of a project."""
    return f"PROJECT#{project_id}", "PROJECT"


def project_rank(name: str, project_id: str, *, draft: bool) -> str:
    """Projects in the order of their names, drafts apart."""
    return f"{DRAFT if draft else PUBLIC}{_sortable(name)}#{project_id}"


def deployment(deployment_id: str) -> Key:
    """pk and sk of a deployment."""
    return f"DEPLOYMENT#{deployment_id}", "DEPLOYMENT"


def deployment_rank(name: str, deployment_id: str) -> str:
    """Deployments of a project in the order of their names."""
    return f"{DEPLOYMENTS}{_sortable(name)}#{deployment_id}"


def tally(project_id: str, deployment_id: str) -> Key:
    """pk and sk of what a deployment adds to its project's counts."""
    return project(project_id)[0], f"{DEPLOYMENTS}{deployment_id}"


def capture(capture_id: str) -> Key:
    """pk and sk of a capture."""
    return deployment(deployment_of(capture_id))[0], f"{CAPTURES}{capture_id}"


def capture_at(
    capture_id: str, timestamp: datetime | None, millisecond: int = 0, *, hidden: bool = False
) -> str:
    """Where a capture stands in time, in the timeline of its deployment as in that of its project; hidden
    ones stand apart."""
    time = f"{moment(timestamp)}.{millisecond:03d}" if timestamp else None
    if hidden:
        return f"{HIDDEN}{time or 'UNDATED'}#{capture_id}"
    return f"{CAPTURES}{time}#{capture_id}" if time else f"{UNDATED}{capture_id}"


def time_of_capture(at: str) -> tuple[datetime | None, int]:
    """The second and the millisecond that `capture_at` wrote; (None, 0) for an undated capture."""
    place, _, rest = at.partition("#")
    time = rest.partition("#")[0]
    if f"{place}#" == UNDATED or time == "UNDATED":
        return None, 0
    second, _, millisecond = time.partition(".")
    return datetime.fromisoformat(second), int(millisecond)


def captures_from(timestamp: datetime) -> str:
    """Sorts before the first capture of that second, after every earlier one."""
    return f"{CAPTURES}{moment(timestamp)}"


def captures_until(timestamp: datetime) -> str:
    """Sorts after the last capture of that second, before every later one."""
    return f"{CAPTURES}{moment(timestamp)}{LAST}"


def captures_between(
    start: datetime | None, end: datetime | None, *, hidden: bool = False
) -> tuple[str, str]:
    """Around the dated captures of a period, both ends inclusive to the second, None where it is open."""
    place = HIDDEN if hidden else CAPTURES
    return f"{place}{moment(start) if start else ''}", f"{place}{moment(end) if end else ':'}{LAST}"


def all_undated(*, hidden: bool = False) -> tuple[str, str]:
    """Around a deployment's undated captures."""
    place = f"{HIDDEN}UNDATED#" if hidden else UNDATED
    return place, f"{place}{LAST}"


def unreadable(capture_id: str) -> Key:
    """pk and sk of the note that a capture is unreadable."""
    return f"{CAPTURES}{capture_id}", "UNREADABLE"


def content(project_id: str, sha256: str) -> Key:
    """pk and sk of the claim on some bytes within a project."""
    return f"CONTENT#{project_id}#{sha256[:40]}", "CONTENT"


def duplicate(project_id: str, sha256: str, capture_id: str) -> Key:
    """pk and sk of the note that a capture holds bytes that another holds already."""
    return content(project_id, sha256)[0], f"{DUPLICATES}{capture_id}"


def untidy(capture_id: str) -> Key:
    """pk and sk of the note that something may be left of what a capture was."""
    return f"{CAPTURES}{capture_id}", "UNTIDY"


def session(session_id: str) -> Key:
    """pk and sk of a session."""
    return deployment(deployment_of(session_id))[0], f"{SESSIONS}{session_id}"


def session_at(session_id: str, start: datetime) -> str:
    """Where a session stands in time."""
    return f"{SESSIONS}{moment(start)}#{session_id}"


def start_of_session(at: str) -> datetime:
    """The start that `session_at` wrote."""
    return datetime.fromisoformat(at[len(SESSIONS) :].partition("#")[0])


def sessions_from(start: datetime) -> str:
    """Sorts before the first session that starts in that second, after every earlier one."""
    return f"{SESSIONS}{moment(start)}"


def sessions_until(start: datetime) -> str:
    """Sorts after the last session that starts in that second, before every later one."""
    return f"{SESSIONS}{moment(start)}{LAST}"


def undated_segment(deployment_id: str, segment: str) -> Key:
    """pk and sk of the count of the undated captures whose ids begin with `segment`."""
    return deployment(deployment_id)[0], f"SEGMENT#UNDATED-{segment}"


def undated_from(deployment_id: str, segment: str) -> str:
    """The beginning that the undated captures of a segment share in the timeline."""
    return f"{UNDATED}{deployment_id}-{segment}"


def mark(owner_pk: str, part: str) -> Key:
    """pk and sk of the mark on one part of an owner."""
    return owner_pk, f"UNSETTLED#{part}"


def mark_rank(owner_pk: str, part: str, since: str) -> str:
    """Marks in the order of their age."""
    return f"{since}#{owner_pk}#{part}"


def unassigned(digest: str) -> Key:
    """pk and sk of an object that belongs to no known deployment."""
    return f"UNASSIGNED#{digest}", "UNASSIGNED"


def failure(digest: str) -> Key:
    """pk and sk of a message that could not be processed."""
    return f"FAILURE#{digest}", "FAILURE"


def job(job_id: str) -> Key:
    """pk and sk of a job."""
    return f"{JOBS}{job_id}", "JOB"


def job_rank(job_id: str, created: str) -> str:
    """Jobs of a project in the order in which they were made."""
    return f"{JOBS}{created}#{job_id}"


def log_line(job_id: str, time: str, mark: str) -> Key:
    """pk and sk of a line of a job's log; `mark` tells apart lines of one moment."""
    return job(job_id)[0], f"{LOG}{time}#{mark}"


def running(slot: str) -> Key:
    """pk and sk of the note that a job is queued or running, and has taken that slot."""
    return f"RUNNING#{slot}", "RUNNING"


def capture_set(set_id: str) -> Key:
    """pk and sk of a capture set."""
    return f"{SETS}{set_id}", "SET"


def capture_set_rank(name: str, set_id: str) -> str:
    """Capture sets of a project in the order of their names."""
    return f"{SETS}{_sortable(name)}#{set_id}"


def member(set_id: str, generation: str, capture_id: str) -> Key:
    """pk and sk of a member of a generation of a capture set."""
    return capture_set(set_id)[0], f"MEMBER#{generation}#{capture_id}"


def member_at(generation: str, at: str) -> str:
    """Where a member stands in time, among those of its generation."""
    return f"{generation}#{at}"


def member_mirror(capture_id: str, set_id: str, generation: str) -> Key:
    """pk and sk of the note with a capture that it is a member."""
    return f"{CAPTURES}{capture_id}", f"{SETS}{set_id}#{generation}"


def segment(set_id: str, generation: str, part: str) -> Key:
    """pk and sk of the count of a segment of a generation."""
    return capture_set(set_id)[0], f"SEGMENT#{generation}#{part}"


def live_set(project_id: str, set_id: str) -> Key:
    """pk and sk of the note that a project has a set that follows its captures."""
    return project(project_id)[0], f"LIVE#{set_id}"


def synced(deployment_id: str) -> str:
    """pk of what is known of the objects in a deployment's data source. The sk is an object's own key, whole:
    S3 and the table allow it the same 1,024 bytes, and put it in the same order. Nothing else lies there."""
    return f"SYNCED#{deployment_id}"


def source(source_id: str) -> Key:
    """pk and sk of a data source."""
    return f"{SOURCES}{source_id}", "SOURCE"


def source_rank(name: str, source_id: str) -> str:
    """Data sources of a project in the order of their names."""
    return f"{SOURCES}{_sortable(name)}#{source_id}"


def detection(detection_id: str) -> Key:
    """pk and sk of a detection."""
    return f"{CAPTURES}{capture_of(detection_id)}", f"{DETECTIONS}{detection_id}"


def classification(classification_id: str) -> Key:
    """pk and sk of a classification."""
    return f"{CAPTURES}{capture_of(classification_id)}", f"{CLASSIFICATIONS}{classification_id}"


def identification(identification_id: str) -> Key:
    """pk and sk of an identification."""
    return f"{CAPTURES}{capture_of(identification_id)}", f"{IDENTIFICATIONS}{identification_id}"


def occurrence(occurrence_id: str) -> Key:
    """pk and sk of an occurrence."""
    return f"{CAPTURES}{capture_of(occurrence_id)}", f"{OCCURRENCES}{occurrence_id}"


def occurrence_rank(occurrence_id: str, score: float) -> str:
    """Occurrences of a project in the order of their scores, which are from 0 to 1."""
    return f"{OCCURRENCES}{score:.9f}#{occurrence_id}"


def occurrences_from(score: float) -> str:
    """Sorts before the first occurrence of that score, after every lower one, to a thousandth of a
    millionth."""
    return f"{OCCURRENCES}{score:.9f}"


def crop(occurrence_id: str) -> Key:
    """pk and sk of the picture of an occurrence, cut out of its photograph."""
    return f"{CAPTURES}{capture_of(occurrence_id)}", f"{CROPS}{occurrence_id}"


def findings(capture_id: str) -> Key:
    """pk and sk of what was found on a capture."""
    return f"{CAPTURES}{capture_id}", "FINDINGS"


def placed_findings(deployment_id: str, at: str) -> Key:
    """pk and sk of what was found on the capture that stands there in time."""
    return deployment(deployment_id)[0], f"{FINDINGS}{at}"


def taxon_count(owner_pk: str, taxon_id: str, generation: str | None = None) -> Key:
    """pk and sk of how many occurrences an owner has of a taxon; of a capture set, a generation of it."""
    return owner_pk, f"TAXON#{generation}#{taxon_id}" if generation else f"TAXON#{taxon_id}"


def station_taxon(project_id: str, taxon_id: str, deployment_id: str) -> Key:
    """pk and sk of how many occurrences of a taxon a deployment adds to its project."""
    return project(project_id)[0], f"{STATION_TAXA}{taxon_id}#{deployment_id}"


def night(day: str) -> Key:
    """pk and sk of the note that the counters of a night's sample are audited."""
    return f"NIGHT#{day}", "NIGHT"


def written_by(job_id: str, capture_id: str) -> Key:
    """pk and sk of the note that a job has written results of a capture."""
    return job(job_id)[0], f"WROTE#{capture_id}"


def taxon(taxon_id: str) -> Key:
    """pk and sk of a taxon."""
    return f"{TAXON}{taxon_id}", "TAXON"


def taxon_rank(name: str, taxon_id: str) -> str:
    """Taxa in the order of their names, among all and in a list."""
    return f"{taxa_named(name)}#{taxon_id}"


def taxa_named(beginning: str) -> str:
    """What the ranks of the taxa begin with whose names begin like that."""
    return f"{TAXON}{_sortable(beginning)}"


def taxa_list(list_id: str) -> Key:
    """pk and sk of a list of taxa."""
    return f"{TAXA_LIST}{list_id}", "TAXA_LIST"


def taxa_list_rank(name: str, list_id: str) -> str:
    """Lists of taxa of one owner in the order of their names."""
    return f"{TAXA_LIST}{_sortable(name)}#{list_id}"


def listed_taxon(list_id: str, taxon_id: str) -> Key:
    """pk and sk of a taxon that is in a list."""
    return taxa_list(list_id)[0], f"{TAXON}{taxon_id}"


def algorithm(key: str) -> Key:
    """pk and sk of an algorithm."""
    return f"{ALGORITHM}{key}", "ALGORITHM"


def algorithm_rank(name: str, key: str) -> str:
    """Algorithms in the order of their names."""
    return f"{ALGORITHM}{_sortable(name)}#{key}"


def categories(key: str) -> Key:
    """pk and sk of the categories of an algorithm."""
    return algorithm(key)[0], "CATEGORIES"


def moment(timestamp: datetime) -> str:
    """A timestamp as keys hold it: to the second, sorts by time."""
    return timestamp.isoformat(timespec="seconds")


def _sortable(name: str) -> str:
    return name.casefold()[:80]
