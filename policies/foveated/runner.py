"""Runner: one episode of a foveated policy, step by step, as a simulator or a node drives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gaze_vlm_ros.policies.foveated.config import PolicyError
from gaze_vlm_ros.policies.foveated.ensemble import Ensemble
from gaze_vlm_ros.policies.foveated.place_memory import PlaceMemory
from gaze_vlm_ros.policies.foveated.policy import FoveatedPolicy
from gaze_vlm_ros.policies.foveated.target import TargetToken

_KNOWN_M = 0.002
"""Spread of places that are known, not seen."""
_SURE_M, _LOOKS_FIRST_S = 0.012, 2.0
"""The hand opens and waits until the first place is seen so well, or so long: EyeRobot's episodes begin with a pause,
too, in which the eye may look. Where places are told there is nothing to wait for."""


@dataclass(frozen=True)
class StepOutput:
    """``eye_action`` 0..24 of ``sim.robot_eye.EYE_ACTIONS_RAD``; ``chunk`` (A, J): absolute joint positions [rad] and
    opening 1/30 s, 2/30 s .. 1 s after the step; ``joints`` (J,): what to command until the next step, the overlapping
    chunks' mean; ``places`` (2, 7) [m, base frame] and ``spread_m`` (2,): where the hand thinks it has to go.
    """

    eye_action: int
    chunk: np.ndarray
    joints: np.ndarray
    places: np.ndarray
    spread_m: np.ndarray


class Runner:
    """Steps a policy through one episode; keeps the eye's memory, the places seen and the chunks that overlap."""

    def __init__(self, policy: FoveatedPolicy) -> None:
        self.policy = policy.eval()
        self._target: tuple[Tensor, Tensor] | None = None

    def reset(self, target: TargetToken) -> None:
        """A new episode for ``target`` begins: nothing of the last one is remembered."""
        config = self.policy.config
        self._target = (
            _row_or_nan(target.text_embedding, config.text_dim),
            _row_or_nan(target.position_m, 3),
        )
        self._memory = self.policy.eye.empty_memory(1)
        self._places = PlaceMemory()
        self._ensemble = Ensemble(config.ensemble_rate, config.chunk_hz)
        self._last_s: float | None = None
        self._begun_s: float | None = None
        self._waits: np.ndarray | None = None

    def look_for_it_at(self, position_m: np.ndarray) -> None:
        """What is asked for is now said to be at (3,) ``position_m``; nothing else of the episode changes."""
        self._target = self._target[0], _row_or_nan(position_m, 3)

    @torch.inference_mode()
    def step(
        self,
        views: np.ndarray,
        eye_direction: np.ndarray,
        proprio: np.ndarray,
        t: float,
        known: np.ndarray | None = None,
        known_spread_m: float = _KNOWN_M,
    ) -> StepOutput:
        """One step of the eye, at ``t`` [s], which must grow from step to step.

        ``views`` (3, S, S, 3) uint8, fine to coarse, as ``RobotEye.render`` gives them; ``eye_direction`` (3,) unit
        vector [base frame]; ``proprio`` (J,) joint positions [rad] and opening. ``known`` (2, 7) are places that the
        hand is to work by instead of those that it sees, as where they are measured otherwise, with a mean error of
        ``known_spread_m`` per axis. Raises PolicyError for input of another shape, not finite, or out of order.
        """
        policy = self.policy
        self._check(views, eye_direction, proprio, t)
        direction = torch.tensor(np.asarray(eye_direction), dtype=torch.float32)[None]
        posture = torch.tensor(np.asarray(proprio), dtype=torch.float32)[None]
        text, position = self._target
        images = policy.tokens(torch.from_numpy(np.ascontiguousarray(views))[None])
        told = policy.tell(posture, direction, text, position)
        places, spread = policy.see(images, told)
        own = policy.eye_tokens(told, policy.believe(places, spread, direction))
        logits, _ = policy.eye.step(images, policy.tokens.positions, own, self._memory)
        passed_s = 0.0 if self._last_s is None else t - self._last_s
        tool_m, tool_R = (part[0].numpy() for part in told.tool)
        self._places.carry(tool_m, float(np.arctan2(tool_R[1, 0], tool_R[0, 0])), float(proprio[-1]))
        joined, spread_m = self._places.update(places[0].numpy(), spread[0].exp().numpy(), passed_s)
        if known is not None:
            joined, spread_m = np.asarray(known, np.float32), np.full(len(known), known_spread_m, np.float32)
        known_by = torch.from_numpy(joined)[None], torch.from_numpy(spread_m).log()[None]
        chunk = policy.absolute(policy.move(posture, *known_by, text, told.tool), posture)[0].numpy()
        if known is None and self._is_waiting(t, np.asarray(proprio, np.float32), float(spread_m[0])):
            chunk = np.broadcast_to(self._waits, chunk.shape).copy()
        else:
            self._ensemble.add(t, chunk)
        self._last_s = t
        joints = self.joints_at(t + 1.0 / policy.config.eye_hz)
        return StepOutput(int(logits[0].argmax()), chunk, joints, joined.copy(), spread_m.copy())

    def joints_at(self, t: float) -> np.ndarray:
        """What to command (J,) for ``t`` [s], between two steps too. Raises PolicyError before the first step."""
        if self._target is None or self._last_s is None:
            raise PolicyError("nothing to command yet: call reset and step first")
        return self._ensemble.at(t) if self._waits is None else self._waits.copy()

    def _is_waiting(self, t: float, proprio: np.ndarray, spread_m: float) -> bool:
        """Whether the hand still stands where it began, opened, since the eye has not found the first place."""
        if self._begun_s is None:
            self._begun_s = t
            self._waits = np.append(proprio[:-1], np.float32(1.0))
        if spread_m < _SURE_M or t - self._begun_s >= _LOOKS_FIRST_S:
            self._waits = None
        return self._waits is not None

    def _check(self, views: np.ndarray, eye_direction: np.ndarray, proprio: np.ndarray, t: float) -> None:
        config = self.policy.config
        if self._target is None:
            raise PolicyError("the policy was not told what is asked for: call reset first")
        wanted = config.views_shape
        if np.shape(views) != wanted or np.asarray(views).dtype != np.uint8:
            raise PolicyError(
                f"views must be {wanted} uint8, got {np.shape(views)} {np.asarray(views).dtype}; "
                f"policy {config.name} is for another camera"
            )
        for name, value, size in (("eye_direction", eye_direction, 3), ("proprio", proprio, config.outputs)):
            if np.shape(value) != (size,) or not np.isfinite(value).all():
                raise PolicyError(f"{name} must be {size} finite numbers, got {np.asarray(value).tolist()}")
        if self._last_s is not None and not t > self._last_s:
            raise PolicyError(f"steps must go forward in time: {t} s after {self._last_s} s")


def _row_or_nan(values: np.ndarray | None, size: int) -> Tensor:
    return torch.full((1, size), torch.nan) if values is None else torch.tensor(values, dtype=torch.float32)[None]
