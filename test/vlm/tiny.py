"""A model small enough to be run many times a second."""

from __future__ import annotations

import numpy as np
import torch

from gaze_vlm_ros.language import vocabulary
from gaze_vlm_ros.types import Frame, GazeSample
from gaze_vlm_ros.vlm.config import GazeVLMConfig
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

CAMERA = (640, 480)


def tiny_model(seed: int = 0, **changes) -> tuple[GazeVLM, SentenceTokenizer]:
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    shape = {
        "hidden": 32,
        "vision_layers": 1,
        "vision_heads": 2,
        "vision_ff": 64,
        "text_layers": 2,
        "text_heads": 2,
        "text_ff": 64,
        "block_heads": 4,
        "image_size": 64,
        "vocabulary_size": len(tokenizer),
        "labels": ("background", "mug", "hand"),
    }
    torch.manual_seed(seed)
    model = GazeVLM(GazeVLMConfig(**(shape | changes))).eval()
    with torch.no_grad():
        for parameter in model.parameters():  # the small initial weights would leave every choice to rounding
            parameter.mul_(3.0) if parameter.ndim >= 2 else None
        model.base.lm_head.weight.mul_(3.0)  # and no word of a large vocabulary likely enough to be followed
    return model, tokenizer


def frame_at(seconds: float, seed: int | None = None) -> Frame:
    """A frame of noise; the same instant is always the same picture."""
    stamp_ns = round(seconds * 1e9)
    rng = np.random.default_rng(stamp_ns % 2**31 if seed is None else seed)
    coarse = rng.integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return Frame(stamp_ns, np.kron(coarse, np.ones((80, 80, 1), np.uint8)))


def gaze_at(seconds: float, x_px: float, y_px: float, age_s: float = 0.01) -> GazeSample:
    return GazeSample(round((seconds - age_s) * 1e9), np.array([x_px, y_px]), np.array([0.0, 0.0, 1.0]))
