"""A calibration as it goes on: one target after the other, what the wearer is told, and the looks that come of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate
from gaze_vlm_ros.gaze.eyes.looks import PicturedLook, TargetLook

TARGETS = (1, 5, 9)
_NO_PLACE = "the target's place is not known"


@dataclass(frozen=True)
class SessionSettings:
    """A target counts from ``settle_s`` after it is shown, for ``look_s``; it is given up after ``give_up_s``."""

    settle_s: float = 0.8
    look_s: float = 1.2
    give_up_s: float = 8.0


@dataclass(frozen=True, eq=False)
class _Seen:
    at_s: float
    pictures: tuple[np.ndarray | None, np.ndarray | None]
    estimated: np.ndarray
    true: np.ndarray
    reason: str


class CalibrationSession:
    """Shows ``targets`` one by one; give it every estimate that is made meanwhile, *before* any calibration.

    Times are of one steady clock [s]. A look that is not usable is tried again until ``give_up_s``, then kept as it is:
    what was wrong with it is told in the end.
    """

    def __init__(self, targets: int, now_s: float, settings: SessionSettings | None = None) -> None:
        self.targets, self.looks = targets, list[TargetLook]()
        self._settings = settings or SessionSettings()
        self._shown_s = now_s
        self._seen: deque[_Seen] = deque()
        self._trouble, self._nowhere = "", False

    @property
    def target(self) -> int:
        """The one shown now, from 0; ``targets`` once all were shown."""
        return len(self.looks)

    @property
    def done(self) -> bool:
        return self.target >= self.targets

    def seconds_left(self, now_s: float) -> float:
        """Until this target is given up."""
        return max(0.0, self._shown_s + self._settings.give_up_s - now_s)

    def message(self, now_s: float) -> str:
        """What the wearer should do, or why the look is not usable yet."""
        if self.done:
            return "that was the last target"
        ask = f"look at target {self.target + 1} of {self.targets}"
        late = now_s - self._shown_s > self._settings.settle_s + self._settings.look_s
        return f"{ask}: {self._trouble}" if late and self._trouble else ask

    def on_estimate(
        self,
        now_s: float,
        estimate: BinocularEstimate,
        true: np.ndarray | None,
        pictures: tuple[np.ndarray | None, np.ndarray | None] = (None, None),
    ) -> None:
        """One estimate; ``true`` (2, 3): the directions [rig] in which the eyes should look, None where unknown."""
        if self.done or now_s < self._shown_s + self._settings.settle_s:
            return
        self._nowhere = true is None
        if true is None:
            return
        sides = (estimate.left, estimate.right)
        estimated = np.array([np.full(3, np.nan) if side is None else side.direction for side in sides])
        reasons = [side.reason or side.state for side in sides if side is not None and not side.valid]
        reasons += ["no picture" for side in sides if side is None]
        self._seen.append(_Seen(now_s, pictures, estimated, true, reasons[0] if reasons else ""))
        while now_s - self._seen[0].at_s > self._settings.look_s:
            self._seen.popleft()

    def step(self, now_s: float) -> bool:
        """Goes on to the next target where it is time; True where it did."""
        if self.done or now_s < self._shown_s + self._settings.settle_s + self._settings.look_s:
            return False
        look = self._look()
        if look.problem and self.seconds_left(now_s) > 0.0:
            self._trouble = look.problem
            return False
        self.looks.append(look)
        self._seen.clear()
        self._shown_s, self._trouble, self._nowhere = now_s, "", False
        return True

    def _look(self) -> TargetLook:
        seen = list(self._seen)
        estimated = np.array([one.estimated for one in seen]).reshape(-1, 2, 3)
        true = np.array([one.true for one in seen]).reshape(-1, 2, 3)
        reasons = tuple(one.reason for one in seen if one.reason) + (_NO_PLACE,) * self._nowhere
        middle = seen[len(seen) // 2] if seen else None
        pictured = None if middle is None else PicturedLook(*middle.pictures, middle.true)
        return TargetLook(f"target {self.target + 1}", estimated, true, reasons, pictured)
