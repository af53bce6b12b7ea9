"""Learns what people want next by habit, from sequences of everyday steps that the package's grammar draws.

``python -m gaze_vlm_ros.training.habits`` writes the network that ``policies.wants`` runs, and a card with what it is
worth on other sequences. Nothing is rendered: a sequence is what somebody takes, one thing after the other.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from safetensors.numpy import save
from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.policies.wants.habits import HABITS, INPUTS, LAGS, Habits, inputs
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.sim.assistance.reach import everyday_grammar
from gaze_vlm_ros.sim.intentions import Intentions, Step
from gaze_vlm_ros.sim.intentions.entropy import THINGS
from gaze_vlm_ros.sim.intentions.sampling import sample_things
from gaze_vlm_ros.sim.things import initial_state
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.vlm.checkpoint import write_atomically

STEPS, AHEAD = 12, 2
"""Moments of a sequence; what is needed within so many steps counts as next."""
FAR_SHARE, MISSED_SHARE = 0.6, 0.12
"""Of the things that are out of reach at first; of what is taken without being noticed."""
HIDDEN, EPOCHS, BATCH, RATE, DROPOUT = 128, 5, 256, 2e-3, 0.2
HELD_OUT = 1_000_000
"""Sequences from this number on are not learnt from."""
_STREAM = 77
_GRAMMAR = everyday_grammar()
_INDEX = {kind: number for number, kind in enumerate(OBJECT_KINDS)}
_NOTHING = len(OBJECT_KINDS)


@dataclass(frozen=True, eq=False)
class Moments:
    """``told`` (N, INPUTS) float32 and the kind that is ``needed`` next (N,), len(OBJECT_KINDS) for none."""

    told: np.ndarray
    needed: np.ndarray

    @property
    def far(self) -> np.ndarray:
        """(N, K + 1) mask of what can be the answer: the things out of reach, and nothing."""
        far = self.told.reshape(len(self.told), -1, _NOTHING)[:, LAGS + 1] > 0
        return np.column_stack([far, np.ones(len(far), bool)])


def sequence(number: int) -> list[tuple[np.ndarray, int]]:
    """The moments of sequence ``number``: what is told at each, and what is needed next."""
    rng = np.random.default_rng([number, _STREAM])
    things = sample_things(rng, int(rng.integers(THINGS[0], THINGS[1] + 1)))
    drawn = Intentions(rng, things, {thing: initial_state(thing, rng) for thing in things}, _GRAMMAR)
    steps = [drawn.next_step() for _ in range(STEPS + AHEAD)]
    far, taken, moments = {thing for thing in things if rng.random() < FAR_SHARE}, [], []
    for now, step in enumerate(steps[:STEPS]):
        needed = _needed(steps[now : now + AHEAD], far)
        moments.append((inputs(taken, things, sorted(far)), _INDEX.get(needed, _NOTHING)))
        far -= {step.object, step.place}
        for thing in (step.place, step.object):
            if thing in _INDEX and taken[-1:] != [thing] and rng.random() > MISSED_SHARE:
                taken.append(thing)
    return moments


def _needed(steps: list[Step], far: set[str]) -> str:
    for step in steps:
        for thing in (step.object, step.place):
            if thing in far:
                return thing
    return ""


def gather(first: int, count: int) -> Moments:
    found = []
    with Progress(TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()) as bar:
        for number in bar.track(range(first, first + count), description="sequences"):
            found += sequence(number)
    return Moments(np.array([told for told, _ in found], np.float32), np.array([needed for _, needed in found]))


def learn(moments: Moments, seed: int = 0) -> dict[str, np.ndarray]:
    """The tensors of ``Habits``."""
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(INPUTS, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(HIDDEN, _NOTHING + 1))
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    told, needed, far = (torch.from_numpy(one) for one in (moments.told, moments.needed, moments.far))
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(told)).split(BATCH):
            loss = functional.cross_entropy(net(told[batch]).masked_fill(~far[batch], -1e4), needed[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return {"hidden": _with_bias(net[0]), "out": _with_bias(net[3])}


def _with_bias(layer: nn.Linear) -> np.ndarray:
    tensor: Tensor = torch.cat([layer.weight, layer.bias[:, None]], dim=1)
    return tensor.detach().numpy().astype(np.float16)


def score(tensors: dict[str, np.ndarray], moments: Moments) -> dict[str, float]:
    """On ``moments`` at which a thing is needed: how often the first guess among the far things is ``right``, and
    ``by_chance``; of all: the mean ``log_loss`` [nats]."""
    habits = Habits(*(tensors[name].astype(np.float64) for name in ("hidden", "out")))
    inner = np.maximum(moments.told @ habits.hidden[:, :-1].T + habits.hidden[:, -1], 0.0)
    scores = np.where(moments.far, inner @ habits.out[:, :-1].T + habits.out[:, -1], -np.inf)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    shares /= shares.sum(1, keepdims=True)
    of_things = moments.needed < _NOTHING
    guess = scores[of_things, :_NOTHING].argmax(1)
    return {
        "right": float((guess == moments.needed[of_things]).mean()),
        "by_chance": float((1.0 / moments.far[of_things, :_NOTHING].sum(1)).mean()),
        "log_loss": float(-np.log(shares[np.arange(len(shares)), moments.needed]).mean()),
    }


def without_history(moments: Moments) -> Moments:
    """The same moments, of somebody who has seen nothing of what was taken."""
    told = moments.told.reshape(len(moments.told), -1, _NOTHING).copy()
    told[:, [*range(LAGS), LAGS + 2]] = 0.0
    return Moments(told.reshape(moments.told.shape), moments.needed)


def card(sequences: int, judged: int, scores: dict[str, dict[str, float]]) -> str:
    rows = "\n".join(
        f"| {name} | {one['right']:.2f} | {one['by_chance']:.2f} | {one['log_loss']:.2f} |"
        for name, one in scores.items()
    )
    return f"""# Habits: what is wanted next by what was taken

