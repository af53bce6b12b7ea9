"""The affine correction that a few looks of one eye give: ridge regression of what is missed on (1, yaw, pitch).

The penalty is what is known of people beforehand: how far eyes differ in offset and gain, and looks of one eye.
"""

from __future__ import annotations

import torch
from torch import Tensor

OFFSET_RAD, GAIN, NOISE_RAD = 0.04, 0.05, 0.015
"""Standard deviations of eyes' offsets and gains, and of what is missed from look to look."""


def known_of(estimated: Tensor) -> Tensor:
    """(1, yaw, pitch) (..., K, 3) of estimates (..., K, 2) [rad]."""
    return torch.cat([torch.ones_like(estimated[..., :1]), estimated], dim=-1)


def solution(estimated: Tensor, copies: int = 1) -> Tensor:
    """(..., 3, K): times what K looks miss (..., K, 2), it is the correction's coefficients (..., 3, 2). Each look is
    there in so many ``copies``, which tell no more of the eye than one.
    """
    known = known_of(estimated)
    spread = torch.tensor([OFFSET_RAD, GAIN, GAIN], dtype=estimated.dtype)
    penalty = torch.diag(copies * (NOISE_RAD / spread).square())
    return torch.linalg.solve(known.mT @ known + penalty, known.mT)
