"""Random commands, good and bad, for the governor of the real arm; what it lets through is checked by other arithmetic.

The arm does exactly what the last horizon says, as a controller with cubic interpolation does. The checks use the
distances of ``robots.clearance`` and nothing of ``safety``.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from gaze_vlm_ros.robots.clearance import box_distances, chain_distance, link_distances, separable_links
from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.robots.kinematics import ArmKinematics
from gaze_vlm_ros.robots.limits import Box
from gaze_vlm_ros.robots.trajectory import Point, sample
from gaze_vlm_ros.safety.clearance import ArmShape
from gaze_vlm_ros.safety.deadlines import Input
from gaze_vlm_ros.safety.governor import Governor, GovernorSettings
from gaze_vlm_ros.types import JointState, JointTrajectory, WearerState

KEEP_OUT = Box([0.25, 0.35, -0.1], [0.55, 0.6, 0.35])
TICK_S = 0.02
BATCH = 2000
PIECE = 20_000
"""Commands to one rig, which then begins anew."""
BULGE_M = 1e-3
"""Between the points of a horizon the tool may leave its box by the bulge of its arc."""
_STRANGE = np.array([np.nan, np.inf, -np.inf, 1e300, -1e300, 1e9, 1e-320, -0.0])
_STEADY = 0.7
"""Share of commands that follow a goal; the rest is strange."""


@dataclass
class Found:
    """What was let through since the last check, in rows: the arm then, the horizon, the wearer's hand."""

    start: list[np.ndarray] = field(default_factory=list)
    sent: list[JointTrajectory] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    hand: list[np.ndarray] = field(default_factory=list)


