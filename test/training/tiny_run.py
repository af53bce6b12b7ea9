"""The tiny model that learns the squares of ``synthetic`` in seconds."""

from pathlib import Path

from synthetic import write_data

from gaze_vlm_ros.training import cache_tokens, pretrain_encoder, train_vlm
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.pretrain_encoder import EncoderSettings
from gaze_vlm_ros.training.train_vlm import VLMSettings
from gaze_vlm_ros.vlm.config import GazeVLMConfig

TINY = GazeVLMConfig(
    hidden=48, vision_layers=1, vision_heads=2, vision_ff=96, text_layers=2, text_heads=2, text_ff=96, block_heads=4
)
SETTINGS = VLMSettings(batch=16)


def steps(count: int) -> LoopSettings:
    return LoopSettings(minutes=None, steps=count, learning_rate=3e-3, evaluations=1)


def train_squares(folder: Path) -> None:
    """``data``, ``encoder/checkpoint``, ``tokens`` and ``vlm/checkpoint`` in ``folder``."""
    write_data(folder / "data")
    pretrain_encoder.pretrain(folder / "data", folder / "encoder", steps(60), EncoderSettings(batch=8), TINY)
    cache_tokens.cache_tokens(folder / "data", folder / "encoder" / "checkpoint", folder / "tokens")
    inputs = folder / "tokens", folder / "encoder" / "checkpoint"
    train_vlm.train_vlm(*inputs, folder / "vlm", steps(200), SETTINGS, "squares")
