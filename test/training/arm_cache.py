"""A token cache without pictures: tokens say what a patch shows, and nothing in them where the wearer looks.

Two things and a hand lie in a grid of 4 x 4; the wearer looks at the thing that is picked up next.
"""

import json
from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.language import OBJECT_KINDS, vocabulary
from gaze_vlm_ros.training.cache_tokens import encoder_digest
from gaze_vlm_ros.training.data import CAMERA_SIZE, SPLITS
from gaze_vlm_ros.vlm.checkpoint import save_checkpoint
from gaze_vlm_ros.vlm.config import GazeVLMConfig
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

LABELS = ("background", "mug", "bowl", "hand")
FRAMES, REACH_S = 14, 4.0
EPISODES = {"train": 8, "validation": 2, "test": 3}
TINY = GazeVLMConfig(
    image_size=64,
    hidden=16,
    vision_layers=1,
    vision_heads=2,
    vision_ff=16,
    text_layers=1,
    text_heads=2,
    text_ff=16,
    block_heads=2,
    labels=LABELS,
)


def write_cache(folder: Path) -> Path:
    """``encoder`` and ``tokens`` in ``folder``, which is returned."""
    torch.manual_seed(0)
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    model = GazeVLM(GazeVLMConfig.from_dict(TINY.to_dict() | {"vocabulary_size": len(tokenizer)}))
    save_checkpoint(folder / "encoder", model, tokenizer)
    tokens = folder / "tokens"
    tokens.mkdir()
    splits = [split for split, count in EPISODES.items() for _ in range(count)]
    columns, grids = zip(*(_episode(100 + number, split) for number, split in enumerate(splits)), strict=True)
    rng = np.random.default_rng(1)
    looks = rng.normal(size=(len(LABELS), TINY.hidden))
    cached = looks[np.concatenate(grids)] + 0.1 * rng.normal(size=(FRAMES * len(splits), 16, TINY.hidden))
    np.save(tokens / "tokens.npy", cached.astype(np.float16))
    np.savez(tokens / "frames.npz", **{key: np.concatenate([c[key] for c in columns]) for key in columns[0]})
    card = {"encoder_sha256": encoder_digest(model), "data_sha256": "d" * 64, "labels": LABELS}
    (tokens / "cache.json").write_text(json.dumps(card))
    return folder


def _episode(number: int, split: str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(number)
    mug, bowl, hand = rng.permutation(16)[:3]
    kind, patch = ("mug", mug) if number % 2 else ("bowl", bowl)
    grid = np.zeros(16, np.uint8)
    grid[[mug, bowl, hand]] = 1, 2, 3
    point = (np.array([patch % 4, patch // 4]) + 0.5) * (CAMERA_SIZE[0] / 4, CAMERA_SIZE[1] / 4) - 0.5
    stamp_s = 0.5 * np.arange(1, FRAMES + 1)
    looked = heatmap(point, CAMERA_SIZE, (4, 4))
    is_early = stamp_s < REACH_S
    everywhere = {
        "episode": number,
        "split": SPLITS.index(split),
        "heatmap": looked,
        "heatmap_input": looked,
        "gaze_px": point,
        "event": f"pick up the {kind}",
        "event_time_s": 9.0,
        "phase_id": 0,
        "visible": np.isin(OBJECT_KINDS, ("mug", "bowl")),
        "patch_label": grid.reshape(4, 4),
    }
    columns = {key: np.stack([np.asarray(value)] * FRAMES) for key, value in everywhere.items()}
    columns |= {
        "stamp_s": stamp_s,
        "activity": np.where(is_early, "looking around", f"reaching for the {kind}"),
        "activity_start_s": np.where(is_early, np.nan, REACH_S),
    }
    return columns, np.stack([grid] * FRAMES)


def change_cache(folder: Path, change) -> None:
    """Rewrites the columns of a cache after ``change`` has altered them in place."""
    path = folder / "tokens" / "frames.npz"
    with np.load(path) as arrays:
        columns = dict(arrays)
    change(columns)
    np.savez(path, **columns)


def look_elsewhere(columns: dict[str, np.ndarray], which: np.ndarray) -> None:
    """Moves the gaze of the frames ``which``."""
    for name in ("heatmap", "heatmap_input"):
        columns[name][which] = np.roll(columns[name][which], (1, 2), axis=(1, 2))
    columns["gaze_px"][which] = (columns["gaze_px"][which] + 200.0) % 480.0
