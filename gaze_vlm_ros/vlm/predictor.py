"""Frames and gaze in, sentences out, while the wearer is at work: the streaming face of the model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.language import parse
from gaze_vlm_ros.types import Frame, GazeSample, Hypothesis, ObjectMap, Prediction, PredictionKind
from gaze_vlm_ros.vlm.calibration import Calibration, load_calibration
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
from gaze_vlm_ros.vlm.decoding import Decoder, Sentence
from gaze_vlm_ros.vlm.domain import Domain, load_domain
from gaze_vlm_ros.vlm.encoding import FrameEncoder
from gaze_vlm_ros.vlm.frames import to_pixels
from gaze_vlm_ros.vlm.history import Entry, FrameHistory
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer

GazeInput = Literal["auto", "off"]


class PredictorError(GazeVlmError):
    """A prediction was asked for without a frame, a setting has no such value, or the model gives no numbers."""


@dataclass(frozen=True)
class PredictorOutput:
    """What was predicted from one window; all stamps are those of its newest frame.

    ``attention`` (rows, cols) float32 sums to 1: where the model looked in the newest frame.
    """

    activity: Prediction
    event: Prediction
    attention: np.ndarray
    objects: ObjectMap


class StreamingPredictor:
    """Predicts the activity and the event from the last seconds of frames, and of gaze where there is any.

    ``observe`` is cheap; ``predict`` encodes the newest frame and, only where the window needs a frame that was never
    encoded, that one too. Not thread-safe: call both from one thread. The model's weights must not change meanwhile.
    """

    def __init__(
        self,
        model: GazeVLM,
        tokenizer: SentenceTokenizer,
        gaze_input: GazeInput = "auto",
        domain: Domain | None = None,
        calibration: Calibration | None = None,
        device: str = "cpu",
    ) -> None:
        """``device``: where frames are encoded; all else runs on the processor.

        Without a ``domain`` nothing is known of what pictures show, and only padding is out of domain. Without a
        ``calibration`` probabilities are the model's own, and it never abstains.
        """
        if gaze_input not in get_args(GazeInput):
            raise PredictorError(f"gaze_input must be one of {', '.join(get_args(GazeInput))}, got {gaze_input!r}")
        self._model, self._config, self._use_gaze = model.eval(), model.config, gaze_input == "auto"
        self._decoder, self._domain, self._calibration = Decoder(model, tokenizer), domain, calibration
        self._encoder = FrameEncoder(model, device)
        self._history = FrameHistory(model.config)

    @classmethod
    def from_checkpoint(
        cls, path: str | Path, gaze_input: GazeInput = "auto", threads: int = 1, device: str = "cpu"
    ) -> StreamingPredictor:
        """Loads a checkpoint folder. ``threads`` is torch's number of threads in this whole process.

        Raises CheckpointError for files that are missing, damaged or of other weights, PredictorError for an unknown
        ``gaze_input``, EncodingError for a ``device`` that is not there.
        """
        torch.set_num_threads(threads)
        model, tokenizer = load_checkpoint(path)
        model.fuse_stem()
        domain, calibration = load_domain(path, model.config.hidden), load_calibration(path)
        return cls(model, tokenizer, gaze_input, domain, calibration, device)

    @property
    def labels(self) -> tuple[str, ...]:
        """The kinds of thing that an object map may name; the first is ``background``."""
        return self._config.labels

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches of ``attention`` and ``objects``."""
        return self._config.grid

    @property
    def window_s(self) -> float:
        return self._config.window_s

    @property
    def notice(self) -> str:
        """What was given up for lack of memory, in words; empty while nothing was."""
        return self._encoder.notice

    def reset(self) -> None:
        """Forgets every frame."""
        self._history.clear()

    def observe(self, frame: Frame, samples: Sequence[GazeSample], camera_size: tuple[int, int]) -> None:
        """Takes in one frame and the gaze of the 200 ms before it.

        ``camera_size`` is (width, height) [px] of the image that the samples' points refer to. Invalid samples and
        those outside [stamp - 200 ms, stamp] are left out. A repeated frame is ignored; one from further in the past
        than the history reaches means that time was reset, and starts afresh. Raises FrameError for a frame that is
        not (H, W, 3) uint8.
        """
        self._history.add(frame, samples if self._use_gaze else (), camera_size)

    @torch.inference_mode()
    def predict(self, with_gaze: bool = True) -> PredictorOutput:
        """The activity and the event at the newest frame; without ``with_gaze`` as if no gaze had been given.

        Raises PredictorError where there is no frame yet, and where the model gives no finite numbers for the window;
        EncodingError where there is no memory left to encode a frame.
        """
        if not len(self._history):
            raise PredictorError("no frame has been observed yet; is the scene camera publishing?")
        window, missing = self._history.window()
        self._encode([entry for entry in window if entry.tokens is None])
        heatmap, given = self._gaze_of(window)
        given = given & with_gaze
        tokens = torch.stack([entry.tokens for entry in window])
        features, attention = self._model.attend(tokens[None], heatmap[None], given[None])
        if not torch.isfinite(features).all():
            raise PredictorError("the model gives no finite numbers for this window; is the checkpoint sound?")
        newest, out_of_domain, used_gaze = window[-1], self._is_out_of_domain(window, missing), bool(given.any())
        temperatures = self._calibration.temperatures(used_gaze) if self._calibration else None
        (ranked,) = self._decoder.ranked(features, temperatures=temperatures)
        activity, event = (
            self._prediction(kind, sentences, newest.stamp_ns, used_gaze, out_of_domain)
            for kind, sentences in zip(KINDS, ranked, strict=True)
        )
        return PredictorOutput(
            activity, event, attention[0, -1].reshape(self.grid).numpy().copy(), self._objects(newest)
        )

    def _encode(self, entries: list[Entry]) -> None:
        """Fills in the tokens; a frame that stands in the window twice (padding) is encoded once."""
        unique = list({entry.stamp_ns: entry for entry in entries}.values())
        if unique:
            encoded = self._encoder.encode(to_pixels([entry.rgb for entry in unique]))
            holds = self._domain.holds(encoded).tolist() if self._domain else [True] * len(unique)
            for entry, tokens, of_the_kind in zip(unique, encoded, holds, strict=True):
                entry.tokens, entry.is_foreign = tokens, not of_the_kind

    def _is_out_of_domain(self, window: list[Entry], missing: int) -> bool:
        """More than half of the window is padding or foreign, or the newest frame is foreign."""
        half = self._config.frames / 2
        return missing > half or window[-1].is_foreign or sum(entry.is_foreign for entry in window) > half

    def _gaze_of(self, window: list[Entry]) -> tuple[torch.Tensor, torch.Tensor]:
        """Heatmaps (T, P), and which frames have one (T,)."""
        heatmap = torch.stack([torch.from_numpy(entry.heatmap).flatten() for entry in window])
        return heatmap, heatmap.sum(dim=1) > 0

    def _objects(self, entry: Entry) -> ObjectMap:
        probability, index = self._model.classify(entry.tokens).softmax(-1).max(-1)
        return ObjectMap(
            entry.stamp_ns,
            self.labels,
            index.reshape(self.grid).numpy().astype(np.int32),
            probability.reshape(self.grid).numpy().copy(),
        )

    def _prediction(
        self, kind: PredictionKind, sentences: list[Sentence], stamp_ns: int, used_gaze: bool, out_of_domain: bool
    ) -> Prediction:
        hypotheses = tuple(_hypothesis(sentence) for sentence in sentences)
        best = hypotheses[0]
        speaks = self._calibration is None or self._calibration.speaks(kind, best.probability, used_gaze)
        return Prediction(
            stamp_ns=stamp_ns,
            kind=kind,
            text=best.text if speaks else "",
            confidence=best.probability,
            hypotheses=hypotheses,
            window_s=self.window_s,
            horizon_s=self._config.horizon_s if kind is PredictionKind.EVENT else 0.0,
            model_name=self._config.name,
            model_version=self._config.version,
            used_gaze=used_gaze,
            out_of_domain=out_of_domain,
        )


def _hypothesis(sentence: Sentence) -> Hypothesis:
    """A sentence with its slots; outside the grammar they are empty."""
    slots = parse(sentence.text)
    if slots is None:
        return Hypothesis(sentence.text, "", probability=sentence.probability)
    return Hypothesis(sentence.text, slots.verb, slots.object, slots.place, sentence.probability)
