"""RefusedSkill: what stands in for a policy that cannot be used."""

from __future__ import annotations

from gaze_vlm_ros.policies.assist import AssistDecision
from gaze_vlm_ros.policies.skills.skill import Look
from gaze_vlm_ros.types import AssistMode, AssistState, GazeTarget, JointState, Prediction, WearerState


class RefusedSkill:
    """Stands in for a skill that cannot be used: says why, and never moves. Fed and stepped as ``SkillAssist``."""

    eye_action: int | None = None
    opening: float | None = None
    eye_steps, helped_s = 0, 0.0

    def __init__(self, problem: str) -> None:
        self._problem = problem

    def on_prediction(self, prediction: Prediction) -> None: ...

    def on_gaze_target(self, target: GazeTarget) -> None: ...

    def on_wearer(self, wearer: WearerState) -> None: ...

    def on_joint_state(self, joints: JointState) -> None: ...

    def on_look(self, look: Look) -> None: ...

    def step(self, now_ns: int) -> AssistDecision:
        state = AssistState(now_ns, AssistMode.BLOCKED, reason="The policy cannot be used.", limited_by=self._problem)
        return AssistDecision(None, state)
