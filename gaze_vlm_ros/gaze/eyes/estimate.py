"""What an estimator says of one eye and of two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

State = Literal["open", "closed", "absent", "unusable"]
STATES: tuple[State, ...] = get_args(State)


@dataclass(frozen=True, eq=False)
class EyeEstimate:
    """``direction`` (3,), the visual axis as a unit vector in the rig frame; ``sigma_rad`` (2,), its 1-sigma in yaw and
    pitch; both NaN unless the eye is open. ``reason`` says why it is not, empty where it is.

    ``pupil_diameter_mm`` is NaN where it is unknown.
    """

    direction: np.ndarray
    sigma_rad: np.ndarray
    state: State
    reason: str = ""
    pupil_diameter_mm: float = float("nan")

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"no state named {self.state!r}; there are {', '.join(STATES)}")
        if (self.state == "open") == bool(self.reason):
            raise ValueError(f"an eye that is {self.state} with the reason {self.reason!r}: only an open one has none")

    @property
    def valid(self) -> bool:
        """Whether it says where the eye looks."""
        return self.state == "open"

    @classmethod
    def invalid(cls, state: State, reason: str) -> EyeEstimate:
        """One without a direction."""
        return cls(np.full(3, np.nan), np.full(2, np.nan), state, reason)


@dataclass(frozen=True)
class BinocularEstimate:
    """Both eyes at one moment; None for an eye that no picture came of."""

    left: EyeEstimate | None
    right: EyeEstimate | None

    @property
    def valid(self) -> bool:
        """Whether at least one eye says where it looks."""
        return any(eye is not None and eye.valid for eye in (self.left, self.right))
