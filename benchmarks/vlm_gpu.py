"""A 2B-class wrapped model beside its own plain ``generate``: ``python -m benchmarks.vlm_gpu``, one JSON line.

Random weights: what is said means nothing, how long it takes does. What goes on is on standard error.
benchmarks/README.md says what each key is.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from gaze_vlm_ros.progress import Progress
from gaze_vlm_ros.report.summary import percentiles
from gaze_vlm_ros.training.pixels.devices import chosen_dtype
from gaze_vlm_ros.training.pixels.models import Opened, open_model
from gaze_vlm_ros.training.pixels.questions import Questions
from gaze_vlm_ros.training.pixels.sizes import SIZES
from gaze_vlm_ros.vlm.tokenizer import KINDS
from gaze_vlm_ros.vlm.wrap.families import FAMILIES
from gaze_vlm_ros.vlm.wrap.grammar import GrammarDecoder
from gaze_vlm_ros.vlm.wrap.settings import Mode

FRAMES, WORDS = 5, 40


class Lanes:
    """Ways to answer both questions about the ``FRAMES`` newest frames; every way gets the newest frame as pixels."""

    def __init__(self, opened: Opened, device: torch.device) -> None:
        self._opened, self._wrapped, self._device = opened, opened.wrapped, device
        self._questions = Questions(opened.tokenizer, opened.wrapped.model.config.image_token_id, FRAMES)
        self._prompts = torch.stack([self._questions.prompt(kind) for kind in KINDS]).to(device)
        self._decoder = GrammarDecoder(opened.wrapped, self._questions.trees())
        self._pixels: deque[Tensor] = deque(maxlen=FRAMES)
        self._tokens: deque[Tensor] = deque(maxlen=FRAMES)
        self.ways: dict[str, Callable[[], object]] = {
            "generate": lambda: self.generate(WORDS),
            "generate_sentence": lambda: self.generate(self._questions.most_tokens),
            "shared": self.shared,
            "grammar": self.grammar,
        }

    def show(self, frame: Tensor) -> None:
        """A new frame uint8 (3, H, W): prepared for nobody's time; its tokens are made in everybody's own."""
        self._pixels.append(self._opened.pixels(frame.to(self._device)))
        if len(self._pixels) > 1:
            self._tokens.append(self._encoded(-2))

    @torch.inference_mode()
    def generate(self, words: int) -> Tensor:
        """The rival: for each question the frames are encoded and transformers' ``generate`` says ``words`` tokens."""
        frames = torch.stack(tuple(self._pixels))[None]
        return torch.cat([self._said(self._wrapped.encode(frames), prompt[None], words) for prompt in self._prompts])

    @torch.inference_mode()
    def shared(self) -> Tensor:
        """The same words: only the newest frame is encoded, and both questions are asked at once."""
        return self._said(self._window().expand(len(self._prompts), -1, -1, -1), self._prompts, WORDS)

    @torch.inference_mode()
    def grammar(self) -> list:
        """Sentences of the grammar: only the newest frame is encoded, one call for each choice of both questions."""
        return self._decoder.answers(self._window(), self._prompts)

    def _said(self, tokens: Tensor, prompts: Tensor, words: int) -> Tensor:
        return self._wrapped.generate(
            tokens, prompts, do_sample=False, min_new_tokens=words, max_new_tokens=words, pad_token_id=0
        )

    def _encoded(self, number: int) -> Tensor:
        return self._wrapped.encode(self._pixels[number][None, None])[0, 0]

    def _window(self) -> Tensor:
        return torch.stack([*list(self._tokens)[1 - FRAMES :], self._encoded(-1)])[None]


def measure(model: str, mode: Mode, predictions: int, seed: int, dtype: str = "auto", cpu: bool = False) -> dict:
    """The line of ``model`` with ``predictions`` of every lane; they take turns, another one first at each frame.

    Raises DeviceError for a ``dtype`` that the device lacks, WrapError for an unknown model.
    """
    device = torch.device("cpu" if cpu or not torch.cuda.is_available() else "cuda")
    chosen = chosen_dtype(dtype, device)
    opened = open_model(model, mode, seed=seed)
    opened.wrapped.to(device, getattr(torch, chosen)).eval().requires_grad_(False)
    lanes, generator = Lanes(opened, device), torch.Generator().manual_seed(seed)
    took: dict[str, list[float]] = {name: [] for name in lanes.ways}
    memory: dict[str, float] = {}
    with Progress() as progress:
        task = progress.add_task(f"{model} beside plain generate", total=FRAMES + predictions)
        for number in range(FRAMES + predictions):
            shape = (3, *opened.wrapped.grid.frame_size)
            lanes.show(torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator))
            if number >= FRAMES - 1:
                for name in _turned(list(lanes.ways), number):
                    seconds, peak = _timed(lanes.ways[name], device)
                    if number >= FRAMES:  # the first full window warms up
                        took[name].append(seconds)
                        memory[name] = max(peak, memory.get(name, 0.0))
            progress.advance(task)
    return _line(opened, model, chosen, device, took, memory)


def _turned(names: list[str], number: int) -> list[str]:
    first = number % len(names)
    return names[first:] + names[:first]


def _timed(way: Callable[[], object], device: torch.device) -> tuple[float, float]:
    """Seconds, and on a GPU the most memory that was allocated meanwhile [MiB]."""
    if device.type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    way()
    if device.type == "cuda":
        torch.cuda.synchronize()
    seconds = time.perf_counter() - began
    return seconds, torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0.0


def _line(opened: Opened, model: str, dtype: str, device: torch.device, took: dict, memory: dict) -> dict:
    weights = sum(parameter.numel() for parameter in opened.wrapped.parameters())
    line = {
        "model": model,
        "mode": opened.wrapped.settings.mode,
        "weights": weights,
        "dtype": dtype,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
        "predictions": len(took["generate"]),
    }
    for name, seconds in took.items():
        line[name] = {"ms": percentiles([s * 1e3 for s in seconds]), "per_s": round(len(seconds) / sum(seconds), 3)}
        if memory[name]:
            line[name]["peak_mib"] = round(memory[name], 1)
    for key, ours, rival in (
        ("speedup_shared", "shared", "generate"),
        ("speedup_grammar", "grammar", "generate"),
        ("speedup_grammar_sentence", "grammar", "generate_sentence"),
    ):
        ratios = [theirs / own for own, theirs in zip(took[ours], took[rival], strict=True)]
        line[key] = round(float(torch.tensor(ratios).median()), 2)
    return line


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vlm_gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=list(SIZES), default="random-2b")
    parser.add_argument("--family", choices=list(FAMILIES), default="smolvlm")
    parser.add_argument("--mode", choices=("pool", "tokens"), default="pool", help="what stands for a frame")
    parser.add_argument("--predictions", type=int, default=50)
    parser.add_argument("--dtype", choices=("auto", "float32", "bfloat16", "float16"), default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cpu", action="store_true", help="leave a GPU alone")
    parser.add_argument("--quick", action="store_true", help="a tiny model and few turns; the figures mean nothing")
    options = parser.parse_args(arguments)
    size, count = ("tiny", 4) if options.quick else (options.size, options.predictions)
    model = f"{size}:{options.family}"
    with contextlib.redirect_stdout(sys.stderr):
        line = measure(model, options.mode, count, options.seed, options.dtype, options.cpu)
    print(json.dumps(line))


if __name__ == "__main__":
    main()
