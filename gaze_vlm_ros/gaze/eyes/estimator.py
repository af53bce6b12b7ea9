"""Both eyes' pictures to both eyes' gaze: the distilled network in ONNX Runtime, and everything that it refuses."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from gaze_vlm_ros.gaze.eyes.checkpoint import DOMAIN, GENERIC, PERSONAL, EyeCheckpoint, load_eye_checkpoint
from gaze_vlm_ros.gaze.eyes.estimate import STATES, BinocularEstimate, EyeEstimate
from gaze_vlm_ros.gaze.eyes.frames import SIDES, direction_of, mirrored, network_picture
from gaze_vlm_ros.gaze.eyes.network import EyeNetError
from gaze_vlm_ros.gaze.eyes.quality import check_form, fault_of

if TYPE_CHECKING:
    from gaze_vlm_ros.gaze.eyes.personal import Adapters

OUTPUTS = ("gaze", "log_sigma", "state", "pupil_mm", "summary")
"""What the graph gives: (N, 2) [rad], (N, 2), (N, 4), (N,), (N, 4 C)."""
PICTURES = "pictures"
"""The graph's input (N, 1, S, S) float32, 0..1, beside the last stage's adapters and head, which each person has."""
_REASONS = {
    "closed": "the eye is closed",
    "absent": "no eye is before the camera",
    "unusable": "no eye can be made out: upside down, covered, cut off or something else",
}


class EyeEstimator:
    """Immutable; ``with_adapters`` gives another one that shares the session."""

    def __init__(
        self, checkpoint: EyeCheckpoint, session: onnxruntime.InferenceSession, adapters: Adapters | None
    ) -> None:
        """Use ``load``."""
        self._checkpoint, self._session, self._adapters = checkpoint, session, adapters
        self._domain, self._sure = checkpoint.part(DOMAIN), checkpoint.part(PERSONAL)
        generic = checkpoint.part(GENERIC)
        self._personal = {side: dict(adapters.of(side)) if adapters else generic for side in SIDES}
        if any(self._shapes(of) != self._shapes(generic) for of in self._personal.values()):
            raise EyeNetError("these adapters belong to another network; calibrate again with this one")
        self._is_own = {
            side: any((self._personal[side][name] != tensor).any() for name, tensor in generic.items())
            for side in SIDES
        }
        self._stacked = {
            sides: {name: np.stack([self._personal[side][name] for side in sides]) for name in generic}
            for sides in (SIDES, SIDES[:1], SIDES[1:])
        }

    @classmethod
    def load(cls, folder: Path | None = None, *, threads: int = 1) -> EyeEstimator:
        """The estimator in ``folder``, or the shipped one, on ``threads`` processor threads.

        Raises EyeNetError where a file is missing or damaged.
        """
        checkpoint = load_eye_checkpoint(folder)
        return cls(checkpoint, open_session(checkpoint.graph, threads), None)

    @property
    def image_size(self) -> tuple[int, int]:
        """(width, height) to which pictures are brought [px]."""
        return self._checkpoint.config.image_px, self._checkpoint.config.image_px

    @property
    def adapters(self) -> Adapters | None:
        """Whose adapters are in; None where it is anybody's."""
        return self._adapters

    def with_adapters(self, adapters: Adapters | None) -> EyeEstimator:
        """The same network with a person's adapters, or without. Raises EyeNetError where they do not fit."""
        return EyeEstimator(self._checkpoint, self._session, adapters)

    def estimate(self, left: np.ndarray | None, right: np.ndarray | None) -> BinocularEstimate:
        """What pictures (H, W) uint8 of the two eyes, as their cameras give them, say; None where there is none.

        Raises EyePictureError for arrays of another form.
        """
        pictures, found = {}, dict[str, EyeEstimate | None](dict.fromkeys(SIDES))
        for side, picture in zip(SIDES, (left, right), strict=True):
            if picture is None:
                continue
            check_form(picture)
            small = network_picture(picture, side, self.image_size[0], self._checkpoint.config.view)
            if fault := fault_of(small):
                found[side] = EyeEstimate.invalid("unusable", fault)
            else:
                pictures[side] = small
        if pictures:
            found |= self._run(pictures)
        return BinocularEstimate(found["left"], found["right"])

    def _run(self, pictures: dict[str, np.ndarray]) -> dict[str, EyeEstimate]:
        sides = tuple(pictures)
        batch = np.stack(list(pictures.values()))[:, None].astype(np.float32) * np.float32(1 / 255)
        gaze, log_sigma, state, pupil, summary = self._session.run(OUTPUTS, {PICTURES: batch, **self._stacked[sides]})
        for row in (row for row, side in enumerate(sides) if self._is_own[side]):
            log_sigma[row] = self._sure["sigma_weight"] @ summary[row] + self._sure["sigma_bias"]
        sigma = np.exp(log_sigma.astype(np.float64))
        distances = np.linalg.norm((summary - self._domain["mean"]) @ self._domain["whitening"].T, axis=1)
        foreign = distances > self._checkpoint.settings.domain_threshold
        return {
            side: self._estimate(side, gaze[i], sigma[i], STATES[int(np.argmax(state[i]))], float(pupil[i]), foreign[i])
            for i, side in enumerate(sides)
        }

    @staticmethod
    def _estimate(
        side: str, gaze: np.ndarray, sigma: np.ndarray, state: str, pupil: float, foreign: bool
    ) -> EyeEstimate:
        if state != "open":
            return EyeEstimate.invalid(state, _REASONS[state])
        if foreign or not np.isfinite(gaze).all():
            return EyeEstimate.invalid("unusable", "unlike all pictures of eyes that the network was trained on")
        return EyeEstimate(direction_of(*mirrored(gaze, side)), sigma, "open", pupil_diameter_mm=pupil)

    @staticmethod
    def _shapes(tensors: dict[str, np.ndarray]) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in tensors.items()}


def open_session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    """ONNX Runtime on the processor with ``threads`` threads that do not spin while there is nothing to do."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # its errors share no base class but this
        raise EyeNetError(f"{graph} is no graph that ONNX Runtime can run ({error})") from None
