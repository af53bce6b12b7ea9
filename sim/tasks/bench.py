"""Bench: the scene of one episode in the making, a table with the robot and an arc of things around it."""

from __future__ import annotations

import colorsys

import mujoco
import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim.tasks.errors import TaskError
from gaze_vlm_ros.sim.tasks.modes import Mode
from gaze_vlm_ros.sim.things import CONTENT_USER, ThingLook, add_thing

GEOM = mujoco.mjtGeom
PHYSICS_STEP_S = 0.004
TABLE_TOP_M = 0.72
BASE_M = np.array([0.0, 0.36, TABLE_TOP_M])
"""The robot's base in the world: at the table's far edge; it looks towards the wearer, to negative y."""
BASE_YAW_RAD = -np.pi / 2
ROBOT_PREFIX = "robot/"
CAMERA = "overview"
PICTURE = (640, 480)
EYE_M = np.array([-0.10, 0.24, 0.46])
"""Where the robot's eye sits, in the base frame: on a post at the arm's left."""
EYE_BODY = "robot_eye"
_WALLS = (
    ("wall_behind", (0.0, 1.9, 1.4), (2.5, 0.05, 1.4)),
    ("wall_front", (0.0, -2.6, 1.4), (2.5, 0.05, 1.4)),
    ("wall_left", (2.5, -0.35, 1.4), (0.05, 2.3, 1.4)),
    ("wall_right", (-2.5, -0.35, 1.4), (0.05, 2.3, 1.4)),
)
_TABLE_MIDDLE_Y_M = 0.1
_TABLE_HALF_M = (0.78, 0.56, 0.02)
_CLUTTER = Mode(azimuth_deg=((-95.0, 95.0),), radius_m=(0.34, 0.68))
"""Where distractors may stand, in every mode."""
_TRIES = 100
SEEN_ONLY = {"contype": 0, "conaffinity": 0, "mass": 0.0}
"""Geoms that are seen and never touched."""


def upright(yaw_rad: float) -> np.ndarray:
    """Quaternion (4,) of a turn about z."""
    return np.array([np.cos(yaw_rad / 2), 0.0, 0.0, np.sin(yaw_rad / 2)])


