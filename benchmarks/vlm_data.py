"""Episodes and cached tokens for the benchmark of the model: new kitchens for every SEED, made when they are not there.

They stay in ``out/bench_vlm``, so that the same SEED makes them once.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from benchmarks.lane import ROOT
from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.training.cache_tokens import cache_tokens
from gaze_vlm_ros.training.generate_episodes import Request, generate
from gaze_vlm_ros.training.shards.schema import SPLITS, RecordOptions
from gaze_vlm_ros.vlm.checkpoint import default_checkpoint

FOLDER = ROOT / "out" / "bench_vlm"
FIRST_SEED, SEEDS_OF_A_RUN, SEEDS_OF_A_SPLIT = 5_000_000, 3_000, 1_000
"""Episodes of two SEEDs never meet, nor those of the data that the shipped encoder has learnt from."""
SECONDS, RATE_HZ = 30.0, 2.0


def make_tokens(seed: int, episodes: Sequence[int]) -> Path:
    """The token cache of so many ``episodes`` of each of SPLITS, of the shipped checkpoint's frozen encoder."""
    folder = FOLDER / "seed-{}-{}".format(seed, "-".join(map(str, episodes)))
    joined = folder / "episodes"
    joined.mkdir(parents=True, exist_ok=True)
    for number, (split, count) in enumerate(zip(SPLITS, episodes, strict=True)):
        first = FIRST_SEED + SEEDS_OF_A_RUN * seed + SEEDS_OF_A_SPLIT * number
        _make(folder / split, Request(count, first, options=RecordOptions(SECONDS, RATE_HZ, split)))
        for shard in (folder / split).glob(f"{split}-*"):
            if not (joined / shard.name).exists():
                os.link(shard, joined / shard.name)
    cache_tokens(joined, default_checkpoint(), folder / "tokens")
    return folder / "tokens"


def _make(folder: Path, request: Request) -> None:
    with Progress() as bar:
        task = bar.add_task(f"{folder.name} episodes", total=request.episodes)
        generate(folder, request, workers=2, on_progress=lambda done, _: bar.update(task, completed=done))
