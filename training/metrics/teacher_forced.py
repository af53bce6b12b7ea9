"""The score of the paper's released code, for comparison: every word is guessed with the TRUE words before it.

It stands apart from all others because the model reads the truth to get it.
"""

from __future__ import annotations

import numpy as np
import torch

from gaze_vlm_ros.statistics import Estimate, cluster_bootstrap
from gaze_vlm_ros.training.answers import Input
from gaze_vlm_ros.training.token_set import Sentences, TokenSet
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

_BATCH = 64


def table(model: GazeVLM, tokenizer: SentenceTokenizer, data: TokenSet, windows: np.ndarray) -> dict:
    """input -> share of sentences, and of words, that are right."""
    return {source.value: scores(model, tokenizer, data, windows, source) for source in (Input.RGB, Input.GAZE)}


@torch.inference_mode()
def scores(
    model: GazeVLM, tokenizer: SentenceTokenizer, data: TokenSet, windows: np.ndarray, source: Input
) -> dict[str, Estimate]:
    """Share of sentences, and of words, that are right where the model sees ``source``, RGB or GAZE."""
    sentences, words, exact, episodes = Sentences(data.columns, tokenizer, model.config.image_tokens), [], [], []
    for part in np.array_split(windows, max(1, len(windows) // _BATCH)):
        batch, (ids, scored) = data.batch(part), sentences.batch(data.last(part))
        given = (batch.gaze.sum(-1) > 0) & (source is Input.GAZE)
        features = model.attend(batch.tokens, batch.gaze, given).features.repeat_interleave(len(KINDS), 0)
        hit = model.logits(features, ids)[:, :-1].argmax(-1) == ids[:, 1:]
        told, counts = scored[:, 1:], scored[:, 1:].sum(1)
        words.append(((hit & told).sum(1) / counts.clamp_min(1))[counts > 0])
        exact.append((hit | ~told).all(1)[counts > 0].float())
        owner = np.repeat(data.columns["episode"][data.last(part)], len(KINDS))
        episodes += owner[(counts > 0).numpy()].tolist()
    return {
        "sentence": cluster_bootstrap(torch.cat(exact).numpy(), episodes),
        "word": cluster_bootstrap(torch.cat(words).numpy(), episodes),
    }
