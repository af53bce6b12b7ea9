"""One simulated kitchen with a wearer and a robot, in simulated time.

The world frame has z up and its origin on the floor below the table; everything public is in the robot's base frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.pointing import pointed_thing
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.language import text_of
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.eyes import Eyes, TrackerNoise
from gaze_vlm_ros.sim.intentions import Intentions
from gaze_vlm_ros.sim.render import Offscreen
from gaze_vlm_ros.sim.wearer import Places, Wearer
from gaze_vlm_ros.types import NS_PER_S, CameraModel, Frame, GazeSample, JointState, JointTrajectory, WearerState

SHOULDER_M = np.array([0.2, -0.62, 1.0])
_HEAD_SEAT_M = np.array([0.0, -0.62, 1.24])
_HEAD_REST_TARGET_M = np.array([0.0, 0.02, 0.74])


@dataclass(frozen=True)
class SimulationConfig:
    """What one simulation is made of; ``seed`` decides layout, looks, wearer and noise."""

    seed: int = 0
    robot: str = "jaco"
    width: int = 640
    height: int = 480
    things: int = 8
    noise: TrackerNoise = TrackerNoise()

    def __post_init__(self) -> None:
        if not 2 <= self.things <= 12:
            raise ValueError(f"SimulationConfig.things must be 2..12, got {self.things}")
        if self.width < 16 or self.height < 16:
            raise ValueError(f"SimulationConfig size must be at least 16x16, got {self.width}x{self.height}")


@dataclass(frozen=True)
class Truth:
    """What is really the case; labels are "" where there is nothing. Position in the robot's base frame [m]."""

    activity: str
    event: str
    event_time_s: float
    event_object: str
    phase: int
    gaze_label: str
    gaze_position_m: np.ndarray
    pointed_label: str


@dataclass(frozen=True)
class Snapshot:
    """Enough to draw an instant in another thread."""

    time_s: float
    qpos: np.ndarray
    mocap_pos: np.ndarray
    mocap_quat: np.ndarray


