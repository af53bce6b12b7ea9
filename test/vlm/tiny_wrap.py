"""Tiny models with random weights, one of every family that can be wrapped."""

from __future__ import annotations

import torch
from transformers import AutoConfig, AutoModelForImageTextToText, PreTrainedModel

from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.wrap.families import FAMILIES
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM

KINDS = tuple(FAMILIES)
QWEN = ("qwen2_5_vl", "qwen3_vl")
HIDDEN, VOCABULARY, IMAGE, VIDEO = 32, 40, 5, 6
PATCH = 4


def tiny_base(kind: str, side: int = 64) -> PreTrainedModel:
    """Two layers of vision and two of language; frames of ``side`` [px] where the model has a size of its own."""
    torch.manual_seed(0)
    model = AutoModelForImageTextToText.from_config(_config(kind, side)).eval()
    model.generation_config.eos_token_id = None
    with torch.no_grad():
        for parameter in model.parameters():  # the small initial weights would leave every choice to rounding
            parameter.mul_(4.0) if parameter.ndim >= 2 else None
    return model


def tiny_wrapped(kind: str, side: int = 64, **settings) -> WrappedVLM:
    """``side`` 64 gives 8 x 8 tokens; Qwen gets frames of ``side`` less 16 by ``side``, so 6 x 8."""
    if kind in QWEN:
        settings.setdefault("frame_size", (side - 16, side))
    model = tiny_base(kind, side)
    torch.manual_seed(1)
    return GazeVLM.wrap(model, **({"heads": 4} | settings)).eval()


def frames_for(wrapped: WrappedVLM, batch: int = 2, frames: int = 3, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, frames, 3, *wrapped.grid.frame_size, generator=generator)


def prompt(batch: int = 2, frames: int = 3, each: int = 1, words: int = 6) -> torch.Tensor:
    """Ids (batch, L): every frame's placeholders with a word after them, then ``words`` more, different in each row."""
    rows = torch.arange(batch)[:, None]
    shown = torch.cat([torch.tensor([IMAGE] * each + [8])] * frames).expand(batch, -1)
    return torch.cat([torch.full((batch, 1), 7), shown, 10 + rows * 7 + torch.arange(words)], dim=1)


def words_of(ids: torch.Tensor) -> torch.Tensor:
    return ids >= 10


def _config(kind: str, side: int):
    text = {
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY,
        "max_position_embeddings": 1024,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    }
    vision = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    if kind in QWEN:
        vision = {"hidden_size": 16, "intermediate_size": 24, "depth": 2, "num_heads": 2, "patch_size": PATCH}
        vision |= {"out_hidden_size": HIDDEN, "spatial_merge_size": 2}
        text |= {"head_dim": 8, "rope_parameters": {"rope_type": "default", "mrope_section": [2, 1, 1]}}
        if kind == "qwen2_5_vl":
            vision |= {"window_size": 16, "fullatt_block_indexes": [1]}
            text.pop("head_dim")
        else:
            vision |= {"num_position_embeddings": 64, "deepstack_visual_indexes": [0]}
        ids = {"image_token_id": IMAGE, "video_token_id": VIDEO}
    elif kind == "llava_onevision":
        # two pixels at the right and at the bottom belong to no patch
        vision |= {"model_type": "siglip_vision_model", "image_size": side + 2, "patch_size": 2 * PATCH}
        vision |= {"vision_use_head": False}
        text["model_type"] = "qwen2"
        pinpoints = [[side + 2, side + 2], [2 * side + 4, side + 2]]
        ids = {"image_token_index": IMAGE, "video_token_index": VIDEO, "image_grid_pinpoints": pinpoints}
    elif kind == "internvl":
        vision |= {"image_size": [side, side], "patch_size": [PATCH, PATCH]}
        text["model_type"] = "qwen2"
        ids = {"image_token_id": IMAGE, "downsample_ratio": 0.5}
    else:
        vision |= {"image_size": side, "patch_size": PATCH}
        text["model_type"] = "llama"
        ids = {"image_token_id": IMAGE, "scale_factor": 2}
    return AutoConfig.for_model(kind, text_config=text, vision_config=vision, tie_word_embeddings=False, **ids)
