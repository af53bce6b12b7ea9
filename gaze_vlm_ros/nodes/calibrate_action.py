"""The action ``calibrate_eyes``: a person looks at targets, and the estimator becomes theirs."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future as Task
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.action.server import ServerGoalHandle
from rclpy.task import Future

from gaze_vlm_msgs.action import CalibrateEyes
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.gaze.eyes.calibration import ADAPTERS, Calibration, error_rad, fit
from gaze_vlm_ros.gaze.eyes.corrections import METHODS, CalibrationError
from gaze_vlm_ros.gaze.eyes.estimate import BinocularEstimate
from gaze_vlm_ros.gaze.eyes.looks import usable_looks
from gaze_vlm_ros.gaze.eyes.pairs import EyePair
from gaze_vlm_ros.gaze.eyes.session import TARGETS, CalibrationSession
from gaze_vlm_ros.gaze.eyes.stream import EyeStream
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.calibration_targets import Targets
from gaze_vlm_ros.nodes.conversions.common import point_message

PLACE_WITHIN_S = 0.4
"""How long an estimate waits for the place of the target at its stamp."""
FEEDBACK_EVERY_S = 0.1
WORSE_BY_RAD = math.radians(0.3)
"""A new calibration is refused where targets left out are farther off than all are now, by more than chance."""
_NAN = float("nan")


@dataclass(frozen=True)
class Outcome:
    """What is told in the end; ``calibration`` is what is in force from now on, None where nothing changes."""

    message: str
    used: int = 0
    before_rad: float = _NAN
    after_rad: float = _NAN
    calibration: Calibration | None = None


@dataclass
class _Job:
    """One goal under way; all but ``done`` belongs to the worker thread."""

    goal: ServerGoalHandle
    done: Future
    targets: Targets
    session: CalibrationSession | None = None
    waiting: deque[tuple[float, int, BinocularEstimate, EyePair]] = field(default_factory=deque)
    task: Task | None = None
    told_s: float = 0.0


class CalibrateAction:
    """One goal at a time. ``see`` and ``step`` are called from the thread that estimates; ``learn`` makes adapters."""

    def __init__(
        self,
        node: ManagedNode,
        stream: EyeStream,
        displays: Mapping[str, Targets],
        learn: Callable[[list], Calibration],
        file: Path | None,
    ) -> None:
        self._node, self._stream, self._displays = node, stream, displays
        self._learn, self._file = learn, file
        self._job: _Job | None = None
        self._pool = ThreadPoolExecutor(1, "calibration")
        self._server = ActionServer(
            node,
            CalibrateEyes,
            names.CALIBRATE_EYES,
            self._execute,
            goal_callback=self._accept,
            cancel_callback=lambda _: CancelResponse.ACCEPT,
        )

    def destroy(self) -> None:
        if self._job is not None:
            self._finish(self._job, Outcome("the node was shut down"))
        self._pool.shutdown(wait=False)
        self._server.destroy()

    def _accept(self, request: CalibrateEyes.Goal) -> GoalResponse:
        problem = self._problem_of(request)
        if problem:
            self._node.get_logger().warning(f"calibrate_eyes was refused: {problem}")
        return GoalResponse.REJECT if problem else GoalResponse.ACCEPT

    def _problem_of(self, request: CalibrateEyes.Goal) -> str:
        methods = ("", *METHODS, ADAPTERS)
        if not self._node.active or self._job is not None:
            return "one calibration is under way" if self._node.active else "the node is not active"
        if request.targets not in TARGETS:
            return f"targets must be one of {', '.join(map(str, TARGETS))}, got {request.targets}"
        if request.method not in methods:
            return f"method must be one of {', '.join(methods[1:])} or empty, got {request.method!r}"
        if request.display not in self._displays:
            return f"display must be one of {', '.join(self._displays)}, got {request.display!r}"
        return ""

    async def _execute(self, goal: ServerGoalHandle) -> CalibrateEyes.Result:
        self._job = job = _Job(goal, Future(executor=self._node.executor), self._displays[goal.request.display])
        outcome: Outcome = await job.done
        validated = not goal.request.method and math.isfinite(outcome.before_rad)
        success = outcome.calibration is not None or validated
        if goal.is_cancel_requested:
            goal.canceled()
        elif success:
            goal.succeed()
        else:
            goal.abort()
        return CalibrateEyes.Result(
            success=success,
            message=outcome.message,
            targets_used=outcome.used,
            error_before_rad=outcome.before_rad,
            error_after_rad=outcome.after_rad,
        )

    # --- in the thread that estimates

    def see(self, estimate: BinocularEstimate, pair: EyePair) -> None:
        """One estimate of the estimator in force."""
        job = self._job
        if job is not None and job.session is not None and not job.session.done:
            if job.goal.request.method and self._stream.calibration.method == ADAPTERS:
                estimate = self._stream.generic(pair)
            job.waiting.append((time.monotonic(), pair.stamp_ns, estimate, pair))

    def step(self) -> None:
        """Goes on with the goal, if there is one."""
        job = self._job
        if job is None:
            return
        try:
            if job.goal.is_cancel_requested:
                self._finish(job, Outcome("cancelled; the calibration before stays in force"))
            elif job.session is None:
                self._begin(job)
            elif job.task is None:
                self._go_on(job, job.session)
            elif job.task.done():
                self._take(job, job.task.result())
        except GazeVlmError as error:
            self._finish(job, Outcome(f"{error}; the calibration before stays in force"))

    def _begin(self, job: _Job) -> None:
        job.targets.begin(job.goal.request.targets)
        job.targets.show(0)
        job.session = CalibrationSession(job.goal.request.targets, time.monotonic())

    def _go_on(self, job: _Job, session: CalibrationSession) -> None:
        now_s = time.monotonic()
        while job.waiting and (
            job.waiting[0][1] <= job.targets.newest_ns or now_s - job.waiting[0][0] > PLACE_WITHIN_S
        ):
            at_s, stamp_ns, estimate, pair = job.waiting.popleft()
            place_m = job.targets.place_m(stamp_ns)
            true = None if place_m is None else self._stream.geometry.directions_to(place_m)
            session.on_estimate(at_s, estimate, true, (pair.left, pair.right))
        if session.step(now_s):
            job.waiting.clear()
            if session.done:
                job.targets.hide()
                job.task = self._pool.submit(self._outcome, job.goal.request.method, session)
                return
            job.targets.show(session.target)
        if now_s - job.told_s > FEEDBACK_EVERY_S:
            job.told_s = now_s
            self._tell(job, session, now_s)

    def _tell(self, job: _Job, session: CalibrationSession, now_s: float) -> None:
        place_m = job.targets.place_m(job.targets.newest_ns)
        direction = np.full(3, np.nan) if place_m is None else place_m / np.linalg.norm(place_m)
        job.goal.publish_feedback(
            CalibrateEyes.Feedback(
                target=session.target,
                targets=session.targets,
                direction=point_message(direction),
                seconds_left=session.seconds_left(now_s),
                message=session.message(now_s),
            )
        )

    def _take(self, job: _Job, outcome: Outcome) -> None:
        """Puts a new calibration in force and into its file."""
        if outcome.calibration is None:
            self._finish(job, outcome)
            return
        self._stream.use(outcome.calibration)
        said = outcome.message
        if self._file is not None:
            try:
                outcome.calibration.save(self._file)
            except OSError as error:
                said += f", but it could not be saved ({error})"
        self._finish(job, Outcome(said, outcome.used, outcome.before_rad, outcome.after_rad, outcome.calibration))

    def _finish(self, job: _Job, outcome: Outcome) -> None:
        self._job = None
        try:
            job.targets.hide()
        finally:
            job.done.set_result(outcome)

    # --- in a thread of its own: adapters take seconds

    def _outcome(self, method: str, session: CalibrationSession) -> Outcome:
        """Raises CalibrationError that says which looks are unusable and why."""
        in_force = self._stream.calibration
        if not method:
            good = usable_looks(session.looks, 1)
            error = error_rad(in_force, session.looks)
            return Outcome(f"gaze is {math.degrees(error):.1f} deg off the targets", len(good), error)
        before = _NAN if in_force.method == ADAPTERS else error_rad(in_force, session.looks)
        new = self._learn(session.looks) if method == ADAPTERS else fit(method, session.looks)
        if new.error_rad > before + WORSE_BY_RAD:  # false where either was not measured
            raise CalibrationError(
                f"the new calibration would be worse ({math.degrees(new.error_rad):.1f} deg off targets left out, "
                f"{math.degrees(before):.1f} deg now)"
            )
        after = "" if math.isnan(new.error_rad) else f"; {math.degrees(new.error_rad):.1f} deg off targets left out"
        return Outcome(
            f"calibrated ({method}) from {new.targets} targets{after}", new.targets, before, new.error_rad, new
        )
