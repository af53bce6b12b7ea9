"""Where each thing was last seen, from the gaze targets that bear its name."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.policies.fresh import is_fresh, is_late
from gaze_vlm_ros.types import NS_PER_S, GazeTarget

_PUT_SIGMA_M = 0.03
"""How surely a thing is where the robot has put it."""
_LEAST_SIGMA_M = 0.001


@dataclass(frozen=True)
class MemorySettings:
    """When an observation counts and how long it lasts."""

    largest_sigma_m: float = 0.10
    drift_m_sqrt_s: float = 0.01
    gate_sigmas: float = 4.0
    least_gate_m: float = 0.06
    max_age_s: float = 30.0
    look_gap_s: float = 0.6

    def __post_init__(self) -> None:
        for name in ("largest_sigma_m", "gate_sigmas", "least_gate_m", "max_age_s", "look_gap_s"):
            if not getattr(self, name) > 0.0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not self.drift_m_sqrt_s >= 0.0:
            raise ValueError(f"drift_m_sqrt_s must not be negative, got {self.drift_m_sqrt_s}")


@dataclass(frozen=True)
class KnownThing:
    """A thing's position (3,) [m] and covariance (3, 3) [m^2] in the robot's base, and when it was last looked at.
    ``brought``: the robot has put it there."""

    label: str
    position_m: np.ndarray
    covariance_m2: np.ndarray
    seen_ns: int
    brought: bool = False

    @property
    def sigma_m(self) -> float:
        """The largest 1-sigma of the position in any direction [m]."""
        return float(np.sqrt(np.linalg.eigvalsh(self.covariance_m2)[-1]))


class ThingMemory:
    """One estimate per label: a Kalman filter of a point that may drift.

    An observation far from the estimate is kept aside; a second one that agrees with it replaces the estimate. So a
    single wrong label moves nothing, and a thing that was carried away is found again at the second look.
    """

    def __init__(self, settings: MemorySettings | None = None) -> None:
        self.settings = settings or MemorySettings()
        self._known: dict[str, KnownThing] = {}
        self._doubted: dict[str, KnownThing] = {}
        self._looked: tuple[str, int, int] = ("", 0, 0)
        """The thing looked at last, since when without another in between, and until when."""

    def observe(self, target: GazeTarget) -> None:
        """Takes in a gaze target; one without label, with a bad or too uncertain position, or late, is left out."""
        self._look(target.label, target.stamp_ns)
        seen = _thing(target)
        if seen is None or seen.sigma_m > self.settings.largest_sigma_m:
            return
        known = self._known.get(seen.label)
        if known is None:
            self._known[seen.label] = seen
        elif is_late(seen.seen_ns, known.seen_ns):
            return
        elif seen.seen_ns < known.seen_ns:
            self._known[seen.label] = seen
        elif self._agrees(known, seen):
            self._known[seen.label] = self._fuse(known, seen)
            self._doubted.pop(seen.label, None)
        elif (doubted := self._doubted.get(seen.label)) is not None and self._agrees(doubted, seen):
            self._known[seen.label] = self._fuse(doubted, seen)
            del self._doubted[seen.label]
        else:
            self._doubted[seen.label] = seen

    def put(self, label: str, place_m: np.ndarray, now_ns: int) -> None:
        """The robot itself has put ``label`` at ``place_m`` (2,); its height is as it was."""
        known = self._known.get(label)
        height = known.position_m[2] if known is not None else 0.0
        covariance = _PUT_SIGMA_M**2 * np.eye(3)
        self._known[label] = KnownThing(label, np.array([*place_m, height]), covariance, now_ns, brought=True)
        self._doubted.pop(label, None)

    def find(self, label: str, now_ns: int) -> KnownThing | None:
        """The thing where its position is known and fresh, else None."""
        known = self._known.get(label)
        return known if known is not None and is_fresh(known.seen_ns, now_ns, self.settings.max_age_s) else None

    @property
    def looked(self) -> tuple[str, int]:
        """The thing looked at last, and when; ("", 0) before the first look."""
        return self._looked[0], self._looked[2]

    def dwell_s(self, label: str, now_ns: int) -> float:
        """How long [s] the wearer has been looking at ``label``; 0 where the last look was at something else, or is
        longer ago than ``look_gap_s``."""
        looked, since_ns, until_ns = self._looked
        if looked != label or not is_fresh(until_ns, now_ns, self.settings.look_gap_s):
            return 0.0
        return (until_ns - since_ns) / NS_PER_S

    def _look(self, label: str, stamp_ns: int) -> None:
        looked, since_ns, until_ns = self._looked
        if is_late(stamp_ns, until_ns):
            return
        goes_on = label == looked and 0 <= stamp_ns - until_ns <= self.settings.look_gap_s * NS_PER_S
        self._looked = label, since_ns if goes_on else stamp_ns, stamp_ns

    def things(self, now_ns: int) -> list[KnownThing]:
        """Everything that is known and fresh, by label."""
        return [thing for label in sorted(self._known) if (thing := self.find(label, now_ns)) is not None]

    def _drifted(self, known: KnownThing, now_ns: int) -> np.ndarray:
        seconds = max(0.0, (now_ns - known.seen_ns) / NS_PER_S)
        return known.covariance_m2 + seconds * self.settings.drift_m_sqrt_s**2 * np.eye(3)

    def _agrees(self, known: KnownThing, seen: KnownThing) -> bool:
        way = seen.position_m - known.position_m
        if np.linalg.norm(way) <= self.settings.least_gate_m:
            return True
        spread = self._drifted(known, seen.seen_ns) + seen.covariance_m2
        return float(way @ np.linalg.solve(spread, way)) <= self.settings.gate_sigmas**2

    def _fuse(self, known: KnownThing, seen: KnownThing) -> KnownThing:
        prior = self._drifted(known, seen.seen_ns)
        gain = np.linalg.solve((prior + seen.covariance_m2).T, prior.T).T
        left = np.eye(3) - gain
        # Joseph's form stays symmetric and positive however often it is applied.
        covariance = left @ prior @ left.T + gain @ seen.covariance_m2 @ gain.T
        position = known.position_m + gain @ (seen.position_m - known.position_m)
        return KnownThing(seen.label, position, covariance, seen.seen_ns, known.brought)


def _thing(target: GazeTarget) -> KnownThing | None:
    position, covariance = np.asarray(target.position_m, float), np.asarray(target.covariance_m2, float)
    if not target.label or position.shape != (3,) or covariance.shape != (3, 3):
        return None
    if not (np.isfinite(position).all() and np.isfinite(covariance).all()):
        return None
    covariance = 0.5 * (covariance + covariance.T)
    variances, axes = np.linalg.eigh(covariance)
    if variances[-1] <= 0.0 or variances[0] < -(_LEAST_SIGMA_M**2):
        return None
    # A point on a surface that is known exactly has no spread across it; the filter needs some.
    covariance = (axes * np.maximum(variances, _LEAST_SIGMA_M**2)) @ axes.T
    return KnownThing(target.label, position, covariance, target.stamp_ns)
