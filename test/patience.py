"""Waiting in tests, on machines that may stand still for seconds."""

import time
from collections.abc import Iterator

_LONGEST_STEP_S = 0.25


def patience(seconds: float) -> Iterator[None]:
    """Yields until ``seconds`` have passed; of a step that took longer, only the first quarter of a second counts.

    A shared machine can freeze for longer than any deadline: what is waited for then never had its chance.
    """
    waited, last = 0.0, time.monotonic()
    while waited < seconds:
        yield
        now = time.monotonic()
        waited += min(now - last, _LONGEST_STEP_S)
        last = now
