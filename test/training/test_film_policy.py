"""Films of a policy: the picture is composed as told, and a whole one is written and can be read."""

import numpy as np
import torch
from PIL import Image

from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy
from gaze_vlm_ros.training import film_policy


def test_bench_and_views_stand_side_by_side_fovea_on_top():
    views = np.stack([np.full((64, 64, 3), level, np.uint8) for level in (10, 20, 30)])
    picture = film_policy.composed(np.full((480, 640, 3), 200, np.uint8), views)
    assert picture.shape == (288, 480, 3) and (picture[:, :384] == 200).all()
    assert [int(picture[row, 400, 0]) for row in (48, 144, 240)] == [10, 20, 30]


def test_a_film_of_an_episode_moves_and_plays_in_real_time(tmp_path):
    torch.manual_seed(0)
    FoveatedPolicy(FoveatedConfig()).save(tmp_path / "policy")
    told = ["--policy", str(tmp_path / "policy"), "--out", str(tmp_path / "films"), "--task", "PressButton"]
    assert film_policy.main([*told, "--gaze", "sweep"]) == 0
    with Image.open(tmp_path / "films" / "PressButton.webp") as film:
        assert film.n_frames > 20 and film.size == (480, 288)
        first = np.asarray(film.convert("RGB")).astype(int)
        film.seek(film.n_frames // 2)
        assert np.abs(np.asarray(film.convert("RGB")).astype(int) - first).max() > 30
        assert film.info["duration"] == round(2000 / 15)