class Rig:
    """The arm, its governor, a clock, and a wearer whose right hand wanders."""

    def __init__(self, seed: int | Sequence[int]) -> None:
        self.robot = RobotDescription.load("jaco")
        self.arm = ArmKinematics(self.robot)
        shape = ArmShape(self.arm.link_points, self.robot.link_radius_m, self.arm.tool_jacobian)
        settings = GovernorSettings(keep_out=(KEEP_OUT,))
        self.governor = Governor(self.robot.limits, self.robot.workspace, shape, settings)
        self.random = np.random.default_rng(seed)
        self.now_s, self.here = 100.0, Point(np.array(self.robot.home_rad), np.zeros(6))
        self.goal, self.hand = self.here.position_rad, np.array([0.9, 0.3, 0.5])
        self._motion: tuple[float, JointTrajectory] | None = None
        self.found = Found()
        self.took_s: list[float] = []

    @property
    def ros_ns(self) -> int:
        return int(self.now_s * 1e9)

    def command(self) -> JointTrajectory:
        """A step towards a goal, or something that no policy should say."""
        limits, random = self.robot.limits, self.random
        if random.random() < 0.02:
            self.goal = random.uniform(limits.lower_rad, limits.upper_rad)
            if random.random() < 0.8:
                self.goal = self.here.position_rad + random.uniform(-1.0, 1.0, 6)
        names, stamp_ns, times = limits.names, self.ros_ns, np.zeros(1)
        position, velocity = np.clip(self.goal, limits.lower_rad, limits.upper_rad)[None], np.zeros((1, 6))
        if random.random() < _STEADY:
            return JointTrajectory(stamp_ns, names, position, velocity, times)
        kind = random.integers(8)
        if kind == 0:
            position = random.choice(_STRANGE, (1, 6))
        elif kind == 1:
            velocity = random.choice(_STRANGE, (1, 6))
        elif kind == 2:
            position, velocity, times = np.zeros((0, 6)), np.zeros((0, 6)), np.zeros(0)
        elif kind == 3:
            stamp_ns += int(random.choice([-3600, -1, 1, 3600]) * 1e9)
        elif kind == 4:
            names = tuple(random.permutation(names[: random.integers(7)]).tolist())
        elif kind == 5:
            count = int(random.integers(1, 6))
            position, velocity = random.normal(0.0, 2.0, (count, 6)), random.normal(0.0, 1.0, (count, 6))
            times = np.sort(random.uniform(-0.1, 1.0, count))
        elif kind == 6:
            position = position + random.normal(0.0, 20.0, (1, 6))
        else:  # a far goal in no time at full speed
            position = np.clip(random.uniform(limits.lower_rad, limits.upper_rad), limits.lower_rad, limits.upper_rad)
            position = np.stack([self.here.position_rad, position])
            velocity, times = np.stack([limits.velocity_rad_s] * 2), np.array([0.0, 0.01])
        return JointTrajectory(stamp_ns, names, position, velocity, times)

    def step(self) -> None:
        """One period: joints, perhaps the wearer, a command, a decision, the controller."""
        governor, random = self.governor, self.random
        state = JointState(self.ros_ns, self.robot.joint_names, self.here.position_rad, self.here.velocity_rad_s)
        governor.joint_state(state, self.now_s, self.ros_ns)
        self.hand = np.clip(self.hand + random.normal(0.0, 0.01, 3), [0.2, -0.7, 0.1], [1.2, 0.7, 0.9])
        wearer = WearerState(self.ros_ns, np.eye(4) + np.eye(4, k=3) * 5.0, right_hand_m=self.hand, sigma_m=0.0)
        governor.wearer(wearer, self.now_s, self.ros_ns)
        if not self._motion:
            governor.heard(Input.POLICY, self.now_s)
            governor.arm(self.now_s)
        command = self.command()
        began = time.perf_counter()
        with np.errstate(all="ignore"):
            governor.command(command, self.now_s, self.ros_ns)
            output = governor.tick(self.now_s)
        self.took_s.append(time.perf_counter() - began)
        if output.trajectory is not None:
            self._send(output.trajectory)
        self._pass_time(random)

    def _send(self, sent: JointTrajectory) -> None:
        found = self.found
        found.start.append(np.stack([self.here.position_rad, self.here.velocity_rad_s]))
        found.sent.append(sent)
        found.at_s.append(self.now_s)
        found.hand.append(self.hand)
        whole = JointTrajectory(
            0, sent.names, np.vstack([self.here.position_rad, sent.position_rad]),
            np.vstack([self.here.velocity_rad_s, sent.velocity_rad_s]), np.r_[0.0, sent.time_from_start_s],
        )  # fmt: skip
        self._motion = self.now_s, whole

    def _pass_time(self, random: np.random.Generator) -> None:
        """Mostly one period; now and then less, more, or a clock that steps back under the governor's feet."""
        lucky = random.random()
        if lucky < 0.01:
            self.governor.tick(self.now_s - float(random.choice([1e-3, 1.0, 3600.0])))
        self.now_s += TICK_S if lucky < 0.9 else float(random.choice([0.001, 0.005, 0.025, 0.06, 0.2]))
        if self._motion is not None:
            began_s, whole = self._motion
            self.here = sample(whole, self.now_s - began_s)


def violations(rig: Rig) -> list[str]:
    """What in the horizons since the last call breaks a limit, in words; forgets them."""
    found, rig.found = rig.found, Found()
    if not found.sent:
        return []
    limits = rig.robot.limits
    start = np.array(found.start)
    position = np.concatenate([start[:, :1], np.array([sent.position_rad for sent in found.sent])], axis=1)
    velocity = np.concatenate([start[:, 1:], np.array([sent.velocity_rad_s for sent in found.sent])], axis=1)
    times = np.array([np.r_[0.0, sent.time_from_start_s] for sent in found.sent])
    rate = np.diff(velocity, axis=1) / np.diff(times)[..., None]
    faster = np.abs(velocity[:, 1]) > np.abs(velocity[:, 0]) + 1e-9
    jerk = np.abs(np.diff(rate[:, 0], axis=0)) / TICK_S
    in_time = np.diff(found.at_s) <= 2.0 * TICK_S
    bad = {
        "not a number": ~(np.isfinite(position) & np.isfinite(velocity)).all(axis=(1, 2)),
        "too long": times[:, -1] > 0.1 + 1e-9,
        "does not end at rest": (velocity[:, -1] != 0.0).any(axis=1),
        "position": ((position < limits.lower_rad - 1e-6) | (position > limits.upper_rad + 1e-6)).any(axis=(1, 2)),
        "velocity": (np.abs(velocity[:, 1:]) > limits.velocity_rad_s + 1e-6).any(axis=(1, 2)),
        "acceleration": (faster & (np.abs(rate[:, 0]) > limits.acceleration_rad_s2 + 1e-4)).any(axis=1),
        "braking": (np.abs(rate) > limits.braking_rad_s2 + 1e-4).any(axis=(1, 2)),
        "jerk": np.append(in_time & (jerk > limits.jerk_rad_s3 + 1e-2).any(axis=1), False),
    } | _places(rig, position, velocity, times, np.array(found.hand))
    return [name for name, rows in bad.items() for _ in range(int(rows.sum()))]


