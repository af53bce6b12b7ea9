"""An estimator for one rendered person, fitted in seconds: ridge regression on coarse pixels, as an ONNX graph.

Whole-graph tests need gaze that comes of pictures; how well the shipped networks do for strangers is another matter.
"""

import hashlib
import json
from dataclasses import asdict

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save

from gaze_vlm_ros.gaze.eyes.checkpoint import CONFIG, DOMAIN, GRAPH, PERSONAL, WEIGHTS
from gaze_vlm_ros.gaze.eyes.estimator import OUTPUTS, PICTURES
from gaze_vlm_ros.gaze.eyes.frames import direction_of, mirrored, network_picture, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.network import EyeNetConfig
from gaze_vlm_ros.sim.eye_images.live import EyeMoment, LiveEyes

POOL, RIDGE, DARK = 4, 0.01, 0.25
"""Pixels of a pool, and below which grey a pixel counts as pupil, by how much."""


def looks_of(seed, count):
    """Pooled pictures (2 n, k), yaw and pitch (2 n, 2) as of left eyes, and whether the eye is open (2 n,)."""
    eyes, random, side_px = LiveEyes(seed), np.random.default_rng(seed), EyeNetConfig.student().image_px
    pictures, angles, is_open = [], [], []
    for index in range(count):
        yaw, pitch = random.uniform(np.radians((-32, -32)), np.radians((32, 22)))
        openness = 0.0 if index % 10 == 0 else 1.0
        target = direction_of(yaw, pitch) * random.uniform(0.35, 1.2)
        for side, image in eyes.draw(EyeMoment(random.uniform(0, 9), target, openness)).items():
            small = network_picture(image.image, side, side_px).astype(float) / 255
            pictures.append(np.concatenate([pooled(small), pooled(np.maximum(DARK - small, 0.0))]))
            angles.append(mirrored(yaw_pitch_of(image.labels.in_rig.visual_axis), side))
            is_open.append(openness > 0.5)
    return np.array(pictures), np.array(angles), np.array(is_open)


def pooled(picture):
    rows, columns = (side // POOL for side in picture.shape)
    return picture.reshape(rows, POOL, columns, POOL).mean(axis=(1, 3)).ravel()


def ridge(pictures, wanted):
    """Weights (k + 1, m), the bias last."""
    rows = np.column_stack([pictures, np.ones(len(pictures))])
    return np.linalg.solve(rows.T @ rows + RIDGE * np.eye(rows.shape[1]), rows.T @ wanted)


def write_checkpoint(folder, seed=1, count=450):
    """A folder that ``EyeEstimator.load`` takes, for the person of ``LiveEyes(seed)``; its 1-sigma [rad]."""
    pictures, angles, is_open = looks_of(seed, count)
    gaze = ridge(pictures[is_open], angles[is_open])
    lids = ridge(pictures, np.where(is_open, 4.0, -4.0)[:, None])
    fitted = np.column_stack([pictures[is_open], np.ones(is_open.sum())]) @ gaze
    sigma = (fitted - angles[is_open]).std(axis=0)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / GRAPH).write_bytes(_graph(gaze, lids, np.log(1.5 * sigma)))
    weights = {
        f"{DOMAIN}mean": np.zeros(4), f"{DOMAIN}whitening": np.eye(4),
        f"{PERSONAL}sigma_weight": np.zeros((2, 4)), f"{PERSONAL}sigma_bias": np.log(sigma),
    }  # fmt: skip
    (folder / WEIGHTS).write_bytes(save({name: tensor.astype(np.float32) for name, tensor in weights.items()}))
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in (GRAPH, WEIGHTS)}
    settings = {"domain_threshold": 1e9}
    network = asdict(EyeNetConfig.student())
    (folder / CONFIG).write_text(json.dumps({"network": network, "settings": settings, "sha256": digests}))
    return sigma


def _graph(gaze, lids, log_sigma):
    side = EyeNetConfig.student().image_px
    constants = {
        "gaze_weight": gaze[:-1], "gaze_bias": gaze[-1], "lid_weight": np.column_stack([lids[:-1], -lids[:-1]]),
        "lid_bias": np.array([lids[-1, 0], -lids[-1, 0]]), "none": np.zeros((len(gaze) - 1, 2)), "no": np.full(2, -9.0),
        "sigma_bias": log_sigma, "pupil_weight": np.zeros((len(gaze) - 1, 1)), "pupil_bias": np.array([3.5]),
        "summary_weight": np.zeros((len(gaze) - 1, 4)), "grey": np.array([DARK]),
    }  # fmt: skip
    nodes = [
        helper.make_node("Sub", ["grey", PICTURES], ["darker"]),
        helper.make_node("Relu", ["darker"], ["dark"]),
        helper.make_node("Concat", [PICTURES, "dark"], ["both"], axis=1),
        helper.make_node("AveragePool", ["both"], ["pooled"], kernel_shape=[POOL, POOL], strides=[POOL, POOL]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "gaze_weight"], ["turned"]),
        helper.make_node("Add", ["turned", "gaze_bias"], ["gaze"]),
        helper.make_node("MatMul", ["flat", "none"], ["nothing"]),
        helper.make_node("Add", ["nothing", "sigma_bias"], ["log_sigma"]),
        helper.make_node("MatMul", ["flat", "lid_weight"], ["lids"]),
        helper.make_node("Add", ["lids", "lid_bias"], ["open_closed"]),
        helper.make_node("Add", ["nothing", "no"], ["absent_unusable"]),
        helper.make_node("Concat", ["open_closed", "absent_unusable"], ["state"], axis=1),
        helper.make_node("MatMul", ["flat", "pupil_weight"], ["flat_pupil"]),
        helper.make_node("Add", ["flat_pupil", "pupil_bias"], ["pupil_column"]),
        helper.make_node("Squeeze", ["pupil_column", "axis"], ["pupil_mm"]),
        helper.make_node("MatMul", ["flat", "summary_weight"], ["summary"]),
    ]
    tensors = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in constants.items()]
    tensors.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    shapes = {"gaze": ["n", 2], "log_sigma": ["n", 2], "state": ["n", 4], "pupil_mm": ["n"], "summary": ["n", 4]}
    graph = helper.make_graph(
        nodes,
        "ridge",
        [helper.make_tensor_value_info(PICTURES, TensorProto.FLOAT, ["n", 1, side, side])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shapes[name]) for name in OUTPUTS],
        tensors,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()
