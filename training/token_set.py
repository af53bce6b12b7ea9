"""Observation windows over cached tokens: what the block and the language model learn from."""

from __future__ import annotations

import copy
import json
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from gaze_vlm_ros.training.data import SPLITS, DataError, window_indices
from gaze_vlm_ros.vlm.config import GazeVLMConfig
from gaze_vlm_ros.vlm.domain import pooled
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

_FRAMES_AT_ONCE = 256


@dataclass(frozen=True)
class Batch:
    """B windows of T frames: ``tokens`` (B, T, P, D); ``target`` (B, T, P), the gaze that supervises, zeros without;
    ``gaze`` (B, T, P), the gaze as a live model gets it."""

    tokens: Tensor
    target: Tensor
    gaze: Tensor


class TokenSet:
    """The frames of a cache and the windows that end at them.

    ``columns`` holds what ``frames.npz`` does, one row per frame; ``labels`` names the values of ``patch_label``, ()
    in a cache of an earlier form; ``last(windows)`` are the rows of the windows' newest frames.
    """

    def __init__(self, folder: Path, config: GazeVLMConfig, overlay: bool = False) -> None:
        """``overlay``: a cache is wanted into whose pictures gaze was drawn; the other kind is refused, DataError."""
        try:
            card = json.loads((folder / "cache.json").read_text())
            self._tokens = np.load(folder / "tokens.npy", mmap_mode="r")
            with np.load(folder / "frames.npz", allow_pickle=False) as arrays:
                self.columns = {key: arrays[key] for key in arrays}
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{folder} is no finished token cache ({error}); `gaze-vlm-ros train` makes one") from None
        self.encoder_sha256, self.data_sha256 = card["encoder_sha256"], card["data_sha256"]
        self.labels = tuple(card.get("labels", ()))
        if card.get("overlay", False) != overlay:
            raise DataError(f"{folder} was made {'without' if overlay else 'with'} --overlay; cache the tokens anew")
        wanted = len(self.columns["episode"]), config.patches, config.hidden
        if self._tokens.shape != wanted:
            raise DataError(f"{folder} holds tokens {self._tokens.shape}, the model wants {wanted}; cache them anew")
        self._windows = self._cut(config)

    def _cut(self, config: GazeVLMConfig) -> np.ndarray:
        episode = self.columns["episode"]
        starts = np.flatnonzero(np.r_[True, episode[1:] != episode[:-1]])
        cut = [
            start + window_indices(self.columns["stamp_s"][start:end], config.frames, config.spacing_s)
            for start, end in zip(starts, [*starts[1:], len(episode)], strict=True)
        ]
        return np.concatenate(cut)

    @property
    def episodes(self) -> int:
        return len(np.unique(self.columns["episode"]))

    @property
    def windows(self) -> int:
        """How many there are."""
        return len(self._windows)

    def of_split(self, split: str) -> np.ndarray:
        """Numbers of the windows of one split. Raises DataError where there is none."""
        found = np.flatnonzero(self.columns["split"][self._windows[:, -1]] == SPLITS.index(split))
        if not len(found):
            raise DataError(f"the token cache has no window of the split {split!r}; generate more episodes")
        return found

    def last(self, windows: np.ndarray) -> np.ndarray:
        """Rows of the newest frames of ``windows``."""
        return self._windows[windows, -1]

    def rows(self, windows: np.ndarray) -> np.ndarray:
        """Rows (B, T) of all frames of ``windows``, oldest first."""
        return self._windows[windows]

    def pooled(self, split: str) -> Tensor:
        """Every frame of one split, its tokens pooled for the domain: (F, 2 D). DataError where there is none."""
        rows = np.flatnonzero(self.columns["split"] == SPLITS.index(split))
        if not len(rows):
            raise DataError(f"the token cache has no frame of the split {split!r}; generate more episodes")
        parts = np.array_split(rows, -(-len(rows) // _FRAMES_AT_ONCE))
        return torch.cat([pooled(torch.from_numpy(self._tokens[part]).float()) for part in parts])

    def gaze(self, windows: np.ndarray, column: str = "heatmap_input") -> Tensor:
        """Heatmaps (B, T, P) of ``windows``, zeros where gaze is missing."""
        return torch.from_numpy(self.columns[column][self.rows(windows)]).flatten(2)

    def with_columns(self, **columns: np.ndarray) -> TokenSet:
        """The same frames and windows with other values in the given columns."""
        changed = copy.copy(self)
        changed.columns = self.columns | columns
        return changed

    def batch(self, windows: np.ndarray) -> Batch:
        tokens = torch.from_numpy(self._tokens[self.rows(windows)]).float()
        return Batch(tokens, self.gaze(windows, "heatmap"), self.gaze(windows))


class Sentences:
    """The two sentences of every frame as padded token ids, prompts in front: made once, drawn many times."""

    def __init__(self, columns: dict[str, np.ndarray], tokenizer: SentenceTokenizer, image_tokens: int) -> None:
        prompts = [tokenizer.prompt(kind, image_tokens) for kind in KINDS]
        unique, rows = zip(*(np.unique(columns[kind.value], return_inverse=True) for kind in KINDS), strict=True)
        ids = [
            torch.tensor([*prompt, *tokenizer.encode(str(text)), tokenizer.eos_id])
            for prompt, texts in zip(prompts, unique, strict=True)
            for text in texts
        ]
        self._ids = pad_sequence(ids, batch_first=True, padding_value=tokenizer.pad_id)
        self._empty = torch.tensor([not text for texts in unique for text in texts])
        self._row = torch.from_numpy(np.stack([rows[0], len(unique[0]) + rows[1]], axis=1))
        self._prompt, self._pad = len(prompts[0]), tokenizer.pad_id

    def batch(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Frames' rows (B,) -> ids (2 B, L), window by window in the order of ``KINDS``, and the tokens to score.

        A frame without such a sentence (no further event) is not scored.
        """
        sentence = self._row[torch.from_numpy(rows)].flatten()
        ids = self._ids[sentence]
        scored = (ids != self._pad) & ~self._empty[sentence][:, None]
        scored[:, : self._prompt] = False
        return ids, scored
