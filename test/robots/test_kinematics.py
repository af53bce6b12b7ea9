import mujoco
import numpy as np
import pytest

from gaze_vlm_ros.robots.kinematics import ArmKinematics


@pytest.fixture(scope="module")
def kinematics(robot):
    return ArmKinematics(robot)


def random_positions(robot, count=20):
    rng = np.random.default_rng(0)
    return rng.uniform(robot.limits.lower_rad, robot.limits.upper_rad, (count, len(robot.joint_names)))


class TestArmKinematics:
    def test_agrees_with_the_simulated_arm(self, robot, kinematics):
        model = robot.build_spec().compile()
        data = mujoco.MjData(model)
        for q in random_positions(robot):
            for name, angle in (robot.initial_positions | dict(zip(robot.joint_names, q, strict=True))).items():
                data.joint(name).qpos[:] = angle
            mujoco.mj_kinematics(model, data)
            site = data.site(robot.tool_site)
            pose = kinematics.base_T_tool(q)
            np.testing.assert_allclose(pose[:3, 3], site.xpos, atol=1e-9)
            np.testing.assert_allclose(pose[:3, :3], site.xmat.reshape(3, 3), atol=1e-9)

    def test_tool_pose_is_rigid(self, robot, kinematics):
        for q in random_positions(robot):
            rotation = kinematics.base_T_tool(q)[:3, :3]
            np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(rotation) == pytest.approx(1.0)

    def test_links_keep_their_lengths(self, robot, kinematics):
        lengths = [np.linalg.norm(np.diff(kinematics.link_points(q), axis=0), axis=1) for q in random_positions(robot)]
        np.testing.assert_allclose(lengths, np.broadcast_to(lengths[0], np.shape(lengths)), atol=1e-9)

    def test_chain_runs_from_base_to_tool(self, robot, kinematics):
        chain = kinematics.link_points(robot.home_rad)
        np.testing.assert_allclose(chain[0], 0.0)
        np.testing.assert_allclose(chain[-1], kinematics.base_T_tool(robot.home_rad)[:3, 3])

    def test_home_stands_in_the_workspace_and_looks_at_the_table(self, robot, kinematics):
        pose = kinematics.base_T_tool(robot.home_rad)
        assert robot.workspace.outside_m(pose[:3, 3]) == 0.0
        assert pose[2, 2] < -0.5
