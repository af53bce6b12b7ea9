import mujoco
import numpy as np
import pytest

from gaze_vlm_ros.robots.mjcf import COLLISION_GROUP

PREFIX = "robot/"


def world_with(robot, visual="mesh", floor_m=0.0) -> mujoco.MjModel:
    world = mujoco.MjSpec()
    world.option.timestep = 0.005
    world.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    world.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1], pos=[0, 0, floor_m])
    frame = world.worldbody.add_frame(pos=[0.1, 0.2, 0.7], quat=[0.7071068, 0, 0, -0.7071068])
    world.attach(robot.build_spec(visual), frame=frame, prefix=PREFIX)
    return world.compile()


def at_home(robot, model) -> mujoco.MjData:
    data = mujoco.MjData(model)
    for name, angle in robot.initial_positions.items():
        data.joint(PREFIX + name).qpos[:] = angle
        data.actuator(PREFIX + name).ctrl[:] = angle
    mujoco.mj_forward(model, data)
    return data


class TestAttached:
    def test_frames_are_where_they_were_put(self, robot):
        data = at_home(robot, world_with(robot))
        base = data.body(PREFIX + robot.base_body)
        np.testing.assert_allclose(base.xpos, [0.1, 0.2, 0.7])
        np.testing.assert_allclose(base.xmat.reshape(3, 3)[:, 0], [0.0, -1.0, 0.0], atol=1e-6)
        assert data.site(PREFIX + robot.tool_site).xpos[1] < 0.2, "the tool stands in front of the base"

    def test_every_joint_has_its_servo_and_no_other(self, robot):
        model = world_with(robot)
        assert [model.actuator(i).name for i in range(model.nu)] == [PREFIX + name for name in robot.initial_positions]

    def test_tool_looks_out_of_the_hand(self, robot):
        data = at_home(robot, world_with(robot))
        site = data.site(PREFIX + robot.tool_site)
        hand = data.model.body(data.model.site_bodyid[data.model.site(PREFIX + robot.tool_site).id])
        way = site.xpos - data.body(hand.id).xpos
        assert site.xmat.reshape(3, 3)[:, 2] @ way / np.linalg.norm(way) > 0.99

    def test_meshes_never_collide_and_the_arm_never_with_itself(self, jaco):
        model = world_with(jaco)
        meshes = model.geom_type == mujoco.mjtGeom.mjGEOM_MESH
        assert meshes.any()
        assert not model.geom_contype[meshes].any() and not model.geom_conaffinity[meshes].any()
        capsules = model.geom_group == COLLISION_GROUP
        assert capsules.sum() == meshes.sum()
        assert not (model.geom_contype[capsules] & model.geom_conaffinity[capsules]).any()

    def test_arm_meets_the_world(self, robot):
        """The floor at the height of the table touches nothing, and through the middle of the arm it touches much."""
        assert at_home(robot, world_with(robot, floor_m=0.65)).ncon == 0
        assert at_home(robot, world_with(robot, floor_m=1.2)).ncon > 0

    def test_simple_looks_need_no_mesh(self, jaco):
        model = world_with(jaco, "simple")
        full = world_with(jaco)
        assert not (model.geom_type == mujoco.mjtGeom.mjGEOM_MESH).any()
        assert model.body_mass.sum() == pytest.approx(full.body_mass.sum())

    def test_unknown_looks_are_refused(self, jaco):
        with pytest.raises(ValueError, match="visual must be"):
            jaco.build_spec("cartoon")


class TestServos:
    def test_arm_stays_where_it_is_without_gravity(self, robot):
        model = world_with(robot)
        data = at_home(robot, model)
        start = data.qpos.copy()
        for _ in range(400):
            mujoco.mj_step(model, data)
        np.testing.assert_allclose(data.qpos, start, atol=2e-3)

    def test_a_ramp_is_followed_without_lag(self, robot):
        model = world_with(robot)
        data = at_home(robot, model)
        joint, speed = 0, 0.5 * robot.limits.velocity_rad_s[0]
        name = PREFIX + robot.joint_names[joint]
        start = robot.home_rad[joint]
        for _ in range(300):
            wanted = start + speed * data.time
            data.actuator(name).ctrl[:] = wanted + robot.servos.lag_s[joint] * speed
            mujoco.mj_step(model, data)
        assert data.joint(name).qpos[0] == pytest.approx(start + speed * data.time, abs=5e-3)

    def test_torque_reaches_the_braking_limit(self, robot):
        """A robot.yaml whose braking the motors could not deliver would make the governor's promise empty."""
        model = world_with(robot)
        data = at_home(robot, model)
        inertia = np.zeros((model.nv, model.nv))
        mujoco.mj_fullM(model, data, inertia)
        for i, name in enumerate(robot.joint_names):
            dof = model.joint(PREFIX + name).dofadr[0]
            assert robot.servos.torque_nm[i] / inertia[dof, dof] >= robot.limits.braking_rad_s2[i], name
