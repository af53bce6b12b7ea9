"""What tells the next thing: history, gaze, both, or the picture as a whole; linear probes on unseen episodes.

``python -m gaze_vlm_ros.training.probes`` lives through simulated episodes. A decision point is the moment at which the
hand sets out for a thing; what is asked is which thing, from what was known ``AHEAD_S`` before. Each probe is a softmax
over the things present whose score is linear in the thing's features (conditional logit), trained on some episodes and
judged on others:

* ``history``: the log-probability that an ideal observer of all earlier steps gives the thing (no probe can do better);
* ``gaze``: how much the line of sight was at the thing in five spans of the last three seconds;
* ``both``; and ``image``: a linear map from the whole picture, 32 x 24 pixels, to the kinds of things.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.geometry.transforms import angle_between
from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.intentions import Observer
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.statistics import wilson_of

AHEAD_S = 0.5
SPANS_S = (0.0, 0.2, 0.5, 1.0, 2.0, 3.0)
_SAMPLE_S = 0.04
_NEAR_RAD = np.radians(4.0)
_PICTURE = 32, 24
_FIRST_SEED = 2_000_000
_TEST_SHARE = 0.4


@dataclass(frozen=True)
class DecisionPoint:
    """One choice among ``things``: ``chosen`` is the index of the one taken.

    ``history`` (T,) log-probabilities, ``gaze`` (T, 5) mean nearness of the line of sight in ``SPANS_S``, ``picture``
    (24, 32, 3) 0..1.
    """

    things: tuple[str, ...]
    chosen: int
    history: np.ndarray
    gaze: np.ndarray
    picture: np.ndarray


def decision_points(seed: int, seconds: float) -> list[DecisionPoint]:
    """The decision points of one episode; the first one is left out, for nothing went before."""
    simulation = Simulation(SimulationConfig(seed=seed, width=128, height=96))
    observer = Observer(simulation.things, simulation.wearer.states)
    wearer, found, near, pictures = simulation.wearer, [], [], []
    before, event, event_time_s = wearer.activity, wearer.event, wearer.event_time_s
    try:
        for _ in range(round(seconds / _SAMPLE_S)):
            simulation.advance(_SAMPLE_S)
            near.append(_nearness(simulation))
            pictures = [*pictures[-round(AHEAD_S / _SAMPLE_S) :], simulation.snapshot()]
            if wearer.event_time_s > event_time_s:
                if event.verb != "pick up":
                    observer.see(event)
                event, event_time_s = wearer.event, wearer.event_time_s
            if wearer.activity.verb == "reach" != before.verb:
                found.append(_point(simulation, observer, near, pictures[0]))
            before = wearer.activity
    finally:
        simulation.close()
    return found[1:]


def _nearness(simulation: Simulation) -> np.ndarray:
    """1 where the line of sight meets a thing's middle, 0 far from it, (T,)."""
    eyes = simulation.wearer.eyes
    ways = np.array([simulation.data.body(thing).xpos for thing in simulation.things]) - eyes.position_m
    return np.exp(-0.5 * (angle_between(ways, eyes.gaze_point_m() - eyes.position_m) / _NEAR_RAD) ** 2)


def _point(simulation: Simulation, observer: Observer, near: list[np.ndarray], snapshot) -> DecisionPoint:
    expected = observer.next_objects()
    history = np.log([max(expected.get(thing, 0.0), 1e-4) for thing in simulation.things])
    until = max(len(near) - round(AHEAD_S / _SAMPLE_S), 1)
    spans = []
    for later, earlier in zip(SPANS_S, SPANS_S[1:], strict=False):
        part = near[max(until - round(earlier / _SAMPLE_S), 0) : until - round(later / _SAMPLE_S)]
        spans.append(np.mean(part, axis=0) if len(part) else np.zeros(len(simulation.things)))
    rgb = simulation.render_snapshot(snapshot, depth=False).rgb
    picture = cv2.resize(rgb, _PICTURE, interpolation=cv2.INTER_AREA).astype(np.float32) / 255.0
    chosen = simulation.things.index(simulation.wearer.activity.object)
    return DecisionPoint(simulation.things, chosen, history, np.array(spans).T, picture)


