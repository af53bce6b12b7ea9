"""Every place the arm must keep away from, each as one number: how much there is to spare.

A number is positive while all is well; below zero, the arm may only move so that it does not fall further. NaN, from
kinematics that fail, is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.robots.clearance import box_distances, link_distances, separable_links
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.safety.separation import PARTS, SeparationSettings
from gaze_vlm_ros.types import WearerState

MARGIN_M = 0.005
"""Kept free beyond every distance: between the positions that are checked the arm may come nearer by that much."""
_ROUNDING = 1e-9


@dataclass(frozen=True)
class ArmShape:
    """How joint positions (n,) become places in the base frame.

    ``link_points`` gives the arm as a chain of points (k, 3), tool last. ``link_radius_m`` (k - 1,) holds the radius
    of each segment, empty for a thin arm that is not checked against itself. ``tool_jacobian`` gives the (3, n) change
    of the tool's position [m/rad]; without it singularities are not looked at.
    """

    link_points: Callable[[np.ndarray], np.ndarray]
    link_radius_m: Sequence[float] = ()
    tool_jacobian: Callable[[np.ndarray], np.ndarray] | None = None


class Clearances:
    """The rows: workspace of the tool, parts of the wearer, keep-out boxes, the arm itself, singularity.

    ``at_rad`` are joint positions (n,) at which the arm's links are laid out to see which of them can touch at all.
    Raises ValueError where the radii do not fit the chain.
    """

    def __init__(
        self,
        shape: ArmShape,
        at_rad: np.ndarray,
        workspace: Box,
        separation: SeparationSettings,
        keep_out: Sequence[Box] = (),
        least_manipulability_m: float = 0.0,
    ) -> None:
        chain = np.asarray(shape.link_points(at_rad))
        self._radius_m = np.array(shape.link_radius_m or np.zeros(len(chain) - 1))
        if self._radius_m.shape != (len(chain) - 1,):
            raise ValueError(
                f"the arm has {len(chain) - 1} segments, but {self._radius_m.size} values of link_radius_m"
            )
        self._shape, self._workspace, self._separation = shape, workspace, separation
        self._keep_out, self._least = tuple(keep_out), least_manipulability_m
        self._first, self._second = separable_links(chain, self._radius_m)
        self._reach = self._radius_m[self._first] + self._radius_m[self._second] + MARGIN_M

    def of(self, positions_rad: np.ndarray, wearer: WearerState | None) -> Clearance:
        """For joint positions (c, n) on one way, the first of them being where the arm is."""
        chains = np.array([self._shape.link_points(q) for q in positions_rad])
        tool = chains[:, -1]
        rows = [np.minimum(tool - self._workspace.lower_m, self._workspace.upper_m - tool).min(axis=1)]
        swept, words = [False], ["the tool would leave its workspace"]
        nearest_m, part = float("inf"), ""
        if wearer is not None:
            away = self._separation.distances(chains, wearer).T
            rows.extend(away - (self._separation.stop_m + MARGIN_M))
            swept += [True] * len(PARTS)
            words += [f"the arm would come too close to the wearer's {name}" for name in PARTS]
            nearest = int(away[:, 0].argmin())
            nearest_m, part = float(away[nearest, 0]), PARTS[nearest] if np.isfinite(away[nearest, 0]) else ""
        for number, box in enumerate(self._keep_out):
            rows.append((box_distances(chains, box) - self._radius_m).min(axis=1) - MARGIN_M)
            swept.append(True)
            words.append(f"the arm would enter keep-out volume {number}")
        if len(self._first):
            rows.append((link_distances(chains, self._first, self._second) - self._reach).min(axis=1))
            swept.append(True)
            words.append("the arm would touch itself")
        if self._shape.tool_jacobian is not None:
            rows.append(self._manipulability(positions_rad) - self._least)
            swept.append(False)
            words.append("the arm would come too close to a singularity")
        step = np.diff(chains, axis=0)
        way_m = np.sqrt((step * step).sum(-1).max(-1))
        return Clearance(np.array(rows), np.array(swept), way_m, tuple(words), nearest_m, part)

    def _manipulability(self, positions_rad: np.ndarray) -> np.ndarray:
        """(c,) least speed of the tool [m/s] in any direction at a joint speed of 1 rad/s: the smallest singular value.

        Looked at where the arm is and where it will rest; in between the first of them counts.
        """
        here, last = (_smallest_singular_value(self._shape.tool_jacobian(positions_rad[i])) for i in (0, -1))
        return np.array([here] * (len(positions_rad) - 1) + [last])


def _smallest_singular_value(jacobian: np.ndarray) -> float:
    """Of (3, n); NaN where something in it is no number."""
    if not np.isfinite(jacobian).all():
        return float("nan")
    return float(np.sqrt(max(np.linalg.eigvalsh(jacobian @ jacobian.T)[0], 0.0)))


@dataclass(frozen=True)
class Clearance:
    """What is to spare in each of m ways (m, c) at c joint positions, ``way_m`` (c - 1,) the longest way of any point
    of the arm between them. ``nearest_m`` is the distance from the wearer's ``part`` that is nearest now.
    """

    spare: np.ndarray
    swept: np.ndarray
    way_m: np.ndarray
    words: tuple[str, ...]
    nearest_m: float
    part: str

    def problem(self) -> str:
        """What forbids to go along, in words; "" for nothing.

        A distance cannot change by more than the way of the arm. So between two positions it is at least half of what
        the sum of both leaves above that way, and must there stay above where it may be at the ends, less the margin.
        """
        allowed = np.minimum(self.spare[:, :1], 0.0)
        at_ends = self.spare[:, 1:] >= allowed - _ROUNDING
        between = 0.5 * (self.spare[:, :-1] + self.spare[:, 1:] - self.way_m)
        kept = at_ends & ((between >= allowed - MARGIN_M) | ~self.swept[:, None])
        # Where the arm is now has to be known, too: NaN makes every comparison false.
        bad = ~kept.all(axis=1)
        return self.words[int(bad.argmax())] if bad.any() else ""
