"""The running network says what network, heads and adapters say, for both eyes of different people at once."""

import pytest
import torch

from gaze_vlm_ros.gaze.eyes.heads import EyeHeads, summary
from gaze_vlm_ros.gaze.eyes.last_stage import LastStage, folded
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig
from gaze_vlm_ros.training.eyes.running import RunningNet


@pytest.fixture(params=[EyeNetConfig.student(40, 64), EyeNetConfig.student(8, 96), EyeNetConfig.teacher(64)])
def net(request) -> EyeNet:
    """One in which every parameter and every buffer matters."""
    torch.manual_seed(3)
    net = EyeNet(request.param).eval()
    for tensor in (
        *net.parameters(),
        *(b for name, b in net.named_buffers() if b.is_floating_point() and "mean" in name),
    ):
        tensor.data += 0.1 * torch.randn_like(tensor)
    return net


def test_it_says_what_the_network_says(net):
    heads, pictures = EyeHeads(net.config.widths[2]).eval(), torch.rand(2, 1, *[net.config.image_px] * 2)
    generic = [torch.from_numpy(tensor).expand(2, *tensor.shape) for tensor in folded(net).values()]
    with torch.no_grad():
        gaze, log_sigma, state, pupil, told = RunningNet(net, heads)(pictures, *generic)
        third = net.stage_features(pictures, stages=3)[-1]
        values = heads(summary(third))
        torch.testing.assert_close(gaze, net(pictures), atol=1e-4, rtol=1e-4)
    for said, true in ((told, summary(third)), (state, values.state), (pupil, values.pupil_mm)):
        torch.testing.assert_close(said, true, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(log_sigma, values.log_sigma, atol=1e-3, rtol=1e-3)


def test_each_picture_has_adapters_of_its_own(net):
    personal = {
        name: torch.from_numpy(tensor) + 0.1 * torch.randn(2, *tensor.shape) for name, tensor in folded(net).items()
    }
    pictures = torch.rand(2, 1, *[net.config.image_px] * 2)
    with torch.no_grad():
        gaze = RunningNet(net, EyeHeads(net.config.widths[2]).eval())(pictures, *personal.values())[0]
        third = net.stage_features(pictures, stages=3)[-1]
        true = LastStage(net)(third[:, None], personal)[:, 0]
    torch.testing.assert_close(gaze, true, atol=1e-4, rtol=1e-4)
    assert (gaze[0] - gaze[1]).abs().max() > 0.01
