"""What else the third stage of a network knows: how sure it is, whether an eye is there and open, the pupil's size."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from gaze_vlm_ros.gaze.eyes.estimate import STATES

_HIDDEN = 64
_CELLS = 2
_PUPIL_MM, _PUPIL_SPREAD_MM = 4.0, 1.5


@dataclass(frozen=True)
class HeadValues:
    """``log_sigma`` (B, 2) of yaw and pitch [log rad], ``state`` (B, 4) logits of STATES, ``pupil_mm`` (B,)."""

    log_sigma: Tensor
    state: Tensor
    pupil_mm: Tensor


class EyeHeads(nn.Module):
    """A small perceptron on summaries (B, 4 C) of the third stage, apart from the pinned network.

    The third stage comes before all that a person's adapters change, so its answers stay calibrated after them.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        size = width * _CELLS**2
        self.norm, self.hidden = nn.LayerNorm(size), nn.Linear(size, _HIDDEN)
        self.sigma, self.state, self.pupil = (
            nn.Linear(_HIDDEN, 2),
            nn.Linear(_HIDDEN, len(STATES)),
            nn.Linear(_HIDDEN, 1),
        )
        nn.init.constant_(self.sigma.bias, -3.5)  # 1.7 degrees

    def forward(self, summaries: Tensor) -> HeadValues:
        hidden = functional.gelu(self.hidden(self.norm(summaries)))
        pupil = _PUPIL_MM + _PUPIL_SPREAD_MM * self.pupil(hidden)[:, 0]
        return HeadValues(self.sigma(hidden).clamp(-7.0, 0.0), self.state(hidden), pupil)


def summary(third: Tensor) -> Tensor:
    """Summaries (B, 4 C) of the third stage's output (B, C, H, W), H and W even: means of the four quarters."""
    return functional.adaptive_avg_pool2d(third, _CELLS).flatten(1)
