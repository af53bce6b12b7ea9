"""One process of test_pixels_processes: trains, and writes down which windows it saw and what it has learnt."""

import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from gaze_vlm_ros.training import train_pixels as command
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.pixels.loop import Every
from gaze_vlm_ros.training.pixels.windows import EpisodeWindows
from gaze_vlm_ros.training.train_pixels import PixelSettings


def main(data: str, out: str, fsdp: str) -> None:
    torch.set_num_threads(1)
    seen, decode = [], EpisodeWindows.decode

    def noted(self, number):
        if self.stored.header.split == "train":
            seen.append((self.stored.seed, number))
        return decode(self, number)

    EpisodeWindows.decode = noted
    settings = PixelSettings("tiny:internvl", batch=4, validation=2, dtype="float32", fsdp=fsdp == "fsdp")
    loop = LoopSettings(minutes=None, steps=4, learning_rate=3e-3)
    opened = command.train_pixels(Path(data), Path(out), loop, settings, Every(4, 4, 4), cpu=True)
    weights = command.collect_weights(opened.wrapped)
    rank = torch.distributed.get_rank()
    save_file(weights, Path(out) / f"weights-{rank}.safetensors")
    (Path(out) / f"seen-{rank}.json").write_text(json.dumps(seen))
    torch.distributed.destroy_process_group()


main(*sys.argv[1:])
