"""What a model is asked about a window and how its answers are told: prompts and sentences as token ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from gaze_vlm_ros.language import vocabulary
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.tokenizer import BOS, EOS, KINDS, PAD, UNKNOWN, SentenceTokenizer
from gaze_vlm_ros.vlm.trie import plain_sentences
from gaze_vlm_ros.vlm.wrap.errors import WrapCheckpointError, WrapError
from gaze_vlm_ros.vlm.wrap.grammar import TokenTree

QUESTIONS = {
    PredictionKind.ACTIVITY: "what is the wearer doing now ?",
    PredictionKind.EVENT: "what will the wearer do next ?",
}
BETWEEN = ":"
"""Stands after each frame of a plain prompt: some models cannot tell frames apart that stand side by side."""


@dataclass(frozen=True)
class Rows:
    """R questions with their answers: ``ids`` (R, L) int64, ``scored`` (R, L) bool, ``mask`` (R, L) int64, and the
    ``window`` (R,) that each is about."""

    ids: Tensor
    scored: Tensor
    mask: Tensor
    window: Tensor


class Questions:
    """The questions of ``frames`` frames for a model whose image placeholder is ``image_id``.

    The chat template of ``tokenizer`` is used where it writes one placeholder per frame; otherwise the prompt is plain:
    frames, then the question.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, image_id: int, frames: int) -> None:
        if tokenizer.eos_token_id is None:
            raise WrapError("the tokenizer has no end-of-sentence token, so no answer would end; use another model")
        self.tokenizer, self._image_id, self._frames = tokenizer, image_id, frames
        self.end_id = tokenizer.eos_token_id
        self.pad_id = self.end_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        self._prompts = {kind: self._prompt(text) for kind, text in QUESTIONS.items()}

    def prompt(self, kind: PredictionKind) -> Tensor:
        """(L,) int64."""
        return torch.tensor(self._prompts[kind])

    def rows(self, activity: Sequence[str], event: Sequence[str]) -> Rows:
        """Both questions about each window; one without a sentence, as where no event is to come, is left out."""
        sentences = {PredictionKind.ACTIVITY: activity, PredictionKind.EVENT: event}
        told = [(w, kind) for w in range(len(activity)) for kind in KINDS if sentences[kind][w]]
        if not told:
            raise WrapError("no window of this batch has a sentence to learn; use a larger batch")
        answers = [[*self._encode(sentences[kind][w]), self.end_id] for w, kind in told]
        prompts = [self._prompts[kind] for _, kind in told]
        ids = [torch.tensor(prompt + answer) for prompt, answer in zip(prompts, answers, strict=True)]
        lengths = torch.tensor([len(row) for row in ids])[:, None]
        asked = torch.tensor([len(prompt) for prompt in prompts])[:, None]
        padded = pad_sequence(ids, batch_first=True, padding_value=self.pad_id)
        places = torch.arange(padded.shape[1])
        is_text = places < lengths
        return Rows(padded, is_text & (places >= asked), is_text.long(), torch.tensor([w for w, _ in told]))

    def trees(self) -> list[TokenTree]:
        """The grammar of each question, in the order of KINDS, for ``GrammarDecoder``."""
        sentences = [plain_sentences(kind) for kind in KINDS]
        return [TokenTree({text: [*self._encode(text), self.end_id] for text in texts}) for texts in sentences]

    def text(self, ids: Sequence[int]) -> str:
        """What was said, up to its end."""
        ids = list(ids)
        ids = ids[: ids.index(self.end_id)] if self.end_id in ids else ids
        return " ".join(self.tokenizer.decode(ids, skip_special_tokens=True).split())

    @cached_property
    def most_tokens(self) -> int:
        """Tokens of the longest sentence of the grammar, its end included."""
        return 1 + max(len(self._encode(text)) for kind in KINDS for text in plain_sentences(kind))

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _prompt(self, question: str) -> list[int]:
        if self.tokenizer.chat_template:
            content = [{"type": "image"}] * self._frames + [{"type": "text", "text": question}]
            chat = [{"role": "user", "content": content}]
            text = self.tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=False)
            ids = self._encode(text)
            if ids.count(self._image_id) == self._frames:
                return ids
        begin = [] if self.tokenizer.bos_token_id is None else [self.tokenizer.bos_token_id]
        return [*begin, *([self._image_id, *self._encode(BETWEEN)] * self._frames), *self._encode(question)]


def word_tokenizer() -> PreTrainedTokenizerFast:
    """One token per word of the package's grammar and of QUESTIONS, for models with random weights."""
    words = [*vocabulary(), *(word for text in QUESTIONS.values() for word in text.split()), BETWEEN]
    names = {"pad_token": PAD, "bos_token": BOS, "eos_token": EOS, "unk_token": UNKNOWN}
    return PreTrainedTokenizerFast(tokenizer_object=SentenceTokenizer.of_words(words).tokenizer, **names)


def read_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """Raises WrapCheckpointError where ``folder`` holds none; nothing is fetched."""
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError, TypeError, ImportError) as error:
        reason = str(error).strip().splitlines()[0]
        raise WrapCheckpointError(f"{folder} holds no tokenizer ({reason}); copy the model's own there") from None
