"""Paired rollouts in one process: what the model says and what the arm does with it, beside their rivals.

Every rival sees the very same wearer (same seed) at the same time. The wearer does not react to the arm, so the arms
of a rollout differ in nothing but what moves them: ``predicted`` acts on the model's events, ``without_prediction`` on
the nearest thing to the hand, ``truth`` on the true event.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gaze_vlm_ros.gaze.looked_at import looked_through, named_target
from gaze_vlm_ros.geometry.gaze_target import NoIntersection, intersect_depth
from gaze_vlm_ros.language import parse
from gaze_vlm_ros.policies.arm import ArmModel
from gaze_vlm_ros.policies.assist import AssistPolicy, AssistSettings
from gaze_vlm_ros.policies.rivals import nearest_to_hand
from gaze_vlm_ros.scoring import Actual, Point, Said, activity_points, event_points, score
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig, Truth
from gaze_vlm_ros.statistics import wilson_of
from gaze_vlm_ros.types import (
    NS_PER_S,
    Frame,
    GazeSample,
    GazeTarget,
    Hypothesis,
    ObjectMap,
    Prediction,
    PredictionKind,
)
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

FIRST_SEED = 1_000_000
"""Seeds from here on are of rollouts; training data stay far below."""
PREDICTION_PERIOD_S = 0.25
PREDICTION_AGE_S = 0.15
"""A prediction reaches the policy this long after its frame, as in the running graph."""
_CONTROL_PERIOD_S = 0.05
_GAZE_PERIOD_S = 0.01
_GAZE_SPAN_S = 0.2
RIVALS = ("predicted", "without_prediction", "truth")


@dataclass
class Rollout:
    """What happened in one rollout: judged points of the texts, and for each rival whether each pick-up was
    assisted.
    """

    activity: list[Point] = field(default_factory=list)
    event: list[Point] = field(default_factory=list)
    assisted: dict[str, list[bool]] = field(default_factory=lambda: {rival: [] for rival in RIVALS})


def target_of(
    frame: Frame, samples: Iterable[GazeSample], objects: ObjectMap, simulation: Simulation
) -> GazeTarget | None:
    """The thing under the newest valid gaze of a frame, in the robot's base; None where there is none."""
    valid = [sample for sample in samples if sample.valid]
    if not valid or frame.depth_m is None:
        return None
    sample, camera = valid[-1], simulation.camera
    try:
        point = intersect_depth(sample.ray, sample.sigma_rad, frame.depth_m, camera).transformed(
            simulation.base_T_camera()
        )
    except NoIntersection:
        return None
    return named_target(frame.stamp_ns, point, looked_through(objects, sample, camera), simulation.base_frame)


def run_rollout(seed: int, predictor: StreamingPredictor, duration_s: float) -> Rollout:
    """One wearer, three arms."""
    worlds = {rival: Simulation(SimulationConfig(seed=seed)) for rival in RIVALS}
    arm = ArmModel(worlds["predicted"].robot)
    policies = {
        rival: (nearest_to_hand if rival == "without_prediction" else AssistPolicy)(AssistSettings(), arm)
        for rival in RIVALS
    }
    predictor.reset()
    rollout, said, actual = Rollout(), {kind: [] for kind in PredictionKind}, []
    waiting: list[tuple[float, Callable[[], None]]] = []
    samples: list[GazeSample] = []
    steps = round(_CONTROL_PERIOD_S / _GAZE_PERIOD_S)
    try:
        for tick in range(int(duration_s / _CONTROL_PERIOD_S)):
            before = worlds["truth"].truth()
            for _ in range(steps):
                for world in worlds.values():
                    world.advance(_GAZE_PERIOD_S)
                samples += worlds["predicted"].gaze_samples()
            now_s = worlds["predicted"].time_s
            samples = [sample for sample in samples if sample.stamp_ns >= (now_s - _GAZE_SPAN_S) * NS_PER_S]
            truth = worlds["truth"].truth()
            actual.append(Actual(now_s, truth.activity, truth.event, truth.event_time_s))
            if parse(before.event).verb == "pick up" and truth.event_time_s != before.event_time_s:
                for rival, world in worlds.items():
                    rollout.assisted[rival].append(world.truth().pointed_label == before.event_object)
            if tick % round(PREDICTION_PERIOD_S / _CONTROL_PERIOD_S) == 0:
                waiting.append((now_s + PREDICTION_AGE_S, _perceive(worlds, policies, predictor, samples, said)))
            while waiting and now_s >= waiting[0][0] - 1e-9:
                waiting.pop(0)[1]()
            _tell_truth(worlds["truth"], policies["truth"], truth)
            for rival, world in worlds.items():
                policies[rival].on_wearer(world.wearer_state())
                policies[rival].on_joint_state(world.joint_state())
                decision = policies[rival].step(round(now_s * NS_PER_S))
                if decision.trajectory is not None:
                    world.set_joint_trajectory(decision.trajectory)
    finally:
        for world in worlds.values():
            world.close()
    rollout.activity = activity_points(said[PredictionKind.ACTIVITY], actual)
    rollout.event = event_points(said[PredictionKind.EVENT], actual)
    return rollout


