"""Configurations of every family that can be wrapped, for models with random weights: tests, benchmarks, training anew.

Only widths and depths are chosen here; all else is as transformers has it for the family.
"""

from __future__ import annotations

from dataclasses import dataclass

from transformers import AutoConfig, PreTrainedConfig

from gaze_vlm_ros.vlm.config import IMAGE_TOKEN_ID
from gaze_vlm_ros.vlm.tokenizer import SPECIAL_TOKENS, UNKNOWN


@dataclass(frozen=True)
class Size:
    """Language model: width, its feed-forward, layers, heads, heads of keys; vision encoder likewise; the side of a
    frame and of a patch [px], of which 2 x 2 make a token; the least size of the vocabulary."""

    text: tuple[int, int, int, int, int]
    vision: tuple[int, int, int, int]
    side: int
    patch: int
    vocabulary: int = 0


SIZES = {
    "tiny": Size((64, 128, 2, 4, 2), (32, 64, 2, 2), side=64, patch=4),
    "random-100m": Size((640, 2560, 12, 10, 5), (384, 1536, 12, 6), side=224, patch=14),
    "random-2b": Size((2048, 8192, 24, 16, 4), (1152, 4304, 27, 16), side=448, patch=14, vocabulary=49152),
}
"""``random-2b`` is as large as SmolVLM2-2.2B: SigLIP so400m before a language model of 1.7 thousand million weights."""


def configuration(kind: str, size: Size, vocabulary: int) -> PreTrainedConfig:
    """The configuration of the family ``kind`` in that ``size``, for a tokenizer of ``vocabulary`` tokens that begins
    with SPECIAL_TOKENS."""
    width, wider, layers, heads, key_heads = size.text
    text = {
        "hidden_size": width,
        "intermediate_size": wider,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "vocab_size": max(vocabulary, size.vocabulary),
        "max_position_embeddings": 4096,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": False,
    }
    width, wider, layers, heads = size.vision
    vision = {"hidden_size": width, "intermediate_size": wider, "patch_size": size.patch}
    if kind.startswith("qwen"):
        vision |= {"depth": layers, "num_heads": heads}
    else:
        vision |= {"num_hidden_layers": layers, "num_attention_heads": heads, "image_size": size.side}
    ids = {"image_token_id": IMAGE_TOKEN_ID, "tie_word_embeddings": False}
    return AutoConfig.for_model(kind, **_family(kind, size, text, vision), **ids)


def _family(kind: str, size: Size, text: dict, vision: dict) -> dict:
    """What a family's configuration has besides, and where it names things otherwise."""
    never = SPECIAL_TOKENS.index(UNKNOWN)  # no frame is a video
    if kind.startswith("qwen"):
        vision |= {"out_hidden_size": text["hidden_size"], "spatial_merge_size": 2}
        head = text["hidden_size"] // text["num_attention_heads"]
        rows = 3 * head // 16
        text["rope_parameters"] = {"rope_type": "default", "mrope_section": [head // 2 - 2 * rows, rows, rows]}
        if kind == "qwen2_5_vl":
            vision |= {"window_size": 8 * size.patch, "fullatt_block_indexes": [vision["depth"] - 1]}
        else:
            text["head_dim"] = head
            vision |= {"num_position_embeddings": (size.side // size.patch) ** 2, "deepstack_visual_indexes": [0]}
        return {"text_config": text, "vision_config": vision, "video_token_id": never}
    if kind == "llava_onevision":
        vision |= {"model_type": "siglip_vision_model", "patch_size": 2 * size.patch, "vision_use_head": False}
        text["model_type"] = "qwen2"
        pinpoints = [[size.side, size.side], [2 * size.side, size.side]]
        names = {"image_token_index": IMAGE_TOKEN_ID, "video_token_index": never, "image_grid_pinpoints": pinpoints}
        return {"text_config": text, "vision_config": vision, **names}
    if kind == "internvl":
        vision |= {"image_size": [size.side] * 2, "patch_size": [size.patch] * 2}
        text["model_type"] = "qwen2"
        return {"text_config": text, "vision_config": vision, "downsample_ratio": 0.5}
    text["model_type"] = "llama"
    return {"text_config": text, "vision_config": vision, "scale_factor": 2}
