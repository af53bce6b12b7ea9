"""Asks the governor for motion, in the policy's place, so that each answer belongs to one command.

A process of its own. A command, then silence for longer than the governor follows it: what the governor sends next is
its answer to the next command. It must be the only one who commands.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from functools import partial

import numpy as np
from trajectory_msgs.msg import JointTrajectory

from benchmarks.notes import Notes
from gaze_vlm_ros import types
from gaze_vlm_ros.nodes import names, qos
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.conversions.robot import trajectory_message
from gaze_vlm_ros.nodes.parameters import Parameters, parameter
from gaze_vlm_ros.nodes.run import run
from gaze_vlm_ros.robots.description import RobotDescription

PERIOD_S, SCATTER_S = 0.18, 0.04
"""The governor follows a command for 0.1 s; the scatter, two of its ticks, lets a command meet every phase of them."""
TURN_RAD = 0.2


@dataclass(frozen=True)
class ProberParameters(Parameters):
    """Parameters of the prober."""

    path: str = parameter("", "file of notes to write")
    seed: int = parameter(0, "seed of the pauses", low=0, high=2**31 - 1)


class ProberNode(ManagedNode):
    """Lets the first joint swing about home by commands far apart."""

    Parameters = ProberParameters
    _notes: Notes | None = None

    def _setup(self) -> None:
        self._notes = Notes(self.parameters.path)
        self._robot, self._count = RobotDescription.load("jaco"), 0
        self._out = self.advertise(JointTrajectory, names.POLICY_TRAJECTORY, qos.RESULT)
        self.subscribe(JointTrajectory, names.CONTROLLER_TRAJECTORY, self._on_answer, qos.RESULT)
        self.worker(self._ask)

    def _teardown(self) -> None:
        if self._notes is not None:
            self._notes.close()

    def _ask(self, halt: threading.Event) -> None:
        random = np.random.default_rng(self.parameters.seed)
        while not halt.wait(PERIOD_S + random.uniform(0.0, SCATTER_S)):
            goal = np.array([self._robot.home_rad], dtype=float)
            goal[0, 0] += TURN_RAD * (1 if self._count // 5 % 2 else -1)
            self._count += 1
            rest, stamp_ns = np.zeros_like(goal), self.now_ns()
            wanted = types.JointTrajectory(stamp_ns, self._robot.joint_names, goal, rest, np.zeros(1))
            self._out.publish(trajectory_message(wanted, stamp_ns))
            self._notes.add(0, stamp_ns, stamp_ns)

    def _on_answer(self, message: JointTrajectory) -> None:
        self._notes.add(1, 0, self.now_ns())


def main() -> None:
    sys.exit(run(partial(ProberNode, "prober")))


if __name__ == "__main__":
    main()
