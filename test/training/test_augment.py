"""Augmentation changes pictures one by one and mirrors labels with them."""

import torch

from gaze_vlm_ros.training.augment import augment


def generator(seed):
    return torch.Generator().manual_seed(seed)


def test_labels_are_mirrored_with_their_pictures():
    pixels, labels = torch.full((64, 3, 28, 28), -0.5), torch.zeros(64, 2, 2, dtype=torch.long)
    pixels[..., :14], labels[..., 0] = 0.5, 1
    changed, mirrored, finer = augment(pixels, labels, labels.repeat_interleave(2, -1), generator=generator(0))
    assert torch.equal(finer, mirrored.repeat_interleave(2, -1))
    left, right = changed[..., :14].mean((1, 2, 3)), changed[..., 14:].mean((1, 2, 3))
    assert torch.equal(left > right, mirrored[:, 0, 0] == 1)
    assert 10 < (mirrored[:, 0, 0] == 1).sum() < 54
    assert changed.min() >= -1.0 and changed.max() <= 1.0


def test_every_picture_has_its_own_change_and_a_seed_repeats_it():
    pixels, labels = torch.zeros(8, 3, 16, 16), torch.zeros(8, 1, 1, dtype=torch.long)
    first, again = (augment(pixels, labels, generator=generator(5))[0] for _ in range(2))
    assert torch.equal(first, again)
    assert len({round(float(one.mean()), 4) for one in first}) == 8
