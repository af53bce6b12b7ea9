"""Stage 2: the frozen encoder sees every frame once, and its tokens are kept for all later stages.

``tokens.npy`` (F, P, D) float16 is memory-mapped; ``frames.npz`` holds everything else that is known of each frame;
``cache.json`` says whose tokens they are and names the values of ``patch_label``; it is written last: without it the
cache does not exist.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import CAMERA_SIZE, SPLITS, DataError, Episode, read_episodes
from gaze_vlm_ros.training.shards.reader import data_digest
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically
from gaze_vlm_ros.vlm.frames import to_pixels
from gaze_vlm_ros.vlm.gaze_inputs import draw_gaze
from gaze_vlm_ros.vlm.model import GazeVLM

PER_FRAME = (
    *("stamp_s", "heatmap", "heatmap_input", "gaze_px", "activity", "event", "event_time_s", "phase_id"),
    *("activity_start_s", "visible", "patch_label"),
)
_BATCH = 32


def encoder_digest(model: GazeVLM) -> str:
    """SHA-256 of the weights that make a token from a frame."""
    digest = hashlib.sha256()
    for part in (model.base.model.vision_tower, model.base.model.multi_modal_projector):
        for tensor in part.state_dict().values():
            digest.update(tensor.half().contiguous().numpy().tobytes())
    return digest.hexdigest()


def cache_tokens(data: Path, encoder: Path, out: Path, overlay: bool = False, every_frame: bool = False) -> None:
    """Encodes the episodes of ``data`` with the checkpoint ``encoder`` into ``out``, unless that is done.

    ``overlay``: gaze is drawn into every picture before (``draw_gaze``); such tokens are not those of frames alone.
    ``every_frame``: of all frames that were recorded, not of two in a second.
    The tokens of a cache of an earlier form are kept; what else is known of the frames is then read anew.
    """
    model, _ = load_checkpoint(encoder)
    source = {"encoder_sha256": encoder_digest(model), "data_sha256": data_digest(data)}
    source |= {"overlay": overlay, "every_frame": every_frame}
    card, found = source | {"columns": list(PER_FRAME)}, _card(out)
    if found is not None and card.items() <= found.items() and "labels" in found:
        say(f"{out} already holds these tokens")
        return
    has_tokens = found is not None and source.items() <= found.items()
    episodes, faults = read_episodes(data, every_frame)
    for fault in faults:
        say(f"left out: {fault}")
    if episodes[0].patch_label.shape[1:] != model.config.grid:
        grid = episodes[0].patch_label.shape[1:]
        raise DataError(f"{data} has {grid} patches, {encoder} has {model.config.grid}; generate or pretrain anew")
    out.mkdir(parents=True, exist_ok=True)
    (out / "cache.json").unlink(missing_ok=True)
    if not has_tokens:
        model.fuse_stem()
        _write_tokens(model, episodes, out / "tokens.npy", overlay)
    _write_frames(episodes, out / "frames.npz")
    card["labels"] = list(episodes[0].label_names)
    write_atomically(out / "cache.json", (json.dumps(card, indent=2) + "\n").encode())
    say(f"{sum(map(len, episodes))} frames of {len(episodes)} episodes in {out}")


def open_tokens(tokens: Path, checkpoint: Path, model: GazeVLM) -> TokenSet:
    """The cache ``tokens`` of the encoder of ``model``, which was read from ``checkpoint``.

    Raises DataError where it is another encoder's or of an earlier form, which lacks something.
    """
    data = TokenSet(tokens, model.config)
    if data.encoder_sha256 != encoder_digest(model):
        raise DataError(
            f"{tokens} holds the tokens of another encoder than {checkpoint}; run cache_tokens again, or name its own"
        )
    if missing := set(PER_FRAME) - set(data.columns):
        raise DataError(f"{tokens} lacks {', '.join(sorted(missing))}; run cache_tokens again, which keeps its tokens")
    return data


def _card(out: Path) -> dict | None:
    path = out / "cache.json"
    return {"overlay": False, "every_frame": False} | json.loads(path.read_text()) if path.exists() else None


@torch.inference_mode()
def _write_tokens(model: GazeVLM, episodes: list[Episode], path: Path, overlay: bool) -> None:
    shape = (sum(map(len, episodes)), model.config.patches, model.config.hidden)
    tokens = np.lib.format.open_memmap(path, "w+", np.float16, shape)
    at = 0
    with Progress() as progress:
        task = progress.add_task("caching tokens", total=len(episodes))
        for episode in episodes:
            for start in range(0, len(episode), _BATCH):
                pictures = [_picture(episode, i, overlay) for i in range(start, min(start + _BATCH, len(episode)))]
                tokens[at : at + len(pictures)] = model.encode(to_pixels(pictures)).half().numpy()
                at += len(pictures)
            progress.advance(task)
    tokens.flush()


def _picture(episode: Episode, index: int, overlay: bool) -> np.ndarray:
    rgb = episode.frame(index)
    if not overlay:
        return rgb
    return draw_gaze(rgb, (episode.gaze_px[index] + 0.5) * (np.array(rgb.shape[1::-1]) / CAMERA_SIZE) - 0.5)


def _write_frames(episodes: list[Episode], path: Path) -> None:
    columns = {key: np.concatenate([getattr(episode, key) for episode in episodes]) for key in PER_FRAME}
    number = np.repeat([e.number for e in episodes], [len(e) for e in episodes])
    split = np.repeat([SPLITS.index(e.split) for e in episodes], [len(e) for e in episodes])
    np.savez(path, episode=number, split=split, **columns)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of `gaze-vlm-ros generate`")
    parser.add_argument("--encoder", type=Path, default=Path("runs/encoder/checkpoint"))
    parser.add_argument("--out", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--overlay", action="store_true", help="draw gaze into the pictures: not for frames alone")
    parser.add_argument("--every-frame", action="store_true", help="all recorded frames, not two in a second")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    o = options
    return run_command(lambda: cache_tokens(o.data, o.encoder, o.out, o.overlay, o.every_frame), o.threads)


if __name__ == "__main__":
    raise SystemExit(main())
