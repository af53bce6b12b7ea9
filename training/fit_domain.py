"""Stage 4: what the training pictures look like to the frozen encoder, so that others can be told from them.

``domain.safetensors`` is what the predictor reads; ``domain.json`` holds how often test episodes, and pictures that are
none of the kitchen, lie beyond its threshold.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import cv2
import numpy as np
import torch

from gaze_vlm_ros.statistics import cluster_bootstrap, wilson_of
from gaze_vlm_ros.training.cache_tokens import open_tokens
from gaze_vlm_ros.training.command import run_command, say
from gaze_vlm_ros.training.data import SPLITS, DataError, of_split, read_episodes
from gaze_vlm_ros.training.model_card import DOMAIN_FILE, EVALUATION_FILE, write_card
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, write_atomically
from gaze_vlm_ros.vlm.domain import QUANTILE, Domain, weights_digest
from gaze_vlm_ros.vlm.frames import resize_frame, to_pixels
from gaze_vlm_ros.vlm.model import GazeVLM

_PICTURES = 60
_BATCH = 30


def fit_domain(tokens: Path, checkpoint: Path, data: Path, others: dict[str, Path] | None = None) -> Domain:
    """Writes both files into ``checkpoint`` from the cache ``tokens`` of its encoder and the episodes of ``data``.

    ``others`` names folders of pictures that are none of the trained kind.
    """
    model, _ = load_checkpoint(checkpoint)
    cache = open_tokens(tokens, checkpoint, model)
    domain = Domain.fit(cache.pooled("train"), cache.pooled("validation"), weights_digest(checkpoint))
    outside = domain.distance(cache.pooled("test")) > domain.threshold
    episodes = cache.columns["episode"][cache.columns["split"] == SPLITS.index("test")]
    pictures = _foreign(data, model.config.image_size)
    pictures |= {name: _read_pictures(folder, model.config.image_size) for name, folder in (others or {}).items()}
    result = {
        "quantile": QUANTILE,
        "threshold": round(domain.threshold, 3),
        "test": cluster_bootstrap(outside.float().numpy(), episodes.tolist()).as_dict(),
        "worst_test_episode": max(float(outside[episodes == number].float().mean()) for number in np.unique(episodes)),
        "others": {
            name: wilson_of((~_holds(model, domain, shown)).tolist()).as_dict() for name, shown in pictures.items()
        },
    }
    domain.save(checkpoint)
    write_atomically(checkpoint / DOMAIN_FILE, (json.dumps(result, indent=2) + "\n").encode())
    if (checkpoint / EVALUATION_FILE).exists():
        write_card(checkpoint, json.loads((checkpoint / EVALUATION_FILE).read_text()))
    say(f"domain: {result['test']['value']:.2%} of the test pictures lie outside; {checkpoint / DOMAIN_FILE}")
    return domain


@torch.inference_mode()
def _holds(model: GazeVLM, domain: Domain, pictures: list[np.ndarray]) -> torch.Tensor:
    parts = [pictures[start : start + _BATCH] for start in range(0, len(pictures), _BATCH)]
    return torch.cat([domain.holds(model.encode(to_pixels(part))) for part in parts])


def _foreign(data: Path, size: int) -> dict[str, list[np.ndarray]]:
    """Pictures that no camera in the kitchen gives; each list is the same on every call."""
    rng = np.random.default_rng(0)
    episodes = of_split(read_episodes(data)[0], "test")
    kitchen = [
        resize_frame(episode.frame(len(episode) // 2), size)
        for episode in episodes[:: max(1, len(episodes) // _PICTURES)]
    ]
    noise = [rng.integers(0, 256, (480, 640, 3), dtype=np.uint8) for _ in range(_PICTURES)]
    return {
        "white noise": [resize_frame(picture, size) for picture in noise],
        "one shade of grey": [
            np.full((size, size, 3), shade, np.uint8) for shade in np.linspace(1, 254, _PICTURES).astype(int)
        ],
        "black": [np.zeros((size, size, 3), np.uint8)],
        "the kitchen upside down": [np.ascontiguousarray(picture[::-1, ::-1]) for picture in kitchen],
        "the kitchen at half brightness": [picture // 2 for picture in kitchen],
        "the kitchen mirrored": [np.ascontiguousarray(picture[:, ::-1]) for picture in kitchen],
    }


def _read_pictures(folder: Path, size: int) -> list[np.ndarray]:
    paths = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    pictures = [cv2.imread(str(path), cv2.IMREAD_COLOR) for path in paths]
    if not pictures or any(picture is None for picture in pictures):
        raise DataError(f"{folder} holds no pictures (.png, .jpg), or one that cannot be read")
    return [resize_frame(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), size) for picture in pictures]


def _named_folder(text: str) -> tuple[str, Path]:
    name, _, folder = text.partition("=")
    if not folder:
        raise argparse.ArgumentTypeError(f"expected NAME=FOLDER, got {text!r}")
    return name, Path(folder)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tokens", type=Path, default=Path("runs/tokens"))
    parser.add_argument("--checkpoint", type=Path, default=Path("runs/vlm/checkpoint"))
    parser.add_argument("--data", type=Path, default=Path("data/kitchen"), help="folder of `gaze-vlm-ros generate`")
    parser.add_argument(
        "--others", type=_named_folder, nargs="*", default=[], metavar="NAME=FOLDER", help="pictures of another kind"
    )
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(arguments)
    others = dict(options.others)
    return run_command(lambda: fit_domain(options.tokens, options.checkpoint, options.data, others), options.threads)


if __name__ == "__main__":
    raise SystemExit(main())
