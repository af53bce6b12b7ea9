import pytest
import torch

from gaze_vlm_ros.policies.foveated import FoveatedConfig, FoveatedPolicy


@pytest.fixture(scope="session")
def policy() -> FoveatedPolicy:
    torch.manual_seed(0)
    return FoveatedPolicy(FoveatedConfig(dim=32, heads=2, hand_width=32)).eval()
