"""Runner: one episode of a foveated policy, step by step, as a simulator or a node drives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.policies.foveated.policy import FoveatedPolicy
from gaze_vlm_ros.policies.foveated.target import TargetToken


@dataclass(frozen=True)
class StepOutput:
    """``eye_action`` 0..24 of ``sim.robot_eye.EYE_ACTIONS_RAD``; ``chunk`` (A, J): absolute joint positions [rad] and
    opening 1/30 s, 2/30 s .. 1 s after the step; ``joints`` (J,): what to command now, the overlapping chunks' mean.
    """

    eye_action: int
    chunk: np.ndarray
    joints: np.ndarray


class Runner:
    """Steps a policy through one episode; keeps the eye's memory and the chunks that overlap."""

    def __init__(self, policy: FoveatedPolicy) -> None:
        self.policy = policy

    def reset(self, target: TargetToken) -> None:
        """A new episode for ``target`` begins: nothing of the last one is remembered."""
        raise NotImplementedError

    def step(self, views: np.ndarray, eye_direction: np.ndarray, proprio: np.ndarray, t: float) -> StepOutput:
        """One step of the eye, at ``t`` [s], which must grow from step to step.

        ``views`` (3, S, S, 3) uint8, fine to coarse, as ``RobotEye.render`` gives them; ``eye_direction`` (3,) unit
        vector [base frame]; ``proprio`` (J,) joint positions [rad] and opening. Raises PolicyError for input of
        another shape, not finite, or out of order.
        """
        raise NotImplementedError
