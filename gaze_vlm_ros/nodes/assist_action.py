"""The action ``assist``: somebody asks for help with a thing by name."""

from __future__ import annotations

import time

import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.node import Node
from rclpy.task import Future

from gaze_vlm_msgs.action import Assist
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.conversions.robot import assist_state_message
from gaze_vlm_ros.policies.choice import Choice, Chooser
from gaze_vlm_ros.policies.memory import ThingMemory
from gaze_vlm_ros.types import AssistMode, AssistState, JointState, Prediction, WearerState

REACHES_WITHIN_S, BRINGS_WITHIN_S = 15.0, 45.0
RESTS_FOR_S = 0.5
AT_REST_RAD_S = 0.02
_ARRIVED = (AssistMode.POINTING, AssistMode.IDLE)
"""Modes in which an arm at rest has done what it can for a thing: it points there, or has no more to do."""
_LATE = {AssistMode.HELPING: "the policy was still at it; one that does not bring cannot tell when it is done"}


class AskedChooser:
    """What was asked for by name, else what the chooser beneath decides."""

    def __init__(self, beneath: Chooser) -> None:
        self.asked = ""
        self._beneath = beneath

    def on_prediction(self, prediction: Prediction) -> None:
        self._beneath.on_prediction(prediction)

    def choose(self, now_ns: int, memory: ThingMemory, wearer: WearerState | None) -> Choice:
        """The chooser beneath follows what goes on in any case, so that it knows it when nobody asks any more."""
        chosen = self._beneath.choose(now_ns, memory, wearer)
        return Choice(self.asked, f"Somebody asked for help with the {self.asked}.") if self.asked else chosen


class AssistAction:
    """One goal at a time: it succeeds once the arm rests and points at the thing, or has brought it within reach, and
    fails after 15 s, or 45 s where a trained policy ``brings``."""

    def __init__(self, node: Node, chooser: AskedChooser, base_frame: str, brings: bool) -> None:
        self._node, self._chooser, self._base = node, chooser, base_frame
        self._brings, self._reason = brings, ""
        self._goal: ServerGoalHandle | None = None
        self._done: Future | None = None
        self._server = ActionServer(
            node,
            Assist,
            names.ASSIST,
            self._execute,
            goal_callback=self._accept,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def end(self, problem: str) -> None:
        """Ends the goal, if there is one, without success."""
        if self._done is not None and not self._done.done():
            self._done.set_result(problem)

    def destroy(self) -> None:
        self.end("the policy was shut down")
        self._server.destroy()

    def _accept(self, request: Assist.Goal) -> GoalResponse:
        free = self._goal is None and bool(request.label) and self._node.active
        return GoalResponse.ACCEPT if free else GoalResponse.REJECT

    async def _execute(self, goal: ServerGoalHandle) -> Assist.Result:
        self._goal, self._done = goal, Future(executor=self._node.executor)
        self._chooser.asked = goal.request.label
        self._until_s, self._resting_since_s = time.monotonic() + self._longest_s(), float("inf")
        problem = await self._done
        self._chooser.asked, self._goal, self._done = "", None, None
        if goal.is_cancel_requested:
            goal.canceled()
        elif problem:
            goal.abort()
        else:
            goal.succeed()
        return Assist.Result(success=not problem, message=problem or self._reason)

    def _longest_s(self) -> float:
        return BRINGS_WITHIN_S if self._brings else REACHES_WITHIN_S

    def step(self, state: AssistState, joints: JointState | None) -> None:
        """Feedback, and the goal's end where it has come."""
        if self._goal is None or self._done.done():
            return
        self._goal.publish_feedback(Assist.Feedback(state=assist_state_message(state, self._base)))
        now = time.monotonic()
        points = state.mode in _ARRIVED and state.target_label == self._goal.request.label
        still = joints is not None and float(np.abs(joints.velocity_rad_s).max()) < AT_REST_RAD_S
        self._resting_since_s = min(self._resting_since_s, now) if points and still else float("inf")
        label = state.target_label
        self._reason = f"the arm points at the {label}" if state.mode is AssistMode.POINTING else state.reason
        if self._goal.is_cancel_requested:
            self._done.set_result("cancelled")
        elif now - self._resting_since_s > RESTS_FOR_S:
            self._done.set_result("")
        elif now > self._until_s:
            self._done.set_result(state.limited_by or _LATE.get(state.mode, "the arm did not get there in time"))
