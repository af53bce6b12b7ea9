"""The kitchen as one MuJoCo model."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim.kitchen.arm import add_robot
from gaze_vlm_ros.sim.kitchen.grip import add_grip
from gaze_vlm_ros.sim.kitchen.hands import add_hands
from gaze_vlm_ros.sim.kitchen.layout import Layout
from gaze_vlm_ros.sim.kitchen.room import add_room
from gaze_vlm_ros.sim.things import CONTENT_USER, add_thing

FOVY_DEG = 60.0
CAMERA = "scene_camera"
TIMESTEP_S = 0.004
_DAMPING_PER_S = 8.0
_TURN_DAMPING_PER_S = 30.0


def build_kitchen(layout: Layout, robot: RobotDescription, width: int, height: int) -> mujoco.MjModel:
    """Compiles the kitchen for pictures of up to ``width`` x ``height``.

    Mocap bodies: ``CAMERA``, ``hand``, ``left_hand``, ``forearm``, ``left_forearm``; equality ``grip``. The things
    stand at rest; joints of the arm are at zero.
    """
    spec = mujoco.MjSpec()
    spec.nuser_geom = CONTENT_USER
    _set_options(spec, width, height)
    spec.worldbody.add_light(
        pos=layout.light_m, dir=[0, 0, -1], cutoff=90, diffuse=layout.light_rgb, specular=[0.25] * 3, castshadow=False
    )
    for look, position, yaw in zip(layout.looks, layout.positions, layout.yaws, strict=True):
        add_thing(spec, look, position, yaw)
    add_hands(spec, layout)
    add_grip(spec, layout.looks[0].kind)
    _add_camera(spec, layout)
    add_robot(spec, robot, layout.mount)
    add_room(spec, layout)
    model = spec.compile()
    _calm_things(model)
    return model


def _calm_things(model: mujoco.MjModel) -> None:
    """Damps the free things: boxes on a heap that slide apart do so slowly, as soft and rough real ones would."""
    for joint in np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_FREE):
        body, first = model.jnt_bodyid[joint], model.jnt_dofadr[joint]
        model.dof_damping[first : first + 3] = _DAMPING_PER_S * model.body_mass[body]
        model.dof_damping[first + 3 : first + 6] = _TURN_DAMPING_PER_S * model.body_inertia[body].mean()


def _set_options(spec: mujoco.MjSpec, width: int, height: int) -> None:
    spec.option.timestep = TIMESTEP_S
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.enableflags |= int(mujoco.mjtEnableBit.mjENBL_SLEEP)
    spec.option.sleep_tolerance = 0.005
    quality = spec.visual.quality
    quality.shadowsize = quality.offsamples = 0
    quality.numslices, quality.numstacks = 14, 6
    spec.visual.global_.offwidth, spec.visual.global_.offheight = width, height
    spec.visual.map.znear, spec.visual.map.zfar = 0.02, 8.0
    spec.stat.extent = 1.0
    spec.visual.headlight.ambient = [0.42] * 3
    spec.visual.headlight.diffuse = [0.25] * 3
    spec.visual.headlight.specular = [0.0] * 3


def _add_camera(spec: mujoco.MjSpec, layout: Layout) -> None:
    head = spec.worldbody.add_body(name=CAMERA, mocap=True, pos=np.asarray(layout.head_m))
    head.add_camera(name=CAMERA, fovy=FOVY_DEG, quat=[0, 1, 0, 0])
