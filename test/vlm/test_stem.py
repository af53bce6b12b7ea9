"""The convolutions before the vision transformer."""

import pytest
import torch
from torch import nn

from gaze_vlm_ros.vlm.fused import FusedStem
from gaze_vlm_ros.vlm.stem import ResidualStem


@pytest.mark.parametrize("patch", [2, 4, 16, 32])
def test_one_embedding_for_each_patch_and_the_part_before_for_half_patches(patch):
    stem, pixels = ResidualStem(48, patch).eval(), torch.zeros(2, 3, 3 * patch, 2 * patch)
    assert stem(pixels).shape == (2, 48, 3, 2)
    assert stem.halves(pixels).shape == (2, stem.half_width, 6, 4)


def test_what_a_picture_shows_is_told_from_the_place_of_it():
    torch.manual_seed(0)
    stem, pixels = ResidualStem(48, 16).eval(), torch.zeros(1, 3, 224, 224)
    plain = stem(pixels)
    pixels[..., 96:112, 96:112] = 1.0
    changed = (stem(pixels) - plain).abs().sum(1)[0]
    row, column = divmod(int(changed.argmax()), 14)
    assert abs(row - 6) <= 1 and abs(column - 6) <= 1
    assert changed[0].max() == 0.0


def test_a_frame_is_encoded_alike_in_any_company():
    torch.manual_seed(0)
    stem, pixels = ResidualStem(48, 16).eval(), torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(stem(pixels)[:1], stem(pixels[:1]))


@pytest.mark.parametrize(("dtype", "off"), [(torch.float32, 1e-5), (torch.bfloat16, 0.03)])
def test_fused_it_says_the_same(dtype, off):
    torch.manual_seed(0)
    stem = ResidualStem(64, 16)
    pixels = torch.rand(6, 3, 64, 64) * 2 - 1
    for module in stem.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.2)
    for _ in range(3):
        stem(pixels)
    before = {name: value.clone() for name, value in stem.state_dict().items()}
    fused = FusedStem(stem, dtype)
    with torch.no_grad():
        wanted, found = stem.eval()(pixels), fused(pixels)
    assert found.dtype == torch.float32 and found.shape == wanted.shape
    assert (found - wanted).abs().mean() < off * wanted.abs().mean()
    assert not any(isinstance(module, nn.BatchNorm2d) for module in fused.modules())
    assert not any(parameter.requires_grad for parameter in fused.parameters())
    assert all(torch.equal(before[name], value) for name, value in stem.state_dict().items()), "a copy was fused"
