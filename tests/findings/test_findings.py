"""What findings come to: by declaration, by filters, in steps."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.findings.rules import (
    COUNTED,
    TAXA,
    TAXA_WHAT,
    Filters,
    Findings,
    Found,
    findings_of,
    found,
    steps,
    total,
)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "counts.md"
TAXON = st.sampled_from([f"t{number}" for number in range(12)])
COUNTS = st.dictionaries(TAXON, st.integers(1, 9))
FOUND = st.builds(Found, st.dictionaries(st.sampled_from("abc"), st.integers(1, 9)), COUNTS)


def line(taxon_id: str) -> tuple[str, ...]:
    """Every third taxon stands above the two that follow it."""
    number = int(taxon_id[1:])
    above = number - number % 3
    return (taxon_id,) if above == number else (taxon_id, f"t{above}")


def test_the_documentation_tells_every_count_as_it_is_declared() -> None:
    owners = ("capture", "session", "deployment", "project", "set")
    rows = []
    for each in COUNTED:
        names = (f"`{each.owners[one]}`" if one in each.owners else "" for one in owners)
        rows.append(f"| {each.what} | " + " | ".join(names) + " |")
    rows.append(f"| {TAXA_WHAT} | " + " | ".join([f"`{TAXA}`"] * len(owners)) + " |")
    told = DOCS.read_text()
    missing = [row for row in rows if row not in told]
    assert not missing, f"docs/counts.md is to have: {missing}"


def test_what_scores_just_the_threshold_counts() -> None:
    findings = findings_of(3, [("t1", 0.5), ("t1", 0.4999), ("t2", 0.9)], ["a"])
    assert found(findings, Filters(), line).taxa == {"t1": 1, "t2": 1}
    assert found(findings, Filters(score=0.0), line).counts["occurrences"] == 3
    assert found(findings, Filters(score=1.0), line) == Found({"processed": 1, "with_detections": 1})


def test_exclusion_outranks_inclusion_and_both_reach_down() -> None:
    findings = findings_of(3, [("t0", 1.0), ("t1", 1.0), ("t3", 1.0)], [])
    assert set(found(findings, Filters(include=("t0",)), line).taxa) == {"t0", "t1"}
    assert set(found(findings, Filters(exclude=("t0",)), line).taxa) == {"t3"}
    assert set(found(findings, Filters(include=("t0",), exclude=("t1",)), line).taxa) == {"t0"}
    assert found(findings, Filters(include=("t0",), exclude=("t0",)), line).taxa == {}


def test_findings_are_the_same_text_whatever_the_order() -> None:
    one = findings_of(2, [("t1", 0.7), ("t2", 0.1), ("t1", 0.3)], ["b", "a", "b"])
    other = findings_of(2, [("t1", 0.3), ("t1", 0.7), ("t2", 0.1)], ["a", "b"])
    assert one == other
    assert one.text() == other.text()
    assert Findings.of(one.text()) == one


@given(FOUND, FOUND, FOUND)
def test_sums_and_differences_are_inverse(one: Found, two: Found, three: Found) -> None:
    assert total([one, two, three]) == one + two + three
    assert (one + two) - two == one
    assert hash(one + two) == hash(two + one)
    assert Found.of(one.plain()) == one


@given(FOUND, FOUND, st.integers(1, 5))
def test_each_step_changes_only_so_many_taxa_and_the_last_arrives(
    before: Found, after: Found, room: int
) -> None:
    state = before
    for step in steps(before, after, room):
        assert len((step - state).taxa) <= room
        assert all(number > 0 for number in step.taxa.values())
        state = step
    assert state == after
