"""How well the attention over the patches of the newest frame finds the wearer's gaze: mass nearby, NSS, AUC.

The gaze of a frame is the patch where its heatmap is highest. Attention (N, P) sums to 1 over the patches.
"""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.statistics import cluster_bootstrap
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.data import SPLITS
from gaze_vlm_ros.training.metrics.judged import Judged

NEAR_PATCHES = 2.0


def near_gaze(gaze_patch: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Which patches (N, P) have their centre within two patches of the gaze (N, 2) = (row, column) in patches."""
    centres = np.stack(np.meshgrid(*(np.arange(n) + 0.5 for n in grid), indexing="ij"), -1).reshape(-1, 2)
    return np.linalg.norm(gaze_patch[:, None] - centres, axis=-1) <= NEAR_PATCHES


def mass_near(attention: np.ndarray, patch: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    """Share (N,) of the attention (N, P) within two patches of the gazed patch (N,)."""
    centre = np.stack(np.unravel_index(patch, grid), 1) + 0.5
    return (attention * near_gaze(centre, grid)).sum(1)


def nss(attention: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """Normalised scanpath saliency (N,) (Peters et al. 2005): attention (N, P) at the gazed patch (N,), in standard
    deviations above the mean over the patches; 0 where all patches are alike.
    """
    deviation = attention - attention.mean(1, keepdims=True)
    spread = attention.std(1)
    is_flat = spread <= 1e-9 * np.abs(attention).max(1)
    at_gaze = np.take_along_axis(deviation, patch[:, None], 1)[:, 0]
    return np.where(is_flat, 0.0, at_gaze / np.where(is_flat, 1.0, spread))


def auc_judd(attention: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """Area (N,) under the ROC of attention (N, P) as a detector of the gazed patch (N,) among all others (Judd et al.
    2009).

    With one gazed patch that is the share of the other patches that have less attention; equal ones count half, which
    is what the random jitter of the original comes to on average.
    """
    at_gaze = np.take_along_axis(attention, patch[:, None], 1)
    less, equal = (attention < at_gaze).sum(1), (attention == at_gaze).sum(1) - 1
    return (less + equal / 2) / (attention.shape[1] - 1)


def gazed(judged: Judged) -> tuple[np.ndarray, np.ndarray]:
    """Which windows (W,) have gaze at their newest frame, and that frame's heatmap (N, P) in those."""
    target = judged.column("heatmap")
    seen = target.sum((1, 2)) > 0
    return seen, target[seen].reshape(seen.sum(), -1)


def tables(judged: Judged) -> dict:
    """measure -> attention of the model, or a rival -> mean over the frames that have gaze.

    Rivals: the same attention everywhere and, where the data have training frames, their mean gaze (``centre_prior``);
    for scale the heatmap itself (``human_gaze``).
    """
    heatmap = judged.data.columns["heatmap"]
    grid, (seen, target) = heatmap.shape[1:], gazed(judged)
    patch, episodes = target.argmax(1), judged.episode[seen].tolist()
    prior = heatmap[judged.data.columns["split"] == SPLITS.index("train")].sum(0).ravel()
    fields = {source.value: judged.said[source].attention[seen] for source in (Input.RGB, Input.GAZE)}
    fields["uniform"] = np.full(target.shape, 1 / target.shape[1])
    if prior.any():
        fields["centre_prior"] = np.broadcast_to(prior / prior.sum(), target.shape)
    fields["human_gaze"] = target
    measures = {"mass": lambda field: mass_near(field, patch, grid)}
    measures |= {"nss": lambda field: nss(field, patch), "auc_judd": lambda field: auc_judd(field, patch)}
    return {
        measure: {name: cluster_bootstrap(of(field), episodes) for name, field in fields.items()}
        for measure, of in measures.items()
    }