def _perceive(worlds, policies, predictor, samples, said) -> Callable[[], None]:
    """Predicts from the present; what is returned tells the policies once the result would have arrived."""
    world = worlds["predicted"]
    frame = world.render()
    predictor.observe(frame, samples, (world.camera.width, world.camera.height))
    output = predictor.predict()
    for prediction in (output.activity, output.event):
        said[prediction.kind].append(Said(frame.stamp_ns / NS_PER_S, prediction.text))
    target = target_of(frame, samples, output.objects, world)

    def arrive() -> None:
        policies["predicted"].on_prediction(output.activity)
        policies["predicted"].on_prediction(output.event)
        for rival in ("predicted", "without_prediction"):
            if target is not None:
                policies[rival].on_gaze_target(target)

    return arrive


def _tell_truth(world: Simulation, policy: AssistPolicy, truth: Truth) -> None:
    """The oracle knows the next event and where everything is."""
    stamp_ns, slots = round(world.time_s * NS_PER_S), parse(truth.event)
    hypothesis = Hypothesis(truth.event, slots.verb, slots.object, slots.place, 1.0)
    policy.on_prediction(
        Prediction(
            stamp_ns,
            PredictionKind.EVENT,
            truth.event,
            1.0,
            (hypothesis,),
            window_s=5.0,
            horizon_s=2.0,
            model_name="truth",
        )
    )
    position = world.thing_positions_in_base()[slots.object]
    policy.on_gaze_target(
        GazeTarget(stamp_ns, position, np.eye(3) * 1e-4, slots.object, slots.object, 1.0, frame_id=world.base_frame)
    )


def summarise(rollouts: Iterable[Rollout]) -> dict:
    """Rates with Wilson intervals: ``activity`` and ``event`` of model, majority and repeat; ``assist`` of
    each rival.
    """
    rollouts = list(rollouts)
    activity = score([point for rollout in rollouts for point in rollout.activity])
    event = score([point for rollout in rollouts for point in rollout.event])
    assisted = {
        rival: wilson_of([ok for rollout in rollouts for ok in rollout.assisted[rival]]).as_dict() for rival in RIVALS
    }
    return {
        "rollouts": len(rollouts),
        "activity_accuracy": activity.model.as_dict(),
        "event_accuracy": event.model.as_dict(),
        "majority": {"activity": activity.majority.as_dict(), "event": event.majority.as_dict()},
        "repeat": {"activity": activity.repeat.as_dict(), "event": event.repeat.as_dict()},
        "assist": {
            "success": assisted["predicted"],
            "without_prediction": assisted["without_prediction"],
            "with_truth": assisted["truth"],
        },
    }


def _worker(job: tuple[int, str, float]) -> Rollout:
    seed, checkpoint, duration_s = job
    return run_rollout(seed, StreamingPredictor.from_checkpoint(checkpoint, threads=1), duration_s)


def run_rollouts(
    checkpoint: Path,
    count: int,
    duration_s: float = 20.0,
    first_seed: int = FIRST_SEED,
    workers: int = 2,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict:
    """``summarise`` of ``count`` rollouts with different seeds, run by ``workers`` processes."""
    jobs = [(first_seed + index, str(checkpoint), duration_s) for index in range(count)]
    done: list[Rollout] = []
    with multiprocessing.get_context("spawn").Pool(workers) as pool:
        for rollout in pool.imap_unordered(_worker, jobs):
            done.append(rollout)
            on_progress(len(done), count)
    return summarise(done)