class Simulation:
    """Advance it from one thread; ``render_snapshot`` may run in one other thread, always the same."""

    def __init__(self, config: SimulationConfig = SimulationConfig()) -> None:
        self.config = config
        rng = np.random.default_rng(config.seed)
        self.layout = kitchen.sample_layout(rng, config.things)
        self.robot = RobotDescription.load(config.robot)
        self.model = kitchen.build_kitchen(self.layout, self.robot, config.width, config.height)
        self.data = mujoco.MjData(self.model)
        self.camera = self._camera_model()
        self.base_frame = self.robot.base_frame
        self.things = tuple(look.kind for look in self.layout.looks)
        self._look = {look.kind: look for look in self.layout.looks}
        self._label_of_geom = kitchen.label_of_geoms(self.model)
        self._offscreen: Offscreen | None = None
        self._draw_data = mujoco.MjData(self.model)
        self._gaze_sequence = self._frame_sequence = 0
        self._carried = ""
        self._seat_robot()
        eyes = Eyes(rng, _HEAD_SEAT_M + rng.normal(0, [0.02, 0.02, 0.03]), _HEAD_REST_TARGET_M, config.noise)
        places = Places(
            self._thing_position, self._slot_for, lambda thing: float(self._look[thing].half_extents[2]) + 0.03
        )
        mujoco.mj_forward(self.model, self.data)
        self.wearer = Wearer(rng, eyes, Intentions(rng, self.things), places)
        self._place_wearer()
        mujoco.mj_forward(self.model, self.data)

    @property
    def time_s(self) -> float:
        return float(self.data.time)

    # --- what the wearer asks of the world

    def _thing_position(self, thing: str) -> np.ndarray:
        return self.data.body(thing).xpos.copy()

    def _slot_for(self, thing: str, place_name: str) -> np.ndarray:
        """The freest of six spots on a place, as the position of the thing's centre once it rests there."""
        place = self.layout.places[place_name]
        others = [self._thing_position(other)[:2] for other in self.things if other != thing]
        spots = [
            place.top_m[:2] + place.half_m[:2] * [across, along]
            for across in (-0.55, 0.0, 0.55)
            for along in (-0.45, 0.45)
        ]
        best = max(spots, key=lambda spot: min(float(np.linalg.norm(spot - other)) for other in others))
        return np.array([*best, place.top_m[2] + self._look[thing].half_extents[2] + 0.003])

    # --- time

    def advance(self, dt_s: float) -> None:
        """Lets the wearer live and the physics run for ``dt_s``, a multiple of the 5 ms step."""
        for _ in range(max(1, round(dt_s / self.model.opt.timestep))):
            self.wearer.advance(self.time_s, self.model.opt.timestep)
            self._place_wearer()
            self._carry()
            self._servo()
            mujoco.mj_step(self.model, self.data)

    def _place_wearer(self) -> None:
        hand = self.wearer.hand_m
        self._set_mocap("hand", hand, np.eye(3))
        way = hand - SHOULDER_M
        z = way / np.linalg.norm(way)
        x = np.cross([0.0, 0.0, 1.0], z)
        x /= np.linalg.norm(x)
        middle = hand - z * (0.06 + kitchen.FOREARM_M / 2)
        self._set_mocap("forearm", middle, np.column_stack([x, np.cross(z, x), z]))
        pose = self.wearer.eyes.world_T_camera()
        self._set_mocap(kitchen.CAMERA, pose[:3, 3], pose[:3, :3])

    def _set_mocap(self, body: str, position: np.ndarray, rotation: np.ndarray) -> None:
        index = self.model.body(body).mocapid[0]
        self.data.mocap_pos[index] = position
        quat = np.empty(4)
        mujoco.mju_mat2Quat(quat, np.ascontiguousarray(rotation).ravel())
        self.data.mocap_quat[index] = quat

    def _carry(self) -> None:
        """A carried thing hangs under the hand and touches nothing; let go of, it falls the last millimetres."""
        if self.wearer.carried != self._carried:
            for thing, touches in ((self._carried, 1), (self.wearer.carried, 0)):
                if thing:
                    hull = self.model.geom(f"{thing}/hull")
                    hull.contype = hull.conaffinity = touches
            self._carried = self.wearer.carried
        if self._carried:
            joint = self.data.joint(f"{self._carried}/free")
            joint.qpos[:3] = self.wearer.hand_m - [0, 0, self._look[self._carried].half_extents[2] + 0.03]
            joint.qpos[3:] = [joint.qpos[3], 0, 0, joint.qpos[6]] / np.hypot(joint.qpos[3], joint.qpos[6])
            joint.qvel[:] = 0.0

    # --- the robot

    def _seat_robot(self) -> None:
        names = [kitchen.ROBOT_PREFIX + name for name in self.robot.joint_names]
        self._joint_qpos = np.array([self.model.joint(name).qposadr[0] for name in names])
        self._joint_dof = np.array([self.model.joint(name).dofadr[0] for name in names])
        actuator_of = {int(self.model.actuator_trnid[a, 0]): a for a in range(self.model.nu)}
        self._actuators = np.array([actuator_of[self.model.joint(name).id] for name in names])
        for name, angle in self.robot.initial_positions.items():
            self.data.joint(kitchen.ROBOT_PREFIX + name).qpos = angle
        for name, angle in self.robot.gripper_rad.items():
            self.data.ctrl[self.model.actuator(kitchen.ROBOT_PREFIX + name).id] = angle
        self._setpoint = Point(np.array(self.robot.home_rad, dtype=float), np.zeros(len(self.robot.joint_names)))
        self._motion: tuple[float, JointTrajectory] | None = None

    def set_joint_trajectory(self, trajectory: JointTrajectory) -> None:
        """Follows ``trajectory`` from now, then holds its last point, as joint_trajectory_controller does.

        It begins at the set point of the moment, not at the measured position (interpolate_from_desired_state).
        """
        order = [trajectory.names.index(name) for name in self.robot.joint_names]
        start = self._setpoint
        self._motion = (
            self.time_s,
            JointTrajectory(
                trajectory.stamp_ns,
                tuple(self.robot.joint_names),
                np.vstack([start.position_rad, trajectory.position_rad[:, order]]),
                np.vstack([start.velocity_rad_s, trajectory.velocity_rad_s[:, order]]),
                np.concatenate([[0.0], np.maximum(trajectory.time_from_start_s, 1e-3)]),
            ),
        )

    def _servo(self) -> None:
        if self._motion is not None:
            self._setpoint = sample(self._motion[1], self.time_s - self._motion[0])
        self.data.ctrl[self._actuators] = (
            self._setpoint.position_rad + self.robot.servos.lag_s * self._setpoint.velocity_rad_s
        )

    def joint_state(self, stamp_ns: int | None = None) -> JointState:
        return JointState(
            self._stamp() if stamp_ns is None else stamp_ns,
            tuple(self.robot.joint_names),
            self.data.qpos[self._joint_qpos].copy(),
            self.data.qvel[self._joint_dof].copy(),
        )

    # --- what sensors see

    def _stamp(self) -> int:
        return round(self.time_s * NS_PER_S)

    def _camera_model(self) -> CameraModel:
        focal = self.config.height / 2 / np.tan(np.deg2rad(kitchen.FOVY_DEG) / 2)
        middle = (self.config.width - 1) / 2, (self.config.height - 1) / 2
        return CameraModel(
            self.config.width, self.config.height, np.array([[focal, 0, middle[0]], [0, focal, middle[1]], [0, 0, 1]])
        )

    def world_T_base(self) -> np.ndarray:
        pose = np.eye(4)
        body = self.data.body(kitchen.ROBOT_PREFIX + self.robot.base_frame)
        pose[:3, :3], pose[:3, 3] = body.xmat.reshape(3, 3), body.xpos
        return pose

    def base_T_camera(self) -> np.ndarray:
        """Pose (4, 4) of the scene camera's optical frame in the robot's base."""
        return invert_transform(self.world_T_base()) @ self.wearer.eyes.world_T_camera()

    def in_base(self, points_m: np.ndarray) -> np.ndarray:
        """World points (N, 3) or (3,) in the robot's base frame."""
        return transform_points(invert_transform(self.world_T_base()), np.atleast_2d(points_m)).reshape(
            np.shape(points_m)
        )

    def gaze_sample(self) -> GazeSample:
        """What the eye tracker reports now, errors, blinks and losses included."""
        ray = self.wearer.eyes.measured_ray(self.time_s)
        valid = bool(np.isfinite(ray).all())
        self._gaze_sequence += 1
        return GazeSample(
            self._stamp(),
            project(self.camera, ray[None])[0] if valid else np.full(2, np.nan),
            ray,
            self._gaze_sequence,
            sigma_rad=np.full(2, self.wearer.eyes.sigma_rad),
            confidence=1.0 if valid else 0.0,
        )

    def wearer_state(self) -> WearerState:
        left, right = self.in_base(np.array([self.data.body("left_hand").xpos, self.wearer.hand_m]))
        return WearerState(self._stamp(), self.base_T_camera(), left, right, 0.005)

    def snapshot(self) -> Snapshot:
        return Snapshot(self.time_s, self.data.qpos.copy(), self.data.mocap_pos.copy(), self.data.mocap_quat.copy())

    def render_snapshot(self, snapshot: Snapshot, depth: bool = True) -> Frame:
        """Colour and depth of ``snapshot``; its stamp is the simulated time."""
        self._draw(snapshot)
        rgb, depth_m = self._renderer().rgb_depth(self._draw_data, depth)
        self._frame_sequence += 1
        return Frame(round(snapshot.time_s * NS_PER_S), rgb, self._frame_sequence, depth_m)

    def render(self, depth: bool = True) -> Frame:
        return self.render_snapshot(self.snapshot(), depth)

    def segmentation(self, snapshot: Snapshot | None = None) -> np.ndarray:
        """Index into ``kitchen.LABELS`` of each pixel (H, W) uint8."""
        self._draw(snapshot or self.snapshot())
        return self._label_of_geom[self._renderer().segmentation(self._draw_data)]

    def _draw(self, snapshot: Snapshot) -> None:
        data = self._draw_data
        data.qpos[:], data.mocap_pos[:], data.mocap_quat[:] = snapshot.qpos, snapshot.mocap_pos, snapshot.mocap_quat
        mujoco.mj_kinematics(self.model, data)
        mujoco.mj_camlight(self.model, data)

    def _renderer(self) -> Offscreen:
        if self._offscreen is None:
            self._offscreen = Offscreen(self.model, self.config.width, self.config.height, kitchen.CAMERA)
        return self._offscreen

    def close(self) -> None:
        if self._offscreen is not None:
            self._offscreen.close()
            self._offscreen = None

    # --- truth

    def cast(self, origin_m: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, str]:
        """First visible surface from ``origin_m`` along ``direction`` (world): its point (3,), NaN for none,
        and label.
        """
        geom = np.full(1, -1, np.int32)
        groups = np.array([1, 1, 1, 0, 0, 0], np.uint8)
        distance = mujoco.mj_ray(self.model, self.data, origin_m, direction, groups, 1, -1, geom, None)
        if distance < 0:
            return np.full(3, np.nan), ""
        label = kitchen.LABELS[self._label_of_geom[geom[0]]]
        return origin_m + distance * direction, "" if label == "background" else label

    def gaze_hit(self) -> tuple[np.ndarray, str]:
        """True gazed point in the world (3,) and the label of what is there."""
        eyes = self.wearer.eyes
        way = eyes.gaze_point_m(self.time_s) - eyes.position_m
        return self.cast(eyes.position_m, way / np.linalg.norm(way))

    def thing_positions_in_base(self) -> dict[str, np.ndarray]:
        return {thing: self.in_base(self._thing_position(thing)) for thing in self.things}

    def base_T_tool(self) -> np.ndarray:
        site = self.data.site(kitchen.ROBOT_PREFIX + self.robot.tool_site)
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = site.xmat.reshape(3, 3), site.xpos
        return invert_transform(self.world_T_base()) @ pose

    def truth(self) -> Truth:
        contact = self.wearer.contact
        point, label = self.gaze_hit()
        pointed = pointed_thing(self.base_T_tool(), self.thing_positions_in_base())
        return Truth(
            text_of(self.wearer.phase.activity),
            text_of(contact.event),
            contact.time_s,
            contact.event.object,
            self.wearer.phase_count,
            label,
            self.in_base(point),
            pointed or "",
        )
