"""What the attention may be pulled towards: for each frame a distribution over its patches, or nothing.

Only ``GAZE``, ``SINGLE_POINT`` and ``NOT_CARRIED`` know where the wearer looked at that frame.
"""

from __future__ import annotations

from enum import StrEnum

import numpy as np

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.training.arms.released import released_target
from gaze_vlm_ros.training.data import CAMERA_SIZE, DataError
from gaze_vlm_ros.training.metrics.judged import slot_of
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.types import PredictionKind

_HAND = "hand"


class Target(StrEnum):
    """Towards what the regulariser pulls."""

    NONE = "none"
    """Nothing: lambda is 0."""
    GAZE = "gaze"
    """The paper's: gaze of the last 200 ms, carried to the frame by its hits in 3-D."""
    ANY_OBJECT = "any_object"
    """Uniform over the patches that show a thing."""
    HAND = "hand"
    """Uniform over the patches that show a hand."""
    CENTRE = "centre"
    """One Gaussian for all frames, with the mean and the widths of the training gaze."""
    NEXT_OBJECT = "next_object"
    """Uniform over the patches that show the next event's true object. No wearer and no labelling by eye knows it in
    time: an upper bound."""
    SHUFFLED = "shuffled"
    """The gaze of another training episode at the frame of the same index."""
    AS_RELEASED = "as_released"
    """The released code's row bands (``released.py``)."""
    SINGLE_POINT = "single_point"
    """The newest gaze point alone."""
    NOT_CARRIED = "not_carried"
    """The gaze pixels of the last 200 ms as they were in their own frames."""


def target_maps(target: Target, data: TokenSet, rows: np.ndarray, seed: int = 0) -> np.ndarray:
    """The target of each frame of ``data``, (F, P) float32: a distribution for the frames ``rows``, zeros for those of
    them that have none, NaN for all others, so that a frame outside ``rows`` that is trained on after all shows.

    ``rows`` are all frames of the training episodes; ``seed`` draws who is shuffled with whom. Raises DataError where
    no frame has a target.
    """
    grid = data.columns["heatmap"].shape[1:]
    maps = np.full((len(data.columns["episode"]), grid[0] * grid[1]), np.nan, np.float32)
    maps[rows] = _MAKERS[target](data, rows, seed).reshape(len(rows), -1)
    if target is not Target.NONE and not maps[rows].any():
        raise DataError(f"no training frame has anything to pull the attention to for the target {target.value!r}")
    return maps


def other_episode(episode: np.ndarray, seed: int) -> np.ndarray:
    """For each frame of ``episode`` (N,) the index of the frame with the same number in another episode, -1 where that
    one is shorter. The episodes stand in a random ring, and each takes the next one's frames: never its own.

    Raises DataError for a single episode.
    """
    numbers, which, sizes = np.unique(episode, return_inverse=True, return_counts=True)
    if len(numbers) < 2:
        raise DataError("shuffling gaze between episodes needs at least two training episodes")
    ring = np.random.default_rng([seed, 11]).permutation(len(numbers))
    following = np.empty(len(ring), dtype=int)
    following[ring] = np.roll(ring, -1)
    own = [np.flatnonzero(which == i) for i in range(len(numbers))]
    others = np.full(len(episode), -1)
    for i, other in enumerate(following):
        shared = min(sizes[i], sizes[other])
        others[own[i][:shared]] = own[other][:shared]
    return others


def _nothing(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    return np.zeros_like(data.columns["heatmap"][rows])


def _gaze(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    return data.columns["heatmap"][rows]


def _not_carried(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    return data.columns["heatmap_input"][rows]


def _released(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    return released_target(data.columns["heatmap"][rows])


def _single_point(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    grid = data.columns["heatmap"].shape[1:]
    return np.stack([heatmap(point, CAMERA_SIZE, grid) for point in data.columns["gaze_px"][rows]])


def _shuffled(data: TokenSet, rows: np.ndarray, seed: int) -> np.ndarray:
    others, maps = other_episode(data.columns["episode"][rows], seed), data.columns["heatmap"][rows]
    return np.where((others >= 0)[:, None, None], maps[others], np.float32(0.0))


def _any_object(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    kinds = [index for index, name in enumerate(data.labels) if name in OBJECT_KINDS]
    return _uniform(np.isin(data.columns["patch_label"][rows], kinds))


def _hand(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    hands = [index for index, name in enumerate(data.labels) if name == _HAND]
    return _uniform(np.isin(data.columns["patch_label"][rows], hands))


def _next_object(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    return next_object_patches(data, rows)


def _centre(data: TokenSet, rows: np.ndarray, _: int) -> np.ndarray:
    points = data.columns["gaze_px"][rows]
    inside = points[((points >= -0.5) & (points < np.array(CAMERA_SIZE) - 0.5)).all(1)]
    if len(inside) < 2:
        raise DataError("no training frame has gaze, so that the spread of the wearers' gaze is not known")
    mean, spread = inside.mean(0), inside.std(0)
    grid = data.columns["heatmap"].shape[1:]
    centres = [(np.arange(n) + 0.5) * size / n - 0.5 for n, size in zip(grid[::-1], CAMERA_SIZE, strict=True)]
    across, down = (np.exp(-0.5 * ((c - m) / max(s, 1.0)) ** 2) for c, m, s in zip(centres, mean, spread, strict=True))
    bell = np.outer(down, across)
    return np.broadcast_to(bell / bell.sum(), (len(rows), *grid))


def next_object_patches(data: TokenSet, rows: np.ndarray) -> np.ndarray:
    """Of each frame of ``rows`` (N,) the distribution (N, rows, columns) over the patches that show the object of its
    true next event; zeros where there is no such event or its object is not in sight.
    """
    events, which = np.unique(data.columns[PredictionKind.EVENT.value][rows], return_inverse=True)
    index = {name: number for number, name in enumerate(data.labels)}
    label = np.array([index.get(slot_of(event, "object") or "", -1) for event in events])
    return _uniform(data.columns["patch_label"][rows] == label[which][:, None, None])


def _uniform(shown: np.ndarray) -> np.ndarray:
    """Equal shares of the patches ``shown`` (N, rows, columns), zeros for a frame without any."""
    return shown / np.maximum(shown.sum((1, 2), keepdims=True), 1)


_MAKERS = {
    Target.NONE: _nothing,
    Target.GAZE: _gaze,
    Target.ANY_OBJECT: _any_object,
    Target.HAND: _hand,
    Target.CENTRE: _centre,
    Target.NEXT_OBJECT: _next_object,
    Target.SHUFFLED: _shuffled,
    Target.AS_RELEASED: _released,
    Target.SINGLE_POINT: _single_point,
    Target.NOT_CARRIED: _not_carried,
}
