"""Scores on a few validation windows: teacher-forced loss, and what the model says when it speaks freely."""

from __future__ import annotations

import torch
from torch import Tensor

from gaze_vlm_ros.training.pixels.models import Opened
from gaze_vlm_ros.training.pixels.questions import Questions
from gaze_vlm_ros.training.pixels.stream import Batch
from gaze_vlm_ros.training.pixels.windows import Window
from gaze_vlm_ros.vlm.tokenizer import KINDS
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedOutput, WrappedVLM


def forward(
    model: torch.nn.Module, opened: Opened, questions: Questions, batch: Batch, given: Tensor, regulariser: float
) -> WrappedOutput:
    """Both questions about each window; the windows ``given`` (B,) bool have their gaze as input.

    ``model`` is what accelerate made of ``opened.wrapped``. Frames are encoded once for both questions.
    """
    wrapped, rows = opened.wrapped, questions.rows(batch.activity, batch.event)
    device = wrapped.model.device
    tokens = wrapped.encode(opened.pixels(batch.frames.to(device)))
    gaze = batch.gaze * given[:, None, None]
    target, gaze = (heatmap[rows.window].to(device) for heatmap in (batch.target, gaze))
    return model(
        tokens[rows.window.to(device)],
        rows.ids.to(device),
        rows.scored.to(device),
        target=target,
        gaze=gaze,
        mask=rows.mask.to(device),
        gaze_weight=regulariser,
    )


@torch.no_grad()
def scores(
    model: torch.nn.Module, opened: Opened, questions: Questions, windows: list[Window], size: int
) -> dict[str, float]:
    """``words`` and ``gaze_kl`` [nats] without gaze as input, the first with the true words before each
    (teacher-forced);
    ``activity_rgb``, ``event_gaze`` and so on: the share of sentences said exactly, word by word on its own."""
    parts = [windows[start : start + size] for start in range(0, len(windows), size)]
    sums: dict[str, list[tuple[float, int]]] = {}
    for part in parts:
        batch = Batch.of(part)
        none = torch.zeros(len(part), dtype=torch.bool)
        output = forward(model, opened, questions, batch, none, 0.0)
        for name, value in (("words", output.words), ("gaze_kl", output.gaze)):
            sums.setdefault(name, []).append((float(value), len(part)))
        for source in ("rgb", "gaze"):
            for name, right in _exact(opened, questions, batch, source == "gaze").items():
                sums.setdefault(f"{name}_{source}", []).extend((float(hit), 1) for hit in right)
    return {name: sum(v * n for v, n in values) / sum(n for _, n in values) for name, values in sums.items()}


def _exact(opened: Opened, questions: Questions, batch: Batch, with_gaze: bool) -> dict[str, list[bool]]:
    """Of each question, for the windows that have a sentence, whether it was said. Truth is only compared with."""
    wrapped: WrappedVLM = opened.wrapped
    device = wrapped.model.device
    tokens = wrapped.encode(opened.pixels(batch.frames.to(device)))
    gaze = batch.gaze.to(device) if with_gaze else None
    found = {}
    for kind in KINDS:
        truths = getattr(batch, kind.value)
        said = wrapped.generate(
            tokens,
            questions.prompt(kind).to(device).expand(len(truths), -1),
            gaze=gaze,
            max_new_tokens=questions.most_tokens,
            do_sample=False,
            eos_token_id=questions.end_id,
            pad_token_id=questions.pad_id,
        )
        texts = [questions.text(row) for row in said.tolist()]
        found[kind.value] = [text == truth for text, truth in zip(texts, truths, strict=True) if truth]
    return found
