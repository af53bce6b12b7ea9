"""The eye's reward: how near the hand's predicted path is to the demonstrated one."""

from __future__ import annotations

import torch
from torch import Tensor


def path_distance(demonstrated: Tensor, predicted: Tensor) -> Tensor:
    """One-sided Chamfer distance (B,) [m] of paths (B, K, 3): ``mean_k min_j |G_k - P_j|`` (EyeRobot's line distance).

    From the demonstration to the prediction, not back, and without time: a prediction that overshoots or is early
    costs nothing. Rows of ``demonstrated`` that are NaN do not count; a path without any row costs 0.
    """
    known = torch.isfinite(demonstrated[..., 0])
    # The default goes by inner products, which loses half of the digits.
    distances = torch.cdist(torch.nan_to_num(demonstrated), predicted, compute_mode="donot_use_mm_for_euclid_dist")
    nearest = distances.amin(-1)
    return (nearest * known).sum(-1) / known.sum(-1).clamp(min=1)


def joint_distance(demonstrated: Tensor, predicted: Tensor) -> Tensor:
    """(B,) of chunks (B, A, J): mean absolute joint error [rad] plus 0.2 of the gripper's (EyeRobot's alternative)."""
    known = torch.isfinite(demonstrated[..., 0])
    error = (torch.nan_to_num(demonstrated) - predicted).abs()
    each = error[..., :-1].mean(-1) + 0.2 * error[..., -1]
    return (each * known).sum(-1) / known.sum(-1).clamp(min=1)
