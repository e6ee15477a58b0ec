"""Whether everything is done: no message waits, no handler runs, every change was read and handled."""

import time
from collections.abc import Sequence

from localstack.embedded.queue_pump import QueuePump
from localstack.embedded.schedule_pump import SchedulePump
from localstack.embedded.stream_pump import StreamPump

LOOK_SECONDS = 0.02


def wait_until_quiet(
    queues: Sequence[QueuePump],
    streams: Sequence[StreamPump],
    schedules: Sequence[SchedulePump],
    timeout: float,
) -> None:
    """Returns once nothing goes on; raises TimeoutError, naming what still does, after `timeout` seconds.

    A message may lead to a change and a change to a message. So everything must be idle, then the
    streams be read once more to their ends, and still be idle without any having begun meanwhile.
    """
    pumps = [*queues, *streams, *schedules]
    deadline = time.monotonic() + timeout
    while True:
        before = [pump.progress for pump in pumps]
        noise = _noise(queues, streams, schedules)
        if not noise and _empty_rounds(streams, deadline):
            noise = _noise(queues, streams, schedules)
            if not noise and before == [pump.progress for pump in pumps]:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"Not quiet after {timeout:g} s: {', '.join(noise) or 'it goes on and on'}.")
        time.sleep(LOOK_SECONDS)


def _noise(
    queues: Sequence[QueuePump], streams: Sequence[StreamPump], schedules: Sequence[SchedulePump]
) -> list[str]:
    running = [f"{pump.name} has {pump.busy} to do" for pump in [*queues, *streams, *schedules] if pump.busy]
    return running or [f"{pump.name} has messages" for pump in queues if not pump.empty()]


def _empty_rounds(streams: Sequence[StreamPump], deadline: float) -> bool:
    """Waits for two of each stream, as the first may have begun before we looked; False if time runs out."""
    wanted = [stream.empty_rounds + 2 for stream in streams]
    while any(stream.empty_rounds < rounds for stream, rounds in zip(streams, wanted, strict=True)):
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS)
    return True
