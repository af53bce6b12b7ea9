"""What a model says about windows when it speaks freely: the one path that every free-running score goes through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch

from gaze_vlm_ros.training.shards.schema import DataError
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.block import BlockOutput
from gaze_vlm_ros.vlm.calibration import Calibration
from gaze_vlm_ros.vlm.decoding import Decoder, Sentence
from gaze_vlm_ros.vlm.gaze_inputs import GazeMode
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

_BATCH = 64


class Input(StrEnum):
    """What the model gets to see."""

    RGB = "rgb"
    """Frames only: no gaze can reach the answer."""
    GAZE = "gaze"
    """Frames, and gaze where it is valid."""
    SHUFFLED = "shuffled_gaze"
    """Frames, and the gaze of another episode."""
    ORACLE = "oracle_gaze"
    """Frames, and the heatmap that supervises: the gaze carried to each frame by its hits in 3-D, which no live model
    has."""


@dataclass(frozen=True)
class Answers:
    """Per window: ranked sentences of both tasks, and the attention (W, P) of the newest frame."""

    ranked: list[list[list[Sentence]]]
    attention: np.ndarray

    def texts(self, kind: PredictionKind) -> list[str]:
        """The best sentence of each window, also of those in which a calibrated model abstains live."""
        return [window[KINDS.index(kind)][0].text for window in self.ranked]

    def probabilities(self, kind: PredictionKind) -> np.ndarray:
        """The probability (W,) of each window's best sentence, as it is published live."""
        return np.array([window[KINDS.index(kind)][0].probability for window in self.ranked])

    def greedy_texts(self, kind: PredictionKind) -> list[str]:
        """The plain greedy sentence of each window, before any ranking."""
        return [next(s.text for s in window[KINDS.index(kind)] if s.greedy) for window in self.ranked]


@torch.inference_mode()
def answer(
    model: GazeVLM,
    tokenizer: SentenceTokenizer,
    data: TokenSet,
    windows: np.ndarray,
    source: Input,
    seed: int = 0,
    calibration: Calibration | None = None,
    mode: GazeMode = GazeMode.AUTO,
) -> Answers:
    """The model's answers about ``windows``; targets are never looked at.

    Probabilities are calibrated where there is a ``calibration``. ``mode`` AUTO or HEATMAP: how the gaze of a
    ``source`` that has any comes in.
    """
    decoder, ranked, attention = Decoder(model, tokenizer), [], []
    temperatures = calibration.temperatures(source is not Input.RGB) if calibration else None
    others = other_episodes(data, windows, seed) if source is Input.SHUFFLED else windows
    for start in range(0, len(windows), _BATCH):
        part = slice(start, start + _BATCH)
        output = attended(model, data, windows[part], source, others[part], mode)
        ranked += decoder.ranked(output.features, temperatures=temperatures)
        attention.append(output.attention[:, -1].numpy())
    return Answers(ranked, np.concatenate(attention))


def attended(
    model: GazeVLM,
    data: TokenSet,
    windows: np.ndarray,
    source: Input,
    gaze_of: np.ndarray | None = None,
    mode: GazeMode = GazeMode.AUTO,
) -> BlockOutput:
    """What the block makes of ``windows`` with the gaze of the windows ``gaze_of``, their own by default."""
    if mode not in (GazeMode.AUTO, GazeMode.HEATMAP):
        raise ValueError(f"a token cache serves the gaze modes auto and heatmap, not {mode}")
    tokens = data.batch(windows).tokens
    if source is Input.RGB:
        return model.attend(tokens)
    gaze = data.gaze(windows if gaze_of is None else gaze_of, "heatmap" if source is Input.ORACLE else "heatmap_input")
    return model.attend(tokens, gaze, gaze.sum(-1) > 0, replaces=mode is GazeMode.HEATMAP)


def other_episodes(data: TokenSet, windows: np.ndarray, seed: int) -> np.ndarray:
    """For each window one of another episode, drawn from ``windows`` themselves."""
    episode = data.columns["episode"][data.last(windows)]
    if len(np.unique(episode)) < 2:
        raise DataError("another episode's gaze needs at least two episodes of the split; generate more")
    rng, others = np.random.default_rng(seed), np.arange(len(windows))
    while len(same := np.flatnonzero(episode[others] == episode)):
        others[same] = rng.integers(len(windows), size=len(same))
    return windows[others]