class Bench:
    """A MuJoCo spec to which a task adds its things; positions and yaws it is given are in the robot's base frame,
    whose plane z = 0 is the table top."""

    def __init__(self, robot: RobotDescription, arm: mujoco.MjSpec, mode: Mode, rng: np.random.Generator) -> None:
        """``arm`` is the robot's own spec, as ``arm_with_grip`` makes it; it is copied."""
        self.robot, self.mode, self.rng = robot, mode, rng
        self.spec = _empty_room()
        self._taken: list[tuple[np.ndarray, float]] = []
        self._light()
        self._furniture()
        frame = self.spec.worldbody.add_frame(pos=BASE_M, quat=upright(BASE_YAW_RAD))
        self.spec.attach(arm.copy(), prefix=ROBOT_PREFIX, frame=frame)
        self._add_eye()

    def add_body(
        self, name: str, position_m: np.ndarray, yaw_rad: float = 0.0, *, free: bool = False, mocap: bool = False
    ) -> mujoco.MjsBody:
        """A body at (3,) ``position_m``, bolted to the table unless it is ``free`` or ``mocap``."""
        pos, quat = world_pose(position_m, yaw_rad)
        body = self.spec.worldbody.add_body(name=name, pos=pos, quat=quat, mocap=mocap)
        if free:
            body.add_freejoint(name=f"{name}/free")
        return body

    def free_spots_m(self, *keep_out_m: float) -> list[np.ndarray]:
        """Points (2,) of the mode's arc, each at least its ``keep_out_m`` plus theirs from all others given out."""
        taken = list(self._taken)
        for _ in range(_TRIES):
            spots = [self._find(radius, self.mode) for radius in keep_out_m]
            if all(spot is not None for spot in spots):
                return spots
            self._taken = list(taken)
        raise TaskError(f"no room on the arc for things of radius {', '.join(f'{r:.2f}' for r in keep_out_m)} m")

    def add_distractors(self, without: tuple[str, ...] = ()) -> None:
        """Everyday things of kinds other than ``without`` on spots still free; fewer where there is no room."""
        kinds = self.rng.permutation([kind for kind in OBJECT_KINDS if kind not in without])
        low, high = self.mode.distractors
        for kind in kinds[: self.rng.integers(low, high + 1)]:
            look = ThingLook.sample(str(kind), self.rng, self.mode.looks)
            spot = self._find(float(np.linalg.norm(look.half_extents[:2])) + 0.04, _CLUTTER)
            if spot is None:
                return
            self.add_thing(look, spot, float(self.rng.uniform(-np.pi, np.pi)))

    def add_thing(self, look: ThingLook, spot_m: np.ndarray, yaw_rad: float) -> None:
        """An everyday thing that stands at (2,) ``spot_m`` on the table; its body is named after its kind."""
        pos, _ = world_pose(np.array([*spot_m, 0.0]), 0.0)
        add_thing(self.spec, look, pos, BASE_YAW_RAD + yaw_rad)

    def compile(self) -> mujoco.MjModel:
        """Raises TaskError with MuJoCo's words, which name the element."""
        try:
            return self.spec.compile()
        except (ValueError, mujoco.FatalError) as error:
            raise TaskError(f"the scene does not compile: {' '.join(str(error).split())}") from error

    def _find(self, keep_out_m: float, mode: Mode) -> np.ndarray | None:
        for _ in range(_TRIES):
            spot = mode.draw_spot_m(self.rng)
            if all(np.linalg.norm(spot - other) >= keep_out_m + own for other, own in self._taken):
                self._taken.append((spot, keep_out_m))
                return spot
        return None

    def _light(self) -> None:
        mode, rng = self.mode, self.rng
        low, high = mode.light[rng.integers(len(mode.light))]
        level = rng.uniform(low, high)
        colour = np.clip(level * (1.0 + rng.uniform(-mode.tint, mode.tint, 3)), 0.0, 1.0)
        place = [rng.uniform(-mode.light_m, mode.light_m), rng.uniform(-mode.light_m, mode.light_m), 2.4]
        aim = np.array([0.0, 0.0, TABLE_TOP_M]) - place
        self.spec.worldbody.add_light(pos=place, dir=aim, diffuse=colour, specular=[0.15] * 3, castshadow=False)
        self.spec.visual.headlight.ambient = np.clip(0.55 * colour, 0.0, 0.6)
        self.spec.visual.headlight.diffuse = np.clip(0.35 * colour, 0.0, 0.5)

    def _furniture(self) -> None:
        world, rng = self.spec.worldbody, self.rng
        wood = colorsys.hsv_to_rgb(rng.uniform(0.06, 0.11), rng.uniform(0.2, 0.5), rng.uniform(0.55, 0.9))
        wall = colorsys.hsv_to_rgb(rng.uniform(0, 1), rng.uniform(0.03, 0.2), rng.uniform(0.6, 0.95))
        world.add_geom(name="floor", type=GEOM.mjGEOM_PLANE, size=[4, 4, 0.1], material="floor")
        seen = {"type": GEOM.mjGEOM_BOX, "group": 1, **SEEN_ONLY}
        for name, place, size in _WALLS:
            world.add_geom(name=name, pos=place, size=size, rgba=[*wall, 1], **seen)
        top = np.array([0.0, _TABLE_MIDDLE_Y_M, TABLE_TOP_M - _TABLE_HALF_M[2]])
        world.add_geom(
            name="table",
            type=GEOM.mjGEOM_BOX,
            size=_TABLE_HALF_M,
            pos=top,
            rgba=[*wood, 1],
            friction=[1.0, 0.02, 0.002],
        )
        leg = [0.03, 0.03, (TABLE_TOP_M - 0.04) / 2]
        for x in (-0.7, 0.7):
            for y in (-0.36, 0.56):
                world.add_geom(pos=[x, y, leg[2]], size=leg, rgba=[*(0.7 * np.array(wood)), 1], **seen)

    def _add_eye(self) -> None:
        """What others see of the robot's eye: a ball on a post. The eye looks from the ball's middle, from where the
        ball is not drawn."""
        seen = {"group": 1, **SEEN_ONLY}
        dark, white = [0.2, 0.2, 0.22, 1], [0.93, 0.93, 0.9, 1]
        # The post stands behind the ball, out of its sight.
        post = self.add_body("eye_post", np.array([EYE_M[0] - 0.075, EYE_M[1], 0.0]))
        half = EYE_M[2] / 2
        post.add_geom(type=GEOM.mjGEOM_CYLINDER, size=[0.011, half, 0], pos=[0, 0, half], rgba=dark, **seen)
        bar = [0, 0, 2 * half, 0.042, 0, 2 * half]
        post.add_geom(type=GEOM.mjGEOM_CAPSULE, size=[0.011, 0, 0], fromto=bar, rgba=dark, **seen)
        eye = self.add_body(EYE_BODY, EYE_M, mocap=True)
        eye.add_geom(type=GEOM.mjGEOM_SPHERE, size=[0.035, 0, 0], rgba=white, **seen)
        eye.add_geom(type=GEOM.mjGEOM_SPHERE, size=[0.016, 0, 0], pos=[0.023, 0, 0], rgba=dark, **seen)


