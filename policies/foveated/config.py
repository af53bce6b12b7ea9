"""FoveatedConfig: everything that the foveated policy's shape, rates and units depend on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from gaze_vlm_ros.errors import GazeVlmError

TOKENIZERS = ("pyramid", "foveated", "uniform")
HELP = ("HandOver", "Bring")
PATTERN_PX = 288
"""Pixels to a side of the uniform picture, and of what the foveated pattern covers."""


class PolicyError(GazeVlmError):
    """A policy that cannot be read or does not fit, or an input that it cannot use."""


@dataclass(frozen=True)
class FoveatedConfig:
    """Shapes of a policy, stored beside its weights.

    ``robot`` and ``eye_m`` (3,) [m, base frame] name the arm and the eye's place that it was trained for; a value of
    proprioception or of a chunk is (J,) = ``joints`` positions [rad], then the gripper's opening (0 closed .. 1 open).
    ``tokenizer`` says what becomes of the views: "pyramid" (EyeRobot, arXiv 2506.10968), "foveated" or "uniform"
    (Look, Focus, Act, arXiv 2507.15833: 20 or 324 tokens); ``encoder_blocks`` of self-attention follow the patch
    encoder. ``memory_steps`` is the window of the eye's attention, ``chunk_steps`` at ``chunk_hz`` what the hand
    predicts, ``ensemble_rate`` the constant of temporal ensembling. ``helps_by``: the task that help with a thing is.
    """

    name: str = "foveated"
    robot: str = "jaco"
    joints: int = 6
    eye_m: tuple[float, float, float] = (-0.10, 0.24, 0.46)
    tokenizer: str = "pyramid"
    window_px: int = 64
    patch_px: int = 16
    dim: int = 64
    encoder_blocks: int = 0
    heads: int = 4
    eye_blocks: int = 2
    hand_blocks: int = 2
    mlp_ratio: int = 4
    hand_width: int = 384
    memory_steps: int = 10
    text_dim: int = 32
    eye_hz: float = 15.0
    chunk_hz: float = 30.0
    chunk_steps: int = 30
    ensemble_rate: float = 0.01
    helps_by: str = "HandOver"

    def __post_init__(self) -> None:
        if self.helps_by not in HELP:
            raise PolicyError(f"helps_by must be one of {', '.join(HELP)}, got {self.helps_by!r}")
        if self.tokenizer not in TOKENIZERS:
            raise PolicyError(f"tokenizer must be one of {', '.join(TOKENIZERS)}, got {self.tokenizer!r}")
        for name in (
            "joints", "window_px", "patch_px", "dim", "heads", "eye_blocks", "hand_blocks", "memory_steps",
            "mlp_ratio", "hand_width", "text_dim", "chunk_steps",
        ):  # fmt: skip
            value = getattr(self, name)
            if type(value) is not int or value < 1:
                raise PolicyError(f"{name} must be a whole number of at least 1, got {value!r}")
        for name in ("eye_hz", "chunk_hz"):
            value = getattr(self, name)
            if not (isinstance(value, (int, float)) and 0.0 < value < math.inf):
                raise PolicyError(f"{name} must be positive and finite, got {value!r}")
        if type(self.encoder_blocks) is not int or self.encoder_blocks < 0:
            raise PolicyError(f"encoder_blocks must be a whole number, got {self.encoder_blocks!r}")
        if self.dim % (4 * self.heads):
            raise PolicyError(f"dim must be a multiple of 4 x heads = {4 * self.heads}, got {self.dim}")
        if self.window_px % self.patch_px:
            raise PolicyError(f"patch_px must divide window_px {self.window_px}, got {self.patch_px}")
        if len(self.eye_m) != 3 or not all(math.isfinite(value) for value in self.eye_m):
            raise PolicyError(f"eye_m must be three numbers, got {self.eye_m}")

    @property
    def views_shape(self) -> tuple[int, int, int, int]:
        """What a step is given: three views about the gaze, or one wide picture for the uniform tokenizer."""
        if self.tokenizer == "uniform":
            return 1, PATTERN_PX, PATTERN_PX, 3
        return 3, self.window_px, self.window_px, 3

    @property
    def outputs(self) -> int:
        """J: joints and the gripper's opening."""
        return self.joints + 1

    def to_dict(self) -> dict[str, Any]:
        return asdict(self) | {"eye_m": list(self.eye_m)}

    @classmethod
    def from_dict(cls, raw: Any) -> FoveatedConfig:
        """Raises PolicyError that names an unknown key or a value that cannot be."""
        if not isinstance(raw, dict):
            raise PolicyError("a policy's configuration must be a mapping")
        if unknown := sorted(set(map(str, raw)) - {field.name for field in fields(cls)}):
            raise PolicyError(f"unknown keys {', '.join(unknown)} in a policy's configuration")
        try:
            return cls(**raw | {"eye_m": tuple(float(value) for value in raw.get("eye_m", cls.eye_m))})
        except (TypeError, ValueError) as error:
            raise PolicyError(f"a policy's configuration cannot be used: {error}") from None
