"""The shape of a gaze-regularised VLM: one frozen dataclass that validates itself and travels as JSON."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, fields
from typing import Literal, get_args

from transformers import LlamaConfig, LlavaConfig, SiglipVisionConfig

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.vlm.wrap.modulation import cell_shape

OutputMode = Literal["pool", "tokens", "words"]
BACKGROUND = "background"
IMAGE_TOKEN_ID = 4
"""Id of ``<image>`` in ``tokenizer.SPECIAL_TOKENS``; transformers wants it in the model's configuration."""
MOST_WORDS = 32
"""More than any question and its answer have."""


LARGEST = {
    "frames": 64, "image_size": 2048, "patch_size": 256, "hidden": 8192, "vision_layers": 96, "text_layers": 96,
    "block_layers": 32, "vision_ff": 65536, "text_ff": 65536, "block_ff_mult": 64, "vocabulary_size": 1 << 20,
    "spacing_s": 600.0, "horizon_s": 3600.0, "gaze_sigma_px": 640.0,
}  # fmt: skip
"""Beyond any model of this kind: a configuration from outside must not exhaust memory before it is found wrong."""


class ConfigError(GazeVlmError):
    """A field of a model configuration has a value that cannot work."""


@dataclass(frozen=True)
class GazeVLMConfig:
    """A LLaVA-type base (SigLIP encoder, projector, Llama) with the gaze block after the projector.

    ``output`` is what the language model sees of a frame: ``pool`` the block's one token (the paper), ``tokens`` at
    most 7 x 7 patch tokens modulated by the attention (``wrap/modulation.py``), ``words`` the block's token and a word
    for where gaze lies (``SpokenGaze``), the one way of the three in which gaze leaves the attention alone.

    ``frames`` at ``spacing_s`` [s] make the observation window tau_o. ``gaze_sigma_px`` is the width of the heatmap's
    Gaussian in pixels of a 640 pixel wide frame: 20 px gives the 14x14 target an entropy of 1.5 nats, close to the
    1.4 nats of the paper (20 px at 1088 px, 16x16 patches). ``horizon_s`` [s] is how far ahead 90 % of the training
    events lay. ``labels`` are the kinds of thing that a patch may show.
    """

    name: str = "gaze-vlm-sim-tiny"
    version: str = "0"
    frames: int = 5
    spacing_s: float = 1.0
    horizon_s: float = 2.0
    image_size: int = 224
    patch_size: int = 16
    hidden: int = 192
    vision_layers: int = 1
    vision_heads: int = 3
    vision_ff: int = 768
    text_layers: int = 4
    text_heads: int = 4
    text_ff: int = 512
    block_layers: int = 2
    block_heads: int = 8
    block_ff_mult: int = 4
    gaze_sigma_px: float = 20.0
    vocabulary_size: int = 128
    labels: tuple[str, ...] = (BACKGROUND,)
    output: OutputMode = "pool"

    def __post_init__(self) -> None:
        object.__setattr__(self, "labels", tuple(self.labels))
        for field in fields(self):
            value = getattr(self, field.name)
            kind = {"int": int, "float": (int, float), "str": str, "OutputMode": str}.get(field.type, tuple)
            if not isinstance(value, kind) or isinstance(value, bool):
                raise ConfigError(f"{field.name} must be of type {field.type}, got {value!r:.80}")
            if isinstance(value, (int, float)) and not 0 < value <= LARGEST.get(field.name, math.inf):
                raise ConfigError(f"{field.name} must be positive and at most {LARGEST.get(field.name)}, got {value}")
        if len(self.labels) > LARGEST["vocabulary_size"] or not all(isinstance(label, str) for label in self.labels):
            raise ConfigError("labels must be words")
        if self.image_size % self.patch_size:
            raise ConfigError(f"image_size {self.image_size} must be a multiple of patch_size {self.patch_size}")
        if self.patch_size < 2 or self.patch_size & (self.patch_size - 1):
            raise ConfigError(f"patch_size must be a power of two, got {self.patch_size}")
        for heads in ("vision_heads", "text_heads", "block_heads"):
            if self.hidden % getattr(self, heads):
                raise ConfigError(f"hidden {self.hidden} must be a multiple of {heads} {getattr(self, heads)}")
        if self.output not in get_args(OutputMode):
            raise ConfigError(f"output must be one of {', '.join(get_args(OutputMode))}, got {self.output!r}")
        if not self.labels or self.labels[0] != BACKGROUND:
            raise ConfigError(f"labels must begin with {BACKGROUND!r}, got {self.labels[:3]}")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        side = self.image_size // self.patch_size
        return side, side

    @property
    def patches(self) -> int:
        return self.grid[0] * self.grid[1]

    @property
    def image_tokens(self) -> int:
        """How many tokens the frames of a window take in the prompt."""
        rows, columns = {"pool": (1, 1), "tokens": cell_shape(self.grid), "words": (1, 2)}[self.output]
        return self.frames * rows * columns

    @property
    def window_s(self) -> float:
        """Length of the observation window tau_o [s]."""
        return self.frames * self.spacing_s

    def base_config(self) -> LlavaConfig:
        """The configuration of the transformers model that the block is put into."""
        vision = SiglipVisionConfig(
            hidden_size=self.hidden,
            intermediate_size=self.vision_ff,
            num_hidden_layers=self.vision_layers,
            num_attention_heads=self.vision_heads,
            image_size=self.image_size,
            patch_size=self.patch_size,
            vision_use_head=False,
        )
        text = LlamaConfig(
            vocab_size=self.vocabulary_size,
            hidden_size=self.hidden,
            intermediate_size=self.text_ff,
            num_hidden_layers=self.text_layers,
            num_attention_heads=self.text_heads,
            max_position_embeddings=max(64, self.image_tokens + MOST_WORDS),
            pad_token_id=0,
            bos_token_id=1,
            eos_token_id=2,
            tie_word_embeddings=False,
        )
        return LlavaConfig(
            vision_config=vision,
            text_config=text,
            image_token_id=IMAGE_TOKEN_ID,
            vision_feature_layer=-1,
            vision_feature_select_strategy="full",
            image_seq_length=1,
            tie_word_embeddings=False,
        )

    def to_dict(self) -> dict:
        return {"model_type": "gaze_vlm", **asdict(self)}

    @classmethod
    def from_dict(cls, values: dict) -> GazeVLMConfig:
        """The inverse of ``to_dict``. Raises ConfigError for another model's configuration."""
        known = {field.name for field in fields(cls)}
        values = dict(values)
        if values.pop("model_type", None) != "gaze_vlm":
            raise ConfigError("this configuration is not one of a gaze_vlm model")
        if unknown := sorted(set(values) - known):
            raise ConfigError(f"unknown fields {', '.join(unknown)}; is the checkpoint newer than the package?")
        return cls(**values)
