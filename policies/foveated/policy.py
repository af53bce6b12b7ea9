"""FoveatedPolicy: eye and hand networks with what belongs to them."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from gaze_vlm_ros.policies.foveated.config import FoveatedConfig


class FoveatedPolicy(nn.Module):
    """An eye that looks where the hand needs it, and a hand that acts on what it sees (EyeRobot, arXiv 2506.10968)."""

    def __init__(self, config: FoveatedConfig) -> None:
        super().__init__()
        self.config = config

    def save(self, folder: Path) -> None:
        """Writes ``config.json`` and ``model.safetensors``."""
        raise NotImplementedError

    @classmethod
    def load(cls, folder: Path) -> FoveatedPolicy:
        """Raises PolicyError where the folder is missing, damaged, or holds a policy of another shape."""
        raise NotImplementedError
