"""How long networks take in ONNX Runtime on one core, for two eyes at once, side by side in one run."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from gaze_vlm_ros.gaze.eyes.estimator import PICTURES, open_session
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads
from gaze_vlm_ros.gaze.eyes.last_stage import folded
from gaze_vlm_ros.gaze.eyes.network import EyeNet
from gaze_vlm_ros.training.eyes.export import graph_of

_WARM_UP = 10


def both_eyes_ms(nets: dict[str, EyeNet], rounds: int = 200) -> dict[str, np.ndarray]:
    """Times (rounds,) [ms] of each of ``nets`` for a batch of two pictures; in every round each gets its turn, so that
    what else the machine does hits all of them alike.
    """
    runs = {}
    with TemporaryDirectory() as folder:
        for name, net in nets.items():
            graph = Path(folder) / f"{name}.onnx"
            graph.write_bytes(graph_of(net, EyeHeads(net.config.widths[2])))
            side = net.config.image_px
            inputs = {PICTURES: np.random.default_rng(0).random((2, 1, side, side), dtype=np.float32)}
            inputs |= {key: np.stack([tensor] * 2) for key, tensor in folded(net).items()}
            runs[name] = (open_session(graph, 1), inputs)
    times = {name: np.zeros(rounds) for name in nets}
    for turn in range(-_WARM_UP, rounds):
        for name, (session, inputs) in runs.items():
            began = time.perf_counter()
            session.run(None, inputs)
            if turn >= 0:
                times[name][turn] = 1e3 * (time.perf_counter() - began)
    return times
