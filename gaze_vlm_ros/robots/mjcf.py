"""A RobotDescription made into a MuJoCo model: servos, gravity compensation, cheap collision shapes.

Every arm leaves here alike: one body named ``base_frame`` at the origin holds it, each joint has a position servo of
the joint's own name, the site ``tool_site`` has z out of the hand, bodies are weightless (the arm compensates
gravity), meshes are only seen (group 2) and never collide, capsules fitted to them collide with everything but the arm
itself (group 3).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription, RobotError

VISUAL_GROUP = 2
COLLISION_GROUP = 3
_JACO_TOOL_M = (0.0, 0.0, -0.19)  # between the finger tips, in the hand's frame
_GRIPPER_STIFFNESS_NM_RAD = 10.0
_GRIPPER_DAMPING_NM_S_RAD = 1.0


def build_spec(robot: RobotDescription, visual: str = "mesh") -> mujoco.MjSpec:
    """The arm alone, ready for ``world.attach(spec, frame=..., prefix=...)``.

    ``visual`` is ``"mesh"``, or ``"simple"`` to see the capsules instead of the meshes (fast software rendering).
    Raises RobotError when the MJCF does not load, compile, or lacks a joint or the tool site.
    """
    if visual not in ("mesh", "simple"):
        raise ValueError(f"visual must be 'mesh' or 'simple', got {visual!r}")
    arm = _named(robot, lambda: _load_arm(robot))
    for kind, names in (("joint", (*robot.joint_names, *robot.gripper_rad)), ("site", (robot.tool_site,))):
        for name in names:
            if getattr(arm, kind)(name) is None:
                raise RobotError(f"robot {robot.name}: its MJCF has no {kind} {name!r}")
    for actuator in list(arm.actuators):
        arm.delete(actuator)
    _simplify_collision(arm, visual)
    for body in arm.bodies:
        body.gravcomp = 1.0
    root = mujoco.MjSpec()
    root.modelname = robot.name
    base = root.worldbody.add_body(name=robot.base_frame)
    _attach(root, arm, base.add_frame())
    _add_servos(root, robot)
    _named(robot, root.copy().compile)
    return root


def build_kinematics(robot: RobotDescription) -> mujoco.MjModel:
    """A model of the arm's joints only, in ``robot``'s order and with its position limits: nq == n, no shapes."""
    spec = build_spec(robot)
    for name, angle in robot.gripper_rad.items():
        _freeze(spec, name, angle)
    for element in (*spec.actuators, *spec.excludes, *spec.geoms, *spec.meshes):
        spec.delete(element)
    for body in spec.bodies[1:]:
        body.explicitinertial, body.mass, body.inertia = True, 1.0, (1.0, 1.0, 1.0)
    for name, low, high in zip(robot.joint_names, robot.limits.lower_rad, robot.limits.upper_rad, strict=True):
        joint = spec.joint(name)
        joint.limited, joint.range = mujoco.mjtLimited.mjLIMITED_TRUE, (low, high)
    model = _named(robot, spec.compile)
    order = tuple(model.joint(i).name for i in range(model.njnt))
    if order != robot.joint_names:
        raise RobotError(f"robot {robot.name}: its MJCF moves {order}, robot.yaml says {robot.joint_names}")
    return model


def _attach(parent: mujoco.MjSpec, child: mujoco.MjSpec, frame: mujoco.MjsFrame) -> None:
    """Attaches under a prefix, which keeps assets apart, and gives joints and sites their own names back."""
    prefix = f"{child.modelname}_"
    parent.attach(child, frame=frame, prefix=prefix)
    for element in (*parent.joints, *parent.sites):
        element.name = element.name.removeprefix(prefix)


def _named(robot: RobotDescription, make: Callable):
    try:
        return make()
    except (ValueError, mujoco.FatalError) as error:
        raise RobotError(f"robot {robot.name}: its MJCF does not load: {' '.join(str(error).split())}") from error


def _load_arm(robot: RobotDescription) -> mujoco.MjSpec:
    if robot.mjcf is not None:
        if not robot.mjcf.is_file():
            raise RobotError(f"robot {robot.name}: no MJCF at {robot.mjcf}")
        return mujoco.MjSpec.from_file(str(robot.mjcf))
    if robot.builder not in BUILDERS:
        raise RobotError(f"robot {robot.name}: unknown builder {robot.builder!r}; use one of: {', '.join(BUILDERS)}")
    return BUILDERS[robot.builder](robot)


def _jaco(robot: RobotDescription) -> mujoco.MjSpec:
    """Kinova's arm and hand from the dm-control wheel, which need not be imported for it."""
    package = find_spec("dm_control")
    if package is None or not package.submodule_search_locations:
        raise RobotError("the Jaco's meshes come with dm-control, which is not installed; pip install dm-control")
    folder = Path(package.submodule_search_locations[0]) / "third_party" / "kinova"
    arm = mujoco.MjSpec.from_file(str(folder / "jaco_arm.xml"))
    hand = mujoco.MjSpec.from_file(str(folder / "jaco_hand.xml"))
    wrist = arm.site("wristsite")
    _attach(arm, hand, wrist.parent.add_frame(pos=wrist.pos, quat=wrist.quat))
    grip = arm.site("gripsite")
    grip.parent.add_site(name=robot.tool_site, pos=_JACO_TOOL_M, quat=grip.quat, group=4, size=[0.01, 0, 0])
    return arm


