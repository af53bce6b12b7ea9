"""Demonstrations of bringing: in the kitchen, by the porter, whose answers to disturbances are what is learnt."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.experts.reach import Reach
from gaze_vlm_ros.sim.assistance import AssistedKitchen, Scenario
from gaze_vlm_ros.sim.kitchen import NoRoomError
from gaze_vlm_ros.sim.robot_eye import PanoramaBuilder
from gaze_vlm_ros.sim.tasks.bench import EYE_M
from gaze_vlm_ros.training.assist_study.porter import Porter, PorterSettings, Stage
from gaze_vlm_ros.training.demonstrations.log import StepLog
from gaze_vlm_ros.training.demonstrations.play import PlayOptions
from gaze_vlm_ros.training.demonstrations.schema import Demonstration, encode

BRING = "Bring"
PERIOD_S = 1 / 30
"""Of the porter; a step of a demonstration is two of them."""
_FIRST_SEED = 10_000_000
"""So that no wearer of the study lives in a kitchen of a demonstration."""
_LONGEST_S = 30.0
_FROM_HOME = 0.3
"""Share of the demonstrations that begin with the arm folded."""
_CLOSED = (Stage.GRIP, Stage.CARRY)


class BringPlayer:
    """Plays and records one fetch per kitchen: a thing out of the wearer's reach is set down within it."""

    def __init__(self, options: PlayOptions) -> None:
        self.options = options

    def play(self, seed: int) -> Demonstration | None:
        """The fetch of ``seed``, None where nothing can be fetched. It depends on seed and options alone."""
        rng = np.random.default_rng([seed, 9])
        kitchen = _Kitchen(_FIRST_SEED + seed, rng)
        try:
            kitchen.advance(rng.uniform(0.1, 3.0))
            porter = Porter(kitchen, PorterSettings(ready_m=_somewhere(kitchen, rng), grip_s=0.5))
            return self._fetch(kitchen, porter, seed, rng)
        finally:
            kitchen.close()

    def close(self) -> None: ...

    def _fetch(self, kitchen: _Kitchen, porter: Porter, seed: int, rng: np.random.Generator) -> Demonstration | None:
        far = [thing for thing in kitchen.far_things() if _lies_flat(kitchen, thing)]
        if not far:
            return None
        thing = str(rng.choice(far))
        try:
            kitchen.choose_spot(thing)
        except NoRoomError:
            return None
        fetch = _Fetch(kitchen, porter, thing, self.options, rng)
        from_home = rng.random() < _FROM_HOME
        while not from_home and porter.stage is Stage.START:
            fetch.advance()
        coded = self._panorama(kitchen) if self.options.still else ()
        log = StepLog()
        while not (fetch.ended or (self.options.still and log.steps)):
            fetch.step(log)
        if not (fetch.delivered or self.options.still):
            return None
        return Demonstration(
            BRING, seed, self.options.mode, kitchen.robot.name, thing, tuple(EYE_M.tolist()), **log.arrays(),
            panorama_step=np.arange(1 if coded else 0, dtype=np.int32), coded=tuple(coded),
        )  # fmt: skip

    def _panorama(self, kitchen: _Kitchen) -> tuple[bytes, bytes]:
        builder = PanoramaBuilder(kitchen.model)
        pose = kitchen.arm.world_T_base()
        pose[:3, 3] += pose[:3, :3] @ EYE_M
        coded = encode(builder.build(kitchen.data, pose))
        builder.close()
        return coded


class _Kitchen(AssistedKitchen):
    """What is brought is set down anywhere within reach, not always as near to its place as can be."""

    def __init__(self, seed: int, rng: np.random.Generator) -> None:
        super().__init__(seed, Scenario(idle=True))
        self._rng, self._spot_m = rng, np.zeros(3)

    def choose_spot(self, thing: str) -> None:
        near = np.array([self._rng.uniform(-0.5, 0.5), self._rng.uniform(-0.3, 0.3), 0.0])
        self._spot_m = self.free_spot_near(thing, near)

    def spot_for(self, thing: str) -> np.ndarray:
        return self._spot_m.copy()


