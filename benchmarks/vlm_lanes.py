"""Streaming beside its rivals in one process: ``python -m benchmarks.vlm_lanes CHECKPOINT SEED WINDOWS``.

Prediction by prediction all take turns: the streaming predictor, the same with a mean in the place of the gaze block,
and two plain ``model.generate`` calls with every number of threads. A machine that slows down does so for all. It
prints one JSON line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch
from rich.console import Console
from torch import Tensor, nn

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.report.summary import percentiles
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.types import Frame, GazeSample
from gaze_vlm_ros.vlm.block import BlockOutput
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.frames import to_pixels
from gaze_vlm_ros.vlm.predictor import StreamingPredictor
from gaze_vlm_ros.vlm.tokenizer import KINDS
from gaze_vlm_ros.vlm.trie import plain_sentences

RATE_HZ = 5
CAMERA = 640, 480
_FIRST = 5 * RATE_HZ + 1
"""Frames until a window is full."""
_WARM = 2
"""Windows before the first one that counts in which everything has run."""
Lanes = dict[str, tuple[int, Callable[[], object]]]


def stream(seed: int, count: int) -> list[tuple[Frame, list[GazeSample]]]:
    """Frames of a simulated kitchen at 5 Hz, each with the gaze that came since the one before."""
    simulation, moments = Simulation(SimulationConfig(seed=seed, width=CAMERA[0], height=CAMERA[1])), []
    try:
        for _ in range(count):
            simulation.advance(1 / RATE_HZ)
            moments.append((simulation.render(depth=False), simulation.gaze_samples()))
    finally:
        simulation.close()
    return moments


class PlainGenerate:
    """The rival: for each question the five frames are encoded and ``model.generate`` speaks, greedily, with a cache.

    The prompt holds the block's tokens, one for each frame, not the hundreds of a model without the block.
    """

    def __init__(self, checkpoint: Path) -> None:
        self._model, tokenizer = load_checkpoint(checkpoint)
        prompts = [tokenizer.prompt(kind, self._model.config.image_tokens) for kind in KINDS]
        self._prompts = [torch.tensor([prompt]) for prompt in prompts]
        self._eos_id, self._pad_id = tokenizer.eos_id, tokenizer.pad_id
        self._longest = 1 + max(len(text.split()) for kind in KINDS for text in plain_sentences(kind))

    @torch.inference_mode()
    def __call__(self, pixels: Tensor, heatmap: Tensor, given: Tensor) -> list[list[int]]:
        """The words of both answers."""
        return [self._answer(prompt, pixels, heatmap, given) for prompt in self._prompts]

    def _answer(self, prompt: Tensor, pixels: Tensor, heatmap: Tensor, given: Tensor) -> list[int]:
        features = self._model.attend(self._model.encode(pixels)[None], heatmap[None], given[None]).features
        words = self._model.base.generate(
            inputs_embeds=self._model.embed(features, prompt),
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=self._longest,
            do_sample=False,
            use_cache=True,
            eos_token_id=self._eos_id,
            pad_token_id=self._pad_id,
        )
        return words[0].tolist()


class MeanPool(nn.Module):
    """The block's rival: each frame is the mean of its patches. It does that work, then hands on ``output``.

    ``output`` is what the block made of the same window, so that both versions go on to say the same words.
    """

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self._norm, self.output = norm, None

    def forward(self, patches: Tensor, *_) -> BlockOutput:
        self._norm(patches.mean(2))
        return self.output


def measure(checkpoint: Path, seed: int, windows: int) -> dict:
    """``speedup_vs_generate`` with the rival's ``generate_threads``, ``block_overhead``, ``predict_ms``.

    Resizing the newest frame is timed for nobody.
    """
    moments = stream(seed, _FIRST + windows)
    ours, pooled = (StreamingPredictor.from_checkpoint(checkpoint) for _ in range(2))
    block = ours._model.block
    mean, rival = MeanPool(block.norm_out), PlainGenerate(checkpoint)
    took: dict[str, list[float]] = {}
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("streaming beside plain generate", total=len(moments))
        for number, (frame, samples) in enumerate(moments):
            for predictor in (ours, pooled):
                predictor.observe(frame, samples, CAMERA)
            lanes: Lanes = {"ours": (1, ours.predict), "mean_pool": (1, pooled.predict)}
            if number >= _FIRST - _WARM:
                inputs = window_of(ours)
                pooled._model.block, mean.output = mean, _block_output(ours, block, inputs)
                lanes |= _plain(rival, inputs)
            for name, seconds in _timed(lanes, number).items():
                if number >= _FIRST:
                    took.setdefault(name, []).append(seconds)
            progress.advance(task)
    return ratios(took)


def window_of(predictor: StreamingPredictor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels (T, 3, S, S), heatmaps (T, P) and which frames have one (T,) of the present window."""
    window, _ = predictor._history.window()
    return to_pixels([entry.rgb for entry in window]), *predictor._gaze_of(window)


@torch.inference_mode()
def _block_output(predictor: StreamingPredictor, block: nn.Module, inputs: tuple[Tensor, ...]) -> BlockOutput:
    """What the block makes of the window; the predictor's newest frame stays to be encoded."""
    pixels, heatmap, given = inputs
    return block(predictor._model.encode(pixels)[None], heatmap[None], given[None])


def _plain(rival: PlainGenerate, inputs: tuple[Tensor, ...]) -> Lanes:
    threads = range(1, len(os.sched_getaffinity(0)) + 1)
    return {f"generate_{count}": (count, lambda: rival(*inputs)) for count in threads}


def _timed(lanes: Lanes, number: int) -> dict[str, float]:
    """Seconds of each; another one begins at every window."""
    names, found = list(lanes), {}
    for name in names[number % len(names) :] + names[: number % len(names)]:
        threads, run = lanes[name]
        torch.set_num_threads(threads)
        began = time.perf_counter()
        run()
        found[name] = time.perf_counter() - began
    torch.set_num_threads(1)
    return found


def ratios(took: dict[str, list[float]]) -> dict:
    """Medians of the ratios within a window; the rival with the number of threads at which it is fastest."""
    rivals = {name: seconds for name, seconds in took.items() if name.startswith("generate_")}
    best = min(rivals, key=lambda name: median(rivals[name]))
    speedups = [theirs / own for theirs, own in zip(rivals[best], took["ours"], strict=True)]
    overheads = [own / mean - 1 for own, mean in zip(took["ours"], took["mean_pool"], strict=True)]
    return {
        "speedup_vs_generate": round(median(speedups), 2),
        "generate_threads": int(best.removeprefix("generate_")),
        "block_overhead": round(median(overheads), 4),
        "predict_ms": percentiles([1e3 * seconds for seconds in took["ours"]]),
    }


if __name__ == "__main__":
    print(json.dumps(measure(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
