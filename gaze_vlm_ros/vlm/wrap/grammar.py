"""A wrapped model's answers inside a closed grammar: forced words cost no call, all questions go in one batch.

The grammar is a tree of token ids. Where only one token may follow, it is fed together with the one before it
(jump-forward decoding; Zheng et al., SGLang, arXiv 2312.07104, section 4), so the model is called once for each real
choice, on a cache that holds frames and question.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from gaze_vlm_ros.vlm.trie import forced
from gaze_vlm_ros.vlm.wrap.errors import WrapError
from gaze_vlm_ros.vlm.wrap.wrapped import WrappedVLM


@dataclass(frozen=True)
class Answer:
    """What was said, and its probability among all sentences of the grammar, on the way that was taken."""

    text: str
    probability: float


class TokenTree:
    """Sentences by their tokens, the end included: ``tree[token]`` is what may follow, at last the sentence itself."""

    def __init__(self, sentences: dict[str, Sequence[int]]) -> None:
        """``sentences``: text -> ids with the end. Raises WrapError for none, or one that is another's beginning."""
        self.tree: dict = {}
        for text, ids in sentences.items():
            place = self.tree
            for token in ids[:-1]:
                place = place.setdefault(token, {})
                if isinstance(place, str):
                    raise WrapError(f"the tokens of {place!r} are a beginning of those of {text!r}; end both alike")
            if ids[-1] in place:
                raise WrapError(f"the tokens of {text!r} are those of another sentence; use another tokenizer")
            place[ids[-1]] = text
        if not self.tree:
            raise WrapError("a grammar needs at least one sentence")


class GrammarDecoder:
    """Answers of ``wrapped``, greedily, each row in the tree of its own question."""

    def __init__(self, wrapped: WrappedVLM, trees: Sequence[TokenTree]) -> None:
        self._wrapped, self._trees = wrapped, trees

    @torch.inference_mode()
    def answers(
        self, tokens: Tensor, ids: Tensor, *, gaze: Tensor | None = None, mask: Tensor | None = None
    ) -> list[Answer]:
        """One window's ``tokens`` (1, T, P, D) of ``encode`` and K prompts ``ids`` (K, L), padded on the left -> the K
        answers, in the order of the trees. The block runs once for all of them."""
        wrapped, count = self._wrapped, len(ids)
        attended = wrapped.attend(tokens, gaze)
        attended = type(attended)(*(part.expand(count, *part.shape[1:]) for part in attended))
        prompt, embedded, positions = wrapped.prepare(tokens.expand(count, -1, -1, -1), attended, ids, mask)
        cache, mask = DynamicCache(), prompt.mask
        places: list[dict | str] = [tree.tree for tree in self._trees]
        scores, last, kept = [0.0] * count, [0] * count, 1
        ahead = positions[..., -1:] + 1
        while True:
            logits = wrapped.model(
                inputs_embeds=embedded,
                attention_mask=mask,
                position_ids=positions,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=kept,
            ).logits
            paths = self._chosen(logits, last, places, scores)
            if all(isinstance(place, str) for place in places):
                return [Answer(place, math.exp(s)) for place, s in zip(places, scores, strict=True)]
            lengths = torch.tensor([len(path) for path in paths], device=mask.device)
            kept, last = max(map(len, paths)), [max(len(path) - 1, 0) for path in paths]
            fed = torch.tensor([path + [0] * (kept - len(path)) for path in paths], device=mask.device)
            step = torch.arange(kept, device=mask.device)
            embedded = wrapped.model.get_input_embeddings()(fed)
            mask = torch.cat([mask, (step < lengths[:, None]).long()], dim=1)
            positions, ahead = ahead + step, ahead + lengths[:, None]

    def _chosen(self, logits: Tensor, last: list[int], places: list, scores: list[float]) -> list[list[int]]:
        """Moves every open place on by one choice and the forced tokens after it; the tokens to be fed for each row."""
        paths: list[list[int]] = []
        for row, place in enumerate(places):
            path: list[int] = []
            if not isinstance(place, str):
                choices = list(place)
                chances = logits[row, last[row], choices].float().log_softmax(-1)
                best = int(chances.argmax())
                scores[row] += float(chances[best])
                path, places[row] = forced(choices[best], place[choices[best]])
            paths.append(path if not isinstance(place, str) else [])
        return paths
