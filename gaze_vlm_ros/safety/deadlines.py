"""How long each input may be silent before the robot must not move. Times of the steady clock [s]."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Input(StrEnum):
    """What the governor can be told of."""

    JOINT_STATES = "joint_states"
    POLICY = "policy"
    GAZE_MESSAGES = "gaze_messages"
    VALID_GAZE = "valid_gaze"
    FRAMES = "frames"
    PREDICTIONS = "predictions"
    WEARER = "wearer"


ALWAYS_NEEDED = (Input.JOINT_STATES, Input.POLICY)


@dataclass(frozen=True)
class Deadlines:
    """The longest silence of each input [s], and which inputs the present mode needs.

    Joint states and the policy's heartbeat are always needed, whatever ``needed`` says. Raises ValueError.
    """

    needed: tuple[Input, ...] = ()
    joint_states_s: float = 0.05
    policy_s: float = 0.1
    gaze_messages_s: float = 0.15
    valid_gaze_s: float = 1.0
    frames_s: float = 0.3
    predictions_s: float = 0.75
    wearer_s: float = 0.3

    def __post_init__(self) -> None:
        object.__setattr__(self, "needed", tuple(dict.fromkeys((*ALWAYS_NEEDED, *map(Input, self.needed)))))
        for name in Input:
            if not 0.0 < self.of(name) < float("inf"):
                raise ValueError(f"{name.value}_s must be positive and finite, got {self.of(name)}")

    def of(self, name: Input) -> float:
        return getattr(self, f"{name.value}_s")

    def overdue(self, heard_s: Mapping[Input, float], now_s: float) -> str:
        """Which needed input is missing at ``now_s``, in words; "" where all are fresh."""
        for name in self.needed:
            if problem := self.silence(name, heard_s, now_s):
                return problem
        return ""

    def silence(self, name: Input, heard_s: Mapping[Input, float], now_s: float) -> str:
        what = name.value.replace("_", " ")
        if name not in heard_s:
            return f"no {what} yet"
        age_s = now_s - heard_s[name]
        # Written so that a NaN or a clock that runs backwards counts as silence.
        if not 0.0 <= age_s <= self.of(name):
            return f"no {what} for {age_s:.2f} s (deadline {self.of(name):.2f} s)"
        return ""
