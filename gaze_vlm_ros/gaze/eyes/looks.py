"""One look at a target of known direction: is it usable, and if not, why not?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.gaze.eyes.corrections import CalibrationError
from gaze_vlm_ros.gaze.eyes.frames import yaw_pitch_of

LEAST_PICTURES = 5
LEAST_VALID = 0.5
LARGEST_SPREAD_RAD = np.radians(2.5)
"""1-sigma of gaze about one target in a second: a fixation stays below, noise of the estimator and all."""
_FAR_OFF_RAD = np.radians(10.0)
_FAR_OFF_FROM = 4


@dataclass(frozen=True, eq=False)
class PicturedLook:
    """Pictures of one moment: ``left``, ``right`` (H, W) uint8 or None; ``true`` (2, 3): where the eyes should look."""

    left: np.ndarray | None
    right: np.ndarray | None
    true: np.ndarray


@dataclass(frozen=True, eq=False)
class TargetLook:
    """What was seen of both eyes in n pictures while one target was shown.

    ``estimated`` and ``true`` (n, 2, 3): unit directions of the left and the right eye in the rig frame; estimated ones
    are NaN where the eye gave none, for one of the ``reasons``, in words. ``middle`` is a moment in the middle of them.
    """

    name: str
    estimated: np.ndarray
    true: np.ndarray
    reasons: tuple[str, ...] = ()
    middle: PicturedLook | None = None

    def of_eye(self, eye: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Mean estimated and true direction (3,) of eye 0 (left) or 1; None where it is not usable."""
        return None if self._problem_of(eye) else tuple(_mean(part) for part in self._valid(eye))

    @property
    def problem(self) -> str:
        """Why neither eye's look is usable; "" where one is."""
        if len(self.estimated) < LEAST_PICTURES:
            return f"only {len(self.estimated)} pictures{self._why}"
        problems = [self._problem_of(eye) for eye in (0, 1)]
        return "" if not all(problems) else problems[0] if problems[0] == problems[1] else " and ".join(problems)

    def _valid(self, eye: int) -> tuple[np.ndarray, np.ndarray]:
        valid = np.isfinite(self.estimated[:, eye]).all(axis=1)
        return self.estimated[valid, eye], self.true[valid, eye]

    @property
    def _why(self) -> str:
        """The most frequent reason in brackets."""
        return f" ({Counter(self.reasons).most_common(1)[0][0]})" if self.reasons else ""

    def _problem_of(self, eye: int) -> str:
        estimated, true = self._valid(eye)
        side = ("left", "right")[eye]
        if len(estimated) < max(LEAST_PICTURES, LEAST_VALID * len(self.estimated)):
            return f"{side} eye seen in {len(estimated)} of {len(self.estimated)} pictures{self._why}"
        off = yaw_pitch_of(estimated) - yaw_pitch_of(true)
        spread = float(np.linalg.norm(off.std(axis=0)))
        return f"{side} eye's gaze wandered by {np.degrees(spread):.1f} deg" if spread > LARGEST_SPREAD_RAD else ""


def usable_looks(looks: Sequence[TargetLook], least: int) -> list[TargetLook]:
    """The looks that can be used; CalibrationError where they are fewer than ``least``, or not more than half.

    From four looks on, one whose gaze lies far off where the others have it was no look at its target.
    """
    problems = {look.name: look.problem for look in looks}
    good = [look for look in looks if not problems[look.name]]
    for look in _far_off(good):
        problems[look.name] = "gaze lay elsewhere than at the other targets; look at the target until it moves on"
    good = [look for look in good if not problems[look.name]]
    if len(good) >= least and 2 * len(good) > len(looks):
        return good
    said = "; ".join(f"{name}: {problem}" for name, problem in problems.items() if problem)
    if said:
        raise CalibrationError(f"{len(looks) - len(good)} of {len(looks)} looks unusable: {said}")
    raise CalibrationError(f"{len(looks)} looks are too few, this method needs {least}; use more targets")


def _far_off(looks: Sequence[TargetLook]) -> list[TargetLook]:
    if len(looks) < _FAR_OFF_FROM:
        return []
    errors = np.array([_error(look) for look in looks])
    far = np.linalg.norm(errors - np.median(errors, axis=0), axis=1) > _FAR_OFF_RAD
    return [look for look, is_far in zip(looks, far, strict=True) if is_far]


def _error(look: TargetLook) -> np.ndarray:
    """Yaw and pitch (2,) [rad] from the target to gaze, mean of the usable eyes."""
    pairs = [pair for pair in (look.of_eye(0), look.of_eye(1)) if pair is not None]
    return np.mean([yaw_pitch_of(found) - yaw_pitch_of(true) for found, true in pairs], axis=0)


def _mean(directions: np.ndarray) -> np.ndarray:
    """Direction (3,) in the middle of (n, 3): a glance aside moves a median less than a mean."""
    middle = np.median(directions, axis=0)
    return middle / np.linalg.norm(middle)
