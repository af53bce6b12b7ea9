"""A collage shows things, keeps labels on their pixels and takes its quarters from several pictures."""

import numpy as np
import torch

from gaze_vlm_ros.training.collage import collage

SIDE = 4


def pictures(count, rows=6, columns=6):
    """Each patch's pixels say picture, class and place; one patch of each picture is a thing (class 2)."""
    rng = np.random.default_rng(0)
    labels = torch.from_numpy(rng.integers(0, 2, (count, rows, columns)))
    for index in range(count):
        labels[index, index % rows, (2 * index) % columns] = 2
    halves = labels.repeat_interleave(2, 1).repeat_interleave(2, 2)
    number = torch.arange(count).view(-1, 1, 1).expand(-1, rows * SIDE, columns * SIDE)
    named = labels.repeat_interleave(SIDE, 1).repeat_interleave(SIDE, 2)
    return torch.stack([number, named, named], 1).float(), labels, halves


def test_labels_stay_on_their_pixels_and_inputs_as_they_were():
    given = pictures(8)
    before = [item.clone() for item in given]
    pixels, labels, halves = collage(*given, np.array([2]), np.random.default_rng(1))
    assert torch.equal(pixels[:, 1, ::SIDE, ::SIDE].long(), labels)
    assert torch.equal(pixels[:, 1, :: SIDE // 2, :: SIDE // 2].long(), halves)
    assert all(torch.equal(*pair) for pair in zip(before, given, strict=True))
    assert not torch.equal(labels, given[1])


def test_every_quarter_shows_a_thing_of_another_picture():
    pixels, labels, _ = collage(*pictures(8), np.array([2]), np.random.default_rng(1))
    for index in range(8):
        quarters = [
            (labels[index, r : r + 3, c : c + 3], pixels[index, 0, r * SIDE, c * SIDE]) for r in (0, 3) for c in (0, 3)
        ]
        assert all((label == 2).sum() == 1 for label, _ in quarters)
        assert len({int(number) for _, number in quarters}) == 4


def test_pictures_without_things_and_odd_grids_are_cut_all_the_same():
    pixels, labels, halves = collage(*pictures(4, 5, 7), np.array([9]), np.random.default_rng(1))
    assert torch.equal(pixels[:, 1, ::SIDE, ::SIDE].long(), labels)
    assert torch.equal(halves[:, ::2, ::2], labels)
