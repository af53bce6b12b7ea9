"""What differs between families of vision-language models, as far as the gaze block is concerned.

A family knows the grid of its projected tokens, how to get them from the model's public ``get_image_features``, and
which positions the language model gives to them. Every frame is one picture of a fixed size; no family cuts it into
tiles here, since the block needs one grid per frame.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor
from transformers import PreTrainedConfig, PreTrainedModel

from gaze_vlm_ros.vlm.wrap.errors import WrapError
from gaze_vlm_ros.vlm.wrap.grid import TokenGrid

BARELY_NOT_ZERO = 1e-4
"""Also in half precision not 0."""
DEFAULT_ROWS = 16
"""Rows and columns of tokens where a model takes frames of any size: the grid of the paper's encoder."""


class Family(ABC):
    """``single_crop`` is the setting of the family's image processor that keeps a frame in one piece."""

    language: str = "language_model"
    single_crop: str

    @abstractmethod
    def merge(self, config: PreTrainedConfig) -> int:
        """How many patches of the encoder, along each side, become one token."""

    @abstractmethod
    def project(self, model: PreTrainedModel, frames: Tensor, grid: TokenGrid) -> Tensor:
        """Frames (F, 3, H, W) -> projected tokens (F, P, D), rows first."""

    def grid(self, config: PreTrainedConfig, frame_size: tuple[int, int] | None) -> TokenGrid:
        """The grid for frames of (height, width); None asks for the model's own size. Raises WrapError if not both."""
        own, patch, merge = config.vision_config.image_size, config.vision_config.patch_size, self.merge(config)
        own, patch = _pair(own), _side(patch)
        if frame_size not in {None, own}:
            raise WrapError(f"this model takes frames of {own} px, not {frame_size}; leave frame_size out")
        if own[0] != own[1] or own[0] // patch % merge:
            raise WrapError(f"{own} px in patches of {patch} px cannot be merged {merge} x {merge}; use another model")
        return TokenGrid(own, patch * merge)

    def own_count(self, grid: TokenGrid) -> int:
        """How many placeholders the family's processor writes for one undivided frame."""
        return grid.tokens

    def positions(self, model: PreTrainedModel, image: Tensor, mask: Tensor, shape: tuple[int, int]) -> Tensor:
        """Positions (B, L) in the language model, or (3, B, L) where they have three axes, of prompts.

        ``image`` (B, L) is True at image tokens, of which ``shape`` (rows, cols) belong to each frame; ``mask``
        (B, L) is 0 at padding. Raises WrapError where the positions cannot be told.
        """
        return (mask.cumsum(1) - 1).clamp_min(0)


class Idefics3(Family):
    """Idefics3 and SmolVLM: pixel shuffle of ``scale_factor``, then a linear connector."""

    language = "text_model"
    single_crop = "do_image_splitting=False"

    def merge(self, config: PreTrainedConfig) -> int:
        return config.scale_factor

    def project(self, model: PreTrainedModel, frames: Tensor, grid: TokenGrid) -> Tensor:
        # The model takes a picture of nothing but zeros for padding and drops it; mid-grey may be such a frame.
        blank = (frames == 0).flatten(1).all(1)
        frames = torch.where(blank[:, None, None, None], BARELY_NOT_ZERO, frames)
        return torch.stack(tuple(model.get_image_features(frames[:, None], return_dict=True).pooler_output))


class InternVL(Family):
    """InternVL: pixel shuffle by ``downsample_ratio``, then a perceptron. The class token is left out by the model."""

    single_crop = "crop_to_patches=False"

    def merge(self, config: PreTrainedConfig) -> int:
        return round(1 / config.downsample_ratio)

    def project(self, model: PreTrainedModel, frames: Tensor, grid: TokenGrid) -> Tensor:
        return model.get_image_features(frames, return_dict=True).pooler_output


