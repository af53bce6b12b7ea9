"""Fits how evidence is weighed, and chooses when help starts, from logs of validation wearers alone.

The weights maximise the likelihood of what was wanted next (a conditional logit with "none"). The threshold is then
the one that saves most time for wearers that the weights were not fitted to (four folds), among those with which wrong
help and false starts stay within bounds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from gaze_vlm_ros.policies.wants import WantError, WantWeights
from gaze_vlm_ros.policies.wants.evidence import NOTHING_FEATURES, THING_FEATURES
from gaze_vlm_ros.training.assist_study.log import Moment

MOST_WRONG, MOST_IDLE_PER_MIN = 0.06, 0.35
"""Bounds for the choice of the threshold, on replays: played, more or less of it may be wrong."""
STARTS = tuple(round(0.025 * number, 3) for number in range(14, 39))
FETCH_S = 5.0
"""About what the robot takes to bring a thing: a start that is earlier than that saves no more."""
KEEP_SHARE = 0.5
_RIDGE = 0.3
_FOLDS = 4


@dataclass(frozen=True)
class Score:
    """What a threshold comes to on logs: seconds saved for each want, shares and rates as in the study."""

    saved_s: float
    coverage: float
    wrong_share: float
    idle_per_min: float


def fit(moments: Sequence[Moment], name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weights of things (F,) and of "none" (G,) for the input ``name``. Raises WantError without any moment."""
    used = [one for one in moments if one.things]
    if not used:
        raise WantError("no moment with a thing out of reach was logged; log more wearers")
    most = max(len(one.things) for one in used)
    things = np.zeros((len(used), most, len(THING_FEATURES)))
    present = np.zeros((len(used), most), bool)
    nothing = np.array([one.evidence[name][1] for one in used])
    for row, one in enumerate(used):
        things[row, : len(one.things)] = one.evidence[name][0]
        present[row, : len(one.things)] = True
    chosen = np.array([one.wanted if one.wanted >= 0 else most for one in used])
    count = len(THING_FEATURES)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.where(present, things @ weights[:count], -np.inf)
        scores = np.column_stack([scores, nothing @ weights[count:]])
        scores -= scores.max(1, keepdims=True)
        shares = np.exp(scores)
        shares /= shares.sum(1, keepdims=True)
        rows = np.arange(len(used))
        value = -np.log(np.maximum(shares[rows, chosen], 1e-12)).sum() + _RIDGE * weights @ weights
        off = shares.copy()
        off[rows, chosen] -= 1.0
        slope = np.concatenate([np.einsum("nt,ntf->f", off[:, :-1], things), off[:, -1] @ nothing])
        return value, slope + 2.0 * _RIDGE * weights

    found = minimize(loss, np.zeros(count + len(NOTHING_FEATURES)), jac=True, method="L-BFGS-B")
    return found.x[:count], found.x[count:]


def tune(moments: Sequence[Moment], name: str, patience_s: float, request_s: float) -> tuple[WantWeights, Score]:
    """Weights fitted to all of ``moments``, with the threshold chosen on held-out quarters of them, and their score."""
    seeds = np.unique([one.seed for one in moments])
    if len(seeds) < _FOLDS:
        raise WantError(f"at least {_FOLDS} wearers are needed to tune, got {len(seeds)}")
    fold_of = {int(seed): number % _FOLDS for number, seed in enumerate(seeds)}
    held_out: list[tuple[Moment, np.ndarray]] = []
    for fold in range(_FOLDS):
        weights = fit([one for one in moments if fold_of[one.seed] != fold], name)
        judged = WantWeights(tuple(weights[0]), tuple(weights[1]), 1.0, 1.0)
        held_out += [(one, judged.probabilities(*one.evidence[name])) for one in moments if fold_of[one.seed] == fold]
    best: tuple[float, float, Score] | None = None
    for start in STARTS:
        score = replay(held_out, start, patience_s, request_s)
        allowed = score.wrong_share <= MOST_WRONG and score.idle_per_min <= MOST_IDLE_PER_MIN
        if allowed and (best is None or score.saved_s > best[0]):
            best = score.saved_s, start, score
    if best is None:
        raise WantError(f"no threshold keeps wrong help of {name} within bounds; log more wearers")
    thing, nothing = fit(moments, name)
    _, start, score = best
    return WantWeights(tuple(thing), tuple(nothing), start, KEEP_SHARE * start), score


def replay(judged: Sequence[tuple[Moment, np.ndarray]], start: float, patience_s: float, request_s: float) -> Score:
    """What ``start`` would have done, were each want served by the first start that is right.

    ``judged``: moments with the probability of each of their things (T,).
    """
    saved: list[float] = []
    covered = wrong = steps = false_starts = 0
    idle_s = 0.0
    for episode in _episodes(judged):
        times = [one.time_s for one, _ in episode]
        starts = list(_starts(episode, start))
        if episode[0][0].idle:
            false_starts += len(starts)
            idle_s += times[-1] - times[0]
            continue
        steps += max(one.step for one, _ in episode) + 1
        wrong += len({one.step for one, label in starts if label != _wanted(one)})
        for thing, since_s, before_s in _wants(episode):
            right = [one.time_s for one, label in starts if label == thing and before_s < one.time_s]
            begun_s = next((time for time in right if time <= since_s + patience_s + request_s), np.inf)
            covered += begun_s <= since_s + patience_s
            begun_s = np.clip(begun_s, since_s - FETCH_S, since_s + patience_s + request_s)
            saved.append(since_s + request_s - begun_s)
    return Score(
        float(np.sum(saved)) / max(len(saved), 1),
        covered / max(len(saved), 1),
        wrong / max(steps, 1),
        false_starts / max(idle_s / 60.0, 1e-9),
    )


def _episodes(judged: Sequence[tuple[Moment, np.ndarray]]) -> Iterable[list[tuple[Moment, np.ndarray]]]:
    found: dict[tuple[int, bool], list[tuple[Moment, np.ndarray]]] = {}
    for one in judged:
        found.setdefault((one[0].seed, one[0].idle), []).append(one)
    return found.values()


def _wanted(moment: Moment) -> str:
    return moment.things[moment.wanted] if moment.wanted >= 0 else ""


def _starts(episode: Sequence[tuple[Moment, np.ndarray]], start: float) -> Iterable[tuple[Moment, str]]:
    """Each time at which help would start, with which thing; again only once that thing is out of the way."""
    begun = ""
    for moment, probability in episode:
        best = int(np.argmax(probability)) if len(probability) else -1
        label = moment.things[best] if best >= 0 and probability[best] >= start else ""
        if begun and begun not in moment.things:
            begun = ""
        if label and label != begun:
            begun = label
            yield moment, label


def _wants(episode: Sequence[tuple[Moment, np.ndarray]]) -> Iterable[tuple[str, float, float]]:
    """Thing, since when it is lacked, and the time from which it was the next to be wanted."""
    begun_s, known = -np.inf, ""
    seen: set[tuple[str, float]] = set()
    for moment, _ in episode:
        thing = _wanted(moment)
        if thing != known:
            begun_s, known = moment.time_s - 1e-6, thing
        if thing and np.isfinite(moment.lacked_since_s) and (thing, moment.lacked_since_s) not in seen:
            seen.add((thing, moment.lacked_since_s))
            yield thing, moment.lacked_since_s, begun_s
