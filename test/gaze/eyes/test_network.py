import numpy as np
import pytest
import torch

from gaze_vlm_ros.gaze.eyes.heads import summary
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig, EyeNetError, ResponseNorm, count


def backbone(net):
    beside = {id(p) for p in net.tunable()}
    return [p for p in net.parameters() if id(p) not in beside]


@pytest.mark.parametrize(
    ("config", "total", "frozen", "adapters"),
    [
        (EyeNetConfig.teacher(), 3_578_462, 3_386_760, 190_420),
        (EyeNetConfig.student(), 281_012, 266_580, 14_110),
        (EyeNetConfig((12, 20, 40, 80)), None, None, None),
        (EyeNetConfig.student(8), None, None, None),
    ],
)
def test_parameters_are_those_of_the_paper(config, total, frozen, adapters):
    net = EyeNet(config)
    assert count(net.tunable()) == count(net.adapters()) + 4 * config.widths[-1] + 2
    assert count(list(net.parameters())) == count(backbone(net)) + count(net.tunable())
    if total is not None:
        found = (count(list(net.parameters())), count(backbone(net)), count(net.adapters()))
        assert found == (total, frozen, adapters)


def test_quartering_every_stage_is_not_the_student():
    assert count(list(EyeNet(EyeNetConfig((10 + 2, 20, 40, 80))).parameters())) < 281_012


def test_a_person_adapts_what_the_paper_counts():
    net = EyeNet(EyeNetConfig.student())
    assert count(net.adapters(slice(3, 4))) == 6_680


def test_response_norm_is_the_formula():
    torch.manual_seed(0)
    norm = ResponseNorm(6)
    norm.gain.data, norm.bias.data = torch.randn(6), torch.randn(6)
    x = torch.randn(2, 3, 4, 6)
    size = np.sqrt((x.numpy() ** 2).sum(axis=(1, 2), keepdims=True))
    relative = size / (size.mean(axis=-1, keepdims=True) + 1e-6)
    expected = norm.gain.detach().numpy() * (x.numpy() * relative) + norm.bias.detach().numpy() + x.numpy()
    np.testing.assert_allclose(norm(x).detach().numpy(), expected, rtol=1e-5, atol=1e-5)


def test_a_fresh_adapter_changes_nothing():
    torch.manual_seed(0)
    block = EyeNet(EyeNetConfig.student()).stages[0][0].eval()
    x = torch.randn(2, 40, 4, 4)
    torch.testing.assert_close(block(x), x + block.inner(x).permute(0, 3, 1, 2))


def test_exposure_does_not_matter_and_places_do():
    torch.manual_seed(0)
    net = EyeNet(EyeNetConfig.student()).eval()
    for parameter in net.parameters():
        if parameter.ndim > 1:
            parameter.data.mul_(8.0)  # first weights are so small that everything looks alike
    pictures = torch.rand(1, 1, 64, 64)
    same, other = net(0.5 * pictures), net(pictures.roll(8, dims=3))
    assert (net(pictures) - same).abs().max() < 0.2 * (net(pictures) - other).abs().max()


def test_the_last_stage_goes_on_from_the_third():
    net = EyeNet(EyeNetConfig.student()).eval()
    stages = net.stage_features(torch.rand(2, 1, 64, 64))
    assert [tuple(stage.shape[1:]) for stage in stages] == [(40, 16, 16), (20, 8, 8), (40, 4, 4), (80, 2, 2)]
    torch.testing.assert_close(net.last_stage(stages[2]), stages[3])
    assert summary(stages[2]).shape == (2, 160)


def test_summaries_know_the_quarters():
    third = torch.zeros(1, 3, 4, 4)
    third[:, :, :2, 2:] = 1.0
    torch.testing.assert_close(summary(third), torch.tensor([[0.0, 1.0, 0.0, 0.0] * 3]))


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"widths": (40, 20, 40)}, "widths"),
        ({"widths": (40, 20, 41, 80)}, "multiples of 4"),
        ({"depths": (2, 2, 0, 2)}, "depths"),
        ({"image_px": 100}, "image_px"),
        ({"view": 0.1}, "view"),
    ],
)
def test_a_shape_that_cannot_be_is_named(wrong, says):
    with pytest.raises(EyeNetError, match=says):
        EyeNetConfig(**wrong)
