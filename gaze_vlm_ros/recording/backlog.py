"""The bounded queue between those who record and the thread that writes."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True)
class QueuedMessage:
    """One message on its way to the file."""

    topic: str
    sequence: int
    data: bytes
    stamp_ns: int
    log_ns: int


class Backlog:
    """Queue bounded by the bytes it holds. It refuses rather than blocks; thread-safe."""

    def __init__(self, capacity_bytes: int) -> None:
        self._capacity_bytes = capacity_bytes
        self._messages: deque[QueuedMessage] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, message: QueuedMessage) -> bool:
        """Queue a message; False where it is closed or full. A message is never too large for an empty queue."""
        with self._changed:
            full = self._messages and self._bytes + len(message.data) > self._capacity_bytes
            if self._closed or full:
                return False
            self._messages.append(message)
            self._bytes += len(message.data)
            self._changed.notify()
            return True

    def take(self, timeout_s: float) -> QueuedMessage | None:
        """The oldest message; None where none came in time or none will come any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._messages or self._closed, timeout_s)
            if not self._messages:
                return None
            message = self._messages.popleft()
            self._bytes -= len(message.data)
            return message

    def close(self) -> None:
        """Refuse further messages; those that are queued can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def finished(self) -> bool:
        """True when it is closed and empty."""
        with self._changed:
            return self._closed and not self._messages
