"""Every way to write what is found on captures, in any order, with a stream that repeats, reorders and
delays, and workers that die at any request: in the end every counter is what a brute force says."""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st
from study import DETECTOR, EVENING, Study, box
from world import Killed, Reaper

from chalicelib.aws.clock import now
from chalicelib.capture_sets import service as sets
from chalicelib.captures import service as captures
from chalicelib.detections import proposals
from chalicelib.errors import NotFound
from chalicelib.occurrences.rules import Identification
from localstack.embedded.engines import Engine

NAMES = ("Noctua pronuba", "Autographa gamma", "Apis mellifera")
SCORES = (0.1, 0.4, 0.5, 0.6, 1.0)


class Clock:
    """A clock that can be put forward, so that the leases of the dead expire."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead


class History:
    """What happens to a study, as chance will have it, while the stream is played as badly as it can be."""

    def __init__(self, study: Study, clock: Clock, chance: random.Random, reaper: Reaper) -> None:
        self.study, self.clock, self.chance, self.reaper = study, clock, chance, reaper
        self.said: list[Identification] = []
        self.held_back: list[dict[str, Any]] = []
        self.jobs = 0

    def says(self) -> None:
        """An algorithm looks at a capture, or at several, perhaps anew, perhaps for a job."""
        some = self.chance.sample(self.study.captures, self.chance.choice((1, 1, 3)))
        said = {each.id: self._boxes() for each in some}
        job = f"j{self.jobs:010}".replace("0", "a").replace("1", "b") if self.chance.random() < 0.3 else None
        self.study.say_many(said, replace=self.chance.random() < 0.4, algorithm=DETECTOR, job=job)

    def _boxes(self) -> list[Any]:
        numbers = self.chance.sample(range(4), self.chance.randrange(4))
        pick = self.chance.choice
        return [
            box(each, *([(pick(NAMES), pick(SCORES))] if self.chance.random() < 0.8 else []))
            for each in numbers
        ]

    def takes_back(self) -> None:
        """What a job has said of a capture is undone."""
        capture = self.chance.choice(self.study.captures)
        for job in {each.job for each in self._results(capture.id).detections if each.job}:
            proposals.undo(job, [capture.id])

    def _results(self, capture_id: str) -> Any:
        from chalicelib.detections import store

        return store.present(capture_id).results

    def identifies(self) -> None:
        """A person names an occurrence, or only comments on it."""
        found = self.study.boxes(self.chance.choice(self.study.captures))
        if found:
            name = self.chance.choice((*NAMES, None))
            self.said.append(self.study.identify(self.chance.choice(found), name, self.chance.choice("ab")))

    def withdraws(self) -> None:
        """A person takes a name back."""
        if self.said:
            self.study.withdraw(self.chance.choice(self.said))

    def moves(self) -> None:
        """A capture is dated elsewhere, or nowhere."""
        capture = self.chance.choice(self.study.captures)
        moment = EVENING + timedelta(minutes=self.chance.randrange(3000))
        with suppress(NotFound):
            captures.date(capture.id, self.chance.choice((moment, moment, None)))

    def goes(self) -> None:
        """A capture's photograph is deleted."""
        if self.chance.random() < 0.4:
            self.study.remove(self.chance.choice(self.study.captures))

    def gathers(self) -> None:
        """Captures are put into a set, or taken out."""
        some = [each.id for each in self.chance.sample(self.study.captures, 3)]
        found = sets.find(self.chance.choice(self.study.sets).id)
        if self.chance.random() < 0.4:
            sets.remove(found, some)
        else:
            with suppress(NotFound):
                sets.add(found, some)

    def filters(self) -> None:
        """The project's default filters change."""
        score = self.chance.choice((0.0, 0.45, 0.5, 0.9))
        taxa = [each for each in self.study.taxa.values() if self.chance.random() < 0.3]
        self.study.filter(score=score, exclude=tuple(sorted(taxa)))

    def plays(self) -> None:
        """Some of the stream comes, in any order, part of it twice, part of it only later."""
        records = self.held_back + self.study.world.records()
        self.chance.shuffle(records)
        cut = self.chance.randrange(len(records) + 1)
        self.held_back, coming = records[:cut], records[cut:]
        coming += self.chance.sample(coming, len(coming) // 2)
        self._until_accepted(coming)

    def _until_accepted(self, records: list[dict[str, Any]]) -> None:
        for _ in range(100):
            try:
                self.study.world.deliver(records)
            except Killed:
                self.reaper.revive()
                self.reaper.share *= 0.9  # of a large batch hardly anybody would ever come to the end
                continue
            self.reaper.revive()
            return
        raise AssertionError("the batch was never accepted")

    def happens(self, what: Callable[[], None]) -> None:
        """Whoever dies at it has done part of it, or all, or nothing; some try again."""
        for _ in range(self.chance.choice((1, 2))):
            try:
                what()
            except Killed:
                self.reaper.revive()
                continue
            break
        self.reaper.revive()

    def comes_to_rest(self) -> None:
        """Nobody dies any more; what the dead left behind is found by the watch."""
        self.reaper.share = 0.0
        self.study.world.deliver(self.held_back)
        for _ in range(4):
            self.study.world.drain()
            self.clock.ahead += timedelta(minutes=3)
            self.study.world.settling.overdue()
        self.study.world.drain()


HAPPENINGS = (
    History.says,
    History.says,
    History.takes_back,
    History.identifies,
    History.withdraws,
    History.moves,
    History.goes,
    History.gathers,
    History.filters,
    History.plays,
    History.plays,
)


@settings(
    max_examples=int(os.environ.get("NIGHTJAR_EXAMPLES", "6")),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # each takes seconds: too long to shrink
    print_blob=True,
)
@given(
    happenings=st.lists(st.sampled_from(HAPPENINGS), min_size=12, max_size=30),
    seed=st.integers(0, 2**32),
    share=st.sampled_from((0.0, 0.02, 0.06)),
)
def test_every_counter_is_what_the_facts_say(
    real_table: str,
    dynamodb_local: Engine,
    s3: Any,
    happenings: list[Callable[[History], None]],
    seed: int,
    share: float,
) -> None:
    chance, clock = random.Random(seed), Clock()
    study = Study(dynamodb_local.url, captures_per_station=4, now=clock)
    study.set_of(study.captures[:4])
    study.set_of(study.captures[2:])
    study.know(*NAMES)
    with Reaper(chance, 0.0) as reaper:
        history = History(study, clock, chance, reaper)
        for happening in happenings:
            note(happening.__name__)
            reaper.share = share
            history.happens(lambda happening=happening: happening(history))  # type: ignore[misc]
            reaper.share = 0.0
        history.comes_to_rest()
    study.check()


@pytest.mark.parametrize("seed", range(3))
def test_several_settlers_at_once_come_to_the_same(
    real_table: str, dynamodb_local: Engine, s3: Any, seed: int
) -> None:
    from concurrent.futures import ThreadPoolExecutor

    chance = random.Random(seed)
    study = Study(dynamodb_local.url, captures_per_station=5)
    study.set_of(study.captures)
    with ThreadPoolExecutor(6) as pool:
        for _ in range(4):
            some = chance.sample(study.captures, 6)
            said = [[box(number, (chance.choice(NAMES), 0.9)) for number in range(3)] for _ in some]
            list(pool.map(lambda one: study.say(one[0], *one[1], replace=True), zip(some, said, strict=True)))
            records = study.world.records()
            list(pool.map(study.world.deliver, [records[at::6] for at in range(6)] * 2))
    study.check()
