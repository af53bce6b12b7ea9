"""Free-running decoding inside the grammar: the questions share their beginning, and forced words cost no call.

The prompts of all tasks and every hypothesis stand in one row of tokens, a tree: a token attends to its ancestors only
(tree attention, as in SpecInfer, arXiv 2305.09781). So frames are read once, nothing is copied between hypotheses, and
one call of the language model serves every choice that is open.

Nothing here ever sees a target sentence: what the model said is all that it reads (teacher-forced scores live in
``gaze_vlm_ros.training.metrics.teacher_forced`` and in a column of their own).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import count, takewhile

import torch
from torch import Tensor

from gaze_vlm_ros.vlm.llama import FusedLlama
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer
from gaze_vlm_ros.vlm.trie import NOWHERE, SentenceTrie

MIN_PROBABILITY = 0.01
"""A beginning less likely than this is not followed."""
BEAM = 3
_GREEDY_FIRST = 1e6
"""Added where beginnings are chosen to follow, so that the greedy one is always among them."""


@dataclass(frozen=True)
class Sentence:
    """What was said, its probability among all sentences of the grammar, whether it is the plain greedy sentence."""

    text: str
    probability: float
    greedy: bool = False


@dataclass(frozen=True)
class _Beam:
    """R beginnings for each of B windows and K tasks, all (B, K, R): the ``node`` of the trie they have reached, their
    log probability, whether greedy. ``seen`` (B, K, R, S) bool: the slots of the cache that hold their words, prompt
    included."""

    node: Tensor
    log_probability: Tensor
    greedy: Tensor
    seen: Tensor


class Decoder:
    """Says the sentences of both tasks for a batch of windows.

    It keeps a copy of the language model's weights as they are when it is made.
    """

    def __init__(self, model: GazeVLM, tokenizer: SentenceTokenizer, trie: SentenceTrie | None = None) -> None:
        """Without a ``trie`` the sentences are those of ``gaze_vlm_ros.language``."""
        self._model, self._trie = model, trie or SentenceTrie.of_grammar(tokenizer)
        prompts = [tokenizer.prompt(kind, model.config.image_tokens) for kind in KINDS]
        self._prompt, self._positions, self._mask, self._ends = _tree_of(prompts)
        longest = max(map(len, prompts)) + max(len(text.split()) for text in self._trie.texts)
        longest += self._trie.path.shape[-1]  # tokens that pad a batch of windows have positions too
        self._llama = FusedLlama(model.base.model.language_model, longest)

    @torch.inference_mode()
    def ranked(
        self, features: Tensor, beam: int = BEAM, temperatures: Tensor | None = None
    ) -> list[list[list[Sentence]]]:
        """The tokens (N, I, D) that ``GazeVLM.attend`` made of the frames of N windows -> for each window and task (in
        the order of ``KINDS``) up to ``beam`` sentences.

        A sentence's probability is the product over its choices of the softmax over the words that the grammar leaves,
        so those of all sentences sum to 1. Beam search over the choices; the greedy sentence is always among those
        returned, the most probable one comes first. ``temperatures`` (kinds, 2) divide the logits of the first choice
        and of the others (``calibration``); they leave the greedy sentence as it is.
        """
        cache = self._llama.start(len(features))
        hidden, now = self._read(features, cache), self._at_the_beginning(len(features))
        for step in count():
            logits = self._model.base.lm_head(hidden).float()
            if temperatures is not None:
                logits = logits / temperatures[:, min(step, 1), None, None]
            now, words, choices = self._best(now, logits, beam)
            if not self._is_open(now.node).any():
                break
            now, hidden = self._feed(now, words, choices, cache)
        return self._sentences(now)

    def _read(self, features: Tensor, cache: list[Tensor]) -> Tensor:
        """Frames and questions; the states (B, K, 1, D) at the end of each question."""
        ids = self._prompt[None].expand(len(features), -1)
        hidden = self._llama(self._model.embed(features, ids), self._positions, self._mask, cache)
        return hidden[:, self._ends, None]

    def _at_the_beginning(self, batch: int) -> _Beam:
        node = self._trie.roots[None, :, None].expand(batch, -1, 1)
        seen = self._mask[self._ends][None, :, None].expand(batch, -1, -1, -1)
        return _Beam(node, torch.zeros(node.shape), torch.ones(node.shape, dtype=torch.bool), seen)

    def _is_open(self, node: Tensor) -> Tensor:
        """Whether a choice stands open there."""
        return (node != NOWHERE) & (node < self._trie.choices)

    def _best(self, now: _Beam, logits: Tensor, beam: int) -> tuple[_Beam, Tensor, Tensor]:
        """The ``beam`` best ways to go on by one choice, with its words and the parents' choices, each (B, K, R).

        ``logits`` (B, K, R', V). A finished sentence goes on as it is, in the place of word 0.
        """
        is_open = self._is_open(now.node)
        choice = now.node.clamp(0, self._trie.choices - 1)
        scores = logits.masked_fill(~self._trie.allowed[choice], -math.inf).log_softmax(-1)
        candidates = (now.log_probability[..., None] + scores).masked_fill(~is_open[..., None], -math.inf)
        candidates[..., 0] = torch.where(is_open, candidates[..., 0], now.log_probability)
        greedy = torch.zeros_like(candidates, dtype=torch.bool)
        greedy.scatter_(-1, candidates.argmax(-1, keepdim=True), now.greedy[..., None])
        flat = (candidates + greedy * _GREEDY_FIRST).flatten(2)
        order = flat.topk(min(beam, flat.shape[2])).indices
        parent, word = order // candidates.shape[-1], order % candidates.shape[-1]
        log_probability, greedy = (values.flatten(2).gather(2, order) for values in (candidates, greedy))
        node, was_open = now.node.gather(2, parent), is_open.gather(2, parent)
        node = torch.where(was_open, self._trie.following[choice.gather(2, parent), word], node)
        lost = ~greedy & (log_probability < math.log(MIN_PROBABILITY))
        log_probability = log_probability.masked_fill(lost, -math.inf)
        seen = now.seen.gather(2, parent[..., None].expand(-1, -1, -1, now.seen.shape[-1]))
        best = _Beam(node.masked_fill(lost, NOWHERE), log_probability, greedy, seen)
        return best, word, choice.gather(2, parent)

    def _feed(self, now: _Beam, words: Tensor, choices: Tensor, cache: list[Tensor]) -> tuple[_Beam, Tensor]:
        """Feeds the words up to the next choice of every open beginning; the states (B, K, R, D) at their ends."""
        batch, shape = len(words), words.shape
        path = self._trie.path[choices, words].flatten(1, 2)
        length = (self._trie.path_length[choices, words] * self._is_open(now.node)).flatten(1)
        seen = now.seen.flatten(1, 2)
        fed = torch.arange(path.shape[-1]) < length[..., None]
        most = int(fed.sum((1, 2)).max())
        place = fed.flatten(1).long().argsort(dim=1, descending=True, stable=True)[:, :most]
        row, offset, is_fed = place // path.shape[-1], place % path.shape[-1], fed.flatten(1).gather(1, place)
        ancestors = seen.gather(1, row[..., None].expand(-1, -1, seen.shape[-1]))
        together = (row[:, :, None] == row[:, None]) & (offset[:, :, None] >= offset[:, None]) & is_fed[:, None]
        embedded = self._model.base.get_input_embeddings()(path.flatten(1).gather(1, place))
        positions = ancestors.sum(-1) + offset
        hidden = self._llama(embedded, positions, torch.cat([ancestors, together], -1), cache)
        own = (row[:, None] == torch.arange(path.shape[1])[:, None]) & is_fed[:, None]
        last = (length.cumsum(1) - 1).clamp(0, most - 1)
        at_the_end = hidden.gather(1, last[..., None].expand(-1, -1, hidden.shape[-1]))
        grown = torch.cat([seen, own], -1).view(batch, *shape[1:], -1)
        return replace(now, seen=grown), at_the_end.view(*shape, -1)

    def _sentences(self, now: _Beam) -> list[list[list[Sentence]]]:
        columns = (now.node.tolist(), now.log_probability.exp().tolist(), now.greedy.tolist())
        return [
            [
                sorted(
                    (
                        Sentence(self._trie.text(node), probability, greedy)
                        for node, probability, greedy in zip(*of_task, strict=True)
                        if node != NOWHERE
                    ),
                    key=lambda sentence: -sentence.probability,
                )
                for of_task in zip(*of_window, strict=True)
            ]
            for of_window in zip(*columns, strict=True)
        ]


def _tree_of(prompts: list[list[int]]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The prompts as one row of M tokens: their common beginning, then the rest of each in turn.

    Ids (M,), positions (M,), mask (M, M) bool, True where a token attends to another, and the last token of each
    prompt (K,).
    """
    shared = len(list(takewhile(lambda words: len(set(words)) == 1, zip(*prompts, strict=False))))
    rests = [prompt[shared:] for prompt in prompts]
    branch = torch.tensor([-1] * shared + [number for number, rest in enumerate(rests) for _ in rest])
    positions = torch.tensor([*range(shared), *(shared + step for rest in rests for step in range(len(rest)))])
    related = (branch[:, None] == branch) | (branch == -1)
    mask = related & torch.ones_like(related).tril()
    ids = torch.tensor([*prompts[0][:shared], *(word for rest in rests for word in rest)])
    ends = torch.tensor([len(rest) for rest in rests]).cumsum(0) + shared - 1
    return ids, positions, mask, ends
