"""Looks at targets make adapters, which are a calibration like any other."""

import cv2
import numpy as np
import pytest
from tiny_checkpoint import save_tiny

from gaze_vlm_ros.gaze.eyes.adapting import fit_adapters
from gaze_vlm_ros.gaze.eyes.calibration import Calibration, fit
from gaze_vlm_ros.gaze.eyes.corrections import CalibrationError
from gaze_vlm_ros.gaze.eyes.estimator import EyeEstimator
from gaze_vlm_ros.gaze.eyes.frames import direction_of, yaw_pitch_of
from gaze_vlm_ros.gaze.eyes.looks import PicturedLook, TargetLook
from gaze_vlm_ros.gaze.eyes.pairs import EyePair
from gaze_vlm_ros.gaze.eyes.stream import EyeStream
from gaze_vlm_ros.geometry.transforms import angle_between

OFF_RAD = np.array([[0.08, -0.05], [-0.06, -0.05]])
"""What the estimator lacks of the truth, left and right."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("eyes")
    save_tiny(path)
    return path


def looks_of(estimator, count):
    """Looks at targets that lie off what the estimator says, for each eye by an angle of its own."""
    random, looks = np.random.default_rng(0), []
    for number in range(count):
        coarse = random.integers(0, 255, (2, 8, 8)).astype(np.uint8)
        left, right = (cv2.resize(one, (64, 64), interpolation=cv2.INTER_LINEAR) for one in coarse)
        found = estimator.estimate(left, right)
        estimated = np.array([found.left.direction, found.right.direction])
        true = direction_of(*(yaw_pitch_of(estimated) + OFF_RAD).T)
        every = [np.repeat(one[None], 10, axis=0) for one in (estimated, true)]
        looks.append(TargetLook(f"target {number + 1}", *every, (), PicturedLook(left, right, true)))
    return looks


def test_adapters_bring_both_eyes_nearer_and_are_kept_in_a_file(folder, tmp_path):
    estimator = EyeEstimator.load(folder)
    looks = looks_of(estimator, 3)
    one = fit_adapters(estimator, looks, folder)
    assert one.method == "adapters" and one.targets == 3 and np.isfinite(one.error_rad)
    stream = EyeStream(estimator, one)
    for look in looks:
        pair = EyePair(10**9, look.middle.left, look.middle.right)
        own, anybody = stream.see(pair, 0).estimate, stream.generic(pair)
        for eye, side in enumerate(("left", "right")):
            before, after = (angle_between(getattr(of, side).direction, look.middle.true[eye]) for of in (anybody, own))
            assert after < 0.6 * before
    one.save(tmp_path / "me.json")
    back = Calibration.load(tmp_path / "me.json")
    assert (back.method, back.targets, back.error_rad) == ("adapters", 3, one.error_rad)
    pair = EyePair(10**9, looks[0].middle.left, looks[0].middle.right)
    np.testing.assert_allclose(
        EyeStream(estimator, back).see(pair, 0).estimate.left.direction, stream.see(pair, 0).estimate.left.direction
    )
    (tmp_path / "me.safetensors").write_bytes(b"other")
    with pytest.raises(CalibrationError, match=r"me\.safetensors is not the file that it describes"):
        Calibration.load(tmp_path / "me.json")


def test_too_few_looks_for_adapters_are_refused(folder):
    estimator = EyeEstimator.load(folder)
    with pytest.raises(CalibrationError, match="needs 3; use more targets"):
        fit_adapters(estimator, looks_of(estimator, 2), folder)
    with pytest.raises(CalibrationError, match="no calibration method"):
        fit("adapters", looks_of(estimator, 3))
