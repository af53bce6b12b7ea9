"""Puts the trained parts together into the folder that an estimator runs from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from gaze_vlm_ros.gaze.eyes.checkpoint import CONFIG, GRAPH, WEIGHTS, EyeSettings
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.gaze.eyes.personal import Lesson
from gaze_vlm_ros.training.eyes.batches import CLUSTERS, gaze_clusters, to_pixels
from gaze_vlm_ros.training.eyes.card import CARD, EVALUATION, TRAINING
from gaze_vlm_ros.training.eyes.export import export
from gaze_vlm_ros.training.eyes.fit_heads import Summaries, calibrate, fit_domain
from gaze_vlm_ros.training.eyes.fit_personal import fit_sigma
from gaze_vlm_ros.training.eyes.renders import EyeRenders
from gaze_vlm_ros.training.eyes.weights import load_heads, load_lesson, load_net

STUDENT = "student"
STUDENT_FILES = (CONFIG, GRAPH, WEIGHTS, TRAINING, EVALUATION, CARD)
REPLAYED_OF_A_CLUSTER = 8


def assemble(out: Path, train: EyeRenders, validation: EyeRenders, summaries: tuple[Summaries, Summaries]) -> Path:
    """Writes ``out/student`` from the stages in ``out``: calibrated sigmas, domain, lesson, graph; returns it."""
    net = load_net(out / "steady")
    heads = load_heads(out / "sigma", net)
    seen, judged = summaries
    calibrate(heads, judged)
    domain, threshold = fit_domain(seen, judged)
    replay, (start, step) = draw_replay(net, train), load_lesson(out / "personal")
    parts = ({name: torch.from_numpy(tensor) for name, tensor in part.items()} for part in (start, step))
    lesson = Lesson(*parts, torch.from_numpy(replay["third"]).float(), torch.from_numpy(replay["gaze"]))
    personal = fit_sigma(net, lesson, validation)
    export(out / STUDENT, net, heads, EyeSettings(threshold), domain, personal, replay, (start, step))
    return out / STUDENT


@torch.no_grad()
def draw_replay(net: EyeNet, renders: EyeRenders) -> dict[str, np.ndarray]:
    """What the personal phase replays: some looks of each cluster of gaze directions, of any training people.

    ``third`` (N, C, H, W) float16 of the third stage and ``gaze`` (N, 2) float32 [rad].
    """
    seen = renders.subset(renders.open)
    _, cluster = gaze_clusters(seen.gaze)
    rng = np.random.default_rng(0)
    clusters = (np.flatnonzero(cluster == number) for number in range(CLUSTERS))
    chosen = np.concatenate([rng.choice(own, min(REPLAYED_OF_A_CLUSTER, len(own)), replace=False) for own in clusters])
    third = net.stage_features(to_pixels(torch.from_numpy(seen.pictures[chosen])), stages=3)[-1]
    return {"third": third.half().numpy(), "gaze": seen.gaze[chosen]}
