"""How much the steps so far tell about the next thing.

    python -m gaze_vlm_ros.sim.intentions.entropy --episodes 300

A decision point is a step that takes a thing which is not in the hand. What is judged there is the ideal observer's
``next_objects`` from the history alone. Printed as one JSON object.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.intentions.draw import Intentions
from gaze_vlm_ros.sim.intentions.posterior import Observer
from gaze_vlm_ros.sim.intentions.sampling import sample_things
from gaze_vlm_ros.sim.intentions.step import Step
from gaze_vlm_ros.sim.things.state import initial_state
from gaze_vlm_ros.statistics import cluster_bootstrap, wilson_of

PLAUSIBLE = 0.1
"""Probability from which a next object counts as plausible."""
AMBIGUOUS_OBJECTS, AMBIGUOUS_BITS = 3, 1.0
THINGS = (6, 14)
"""Fewest and most things of an episode."""
STEPS = 16
"""Steps of an episode, about a minute of the wearer's time."""


@dataclass(frozen=True)
class Point:
    """One decision point: what was taken, the observer's probabilities before, the things present, the episode."""

    taken: str
    expected: dict[str, float]
    things: tuple[str, ...]
    episode: int

    @property
    def bits(self) -> float:
        """Entropy of the next object."""
        probabilities = np.array([p for p in self.expected.values() if p > 0])
        return float(-(probabilities * np.log2(probabilities)).sum())

    @property
    def is_ambiguous(self) -> bool:
        plausible = sum(probability >= PLAUSIBLE for probability in self.expected.values())
        return plausible >= AMBIGUOUS_OBJECTS and self.bits >= AMBIGUOUS_BITS

    @property
    def guess(self) -> str:
        """The observer's best guess."""
        return max(self.expected, key=self.expected.__getitem__)


def takes(step: Step, in_hand: str) -> bool:
    """Whether ``step`` takes a new thing when ``in_hand`` is in the hand before."""
    return step.verb != "search" and step.object != in_hand


def points_of(seed: int, steps: int = STEPS) -> list[Point]:
    """The decision points of one episode with random things in random states; equal seeds give equal points."""
    rng = np.random.default_rng(seed)
    things = sample_things(rng, int(rng.integers(THINGS[0], THINGS[1] + 1)))
    states = {thing: initial_state(thing, rng) for thing in things}
    intentions, observer = Intentions(rng, things, states), Observer(things, states)
    points = []
    for _ in range(steps):
        in_hand = intentions.in_hand
        step = intentions.next_step()
        if takes(step, in_hand):
            points.append(Point(step.object, observer.next_objects(), things, seed))
        observer.see(step)
    return points


def ambiguity(episodes: int = 300, first_seed: int = 0, steps: int = STEPS) -> dict:
    """Figures over the decision points of ``episodes``.

    Each is an ``Estimate.as_dict()``: shares with Wilson's interval, bits with one over episodes. ``no_history``
    guesses the thing that was taken most often where it was present, as counted in the other half of the episodes.
    ``expected_accuracy`` is what the observer's guesses are worth by its own probabilities; ``history_accuracy``
    scatters about it.
    """
    halves: list[list[Point]] = [[], []]
    for number in range(episodes):
        halves[number % 2] += points_of(first_seed + number, steps)
    points = halves[0] + halves[1]
    no_history = [
        point.taken == guess
        for half, other in (halves, halves[::-1])
        for point, guess in zip(half, _favourites(half, other), strict=True)
    ]
    uniform = float(np.mean([1 / len(point.things) for point in points]))
    return {
        "ambiguous_share": wilson_of([point.is_ambiguous for point in points]).as_dict(),
        "bits": cluster_bootstrap([point.bits for point in points], [point.episode for point in points]).as_dict(),
        "history_accuracy": wilson_of([point.taken == point.guess for point in points]).as_dict(),
        "expected_accuracy": float(np.mean([point.expected[point.guess] for point in points])),
        "no_history_accuracy": wilson_of(no_history).as_dict(),
        "uniform_accuracy": uniform,
        "episodes": episodes,
        "steps": steps,
        "first_seed": first_seed,
    }


def _favourites(points: Sequence[Point], counted: Sequence[Point]) -> list[str]:
    """For each of ``points`` the thing present that was taken most often per time it was there, among ``counted``."""
    there = Counter(thing for point in counted for thing in point.things)
    taken = Counter(point.taken for point in counted)
    rate = {kind: taken[kind] / max(there[kind], 1) for kind in OBJECT_KINDS}
    return [max(point.things, key=rate.__getitem__) for point in points]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="gaze_vlm_ros.sim.intentions.entropy", description=__doc__)
    parser.add_argument("--episodes", type=int, default=300)
    parser.add_argument("--steps", type=int, default=STEPS, help="steps per episode")
    parser.add_argument("--first-seed", type=int, default=0)
    options = parser.parse_args(arguments)
    if options.episodes < 2 or options.steps < 2:
        parser.error("at least 2 episodes of 2 steps are needed")
    print(json.dumps(ambiguity(options.episodes, options.first_seed, options.steps)))


if __name__ == "__main__":
    main()