A perceptron with {HIDDEN} hidden units. In go the last {LAGS} things that somebody took, what was taken earlier,
the things that there are and those out of reach; out comes how probable it is that each of the latter is needed
within {AHEAD} steps, or none. Learnt from {sequences} sequences that the package's grammar of everyday goals draws,
{STEPS} moments each; of what is taken {MISSED_SHARE:.0%} goes unnoticed. It knows the habits of that grammar and
nobody else's.

    python -m gaze_vlm_ros.training.habits --sequences {sequences}

On {judged} other sequences, of the moments at which a thing is needed, the first guess:

| | right | by chance | log loss of all moments [nats] |
|---|---|---|---|
{rows}
"""


def train_habits(sequences: int, judged: int, path: Path) -> None:
    """Learns, judges, and writes ``path`` with its card beside it."""
    seen, others = gather(0, sequences), gather(HELD_OUT, judged)
    tensors = learn(seen)
    scores = {
        "with what was taken": score(tensors, others),
        "without it, learnt apart": score(learn(without_history(seen)), without_history(others)),
    }
    write_atomically(path, save(tensors, metadata={"kinds": json.dumps(OBJECT_KINDS)}))
    write_atomically(path.with_suffix(".md"), card(sequences, judged, scores).encode())
    for name, one in scores.items():
        say(f"habits {name}: right {one['right']:.1%} (chance {one['by_chance']:.1%}), log loss {one['log_loss']:.3f}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m gaze_vlm_ros.training.habits", description=__doc__)
    parser.add_argument("--sequences", type=int, default=12000, help="to learn from (default %(default)s)")
    parser.add_argument("--judged", type=int, default=1000, help="to judge by (default %(default)s)")
    parser.add_argument("--out", type=Path, default=HABITS, help="where to (default: what ships)")
    options = parser.parse_args(arguments)
    if min(options.sequences, options.judged) < 1:
        parser.error("--sequences and --judged must be at least 1")
    return run_command(lambda: train_habits(options.sequences, options.judged, options.out), 1)


if __name__ == "__main__":
    sys.exit(main())
