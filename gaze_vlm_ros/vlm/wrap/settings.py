"""How a model is wrapped: a small frozen record that validates itself and travels as JSON."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from gaze_vlm_ros.vlm.wrap.errors import WrapError

Mode = Literal["pool", "tokens"]
KIND = "gaze_block"


@dataclass(frozen=True)
class WrapSettings:
    """The shape of the gaze block (Gaze-VLM, section 3; 2 layers, 8 heads and a four times wider feed-forward).

    ``mode``: ``pool`` hands one token per frame to the language model, the paper's bottleneck; ``tokens`` at most
    7 x 7 modulated patch tokens (``modulation.py``). ``frame_size`` (height, width) [px]; None is the model's own.
    """

    mode: Mode = "pool"
    layers: int = 2
    heads: int = 8
    ff_mult: int = 4
    frame_size: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.mode not in get_args(Mode):
            raise WrapError(f"mode must be one of {', '.join(get_args(Mode))}, got {self.mode!r}")
        for name in ("layers", "heads", "ff_mult"):
            value = getattr(self, name)
            if not isinstance(value, int) or value < 1:
                raise WrapError(f"{name} must be a whole number of at least 1, got {value!r}")
        if self.frame_size is not None:
            size = tuple(self.frame_size)
            if len(size) != 2 or not all(isinstance(side, int) and side > 0 for side in size):
                raise WrapError(f"frame_size must be (height, width) in pixels, got {self.frame_size!r}")
            object.__setattr__(self, "frame_size", size)

    def to_dict(self) -> dict:
        return {"kind": KIND, **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict) -> WrapSettings:
        """The inverse of ``to_dict``. Raises WrapError for anything else."""
        values = dict(values)
        if values.pop("kind", None) != KIND:
            raise WrapError("these are not the settings of a gaze block")
        if unknown := sorted(set(values) - {field.name for field in fields(cls)}):
            raise WrapError(f"unknown settings {', '.join(unknown)}; are they newer than the package?")
        return cls(**values)