BUILDERS: dict[str, Callable[[RobotDescription], mujoco.MjSpec]] = {"jaco": _jaco}


def _simplify_collision(arm: mujoco.MjSpec, visual: str) -> None:
    """Capsules fitted to the meshes collide; the contact bits leave the arm out of its own way."""
    for geom in list(arm.geoms):
        if geom.type != mujoco.mjtGeom.mjGEOM_MESH:
            geom.contype, geom.conaffinity = 2, 1
            continue
        geom.contype = geom.conaffinity = 0
        geom.group = VISUAL_GROUP
        capsule = geom.parent.add_geom(
            name=f"{geom.name}_capsule",
            type=mujoco.mjtGeom.mjGEOM_CAPSULE,
            meshname=geom.meshname,
            pos=geom.pos,
            quat=geom.quat,
            material=geom.material,
            rgba=geom.rgba,
            mass=0.0,
            contype=2,
            conaffinity=1,
            group=VISUAL_GROUP if visual == "simple" else COLLISION_GROUP,
        )
        if visual == "simple":
            capsule.mass = geom.mass
            arm.delete(geom)


def _add_servos(arm: mujoco.MjSpec, robot: RobotDescription) -> None:
    limits, servos = robot.limits, robot.servos
    for i, name in enumerate(robot.joint_names):
        joint = arm.joint(name)
        joint.armature, joint.frictionloss = servos.armature_kg_m2[i], 0.0
        servo = _add_servo(arm, name, servos.stiffness_nm_rad[i], servos.damping_nm_s_rad[i])
        servo.ctrlrange = (limits.lower_rad[i], limits.upper_rad[i])
        servo.forcerange = (-servos.torque_nm[i], servos.torque_nm[i])
    for name in robot.gripper_rad:
        _add_servo(arm, name, _GRIPPER_STIFFNESS_NM_RAD, _GRIPPER_DAMPING_NM_S_RAD)


def _add_servo(arm: mujoco.MjSpec, name: str, stiffness: float, damping: float) -> mujoco.MjsActuator:
    servo = arm.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
    servo.set_to_position(kp=stiffness, kv=damping)
    return servo


def _freeze(spec: mujoco.MjSpec, joint_name: str, angle_rad: float) -> None:
    joint = spec.joint(joint_name)
    turn = np.zeros(4)
    mujoco.mju_axisAngle2Quat(turn, np.asarray(joint.axis), angle_rad)
    turned = np.zeros(4)
    mujoco.mju_mulQuat(turned, np.asarray(joint.parent.quat), turn)
    joint.parent.quat = turned
    spec.delete(joint)
