"""The table's door: many rows at once, and writes that are refused or in each other's way."""

import pytest
from pynamodb.attributes import UnicodeAttribute
from pynamodb.exceptions import CancellationReason, PutError, TransactWriteError, VerboseClientError

from chalicelib.aws import table
from chalicelib.aws.table import Row


class Heavy(Row):
    """A row of nearly the largest size there is."""

    weight = UnicodeAttribute(null=True)


def test_rows_that_did_not_fit_into_one_answer_are_asked_for_again(real_table: str) -> None:
    wanted = [(Heavy, ("HEAVY", f"{number:03}")) for number in range(50)]
    for row, key in wanted:
        row(*key, weight="x" * 390_000).save()
    found = table.get_many([*wanted, (Heavy, ("HEAVY", "not there"))])
    assert sorted(found) == [key for _, key in wanted]


def conflict(*codes: str | None) -> TransactWriteError:
    told = {"Error": {"Code": "TransactionCanceledException", "Message": "cancelled"}}
    reasons = [CancellationReason(code) if code else None for code in codes]
    cause = VerboseClientError(told, "TransactWriteItems", {}, cancellation_reasons=reasons)
    return TransactWriteError("cancelled", cause)


def test_a_write_in_anothers_way_is_tried_again() -> None:
    tries = iter([conflict("TransactionConflict", None), conflict(None, "TransactionConflict"), None])

    def write() -> None:
        if error := next(tries):
            raise error

    assert table.accepted(write) is True
    assert next(tries, "none left") == "none left"


def test_a_write_in_anothers_way_for_good_is_a_fault() -> None:
    def write() -> None:
        raise conflict("TransactionConflict")

    with pytest.raises(TransactWriteError):
        table.accepted(write)


def test_a_write_refused_by_its_own_condition_is_no_fault_and_not_tried_again() -> None:
    tries = []

    def write() -> None:
        tries.append(1)
        raise conflict("ConditionalCheckFailed", "TransactionConflict")

    assert table.accepted(write) is False
    assert len(tries) == 1


def test_any_other_fault_is_told(real_table: str) -> None:
    with pytest.raises(PutError):
        table.accepted(lambda: Heavy("HEAVY", "too heavy", weight="x" * 500_000).save())
