import numpy as np
import pytest
import torch

from gaze_vlm_ros.training.bc_rl.reward import joint_distance, path_distance


def line(*points: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor([points], dtype=torch.float32)


def test_it_goes_from_the_demonstration_to_the_prediction_and_not_back():
    shown = line((0, 0, 0), (1, 0, 0))
    beyond = line((0, 0, 0), (1, 0, 0), (5, 0, 0))
    assert path_distance(shown, beyond).item() == pytest.approx(0.0, abs=1e-6)
    assert path_distance(beyond, shown).item() == pytest.approx(4 / 3, abs=1e-6)


def test_a_path_of_a_whole_second_far_from_the_base_is_no_distance_from_itself():
    shown = 3.0 + torch.rand(1, 30, 3, generator=torch.Generator().manual_seed(0))
    assert path_distance(shown, shown).item() == 0.0


def test_time_does_not_matter():
    shown = line((0, 0, 0), (1, 0, 0), (2, 0, 0))
    assert path_distance(shown, shown.flip(1)).item() == pytest.approx(0.0, abs=1e-6)


def test_it_is_the_mean_of_the_nearest_by_brute_force():
    rng = np.random.default_rng(0)
    shown, predicted = rng.normal(size=(3, 7, 3)), rng.normal(size=(3, 5, 3))
    brute = [np.mean([min(np.linalg.norm(g - p) for p in P) for g in G]) for G, P in zip(shown, predicted, strict=True)]
    np.testing.assert_allclose(path_distance(torch.tensor(shown), torch.tensor(predicted)), brute, rtol=1e-6)


def test_what_lies_past_the_end_does_not_count():
    shown = line((0, 0, 0), (1, 0, 0), (np.nan, np.nan, np.nan))
    assert path_distance(shown, line((0, 0, 0), (1, 0, 3))).item() == pytest.approx(0.5, abs=1e-6)
    assert path_distance(torch.full((1, 2, 3), np.nan), shown[:, :2]).item() == 0.0


def test_joints_and_a_fifth_of_the_gripper():
    shown, predicted = torch.zeros(1, 4, 7), torch.zeros(1, 4, 7)
    predicted[..., :6], predicted[..., 6] = 0.3, 0.5
    assert joint_distance(shown, predicted).item() == pytest.approx(0.3 + 0.2 * 0.5)