class LlavaOnevision(Family):
    """LLaVA-OneVision: the base picture alone, every patch a token. Its newline embedding is left out."""

    single_crop = "images of one prompt in one list, so that each is given to the model as a whole"

    def merge(self, config: PreTrainedConfig) -> int:
        return 1

    def project(self, model: PreTrainedModel, frames: Tensor, grid: TokenGrid) -> Tensor:
        sizes = torch.tensor([grid.frame_size] * len(frames))
        several = [len(frames) + 1]  # a prompt of more than one picture: the model then expects no tiles
        features = model.get_image_features(frames, sizes, batch_num_images=several, return_dict=True).pooler_output
        return torch.stack(tuple(features))[:, :-1]

    def own_count(self, grid: TokenGrid) -> int:
        return grid.tokens + 1


class Qwen(Family):
    """Qwen2.5-VL and Qwen3-VL: ``spatial_merge_size``² patches make one token; positions have three axes.

    Frames may have any size that is a multiple of the token. Qwen3-VL's DeepStack features, which the model adds to
    the first layers of the language model at every image token, are not handed on in either output mode: they would
    lead patches past the attention. A pretrained Qwen3-VL misses them and has to be trained (``add_lora``).
    """

    single_crop = "min_pixels and max_pixels both at the frame's height times width"

    def merge(self, config: PreTrainedConfig) -> int:
        return config.vision_config.spatial_merge_size

    def grid(self, config: PreTrainedConfig, frame_size: tuple[int, int] | None) -> TokenGrid:
        cell = _side(config.vision_config.patch_size) * self.merge(config)
        height, width = frame_size or (DEFAULT_ROWS * cell,) * 2
        if height % cell or width % cell:
            raise WrapError(f"frame_size {(height, width)} must be multiples of this model's token of {cell} px")
        return TokenGrid((height, width), cell)

    def project(self, model: PreTrainedModel, frames: Tensor, grid: TokenGrid) -> Tensor:
        vision, merge = model.config.vision_config, self.merge(model.config)
        patch, repeats = _side(vision.patch_size), _side(vision.temporal_patch_size)
        rows, cols = grid.shape
        parts = frames.unflatten(3, (cols, merge, patch)).unflatten(2, (rows, merge, patch))
        # (F, 3, row, patch row, y, column, patch column, x) -> the patches of a token side by side
        parts = parts.permute(0, 2, 5, 3, 6, 1, 4, 7).flatten(0, 4)
        pixels = parts[:, :, None].expand(-1, -1, repeats, -1, -1).flatten(1)
        thw = torch.tensor([[1, rows * merge, cols * merge]] * len(frames), device=frames.device)
        return torch.stack(tuple(model.get_image_features(pixels, thw, return_dict=True).pooler_output))

    def positions(self, model: PreTrainedModel, image: Tensor, mask: Tensor, shape: tuple[int, int]) -> Tensor:
        """A frame counts as a picture of ``shape``; its tokens differ in row and column, the text goes on after it."""
        rows, cols = shape
        starts = image & ~torch.nn.functional.pad(image, (1, 0))[:, :-1]
        frames = int(starts.sum())
        if frames * rows * cols != int(image.sum()):
            raise WrapError(
                "the placeholders of two frames stand side by side, so this model cannot tell their positions; put "
                "text between them, such as <|vision_end|><|vision_start|>"
            )
        merge = self.merge(model.config)
        thw = torch.tensor([[1, rows * merge, cols * merge]] * frames, device=image.device)
        return model.model.get_rope_index(
            image.long(), mm_token_type_ids=image.int(), image_grid_thw=thw, attention_mask=mask
        )[0]


FAMILIES: dict[str, Family] = {
    "idefics3": Idefics3(),
    "internvl": InternVL(),
    "llava_onevision": LlavaOnevision(),
    "qwen2_5_vl": Qwen(),
    "qwen3_vl": Qwen(),
    "smolvlm": Idefics3(),
}
"""By ``model_type`` of a model's configuration."""


def family_of(config: PreTrainedConfig) -> Family:
    """Raises WrapError, naming the families that exist, for another one."""
    kind = getattr(config, "model_type", type(config).__name__)
    if kind not in FAMILIES:
        raise WrapError(f"models of type {kind!r} cannot be wrapped; use one of {', '.join(FAMILIES)}")
    return FAMILIES[kind]


def _pair(size: int | list[int] | tuple[int, ...]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)


def _side(size: int | list[int] | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]
