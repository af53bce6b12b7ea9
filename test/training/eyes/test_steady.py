"""What five looks leave: the closed form is the fit without the look, and a person's offset and gain are forgiven."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from gaze_vlm_ros.gaze.eyes.network import EyeNetConfig
from gaze_vlm_ros.gaze.eyes.ridge import GAIN, NOISE_RAD, OFFSET_RAD
from gaze_vlm_ros.training.eyes.renders import EyeRenders, RenderSettings, render_person
from gaze_vlm_ros.training.eyes.steady import Steadiness, after_five_looks, left_out, train_steady
from gaze_vlm_ros.training.eyes.supervised import new_net
from gaze_vlm_ros.training.loop import LoopSettings


@pytest.fixture(scope="module")
def renders() -> EyeRenders:
    people = [render_person("train", number, RenderSettings(worn_looks=12, slipped_looks=5)) for number in range(3)]
    many = EyeRenders(*(np.concatenate([getattr(p, f.name) for p in people]) for f in fields(EyeRenders)))
    return many.subset(many.open)


def _looks(rng, eyes=3, looks=6):
    true = rng.uniform(-0.4, 0.4, (eyes, looks, 2))
    return true + rng.normal(0.0, 0.05, true.shape), true


def test_a_look_left_out_is_judged_by_the_others_alone():
    estimated, true = _looks(np.random.default_rng(0))
    said = left_out(torch.from_numpy(estimated), torch.from_numpy(true)).numpy()
    ridge = np.diag((NOISE_RAD / np.array([OFFSET_RAD, GAIN, GAIN])) ** 2)
    for eye in range(3):
        for look in range(6):
            others = [other for other in range(6) if other != look]
            known = np.column_stack([np.ones(5), estimated[eye, others]])
            missed = true[eye, others] - estimated[eye, others]
            fitted = np.linalg.solve(known.T @ known + ridge, known.T @ missed)
            left = true[eye, look] - estimated[eye, look] - np.array([1.0, *estimated[eye, look]]) @ fitted
            np.testing.assert_allclose(said[eye, look], left, atol=1e-9)


def test_offset_and_gain_are_forgiven_and_noise_is_not():
    rng = np.random.default_rng(1)
    _, true = _looks(rng, 40, 8)
    steady = true * (1 + rng.normal(0, GAIN, (40, 1, 2))) + rng.normal(0, OFFSET_RAD, (40, 1, 2))
    noisy = steady + rng.normal(0.0, 0.03, true.shape)
    left, noise = (
        left_out(torch.from_numpy(one), torch.from_numpy(true)).abs().mean().item() for one in (steady, noisy)
    )
    assert left < 0.2 * np.abs(steady - true).mean()
    assert noise > 0.02


def test_five_looks_take_an_offset_and_a_gain_out(renders):
    eye = 2 * renders.person + renders.right
    offset = 0.05 * np.sin(7.0 * eye)[:, None]
    gain = (1.0 + 0.1 * np.cos(5.0 * eye))[:, None]
    score = after_five_looks(gain * renders.gaze + offset, renders)
    assert score["affine_deg"] < 0.5 * score["offset_deg"] < score["deg"]


def test_it_learns_and_says_how_well(renders, tmp_path):
    torch.manual_seed(0)
    net = new_net(EyeNetConfig((8, 8, 8, 16), (1, 1, 1, 1)), 0)
    loop = LoopSettings(minutes=None, steps=40, learning_rate=5e-3, evaluations=2, save_every_s=0.0)
    train_steady(net, renders, renders, Steadiness(eyes=4, looks=5), loop, tmp_path)
    rows = np.genfromtxt(tmp_path / "curve.csv", delimiter=",", names=True)
    assert rows["left"][-1] < rows["left"][0]
    assert np.isfinite(rows["validation_affine_deg"][-1])