def _places(
    rig: Rig, position: np.ndarray, velocity: np.ndarray, times: np.ndarray, hand: np.ndarray
) -> dict[str, np.ndarray]:
    """Along each way, at its start, its middle points and its end: who came too near or went too far."""
    middle = 0.5 * (position[:, 1:] + position[:, :-1]) - np.diff(velocity, axis=1) * np.diff(times)[..., None] / 8.0
    way = np.stack([position[:, 0], middle[:, 0], position[:, 1], middle[:, 1], position[:, 2]], axis=1)
    chains = np.array([[rig.arm.link_points(q) for q in row] for row in way])
    radius = np.array(rig.robot.link_radius_m)
    pairs = separable_links(chains[0, 0], radius)
    box = rig.robot.workspace
    separation = rig.governor.settings.separation
    spare = {
        "workspace": np.minimum(chains[..., -1, :] - box.lower_m, box.upper_m - chains[..., -1, :]).min(-1) + BULGE_M,
        "separation": np.array([chain_distance(c, h[None])[..., 0] for c, h in zip(chains, hand, strict=True)])
        - separation.stop_m,
        "keep-out": (box_distances(chains, KEEP_OUT) - radius).min(-1),
        "self-collision": (link_distances(chains, *pairs) - radius[pairs[0]] - radius[pairs[1]]).min(-1),
    }
    # Where it was beyond already (the hand came, not the arm), it must not go further by more than the margin.
    return {name: (value.min(1) < np.minimum(value[:, 0] - 6e-3, 0.0)) for name, value in spare.items()}


@dataclass(frozen=True)
class Piece:
    """What one rig gave: how many commands passed and were refused, what was violated, how long each took [s]."""

    passed: int
    refused: int
    violated: list[str]
    took_s: np.ndarray


def piece(commands: int, seed: Sequence[int]) -> Piece:
    """``commands`` to one rig."""
    rig, bad = Rig(seed), []
    for number in range(commands):
        rig.step()
        if len(rig.found.sent) >= BATCH or number == commands - 1:
            bad += violations(rig)
    return Piece(rig.governor.passed, rig.governor.refused, bad, np.array(rig.took_s, np.float32))


def measure(commands: int, seed: int, report: Callable[[float], None] = lambda share: None) -> dict:
    """The key ``governor`` but for what ``end_to_end`` adds; as many rigs at once as there are processors."""
    counts = [min(PIECE, commands - start) for start in range(0, commands, PIECE)]
    workers, context = min(len(counts), len(os.sched_getaffinity(0))), multiprocessing.get_context("spawn")
    pieces: list[Piece] = []
    with ProcessPoolExecutor(workers, context) as pool:
        for done in pool.map(piece, counts, [(seed, number) for number in range(len(counts))]):
            pieces.append(done)
            report(len(pieces) / len(counts))
    bad = [what for one in pieces for what in one.violated]
    took_ms = 1e3 * np.concatenate([one.took_s for one in pieces])
    return {
        "commands": commands,
        "passed": sum(one.passed for one in pieces),
        "refused": sum(one.refused for one in pieces),
        "violations": len(bad),
        "violated": sorted(set(bad)),
        "callback_ms_p50": round(float(np.median(took_ms)), 3),
        "callback_ms_p99": round(float(np.percentile(took_ms, 99)), 3),
    }
