"""The wearer's right hand holds a thing by one weld, switched at run time."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.geometry.transforms import invert_transform
from gaze_vlm_ros.sim.kitchen.placing import KitchenError
from gaze_vlm_ros.sim.things import KINDS, ThingLook
from gaze_vlm_ros.sim.things.body import RIM_CONTACT, THING_CONTACT

GRIP = "grip"
_TALL_M = 0.055
"""Half height from which a thing is gripped from the side."""


def add_grip(spec: mujoco.MjSpec, thing: str) -> None:
    """Adds the weld, open; it needs some ``thing`` to name."""
    weld = spec.add_equality(name=GRIP, type=mujoco.mjtEq.mjEQ_WELD, objtype=mujoco.mjtObj.mjOBJ_BODY)
    weld.name1, weld.name2, weld.active = "hand", thing, False
    weld.solref = [0.012, 1.0]
    weld.data = [0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0]  # anchor, relative pose, weight of the turning


def grasp(model: mujoco.MjModel, data: mujoco.MjData, thing: str, relative_pose: np.ndarray | None = None) -> None:
    """The right hand takes ``thing``, which touches nothing while it is held.

    ``relative_pose`` (4, 4) is the thing's pose in the hand's frame to be kept, by default the present one. What was
    held before is let go of.
    """
    body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, thing)
    if thing not in KINDS or body < 0:
        present = ", ".join(kind for kind in KINDS if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, kind) >= 0)
        raise KitchenError(f"no {thing!r} to grasp in this kitchen; there are: {present}")
    release(model, data)
    if relative_pose is None:
        relative_pose = invert_transform(_pose_of(data, "hand")) @ _pose_of(data, thing)
    weld = model.equality(GRIP).id
    quat = np.empty(4)
    mujoco.mju_mat2Quat(quat, np.ascontiguousarray(relative_pose[:3, :3]).ravel())
    model.eq_data[weld, :3] = 0.0
    model.eq_data[weld, 3:6], model.eq_data[weld, 6:10] = relative_pose[:3, 3], quat
    model.eq_obj2id[weld] = body
    data.eq_active[weld] = 1
    set_touching(model, thing, False)
    _wake(model, data)


def release(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """The right hand lets go; the thing stands still at first and touches things again."""
    thing = held(model, data)
    if not thing:
        return
    data.eq_active[model.equality(GRIP).id] = 0
    data.joint(f"{thing}/free").qvel[:] = 0.0
    set_touching(model, thing, True)
    _wake(model, data)


def held(model: mujoco.MjModel, data: mujoco.MjData) -> str:
    """The thing in the right hand, "" for none."""
    weld = model.equality(GRIP).id
    return model.body(model.eq_obj2id[weld]).name if data.eq_active[weld] else ""


def grip_pose(look: ThingLook) -> np.ndarray:
    """Pose (4, 4) of the right hand about an upright thing, in a frame at its centre that is parallel to the world.

    Low things are taken from above, tall ones from the wearer's right with the thumb up.
    """
    half, pose = look.half_extents, np.eye(4)
    if half[2] < _TALL_M:
        pose[:3, 3] = 0.0, -0.045, half[2] + 0.03
        return pose
    pose[:3, :3] = np.column_stack([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    pose[:3, 3] = half[0] + 0.03, -0.04, min(0.3 * half[2], 0.02)
    return pose


def _pose_of(data: mujoco.MjData, body: str) -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = data.body(body).xmat.reshape(3, 3), data.body(body).xpos
    return pose


def set_touching(model: mujoco.MjModel, thing: str, touches: bool) -> None:
    """Whether ``thing`` touches things and rims; what is carried does not."""
    hull = model.geom(f"{thing}/hull")
    hull.contype = THING_CONTACT if touches else 0
    hull.conaffinity = THING_CONTACT | RIM_CONTACT if touches else 0


def _wake(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """All things wake, for one may have rested on another; a tree wakes when one of its velocities is not zero."""
    things = model.jnt_type == mujoco.mjtJoint.mjJNT_FREE
    data.qvel[model.jnt_dofadr[things] + 2] -= 1e-6