class _Fetch:
    """The porter at work on ``thing``, disturbed, step by step."""

    def __init__(
        self, kitchen: _Kitchen, porter: Porter, thing: str, options: PlayOptions, rng: np.random.Generator
    ) -> None:
        self._kitchen, self._porter, self._thing, self._options, self._rng = kitchen, porter, thing, options, rng
        self._push, self._pushed = np.zeros(len(kitchen.robot.joint_names)), 0
        self._began_s, self._released_s = kitchen.time_s, np.inf

    @property
    def delivered(self) -> bool:
        return self._porter.delivered > 0

    @property
    def ended(self) -> bool:
        """The thing stands there and the hand has drawn back, or it goes wrong."""
        now_s = self._kitchen.time_s
        return (
            now_s - self._released_s > 1.2 or now_s - self._began_s > _LONGEST_S or self._thing in self._porter.refused
        )

    def advance(self) -> None:
        """One period of the porter."""
        kitchen, porter = self._kitchen, self._porter
        porter.wish("" if porter.delivered else self._thing)
        porter.step(PERIOD_S)
        if porter.delivered and not np.isfinite(self._released_s):
            self._released_s = kitchen.time_s
        kitchen.open_gripper(0.0 if porter.stage in _CLOSED else 1.0)
        kitchen.advance(PERIOD_S)

    def step(self, log: StepLog) -> None:
        """One step of 15 Hz, written down."""
        kitchen, porter = self._kitchen, self._porter
        joints, opening, places = kitchen.joint_state().position_rad, kitchen.gripper.opening, self._places()
        target = porter.posture_rad.copy()
        self.advance()
        self.advance()
        log.add(
            joint_rad=joints,
            target_rad=target,
            intended_rad=porter.posture_rad,
            opening=opening,
            open_wanted=0.0 if porter.stage in _CLOSED else 1.0,
            places=places,
            look_m=places[int(porter.stage in (Stage.CARRY, Stage.RELEASE)), :3],
            asked_m=places[0, :3],
        )
        porter.disturb(self._next_noise())

    def _places(self) -> np.ndarray:
        """The thing's middle where it is, and where it goes: what a wearer's gaze can tell. How high to grip it is left
        to be learnt of its name."""
        kitchen, places = self._kitchen, np.zeros((2, 7))
        places[0, :3] = kitchen.in_base(kitchen.scene.position_of(self._thing))
        places[1, :3] = kitchen.in_base(kitchen.spot_for(self._thing))
        return places

    def _next_noise(self) -> np.ndarray:
        """By how much the joints (n,) [rad] are off after this step."""
        if self._porter.stage not in (Stage.APPROACH, Stage.CARRY, Stage.RETREAT):
            return np.zeros_like(self._push)
        if self._pushed == 0 and self._rng.random() < self._options.push:
            self._pushed = self._options.push_steps
            self._push = self._rng.uniform(-0.35, 0.35, len(self._push))
        self._pushed = max(self._pushed - 1, 0)
        if self._pushed == 0:
            self._push[:] = 0.0
        share = self._push + self._rng.normal(0.0, self._options.noise, len(self._push))
        return share * self._kitchen.robot.limits.velocity_rad_s * 2 * PERIOD_S


def _lies_flat(kitchen: AssistedKitchen, thing: str) -> bool:
    """Whether ``thing`` stands or lies on the table itself, not on another thing or a place above it."""
    height = kitchen.in_base(kitchen.scene.position_of(thing))[2]
    return bool(height < kitchen.layout.look_of(thing).half_extents.max() + 0.03)


def _somewhere(kitchen: AssistedKitchen, rng: np.random.Generator) -> tuple[float, float, float]:
    """A point that the tool reaches, above the table."""
    reach = Reach(kitchen.robot)
    while True:
        azimuth, radius = rng.uniform(-1.3, 1.3), rng.uniform(0.28, 0.6)
        point = np.array([radius * np.cos(azimuth), radius * np.sin(azimuth), rng.uniform(0.12, 0.35)])
        if reach.choose(point, [k * np.pi / 4 for k in range(-4, 4)], kitchen.robot.home_rad) is not None:
            return tuple(point.tolist())
