"""When a thumbnail is fresh, which blobs are litter, who may try to render, and what may be configured."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import Busy, Conflict, Invalid, SourceGone, SourceSlow, StorageFault, Unreadable
from chalicelib.thumbnails.attempts import (
    CLAIM,
    LATEST,
    SOONEST,
    Attempt,
    claimed,
    failed,
    is_under_way,
    refusal,
)
from chalicelib.thumbnails.configuration import configured
from chalicelib.thumbnails.rules import (
    ATTEMPT_OVER,
    DEFAULT_SPECS,
    EVENT_OVER,
    Blob,
    Shelf,
    Thumbnail,
    ThumbnailSpec,
    blob_name,
    is_fresh,
    litter,
    spec_for,
)

NOW = datetime(2026, 6, 9, 12, tzinfo=UTC)
SPEC = ThumbnailSpec("small", 240)
MADE = Thumbnail("thumbnails/d/p/1/small-a.jpg", 240, 239, 126, 9000, "jpeg", 82, "v1")


class TestFreshness:
    def test_the_width_that_counts_is_the_one_that_was_asked_for(self) -> None:
        assert is_fresh(MADE, SPEC, "v1")  # 239 pixels for 240, and no need to do better
        assert is_fresh(replace(MADE, width=64, height=48), SPEC, "v1")  # a small original
        assert not is_fresh(replace(MADE, spec_width=239, width=240), SPEC, "v1")

    @pytest.mark.parametrize(
        "changed", [{"width": 300}, {"width": 239}, {"format": "webp"}, {"quality": 83}], ids=str
    )
    def test_another_spec_makes_it_stale(self, changed: dict[str, object]) -> None:
        assert not is_fresh(MADE, replace(SPEC, **changed), "v1")

    def test_whether_it_is_eager_and_what_it_is_called_are_no_part_of_it(self) -> None:
        assert is_fresh(MADE, replace(SPEC, eager=False, label="tiny"), "v1")

    @pytest.mark.parametrize(
        ("made_from", "present", "fresh"),
        [("v1", "v1", True), ("v1", "v2", False), (None, "v2", True), ("v1", None, True), (None, None, True)],
    )
    def test_an_unknown_version_is_no_sign_of_change(
        self, made_from: str | None, present: str | None, fresh: bool
    ) -> None:
        assert is_fresh(replace(MADE, source_version=made_from), SPEC, present) is fresh

    @pytest.mark.parametrize("key", ["", " ", "\t\n"])
    def test_without_a_key_there_is_none(self, key: str) -> None:
        assert not is_fresh(replace(MADE, key=key), SPEC, "v1")
        assert not is_fresh(None, SPEC, "v1")


def test_the_first_size_is_the_default() -> None:
    assert [(spec.label, spec.width, spec.eager) for spec in DEFAULT_SPECS] == [
        ("small", 240, True),
        ("medium", 1024, True),
        ("large", 2560, False),
    ]
    assert {(spec.format, spec.quality) for spec in DEFAULT_SPECS} == {("jpeg", 82)}
    assert spec_for(None, DEFAULT_SPECS) is DEFAULT_SPECS[0]
    assert spec_for("large", DEFAULT_SPECS) is DEFAULT_SPECS[2]
    assert spec_for("huge", DEFAULT_SPECS) is None
    assert spec_for(None, ()) is None


class TestLitter:
    SHELF = Shelf("bucket", "thumbs/v2/")
    CAPTURE = "daaaaaaaaaa-aaaaaaaaaaaaaaaa"
    FOLDER = SHELF.folder(CAPTURE)

    def blob(self, stamp: str, age: timedelta, token: str = "") -> Blob:
        place = self.SHELF.place(self.CAPTURE, stamp, token)
        return Blob(place + blob_name("small", "ab" * 32, "webp"), NOW - age)

    def test_names_hold_prefix_stamp_token_and_digest(self) -> None:
        name = self.blob("0A.1", timedelta(), "t0").key
        folder = "thumbs/v2/daaaaaaaaaa/aaaaaaaaaaaaaaaa/"
        assert name == f"{folder}0A.1/t0/small-abababababababababab.webp"
        assert self.blob("", timedelta()).key == f"{folder}-/small-abababababababababab.webp"

    def found(self, *blobs: Blob, stamp: str | None, kept: frozenset[str] = frozenset()) -> list[str]:
        return litter(blobs, self.FOLDER, stamp, kept, NOW)

    def test_what_was_made_for_an_earlier_stamp_goes_at_once(self) -> None:
        old, token = self.blob("0A", timedelta()), self.blob("0A", timedelta(), "t")
        assert self.found(old, token, stamp="0B") == [old.key, token.key]
        assert self.found(old, token, stamp="0B", kept=frozenset({old.key})) == [token.key]

    def test_what_was_made_for_the_present_one_goes_when_no_attempt_can_be_under_way(self) -> None:
        for token in ("", "t"):
            assert self.found(self.blob("0A", ATTEMPT_OVER, token), stamp="0A") == []
            over = self.blob("0A", ATTEMPT_OVER + timedelta(seconds=1), token)
            assert self.found(over, stamp="0A") == [over.key]

    @pytest.mark.parametrize("stamp", [None, "", "0A"])
    def test_what_an_event_may_still_lead_to_is_left(self, stamp: str | None) -> None:
        assert self.found(self.blob("0B", EVENT_OVER), stamp=stamp) == []
        over = self.blob("0B", EVENT_OVER + timedelta(seconds=1))
        assert self.found(over, stamp=stamp) == [over.key]

    @given(st.text("0123456789ABCDEF.-", max_size=6), st.text("0123456789ABCDEF.-", max_size=6))
    def test_what_is_pointed_to_is_never_litter(self, stamp: str, present: str) -> None:
        blob = self.blob(stamp, timedelta(days=400))
        assert self.found(blob, stamp=present, kept=frozenset({blob.key})) == []
        assert self.found(blob, stamp=present) == [blob.key]


class TestAttempts:
    def test_the_first_may_try_and_others_wait_for_it(self) -> None:
        assert refusal(None, NOW) is None
        mine = claimed(None, "mine", NOW)
        assert (mine.tries, mine.until) == (1, NOW + CLAIM)
        assert is_under_way(mine, NOW)
        assert isinstance(refusal(mine, NOW), Busy)
        assert not is_under_way(mine, NOW + CLAIM)
        assert refusal(mine, NOW + CLAIM) is None  # it is taken for dead

    @pytest.mark.parametrize(
        "error",
        [SourceGone("gone"), SourceSlow("slow"), Unreadable("bad"), Conflict("new"), StorageFault("no")],
        ids=lambda error: type(error).__name__,
    )
    def test_a_failure_is_told_again_until_it_may_be_tried_again(self, error: Exception) -> None:
        after = failed(claimed(None, "mine", NOW), error, NOW)
        told = refusal(after, NOW + SOONEST - timedelta(microseconds=1))
        assert (type(told), str(told)) == (type(error), str(error))
        assert not is_under_way(after, NOW)
        assert refusal(after, NOW + SOONEST) is None

    def test_what_is_no_expected_error_is_told_as_a_fault_without_its_insides(self) -> None:
        for error in (ValueError("secret"), Invalid("odd")):
            after = failed(claimed(None, "mine", NOW), error, NOW)
            assert isinstance(refusal(after, NOW), StorageFault)
        assert "secret" not in str(refusal(failed(claimed(None, "m", NOW), ValueError("secret"), NOW), NOW))

    def test_each_failure_doubles_the_wait_up_to_a_day(self) -> None:
        attempt, waits, now = None, [], NOW
        for _ in range(40):
            attempt = failed(claimed(attempt, "mine", now), SourceGone("gone"), now)
            waits.append(attempt.until - now)
            now = attempt.until
        assert waits[:3] == [SOONEST, 2 * SOONEST, 4 * SOONEST]
        assert waits == sorted(waits)
        assert waits[-1] == LATEST

    def test_attempts_that_end_without_a_word_become_rare_too(self) -> None:
        dead = Attempt("a", 2, NOW)
        assert refusal(dead, NOW) is None
        dead = Attempt("a", 3, NOW)
        assert isinstance(refusal(dead, NOW), Busy)
        assert refusal(dead, NOW + SOONEST) is None
        assert isinstance(refusal(Attempt("a", 9, NOW), NOW + SOONEST), Busy)


class TestConfiguration:
    def test_without_any_there_are_the_defaults(self) -> None:
        assert configured(None) == configured("") == configured("{}") == ("thumbnails/", DEFAULT_SPECS)

    def test_what_is_left_out_is_as_in_the_defaults(self) -> None:
        sizes = {
            "tiny": 96,
            "medium": {"width": 960, "format": "webp", "quality": 70},
            "large": {"width": 2000},
            "huge": {"width": 4000, "eager": False},
        }
        prefix, specs = configured(json.dumps({"prefix": "thumbs/v2/", "sizes": sizes}))
        assert prefix == "thumbs/v2/"
        assert specs == (
            ThumbnailSpec("tiny", 96, "jpeg", 82, eager=True),
            ThumbnailSpec("medium", 960, "webp", 70, eager=True),
            ThumbnailSpec("large", 2000, "jpeg", 82, eager=False),
            ThumbnailSpec("huge", 4000, "jpeg", 82, eager=False),
        )

    def test_there_may_be_none(self) -> None:
        assert configured('{"sizes": {}}') == ("thumbnails/", ())

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("{", "not JSON"),
            ("[]", "dictionary"),
            ('{"size": {}}', "size: Extra"),
            ('{"sizes": {"small": 0}}', "sizes.small.width"),
            ('{"sizes": {"small": true}}', "sizes.small"),
            ('{"sizes": {"small": "240"}}', "sizes.small"),
            ('{"sizes": {"small": {"width": 240, "height": 9}}}', "sizes.small.height"),
            ('{"sizes": {"small": {"width": 240, "format": "gif"}}}', "sizes.small.format"),
            ('{"sizes": {"small": {"width": 240, "quality": 100}}}', "sizes.small.quality"),
            ('{"sizes": {"S/../x": 240}}', "S/../x"),
            ('{"prefix": ""}', "prefix"),
            ('{"prefix": "../"}', "prefix"),
            ('{"prefix": "thumbnails"}', "prefix"),
        ],
    )
    def test_what_is_wrong_is_told_with_its_place(self, text: str, told: str) -> None:
        with pytest.raises(RuntimeError, match="NIGHTJAR_THUMBNAILS cannot be used") as caught:
            configured(text)
        assert told in str(caught.value)
