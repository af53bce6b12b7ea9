"""One simulated kitchen with a wearer and a robot, in simulated time.

The world frame has z up and its origin on the floor below the table; everything public is in the robot's base frame.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from gaze_vlm_ros.geometry.pointing import pointed_thing
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim import kitchen
from gaze_vlm_ros.sim.arm import SimulatedArm
from gaze_vlm_ros.sim.body import Body
from gaze_vlm_ros.sim.devices.presets import tracker_preset
from gaze_vlm_ros.sim.devices.tracker import EyeTracker, TrueEyes
from gaze_vlm_ros.sim.eye_images.live import EyeMoment
from gaze_vlm_ros.sim.eyes import Eyes
from gaze_vlm_ros.sim.intentions import Intentions
from gaze_vlm_ros.sim.intentions.sampling import sample_things
from gaze_vlm_ros.sim.kitchen.layout import Layout
from gaze_vlm_ros.sim.labels.frame import Moment
from gaze_vlm_ros.sim.labels.gaze import GazeHit, cast_gaze
from gaze_vlm_ros.sim.labels.shot import SceneIndex, Shot
from gaze_vlm_ros.sim.scene import Scene
from gaze_vlm_ros.sim.scene_camera import SceneCamera, Snapshot
from gaze_vlm_ros.sim.things import apply_state, initial_state
from gaze_vlm_ros.sim.truth import Phrasing, Truth
from gaze_vlm_ros.sim.wearer import Person, Wearer
from gaze_vlm_ros.types import NS_PER_S, Frame, GazeSample, JointState, JointTrajectory, WearerState

TICK_S = 0.008
"""Two steps of physics: how often the wearer moves and the servos are told."""
REST_TARGET_M = np.array([0.0, 0.02, 0.74])
_LAYOUTS = 8
HAND_REST_M = np.array([0.22, -0.36, 0.78])


@dataclass(frozen=True)
class SimulationConfig:
    """What one simulation is made of; ``seed`` decides layout, looks, wearer and noise.

    ``things`` 0 draws 6 to 14 of them. ``looks`` "known" or "new" are those of the things, ``split`` decides which
    phrasings may occur. ``tracker`` is a preset of ``sim.devices``; with ``device_optics`` its scene camera's field of
    view and distortion are used as well. ``eye_head_coupling`` 0..1: 0 lets the head wander as it likes. ``posture``
    and ``mount`` fix what is otherwise drawn.
    """

    seed: int = 0
    robot: str = "jaco"
    width: int = 640
    height: int = 480
    things: int = 0
    looks: str = "known"
    split: str = "train"
    tracker: str = "default"
    device_optics: bool = False
    eye_head_coupling: float = 1.0
    posture: str = ""
    mount: str = ""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"SimulationConfig.seed must be 0 or more, got {self.seed}")
        fewest, most = kitchen.THINGS
        if self.things and not fewest <= self.things <= most:
            raise ValueError(f"SimulationConfig.things must be {fewest}..{most}, or 0 to draw, got {self.things}")
        if self.width < 16 or self.height < 16:
            raise ValueError(f"SimulationConfig size must be at least 16x16, got {self.width}x{self.height}")


def _sample_layout(config: SimulationConfig, rng: np.random.Generator, things_rng: np.random.Generator) -> Layout:
    """A kitchen with the things that some goals need; where they find no room, those of other goals."""
    low, high = kitchen.THINGS
    full: kitchen.NoRoomError | None = None
    for _ in range(_LAYOUTS):
        kinds = sample_things(things_rng, config.things or int(things_rng.integers(low, high + 1)))
        try:
            return kitchen.sample_layout(
                rng, looks=config.looks, kinds=kinds, posture=config.posture, mount=config.mount
            )
        except kitchen.NoRoomError as error:
            full = error
    raise full


class Simulation:
    """Advance it from one thread; ``render_snapshot`` may run in one other thread, always the same."""

    def __init__(self, config: SimulationConfig = SimulationConfig()) -> None:
        self.config = config
        draw = [np.random.default_rng([config.seed, stream]) for stream in range(6)]
        self.layout = _sample_layout(config, draw[0], draw[3])
        self.things = tuple(look.kind for look in self.layout.looks)
        self.robot = RobotDescription.load(config.robot)
        self.base_frame = self.robot.base_frame
        tracker = tracker_preset(config.tracker)
        optics = tracker.optics if config.device_optics else None
        self.scene_camera = SceneCamera(optics, config.width, config.height)
        drawn = self.scene_camera.drawn
        self.model = kitchen.build_kitchen(self.layout, self.robot, drawn.width, drawn.height)
        self.data = mujoco.MjData(self.model)
        self.camera = self.scene_camera.calibration
        self.scene_index = SceneIndex.of(self.model, kitchen.label_of_geoms(self.model), kitchen.LABELS)
        self.scene_camera.attach(self.model, self.scene_index)
        self._frame_sequence = 0
        self._target_s = 0.0
        self._phrasing = Phrasing(draw[4], config.split)
        self.arm = SimulatedArm(self.model, self.data, self.robot)
        mujoco.mj_forward(self.model, self.data)
        states = {thing: initial_state(thing, draw[1]) for thing in self.things}
        for thing, state in states.items():
            apply_state(self.model, thing, state)
        person = Person.sample(draw[2], config.eye_head_coupling)
        rest_target = REST_TARGET_M + [self.layout.head_m[0], 0.0, 0.0]
        eyes = Eyes(draw[2], self.layout.head_m, rest_target, person.eyes, self.layout.camera_mount)
        scene = Scene(self.layout, self.data, eyes.mouth_m)
        self.wearer = Wearer(draw[2], person, eyes, Intentions(draw[3], self.things, states), scene, HAND_REST_M)
        self.tracker = EyeTracker(tracker, draw[5], self.camera)
        self.body = Body(self.model, self.data, self.layout)
        self.body.place(self.wearer)
        mujoco.mj_forward(self.model, self.data)
        self._base_T_world = invert_transform(self.arm.world_T_base())

    @property
    def time_s(self) -> float:
        return float(self.data.time)

    # --- time

    def advance(self, dt_s: float) -> None:
        """Lets the wearer live and the physics run for ``dt_s``, in whole ticks: what is left over counts next time.

        Raises ValueError where ``dt_s`` is negative or not finite.
        """
        if not 0.0 <= dt_s < np.inf:
            raise ValueError(f"dt_s must be a finite time of 0 s or more, got {dt_s}")
        self._target_s += dt_s
        while self.data.time + TICK_S <= self._target_s + 1e-6:
            now_s = self.data.time + TICK_S
            self.wearer.advance(now_s, TICK_S)
            for _, thing, state in self.wearer.pop_effects():
                apply_state(self.model, thing, state)
            self.body.place(self.wearer)
            self._carry()
            self.arm.servo(now_s)
            mujoco.mj_step(self.model, self.data, round(TICK_S / kitchen.TIMESTEP_S))
            self.tracker.advance(now_s, self._true_eyes)

    def _carry(self) -> None:
        if self.wearer.carried == kitchen.held(self.model, self.data):
            return
        if not self.wearer.carried:
            kitchen.release(self.model, self.data)
            return
        body = self.data.body(self.wearer.carried)
        thing = np.eye(4)
        thing[:3, :3], thing[:3, 3] = body.xmat.reshape(3, 3), body.xpos
        relative = invert_transform(self.wearer.world_T_hand()) @ thing
        kitchen.grasp(self.model, self.data, self.wearer.carried, relative)

    # --- the robot

    def set_joint_trajectory(self, trajectory: JointTrajectory) -> None:
        """Follows ``trajectory`` from now, then holds its last point."""
        self.arm.follow(trajectory, self.time_s)

    def joint_state(self, stamp_ns: int | None = None) -> JointState:
        return self.arm.joint_state(self._stamp() if stamp_ns is None else stamp_ns)

    # --- what sensors see

    def _stamp(self) -> int:
        return round(self.time_s * NS_PER_S)

    def base_T_camera(self) -> np.ndarray:
        """Pose (4, 4) of the scene camera's optical frame in the robot's base."""
        return self._base_T_world @ self.wearer.eyes.world_T_camera()

    def in_base(self, points_m: np.ndarray) -> np.ndarray:
        """World points (N, 3) or (3,) in the robot's base frame."""
        return transform_points(self._base_T_world, np.atleast_2d(points_m)).reshape(np.shape(points_m))

    def _true_eyes(self, time_s: float) -> TrueEyes:
        eyes = self.wearer.eyes
        return TrueEyes(
            eyes.gaze_point_m(time_s), eyes.eye_centres_m(time_s), eyes.world_T_camera(time_s), eyes.blinking(time_s)
        )

    def eye_moment(self) -> EyeMoment:
        """What an eye camera would see now."""
        eyes = self.wearer.eyes
        target = transform_points(invert_transform(eyes.world_T_head()), eyes.gaze_point_m())
        return EyeMoment(self.time_s, target, eyes.lid_opening())

    def ask_to_look(self, point_m: np.ndarray | None) -> None:
        """Asks the wearer to look at a point (3,) of the robot's base, and to stay there; None: to go on as before."""
        point = None if point_m is None else transform_points(invert_transform(self._base_T_world), point_m)
        self.wearer.ask_to_look(point)

    def gaze_samples(self) -> list[GazeSample]:
        """What has arrived from the eye tracker since the last call, with the device's errors, losses and delay."""
        return [delivery.sample for delivery in self.tracker.take(self.time_s)]

    def wearer_state(self) -> WearerState:
        hands = np.array([self.wearer.world_T_left_hand()[:3, 3], self.wearer.hand_m])
        left, right = self.in_base(hands)
        return WearerState(self._stamp(), self.base_T_camera(), left, right, 0.005)

    def snapshot(self) -> Snapshot:
        return Snapshot(self.time_s, self.data.qpos.copy(), self.data.mocap_pos.copy(), self.data.mocap_quat.copy())

    def render_snapshot(self, snapshot: Snapshot, depth: bool = True) -> Frame:
        """Colour and depth of ``snapshot``; its stamp is the simulated time."""
        rgb, depth_m = self.scene_camera.picture(snapshot, depth)
        self._frame_sequence += 1
        return Frame(round(snapshot.time_s * NS_PER_S), rgb, self._frame_sequence, depth_m)

    def render(self, depth: bool = True) -> Frame:
        return self.render_snapshot(self.snapshot(), depth)

    def segmentation(self, snapshot: Snapshot | None = None) -> np.ndarray:
        """Index into ``kitchen.LABELS`` of each pixel (H, W) uint8."""
        return self.scene_camera.segmentation(snapshot or self.snapshot())

    def close(self) -> None:
        self.scene_camera.close()

    # --- truth

    def shot(self) -> Shot:
        """The picture of now with everything that exact labels are made from (``sim.labels``).

        With ``device_optics`` it is that of ``scene_camera.drawn``: ``warp_labels`` makes its labels the device's.
        """
        return self.scene_camera.shot(self.snapshot())

    def moment(self) -> Moment:
        """What is the case now, beyond what the picture shows."""
        truth, hit = self._words(), self.gaze_hit()
        return Moment(
            hit, self._base_T_world, self.wearer.eyes.blinking(), *truth, self.wearer.contact, dict(self.wearer.states)
        )

    def gaze_hit(self) -> GazeHit:
        """Where the line of sight ends, whether or not the eyes are open; in the world."""
        eyes = self.wearer.eyes
        return cast_gaze(self.model, self.data, eyes.position_m, eyes.gaze_point_m())

    def cast(self, origin_m: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, str]:
        """First visible surface from ``origin_m`` along ``direction`` (world): its point (3,) or NaN, and its label."""
        hit = cast_gaze(self.model, self.data, origin_m, origin_m + direction)
        return hit.point_m, self._label(hit)

    def _label(self, hit: GazeHit) -> str:
        label = kitchen.LABELS[self.scene_index.geom_class[hit.geom]]
        return "" if label == "background" else label

    def thing_positions_in_base(self) -> dict[str, np.ndarray]:
        return {thing: self.in_base(self.data.body(thing).xpos) for thing in self.things}

    def base_T_tool(self) -> np.ndarray:
        return self._base_T_world @ self.arm.world_T_tool()

    def _words(self) -> tuple[str, str, float]:
        wearer = self.wearer
        activity = self._phrasing.activity(wearer.activity, wearer.phase_count)
        return activity, self._phrasing.event(wearer.event, wearer.event_time_s), wearer.event_time_s

    def truth(self) -> Truth:
        hit = self.gaze_hit()
        activity, event, event_time_s = self._words()
        return Truth(
            activity,
            event,
            event_time_s,
            self.wearer.event.object,
            self.wearer.phase_count,
            self.wearer.contact,
            self._label(hit),
            self.in_base(hit.point_m),
            pointed_thing(self.base_T_tool(), self.thing_positions_in_base()) or "",
        )
