"""A checkpoint of random weights that is quick to make and sees every picture as an open eye of the known kind."""

import numpy as np
import torch

from gaze_vlm_ros.gaze.eyes.checkpoint import EyeSettings
from gaze_vlm_ros.gaze.eyes.estimate import STATES
from gaze_vlm_ros.gaze.eyes.heads import EyeHeads
from gaze_vlm_ros.gaze.eyes.network import EyeNet, EyeNetConfig
from gaze_vlm_ros.training.eyes.export import export


def random_net(seed=0):
    torch.manual_seed(seed)
    net = EyeNet(EyeNetConfig.student()).eval()
    for parameter in net.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.15)
    torch.nn.init.normal_(net.head.weight, std=0.02)
    return net


def save_tiny(folder, seed=0, state="open", threshold=1e9):
    """Writes it into ``folder``; returns network and heads."""
    net, heads = random_net(seed), EyeHeads(40)
    heads.state.bias.data[STATES.index(state)] = 50.0
    domain = {"mean": np.zeros(160, np.float32), "whitening": np.eye(160, dtype=np.float32)}
    with torch.no_grad():
        third = net.stage_features(torch.rand(20, 1, 64, 64), stages=3)[-1]
        gaze = net.head(net.pooled(net.last_stage(third)))
    replay = {"third": third.half().numpy(), "gaze": gaze.numpy()}
    personal = {"sigma_weight": np.full((2, 160), 0.01, np.float32), "sigma_bias": np.array([-5.0, -4.0], np.float32)}
    export(folder, net, heads, EyeSettings(threshold), domain, personal, replay)
    return net, heads
