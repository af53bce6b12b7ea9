"""Words to numbers and back: a word-level tokenizer over the closed grammar of ``gaze_vlm_ros.language``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers import Tokenizer, models, pre_tokenizers

from gaze_vlm_ros.types import PredictionKind

PAD, BOS, EOS, UNKNOWN, IMAGE = "<pad>", "<bos>", "<eos>", "<unk>", "<image>"
SPECIAL_TOKENS = (PAD, BOS, EOS, UNKNOWN, IMAGE)
PROMPTS = {PredictionKind.ACTIVITY: "activity :", PredictionKind.EVENT: "event :"}
KINDS = tuple(PROMPTS)
"""The order in which the two tasks stand in every batch."""


class SentenceTokenizer:
    """One token per word. ``pad_id``, ``eos_id`` and ``unknown_id`` are what decoding and losses need to know."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.pad_id, self.bos_id, self.eos_id, self.unknown_id, self.image_id = (
            tokenizer.token_to_id(token) for token in SPECIAL_TOKENS
        )

    @classmethod
    def of_words(cls, words: Sequence[str]) -> SentenceTokenizer:
        """A tokenizer of ``words`` and of the prompts' words."""
        prompt_words = {word for prompt in PROMPTS.values() for word in prompt.split()}
        tokens = [*SPECIAL_TOKENS, *sorted(prompt_words | set(words))]
        tokenizer = Tokenizer(models.WordLevel({token: i for i, token in enumerate(tokens)}, unk_token=UNKNOWN))
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
        return cls(tokenizer)

    @classmethod
    def load(cls, path: Path) -> SentenceTokenizer:
        return cls(Tokenizer.from_file(str(path)))

    @property
    def tokenizer(self) -> Tokenizer:
        """The tokenizer of the tokenizers library beneath."""
        return self._tokenizer

    def save(self, path: Path) -> None:
        self._tokenizer.save(str(path))

    def __len__(self) -> int:
        return self._tokenizer.get_vocab_size()

    def encode(self, text: str) -> list[int]:
        return self._tokenizer.encode(text).ids

    def decode(self, ids: Sequence[int]) -> str:
        """The words up to the first ``<eos>``."""
        ids = list(ids)
        ids = ids[: ids.index(self.eos_id)] if self.eos_id in ids else ids
        return " ".join(self._tokenizer.id_to_token(int(i)) for i in ids)

    def prompt(self, kind: PredictionKind, image_tokens: int, gaze: str = "") -> list[int]:
        """``<bos>``, ``<image>`` for each token of the frames, the words of ``gaze`` (``gaze_inputs.gaze_words``), the
        task's words."""
        return self.prompt_of(image_tokens, f"{gaze} {PROMPTS[kind]}")

    def prompt_of(self, image_tokens: int, words: str) -> list[int]:
        """As ``prompt``, with any ``words`` behind the frames."""
        return [self.bos_id, *[self.image_id] * image_tokens, *self.encode(words)]
