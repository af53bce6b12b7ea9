"""The convolutions before the vision transformer."""

import pytest
import torch

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
