"""The sentences that may be said, as a trie in which only real choices are left.

Where one word follows another without a choice ("reaching" -> "for the"), the words are joined to one path, so that a
decoder asks the model only where the grammar leaves more than one word (jump-forward decoding with a compressed
automaton; Zheng et al., SGLang, arXiv 2312.07104, section 4).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language import sentences, text_of
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

NOWHERE = -1
"""The node behind a word that no sentence goes on with."""


class GrammarError(GazeVlmError):
    """A tokenizer that cannot say a single sentence of the grammar."""


def plain_sentences(kind: PredictionKind) -> list[str]:
    """Every sentence of ``kind`` in the plain phrasing, which is the one that models learn."""
    return [text_of(slots, kind.value) for slots in sentences(kind.value)]


@dataclass(frozen=True)
class SentenceTrie:
    """All sentences of all kinds, N choices of V words each.

    ``roots`` (kinds,) are the first choices. ``following`` (N, V) int64 is where a word leads: another choice, the
    sentence number ``s`` as ``N + s``, or NOWHERE. ``path`` (N, V, L) int64 are the words to be fed to the model on the
    way, the chosen one first, ``path_length`` (N, V) how many; 0 behind the last choice of a sentence, since nothing
    is asked any more. ``texts`` are the sentences.
    """

    roots: Tensor
    following: Tensor
    path: Tensor
    path_length: Tensor
    texts: tuple[str, ...]

    @classmethod
    def of(cls, texts: Sequence[Sequence[str]], tokenizer: SentenceTokenizer) -> SentenceTrie:
        """The trie of ``texts``, the sentences of each kind in turn.

        Sentences with words that ``tokenizer`` lacks are left out: its model has never said them. Raises GrammarError
        where none of a kind is left.
        """
        builder = _Builder(tokenizer)
        return builder.finished([builder.add(some) for some in texts])

    @classmethod
    def of_grammar(cls, tokenizer: SentenceTokenizer) -> SentenceTrie:
        """The trie of ``plain_sentences`` in the order of KINDS."""
        return cls.of([plain_sentences(kind) for kind in KINDS], tokenizer)

    @property
    def choices(self) -> int:
        return len(self.following)

    @cached_property
    def allowed(self) -> Tensor:
        """(N, V) bool: the words of each choice."""
        return self.following != NOWHERE

    def text(self, node: int) -> str:
        """The sentence that ``node`` stands for; a ValueError for a choice."""
        if node < self.choices:
            raise ValueError(f"node {node} is no sentence")
        return self.texts[node - self.choices]

    def decisions(self, kind: int, text: str) -> list[tuple[int, int]]:
        """(choice, word) in turn on the way to ``text`` of ``KINDS[kind]``; none where it is no sentence of it."""
        return self._ways[kind].get(text, [])

    @cached_property
    def _ways(self) -> list[dict[str, list[tuple[int, int]]]]:
        return [dict(self._walk(int(root), [])) for root in self.roots]

    def _walk(self, node: int, so_far: list[tuple[int, int]]) -> Iterator[tuple[str, list[tuple[int, int]]]]:
        for word in self.allowed[node].nonzero().flatten().tolist():
            behind, way = int(self.following[node, word]), [*so_far, (node, word)]
            if behind >= self.choices:
                yield self.text(behind), way
            else:
                yield from self._walk(behind, way)


class _Builder:
    """Plain nested tries first, then their choices in tables."""

    def __init__(self, tokenizer: SentenceTokenizer) -> None:
        self._tokenizer = tokenizer
        self._texts: list[str] = []
        self._edges: list[dict[int, tuple[int, list[int]]]] = []

    def add(self, texts: Sequence[str]) -> int:
        """Number of the first choice of ``texts``."""
        tree: dict = {}
        for text in dict.fromkeys(texts):
            words = self._tokenizer.encode(text)
            if self._tokenizer.unknown_id in words:
                continue
            place = tree
            for word in words:
                place = place.setdefault(word, {})
            place[self._tokenizer.eos_id] = text
        if not tree:
            raise GrammarError(
                "the tokenizer lacks the words of every sentence of the grammar; train the model with this package"
            )
        return self._choice(tree)

    def _choice(self, tree: dict) -> int:
        number = len(self._edges)
        self._edges.append({})
        for word, rest in tree.items():
            path, behind = forced(word, rest)
            if isinstance(behind, str):
                self._texts.append(behind)
                self._edges[number][word] = -len(self._texts), []
            else:
                self._edges[number][word] = self._choice(behind), path
        return number

    def finished(self, roots: list[int]) -> SentenceTrie:
        count, size = len(self._edges), len(self._tokenizer)
        longest = max(1, *(len(path) for edges in self._edges for _, path in edges.values()))
        following = torch.full((count, size), NOWHERE)
        path, length = torch.zeros(count, size, longest, dtype=torch.long), torch.zeros(count, size, dtype=torch.long)
        for number, edges in enumerate(self._edges):
            for word, (behind, words) in edges.items():
                following[number, word] = behind if behind >= 0 else count - behind - 1
                path[number, word, : len(words)] = torch.tensor(words, dtype=torch.long)
                length[number, word] = len(words)
        return SentenceTrie(torch.tensor(roots), following, path, length, tuple(self._texts))


def forced(word: int, behind: dict | str) -> tuple[list[int], dict | str]:
    """``word`` and all words after it that have no other beside them; what lies behind, a tree or a whole sentence."""
    path = [word]
    while isinstance(behind, dict) and len(behind) == 1:
        ((only, behind),) = behind.items()
        path.append(only)
    return path, behind
