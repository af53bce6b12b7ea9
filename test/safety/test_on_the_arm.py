"""The governor's promises on the Jaco's dynamics: rest in time, whoever dies."""

import mujoco
import numpy as np
import pytest

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.robots.trajectory import Point, fastest_motion, rest_of, sample
from gaze_vlm_ros.safety.clearance import ArmShape
from gaze_vlm_ros.safety.governor import Governor
from gaze_vlm_ros.types import JointState, JointTrajectory

STEP_S = 0.005
AT_REST_RAD_S = 0.01


class Rig:
    """The Jaco in MuJoCo, a controller that interpolates, a governor, and a policy that swings the whole arm."""

    def __init__(self) -> None:
        self.robot = RobotDescription.load("jaco")
        spec = self.robot.build_spec("simple")
        spec.option.timestep = STEP_S
        spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
        self.model = spec.compile()
        self.data = mujoco.MjData(self.model)
        for name, angle in self.robot.initial_positions.items():
            self.data.joint(name).qpos[:] = angle
            self.data.actuator(name).ctrl[:] = angle
        arm = ArmKinematics(self.robot)
        shape = ArmShape(arm.link_points, self.robot.link_radius_m, arm.tool_jacobian)
        self.governor = Governor(self.robot.limits, self.robot.workspace, shape)
        self.home = self.robot.home_rad
        self.reference = Point(self.home, np.zeros(6))
        goal = self.home + np.array([0.5, 0.0, 0.0, 0.0, 0.0, 1.2])
        limits = self.robot.limits
        self.plan = fastest_motion(
            limits.names, self.reference, goal, limits.velocity_rad_s, limits.acceleration_rad_s2
        )
        self._motion: tuple[float, JointTrajectory] | None = None

    @property
    def speed(self) -> float:
        return float(max(abs(self.data.joint(name).qvel[0]) for name in self.robot.joint_names))

    def joint_state(self) -> JointState:
        names = self.robot.joint_names
        position = np.array([self.data.joint(name).qpos[0] for name in names])
        velocity = np.array([self.data.joint(name).qvel[0] for name in names])
        return JointState(round(self.data.time * 1e9), names, position, velocity)

    def run(self, seconds: float, joints: bool = True, policy: bool = True, governor: bool = True) -> None:
        for _ in range(round(seconds / STEP_S)):
            now_s, ros_ns = self.data.time, round(self.data.time * 1e9)
            if joints:
                self.governor.joint_state(self.joint_state(), now_s, ros_ns)
            if policy:
                self.governor.command(rest_of(self.plan, now_s, ros_ns), now_s, ros_ns)
            if now_s == 0.0:
                assert self.governor.arm(now_s) == ""
            if governor and round(now_s / STEP_S) % 4 == 0:
                self.take(self.governor.tick(now_s).trajectory)
            self.step()

    def take(self, sent: JointTrajectory | None) -> None:
        if sent is not None:
            motion = JointTrajectory(
                0,
                sent.names,
                np.vstack([self.reference.position_rad, sent.position_rad]),
                np.vstack([self.reference.velocity_rad_s, sent.velocity_rad_s]),
                np.r_[0.0, sent.time_from_start_s],
            )
            self._motion = self.data.time, motion

    def step(self) -> None:
        if self._motion is not None:
            began_s, motion = self._motion
            self.reference = sample(motion, self.data.time + STEP_S - began_s)
        control = self.reference.position_rad + self.robot.servos.lag_s * self.reference.velocity_rad_s
        for name, value in zip(self.robot.joint_names, control, strict=True):
            self.data.actuator(name).ctrl[:] = value
        mujoco.mj_step(self.model, self.data)


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.run(0.6)
    assert rig.speed > 0.9 * rig.robot.limits.velocity_rad_s.max(), "the arm is at full speed"
    return rig


class TestRest:
    def test_a_dead_governor(self, rig):
        rig.run(0.3, governor=False)
        assert rig.speed < AT_REST_RAD_S

    def test_a_dead_policy(self, rig):
        rig.run(rig.governor.settings.deadlines.policy_s + 0.3, policy=False)
        assert rig.speed < AT_REST_RAD_S
        assert rig.governor.reason.startswith("no policy for")

    def test_lost_joint_states(self, rig):
        rig.run(rig.governor.settings.deadlines.joint_states_s + 0.3, joints=False)
        assert rig.speed < AT_REST_RAD_S

    def test_a_protective_stop(self, rig):
        rig.governor.stop("the button")
        rig.run(0.3)
        assert rig.speed < AT_REST_RAD_S

    def test_undisturbed_the_arm_arrives_as_the_policy_planned(self, rig):
        rig.run(rig.plan.time_from_start_s[-1] - rig.data.time + 0.1)
        np.testing.assert_allclose(rig.joint_state().position_rad, rig.plan.position_rad[-1], atol=5e-3)
