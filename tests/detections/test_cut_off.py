"""Saving that is cut off at any write, and done again: as if nothing had happened."""

from contextlib import suppress
from typing import Any

import pytest
from study import Study, box
from world import Killed

from chalicelib.aws.table import Row
from chalicelib.detections import store
from chalicelib.detections.rules import Classification, classification_id
from localstack.embedded.engines import Engine


class AtWrite:
    """Kills whoever makes the batch of writes of that number, before or after it is carried out."""

    def __init__(self, turn: int, moment: str) -> None:
        self.turn, self.moment, self.dead = turn, moment, False

    def __enter__(self) -> "AtWrite":
        self._events = Row._get_connection().connection.client.meta.events
        self._events.register_first(f"{self.moment}-call.dynamodb.BatchWriteItem", self._strike)
        return self

    def __exit__(self, *_: object) -> None:
        self._events.unregister(f"{self.moment}-call.dynamodb.BatchWriteItem", self._strike)

    def _strike(self, **_: object) -> None:
        self.turn -= 1
        if self.turn < 0 and not self.dead:
            self.dead = True
            raise Killed


@pytest.mark.parametrize("anew", [True, False])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("turn", range(2))
def test_what_is_cut_off_and_done_again_is_as_if_nothing_had_happened(
    real_table: str, dynamodb_local: Engine, s3: Any, turn: int, moment: str, anew: bool
) -> None:
    """A name is said otherwise, so what was made from it loses its ground; a box is no longer there."""
    study = Study(dynamodb_local.url, captures_per_station=2, stations=1)
    facts = []
    for capture in study.captures:
        study.say(capture, box(0, ("Noctua pronuba", 0.9)), box(1))
        [original] = store.present(capture.id).results.classifications
        own = classification_id(original.detection_id, "masking", [original.id])
        made = Classification(own, "masking", None, "x", 0.5, study.world.now(), replaces=(original.id,))
        store.keep([made])
        again = [box(0, ("Noctua pronuba", 0.4)), box(2, ("Apis mellifera", 0.8))]
        if capture is study.captures[0]:
            study.say(capture, *again, replace=anew)
        else:
            with AtWrite(turn, moment) as killer, suppress(Killed):
                study.say(capture, *again, replace=anew)
            assert killer.dead
            study.say(capture, *again, replace=anew)
        results = store.present(capture.id).results
        assert all(each.algorithm != "masking" for each in results.classifications)
        scores = sorted(each.score or 0.0 for each in results.classifications)
        facts.append((sorted(each.box.x1 for each in results.detections if each.box), scores))
    assert facts[0] == facts[1]
    study.check()