def _empty_room() -> mujoco.MjSpec:
    spec = mujoco.MjSpec()
    spec.nuser_geom = CONTENT_USER  # what add_thing needs
    option = spec.option
    option.timestep = PHYSICS_STEP_S
    option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    # Against creep: what is gripped would slowly slide out of the fingers.
    option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    option.impratio = 10.0
    option.noslip_iterations = 4
    # A state that has gone wrong must be seen by the guard and not be reset in silence.
    option.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET
    visual = spec.visual
    visual.quality.shadowsize = visual.quality.offsamples = 0
    visual.quality.numslices, visual.quality.numstacks = 16, 8
    visual.global_.offwidth, visual.global_.offheight = PICTURE
    visual.map.znear, visual.map.zfar = 0.02, 10.0
    spec.stat.extent = 1.0
    spec.add_texture(
        name="floor",
        type=mujoco.mjtTexture.mjTEXTURE_2D,
        builtin=mujoco.mjtBuiltin.mjBUILTIN_CHECKER,
        rgb1=[0.46, 0.44, 0.42],
        rgb2=[0.42, 0.40, 0.38],
        width=64,
        height=64,
    )
    material = spec.add_material(name="floor", texrepeat=[4, 4], texuniform=True)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = "floor"
    look = np.array([0.0, 0.2, 0.88]) - (eye := np.array([0.0, -1.1, 1.75]))
    z = -look / np.linalg.norm(look)
    x = np.cross([0.0, 0.0, 1.0], z)
    x /= np.linalg.norm(x)
    spec.worldbody.add_camera(name=CAMERA, pos=eye, xyaxes=[*x, *np.cross(z, x)], fovy=46.0)
    return spec


def world_pose(position_m: np.ndarray, yaw_rad: float) -> tuple[np.ndarray, np.ndarray]:
    """Base frame -> world: position (3,) and quaternion (4,) of an upright body."""
    turn = _base_rotation()
    return BASE_M + turn @ np.asarray(position_m), upright(BASE_YAW_RAD + yaw_rad)


def _base_rotation() -> np.ndarray:
    c, s = np.cos(BASE_YAW_RAD), np.sin(BASE_YAW_RAD)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
