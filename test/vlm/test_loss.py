"""The gaze regulariser is the true KL, depends on where the gaze is, and leaves frames without gaze alone."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.vlm.loss import gaze_kl, word_loss

GRID, CAMERA = (14, 14), (640, 480)
P = GRID[0] * GRID[1]


def random_distributions(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed)).softmax(-1)


def gaze_map(x_px: float, y_px: float) -> torch.Tensor:
    return torch.from_numpy(heatmap(np.array([[x_px, y_px]]), CAMERA, GRID, 20.0)).flatten()[None, None]


ALL = torch.ones(1, 1, dtype=torch.bool)


def test_closed_form_of_two_patches():
    target, attention = torch.tensor([[[0.75, 0.25]]]), torch.tensor([[[0.5, 0.5]]])
    expected = 0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    assert gaze_kl(target, attention, ALL).item() == pytest.approx(expected, rel=1e-6)


def test_closed_form_of_one_hot_gaze_and_uniform_attention_is_log_p():
    target = torch.zeros(1, 1, P)
    target[..., 17] = 1.0
    assert gaze_kl(target, torch.full((1, 1, P), 1 / P), ALL).item() == pytest.approx(math.log(P), rel=1e-6)


def test_agrees_with_torch():
    target, attention = random_distributions(0, 3, 5, P), random_distributions(1, 3, 5, P)
    expected = torch.nn.functional.kl_div(attention.log(), target, reduction="none").sum(-1).mean()
    counted = torch.ones(3, 5, dtype=torch.bool)
    assert gaze_kl(target, attention, counted).item() == pytest.approx(expected.item(), rel=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 10_000))
def test_never_negative_and_zero_only_at_equality(first, second):
    target, attention = random_distributions(first, 1, 1, P), random_distributions(second, 1, 1, P)
    assert gaze_kl(target, target, ALL).item() == pytest.approx(0.0, abs=1e-6)
    assert (gaze_kl(target, attention, ALL).item() > 1e-3) == (first != second)


@pytest.mark.parametrize(("dx", "dy"), [(4 * 640 / 14, 0), (0, 3 * 480 / 14), (-4 * 640 / 14, -3 * 480 / 14)])
def test_loss_and_gradient_follow_the_gaze_point(dx, dy):
    """The released target did not depend on x at all, and its gradient was nothing (defects 2 and 3)."""
    scores = torch.randn(1, 1, P, generator=torch.Generator().manual_seed(3)).requires_grad_()
    losses, gradients = [], []
    centre = 7.5 * 640 / 14, 7.5 * 480 / 14  # the middle of a patch
    for x, y in (centre, (centre[0] + dx, centre[1] + dy)):
        loss = gaze_kl(gaze_map(x, y), scores.softmax(-1), ALL)
        losses.append(loss.item())
        gradients.append(torch.autograd.grad(loss, scores)[0][0, 0])
        looked_at = int(gaze_map(x, y).argmax())
        assert gradients[-1].argmin() == looked_at, "attention is pulled to the patch that is looked at"
    assert abs(losses[0] - losses[1]) > 1e-2
    assert (gradients[0] - gradients[1]).norm() > 0.1


def test_gradient_of_the_scores_is_attention_minus_gaze():
    scores, target = torch.randn(1, 1, P, requires_grad=True), gaze_map(100, 300)
    gaze_kl(target, scores.softmax(-1), ALL).backward()
    assert torch.allclose(scores.grad, scores.detach().softmax(-1) - target, atol=1e-6)


def test_frames_that_do_not_count_change_nothing():
    target, scores = random_distributions(4, 2, 5, P), torch.randn(2, 5, P, requires_grad=True)
    counted = torch.tensor([[True, False, True, True, False], [False] * 4 + [True]])
    target[~counted] = 0.0
    loss = gaze_kl(target, scores.softmax(-1), counted)
    alone = [gaze_kl(target[i, j], scores[i, j].softmax(-1), torch.tensor(True)) for i, j in counted.nonzero()]
    assert loss.item() == pytest.approx(torch.stack(alone).mean().item(), rel=1e-5)
    loss.backward()
    assert (scores.grad[~counted] == 0).all()
    assert (scores.grad[counted].abs().sum(-1) > 0).all()


def test_no_gaze_at_all_is_zero_with_a_gradient_of_zero():
    scores = torch.randn(2, 5, P, requires_grad=True)
    loss = gaze_kl(torch.zeros(2, 5, P), scores.softmax(-1), torch.zeros(2, 5, dtype=torch.bool))
    loss.backward()
    assert loss.item() == 0.0
    assert (scores.grad == 0).all()


def test_attention_of_exactly_zero_stays_finite():
    target, attention = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    assert torch.isfinite(gaze_kl(target, attention, ALL))


def test_words_are_scored_one_ahead_and_only_where_asked():
    ids = torch.tensor([[1, 2, 3, 0]])
    logits = torch.zeros(1, 4, 5)
    logits[0, 0, 2] = logits[0, 1, 3] = 30.0  # right for the tokens 2 and 3
    known, unknown = torch.tensor([[False, True, True, False]]), torch.tensor([[False, False, False, True]])
    assert word_loss(logits, ids, known).item() == pytest.approx(0.0, abs=1e-6)
    assert word_loss(logits, ids, unknown).item() == pytest.approx(math.log(5), rel=1e-5)
