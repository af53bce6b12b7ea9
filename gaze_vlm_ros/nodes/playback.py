"""When the next item of a source is due: in its own rhythm, and never far ahead of those who use it."""

from __future__ import annotations

import threading
import time

from gaze_vlm_ros.types import NS_PER_S

AHEAD_S = 3.0
"""Of recorded time that may have been played without being used."""
PATIENCE_S = 10.0


class Pace:
    """Waits between the items of a recording.

    ``used_ns`` is told how far the listeners have come; a listener that gets no further for ``PATIENCE_S`` is not
    waited for any more.
    """

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._began_s = 0.0
        self._first_ns: int | None = None
        self._used = threading.Condition()
        self._used_ns: int | None = None
        self.gave_up = False

    def used(self, stamp_ns: int) -> None:
        """Everything up to ``stamp_ns`` was used."""
        with self._used:
            self._used_ns = stamp_ns
            self._used.notify()

    def wait(self, stamp_ns: int, halt: threading.Event) -> bool:
        """Waits until the item stamped ``stamp_ns`` is due; False where ``halt`` was set meanwhile."""
        if self._first_ns is None:
            self._first_ns, self._began_s = stamp_ns, time.monotonic()
        due_s = self._began_s + (stamp_ns - self._first_ns) / NS_PER_S / self._rate
        if halt.wait(max(0.0, due_s - time.monotonic())):
            return False
        self._began_s += self._wait_for_users(stamp_ns, halt)
        return not halt.is_set()

    def _wait_for_users(self, stamp_ns: int, halt: threading.Event) -> float:
        """How long [s] it waited; exactly 0 where it did not, for microseconds at each item add up."""
        with self._used:
            if not self._lags(stamp_ns):
                return 0.0
            began_s = progress_s = time.monotonic()
            used_ns = self._used_ns
            while self._lags(stamp_ns) and not halt.is_set():
                self._used.wait(0.2)
                if self._used_ns != used_ns:
                    used_ns, progress_s = self._used_ns, time.monotonic()
                self.gave_up = time.monotonic() - progress_s > PATIENCE_S
        return time.monotonic() - began_s

    def _lags(self, stamp_ns: int) -> bool:
        """Whether somebody uses the items at all, and is far behind."""
        return not self.gave_up and self._used_ns is not None and stamp_ns - self._used_ns > AHEAD_S * NS_PER_S
