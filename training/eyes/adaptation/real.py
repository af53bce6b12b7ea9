"""From rendered eyes to real ones that nobody has labelled: what can be said is little, and only that is said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from gaze_vlm_ros.gaze.eyes.frames import SIDES, mirrored, yaw_pitch_of
from gaze_vlm_ros.sim.eye_images.labels import Part
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.training.eyes.adaptation.domains import DOMAINS, SIDE, DomainSet, render_domain
from gaze_vlm_ros.training.eyes.adaptation.network import DisentanglingAutoEncoder
from gaze_vlm_ros.training.eyes.adaptation.train import AdaptationRun, adapt, directions, train_labelled

_DOMAIN = "aria"


@dataclass(frozen=True, eq=False)
class RealGaze:
    """Yaw (N,) [rad, to the right, rig frame], mean of both eyes, of the network ``before`` and ``after`` adapting."""

    before: np.ndarray
    after: np.ndarray


def adapt_to_real(
    out: Path, run: AdaptationRun, people: int, frames: Sequence[tuple[np.ndarray, np.ndarray]], workers: int
) -> RealGaze:
    """Trains on renders of the preset "aria", then adapts to ``frames``: pictures (H, W) uint8 of left and right eyes.

    Their masks are not known, so that only the light is switched, never the background.
    """
    looks = render_domain(out / "looks", _DOMAIN, "train", range(people), run.image_px, workers)
    held = render_domain(out / "looks", _DOMAIN, "validation", range(max(1, people // 20)), run.image_px, workers)
    pictures = np.stack(
        [_seen(picture, side, run.image_px) for pair in frames for side, picture in zip(SIDES, pair, strict=True)]
    )
    count = len(pictures)
    camera = EyeRig.preset(DOMAINS[_DOMAIN].rig).cameras[SIDE].rig_T_camera[:3, :3]
    unlabelled = DomainSet(
        pictures,
        np.full_like(pictures, Part.IRIS),
        np.full((count, 3), np.nan),
        np.stack([camera] * count),
        np.arange(count),
    )
    before = train_labelled(out / "before", run, looks, held)
    after = adapt(out / "after", run, before, looks, unlabelled, held)
    return RealGaze(*(_yaw(network, pictures, camera) for network in (before, after)))


def same_order(yaw: np.ndarray, true: np.ndarray) -> bool:
    """Whether ``yaw`` (N,) rises and falls as ``true`` (N,) does."""
    return bool((np.argsort(yaw) == np.argsort(true)).all())


def _seen(picture: np.ndarray, side: str, image_px: int) -> np.ndarray:
    """The middle square of ``picture`` at ``image_px``, as of a left eye: what the preset's renders show."""
    height, width = picture.shape
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    small = cv2.resize(
        picture[top : top + short, left : left + short], (image_px, image_px), interpolation=cv2.INTER_AREA
    )
    return np.ascontiguousarray(small if side == SIDE else small[:, ::-1])


def _yaw(network: DisentanglingAutoEncoder, pictures: np.ndarray, rig_R_camera: np.ndarray) -> np.ndarray:
    angles = yaw_pitch_of(directions(network, pictures) @ rig_R_camera.T).reshape(-1, len(SIDES), 2)
    return np.mean([mirrored(angles[:, eye], side)[:, 0] for eye, side in enumerate(SIDES)], axis=0)