def choice_accuracy(
    train: Iterable[DecisionPoint], test: Iterable[DecisionPoint], features: Callable[[DecisionPoint], np.ndarray]
) -> list[bool]:
    """Trains a conditional logit on ``features`` (T, F) of each point; whether each test point is guessed right."""
    data = [(torch.tensor(features(point), dtype=torch.float32), point.chosen) for point in train]
    weights = torch.zeros(data[0][0].shape[1], requires_grad=True)
    optimiser = torch.optim.LBFGS([weights], max_iter=60)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = -torch.stack([torch.log_softmax(x @ weights, 0)[chosen] for x, chosen in data]).mean()
        value = value + 1e-4 * weights.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    learnt = weights.detach().numpy()
    return [int(np.argmax(features(point) @ learnt)) == point.chosen for point in test]


def image_accuracy(train: list[DecisionPoint], test: list[DecisionPoint]) -> list[bool]:
    """A ridge-penalised linear map from the picture to the kinds; the best of the kinds present is the guess."""
    pixels = torch.tensor(np.array([point.picture.ravel() for point in train]))
    mean = pixels.mean(0)
    kinds = torch.tensor([OBJECT_KINDS.index(point.things[point.chosen]) for point in train])
    layer = torch.nn.Linear(pixels.shape[1], len(OBJECT_KINDS))
    torch.nn.init.zeros_(layer.weight)
    optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=100)

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        value = torch.nn.functional.cross_entropy(layer(pixels - mean), kinds) + 3e-3 * layer.weight.square().sum()
        value.backward()
        return value

    optimiser.step(loss)
    right = []
    with torch.no_grad():
        for point in test:
            scores = layer(torch.tensor(point.picture.ravel()) - mean).numpy()
            best = max(range(len(point.things)), key=lambda i: scores[OBJECT_KINDS.index(point.things[i])])
            right.append(best == point.chosen)
    return right


def probe(episodes: list[list[DecisionPoint]]) -> dict:
    """Accuracy of each probe on the last episodes, with Wilson intervals, and the gains that matter.

    Raises GazeVlmError where nothing is decided in the first or in the last episodes.
    """
    cut = round(len(episodes) * (1.0 - _TEST_SHARE))
    train, test = ([point for episode in part for point in episode] for part in (episodes[:cut], episodes[cut:]))
    if not train or not test:
        raise GazeVlmError("too little is decided in these episodes; ask for more --episodes or --seconds")
    right = {
        "history": choice_accuracy(train, test, lambda point: point.history[:, None]),
        "gaze": choice_accuracy(train, test, lambda point: point.gaze),
        "both": choice_accuracy(train, test, lambda point: np.column_stack([point.history, point.gaze])),
        "image": image_accuracy(train, test),
        "chance": [bool(np.random.default_rng(i).integers(len(p.things)) == p.chosen) for i, p in enumerate(test)],
    }
    rates = {name: float(np.mean(ok)) for name, ok in right.items()}
    return {
        "points": {"train": len(train), "test": len(test)},
        **{name: wilson_of(ok).as_dict() for name, ok in right.items()},
        "gaze_minus_history": round(rates["gaze"] - rates["history"], 4),
        "both_minus_gaze": round(rates["both"] - rates["gaze"], 4),
    }


def _job(job: tuple[int, float]) -> list[DecisionPoint]:
    return decision_points(*job)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--episodes", type=int, default=160)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--first-seed", type=int, default=_FIRST_SEED)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args(arguments)
    if options.episodes < 2:
        parser.error(f"--episodes must be 2 or more, some to learn from and some to test; got {options.episodes}")
    if options.first_seed < 0 or options.workers < 1:
        parser.error("--first-seed must be 0 or more, --workers 1 or more")
    jobs = [(options.first_seed + index, options.seconds) for index in range(options.episodes)]
    with Progress() as progress, multiprocessing.get_context("spawn").Pool(options.workers) as pool:
        episodes = list(progress.track(pool.imap(_job, jobs), total=len(jobs), description="episodes"))
    try:
        print(json.dumps(probe(episodes)))
    except GazeVlmError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
