"""Where the wearer's hands arrive, and where gaze lay relative to that place shortly before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.gaze.slip import SlipDetector
from gaze_vlm_ros.geometry.transforms import invert_transform
from gaze_vlm_ros.types import NS_PER_S, GazeSample, WearerState

LOOKED_AT_WITHIN_S = 0.8
"""How long before the hand arrives gaze is asked for: it comes to the thing before the hand does, and may leave."""


@dataclass(frozen=True)
class ReachSettings:
    """A hand that went ``least_way_m`` or more and then stays within ``rest_m`` for ``rest_s`` has arrived; not so
    where it had rested before, within ``known_m`` of the place, during the last ``known_s``. ``smooth`` positions are
    averaged."""

    least_way_m: float = 0.12
    rest_m: float = 0.04
    rest_s: float = 0.15
    smooth: int = 5
    known_m: float = 0.10
    known_s: float = 60.0


class _Hand:
    """One hand: where it rested last, and where it may have come to rest now."""

    def __init__(self, settings: ReachSettings) -> None:
        self._settings = settings
        self._rested: deque[tuple[int, np.ndarray]] = deque()
        self._newest: deque[np.ndarray] = deque(maxlen=settings.smooth)
        self._since: tuple[int, np.ndarray] | None = None
        self._is_known = False

    def arrived(self, stamp_ns: int, seen_m: np.ndarray) -> tuple[int, np.ndarray] | None:
        """When and where it came to rest, once that is sure, for a place to which it does not return."""
        if not np.isfinite(seen_m).all():
            self._since = None
            self._newest.clear()
            return None
        one = self._settings
        self._newest.append(seen_m)
        position_m = np.mean(self._newest, axis=0)
        if self._since is None or np.linalg.norm(position_m - self._since[1]) > one.rest_m:
            self._since, self._is_known = (stamp_ns, position_m), False
            return None
        if self._is_known or stamp_ns - self._since[0] < one.rest_s * NS_PER_S:
            return None
        self._is_known = True
        began_ns, place = self._since
        while self._rested and began_ns - self._rested[0][0] > one.known_s * NS_PER_S:
            self._rested.popleft()
        ways = [float(np.linalg.norm(place - before)) for _, before in self._rested]
        self._rested.append((began_ns, place))
        far = bool(ways) and ways[-1] >= one.least_way_m
        return (began_ns, place) if far and min(ways) > one.known_m else None


class SlipWatch:
    """Feeds a SlipDetector from gaze samples and wearer states, both in order of their stamps."""

    def __init__(self, detector: SlipDetector | None = None, settings: ReachSettings | None = None) -> None:
        self._detector = detector or SlipDetector()
        settings = settings or ReachSettings()
        self._hands = _Hand(settings), _Hand(settings)
        self._rays: deque[tuple[int, np.ndarray]] = deque()
        self._heads: deque[tuple[int, np.ndarray]] = deque()
        self.reaches = 0
        self.shift_rad: np.ndarray | None = None
        """The slip that is told now, (2,) to the right and down [rad]; None: there is none to tell."""

    def on_gaze(self, samples: Iterable[GazeSample]) -> None:
        """Takes in valid samples; others are left out."""
        self._rays.extend((sample.stamp_ns, sample.ray) for sample in samples if sample.valid)
        _forget(self._rays)

    def on_wearer(self, wearer: WearerState) -> None:
        """Takes in head and hands; a hand that has arrived is a reach."""
        self._heads.append((wearer.stamp_ns, wearer.base_T_head))
        _forget(self._heads)
        for hand, position_m in zip(self._hands, (wearer.left_hand_m, wearer.right_hand_m), strict=True):
            arrival = hand.arrived(wearer.stamp_ns, np.asarray(position_m, dtype=np.float64))
            if arrival is not None:
                self.reaches += 1
                self.shift_rad = self._detector.reached(self._offsets(*arrival))

    def _offsets(self, stamp_ns: int, place_m: np.ndarray) -> np.ndarray:
        """(n, 2) angles from the place to each gaze ray of the time before, seen from where the head was then."""
        first_ns = stamp_ns - round(LOOKED_AT_WITHIN_S * NS_PER_S)
        heads_ns = np.array([at_ns for at_ns, _ in self._heads])
        offsets = []
        for at_ns, ray in self._rays:
            if first_ns <= at_ns <= stamp_ns:
                base_T_head = self._heads[int(np.argmin(np.abs(heads_ns - at_ns)))][1]
                seen = (invert_transform(base_T_head) @ np.append(place_m, 1.0))[:3]
                if seen[2] > 0.0 and ray[2] > 0.0:
                    offsets.append(_angles(ray) - _angles(seen))
        return np.array(offsets).reshape(-1, 2)


def _angles(direction: np.ndarray) -> np.ndarray:
    """To the right and down [rad] of a direction in an optical frame."""
    return np.arctan2(direction[:2], direction[2])


def _forget(items: deque[tuple[int, np.ndarray]]) -> None:
    while items and items[-1][0] - items[0][0] > 3 * NS_PER_S:
        items.popleft()
