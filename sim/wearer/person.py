"""In what one wearer differs from another: pace, habits of looking, eyes and head."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.sim.eyes.traits import EyeTraits


@dataclass(frozen=True)
class GazeHabits:
    """How a person looks while doing things. Shares are probabilities per step, times seconds.

    The gaze lead (gaze reaches a thing before the hand sets out for it) is log-normal. Published: gaze came 0.56 s
    before the first sign of handling and went on 0.61 s before handling was over, with about 7 fixations in the 3.3 s
    of one act (Land, Mennie and Rusted 1999); look-aheads came before 20 % of the reaches, about 3 s ahead (Mennie,
    Hayhoe and Sullivan 2007). The other numbers are ours.
    """

    lead_median_s: float = 0.64
    lead_spread: float = 0.35
    """Standard deviation of the lead's logarithm."""
    fixation_median_s: float = 0.38
    fixation_spread: float = 0.5
    """Of the logarithm of a fixation's duration."""
    leave_before_s: float = 0.45
    leave_after_s: float = 0.05
    """Gaze leaves a place between so long before and so long after the thing has landed on it."""
    look_ahead: float = 0.2
    follow_hand: float = 0.15
    check: float = 0.3
    distraction: float = 0.12
    scans: float = 2.0
    """Mean number of fixations on other things before one is chosen, when the wearer pauses between two steps."""
    scans_straight_on: float = 0.5
    """The same when one step follows the other at once."""
    robot_glance: float = 0.5
    """Share of the robot's movements that draw a glance."""
    scatter_m: float = 0.011
    """How far from the middle of a thing a fixation lands (1 sigma per axis)."""

    def lead_s(self, rng: np.random.Generator) -> float:
        return float(np.clip(rng.lognormal(math.log(self.lead_median_s), self.lead_spread), 0.1, 1.6))

    def fixation_s(self, rng: np.random.Generator) -> float:
        return float(np.clip(rng.lognormal(math.log(self.fixation_median_s), self.fixation_spread), 0.09, 2.0))

    def scanning_s(self, rng: np.random.Generator, straight_on: bool) -> float:
        """Time spent on other things before one is chosen."""
        mean = self.scans_straight_on if straight_on else self.scans
        return sum(self.fixation_s(rng) for _ in range(rng.poisson(mean)))


@dataclass(frozen=True)
class Person:
    """One wearer. ``pace`` stretches all durations of the hand, ``straight_on`` is the share of steps that follow the
    one before without the hand going back to rest.
    """

    eyes: EyeTraits = EyeTraits()
    habits: GazeHabits = GazeHabits()
    pace: float = 1.0
    straight_on: float = 0.6

    @classmethod
    def sample(cls, rng: np.random.Generator, eye_head_coupling: float = 1.0) -> Person:
        """A person drawn at random."""
        eyes = EyeTraits.sample(rng, eye_head_coupling)
        habits = GazeHabits(
            lead_median_s=float(rng.uniform(0.55, 0.75)),
            fixation_median_s=float(rng.uniform(0.33, 0.43)),
            look_ahead=float(rng.uniform(0.12, 0.28)),
            follow_hand=float(rng.uniform(0.05, 0.25)),
            check=float(rng.uniform(0.15, 0.45)),
            distraction=float(rng.uniform(0.05, 0.2)),
            scans=float(rng.uniform(1.2, 2.8)),
            scans_straight_on=float(rng.uniform(0.2, 0.8)),
            robot_glance=float(rng.uniform(0.3, 0.7)),
        )
        return cls(eyes, habits, pace=float(rng.uniform(0.85, 1.2)), straight_on=float(rng.uniform(0.4, 0.8)))
