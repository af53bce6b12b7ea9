"""Free-running greedy decoding with a key-value cache, and the ranked alternatives at its most uncertain word.

Nothing here ever sees a target sentence: what the model said is all that it reads (teacher-forced scores live in
``gaze_vlm_ros.training.metrics.teacher_forced`` and in a column of their own).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

MAX_WORDS = 12
MIN_PROBABILITY = 0.01
"""An alternative word less likely than this is not followed."""


@dataclass(frozen=True)
class Sentence:
    """What was said, the product of its words' probabilities, and whether it is the plain greedy sentence."""

    text: str
    probability: float
    greedy: bool = False


@dataclass
class _Run:
    """One greedy pass: ``ids`` (N, S); ``log_probs`` (N, S, V), the distributions they were taken from; the cache."""

    ids: Tensor
    log_probs: Tensor
    cache: DynamicCache


class Decoder:
    """Says the sentences of both tasks for a batch of windows."""

    def __init__(self, model: GazeVLM, tokenizer: SentenceTokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._prompts = torch.tensor([tokenizer.prompt(kind, model.config.frames) for kind in KINDS])

    @torch.inference_mode()
    def ranked(self, features: Tensor, beam: int = 3) -> list[list[list[Sentence]]]:
        """Block features (N, T, D) -> per window, per task (in the order of ``KINDS``) up to ``beam`` sentences.

        The greedy sentence is branched once, at its most uncertain word, and each of the next best words is followed
        greedily; the most probable sentence comes first. All windows and tasks run as one batch.
        """
        prompts = self._prompts.repeat(len(features), 1)
        run = self._greedy(features.repeat_interleave(len(KINDS), dim=0), prompts)
        found = [[s] for s in self._sentences(run, greedy=True)]
        rows, positions, words = self._branches(run, beam)
        if len(rows):
            branched = self._continue(run, prompts.shape[1], rows, positions, words)
            for row, sentence in zip(rows.tolist(), self._sentences(branched, greedy=False), strict=True):
                found[row].append(sentence)
        found = [sorted(sentences, key=lambda s: -s.probability) for sentences in found]
        return [found[i : i + len(KINDS)] for i in range(0, len(found), len(KINDS))]

    def _greedy(self, features: Tensor, prompts: Tensor) -> _Run:
        cache = DynamicCache(config=self._model.base.model.language_model.config)
        logits = self._step(self._model.embed(features, prompts), cache)
        return self._follow(logits, cache, MAX_WORDS)

    def _follow(
        self, logits: Tensor, cache: DynamicCache, longest: int, forced: tuple[Tensor, Tensor] | None = None
    ) -> _Run:
        """Speaks until every row has ended, beginning with ``forced`` = (ids (N, K), how many of them (N,))."""
        ids, log_probs, done = [], [], torch.zeros(len(logits), dtype=torch.bool)
        for step in range(longest):
            log_probs.append(logits.log_softmax(-1))
            word = logits.argmax(-1)
            if forced is not None and step < forced[0].shape[1]:
                word = torch.where(step < forced[1], forced[0][:, step], word)
            ids.append(word)
            done = done | (word == self._tokenizer.eos_id)
            if done.all() or step + 1 == longest:
                break
            logits = self._step(self._model.base.get_input_embeddings()(word[:, None]), cache)
        return _Run(torch.stack(ids, 1), torch.stack(log_probs, 1), cache)

    def _step(self, embeds: Tensor, cache: DynamicCache) -> Tensor:
        """Feeds embeddings (N, L, D), returns the logits (N, V) of the next word."""
        hidden = self._model.base.model.language_model(inputs_embeds=embeds, past_key_values=cache, use_cache=True)
        return self._model.base.lm_head(hidden.last_hidden_state[:, -1]).float()

    def _branches(self, run: _Run, beam: int) -> tuple[Tensor, Tensor, Tensor]:
        """The words to try instead: for each, the row, the position in the sentence, and the word."""
        chosen = run.log_probs.gather(-1, run.ids[..., None])[..., 0]
        position = chosen.masked_fill(~self._spoken(run.ids), 0.0).argmin(dim=1)
        at_branch = run.log_probs[torch.arange(len(position)), position]
        best = at_branch.topk(beam).indices[:, 1:]
        likely = at_branch.gather(1, best).exp() >= MIN_PROBABILITY
        rows = torch.arange(len(position))[:, None].expand_as(best)[likely]
        return rows, position[rows], best[likely]

    def _continue(self, run: _Run, prompt_length: int, rows: Tensor, positions: Tensor, words: Tensor) -> _Run:
        """Follows each alternative from the earliest branch on, reusing the cache up to there."""
        start = int(positions.min())
        forced = run.ids[rows, start : int(positions.max()) + 1].clone()
        forced[torch.arange(len(rows)), positions - start] = words
        run.cache.crop(-(run.cache.get_seq_length() - prompt_length - start))
        run.cache.batch_select_indices(rows)
        first = run.log_probs[rows, start]
        rest = self._follow(first, run.cache, MAX_WORDS - start, (forced, positions - start + 1))
        return _Run(
            torch.cat([run.ids[rows, :start], rest.ids], 1),
            torch.cat([run.log_probs[rows, :start], rest.log_probs], 1),
            rest.cache,
        )

    def _spoken(self, ids: Tensor) -> Tensor:
        """True for the words of a sentence and for the ``<eos>`` that ends it."""
        ends = (ids == self._tokenizer.eos_id).long()
        return ends.cumsum(1) - ends == 0

    def _sentences(self, run: _Run, greedy: bool) -> list[Sentence]:
        chosen = run.log_probs.gather(-1, run.ids[..., None])[..., 0]
        total = chosen.masked_fill(~self._spoken(run.ids), 0.0).sum(1).exp()
        texts = map(self._tokenizer.decode, run.ids.tolist())
        return [Sentence(text, p, greedy) for text, p in zip(texts, total.tolist(), strict=True)]
