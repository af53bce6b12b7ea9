"""One Eye's networks: the release's parameter counts, and what a picture's size, side and quirks change."""

import numpy as np
import pytest
import torch

from gaze_vlm_ros.gaze.eyes.one_eye.encoders import ENCODERS, FEATURES, IMAGE_SIZES, OneEyeError, make_encoder
from gaze_vlm_ros.gaze.eyes.one_eye.network import OneEyeNetwork, OneEyeSettings, activations, points_cm

# encoder, encoder's parameters, one eye, two eyes: the table that was counted on the release
COUNTS = [
    ("resnet", 298_368, 305_966, 310_574),
    ("inception", 320_248, 327_846, 332_454),
    ("inception_resnet", 445_752, 453_350, 457_958),
    ("cnn", 130_304, 137_902, 142_510),
]


def count(module: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def looks(eyes: int, number: int = 3, side: int = 64) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 255, (number, eyes, side, side), dtype=np.uint8)
    return pictures, rng.uniform(size=(number, 4 * eyes)).astype(np.float32)


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize(("name", "encoder", "one", "two"), COUNTS)
def test_parameters_are_those_of_the_release_at_every_size_of_picture(name, encoder, one, two, image_size):
    assert count(make_encoder(name, image_size)) == encoder
    assert count(OneEyeNetwork(OneEyeSettings(name, 1, image_size))) == one
    assert count(OneEyeNetwork(OneEyeSettings(name, 2, image_size))) == two


@pytest.mark.parametrize("image_size", IMAGE_SIZES)
@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_ends_in_512_features(name, image_size):
    assert make_encoder(name, image_size).eval()(torch.zeros(2, 3, image_size, image_size)).shape == (2, FEATURES)


def test_as_released_the_last_main_path_of_the_resnet_is_one_number_for_all_four_places():
    picture = torch.rand(1, 3, 128, 128)
    shapes = []
    for broadcast_add in (True, False):
        encoder = make_encoder("resnet", 128, broadcast_add=broadcast_add).eval()
        first = encoder.first(picture)
        second = encoder.activation(encoder.second(first) + encoder.second_shortcut(first))
        assert encoder.third_shortcut(second).shape[2:] == (2, 2)
        shapes.append(tuple(encoder.third(second).shape[2:]))
    assert shapes == [(1, 1), (2, 2)]


def test_as_released_a_picture_varies_ten_times_as_much():
    mended, released = (OneEyeNetwork(OneEyeSettings("cnn", std_02=flag)) for flag in (False, True))
    picture = torch.from_numpy(looks(1)[0])
    torch.testing.assert_close(released._prepared(picture), 10.0 * mended._prepared(picture))


def test_two_eyes_share_an_encoder_that_sees_the_left_one_mirrored():
    network = OneEyeNetwork(OneEyeSettings("cnn", 2)).eval()
    pictures, landmarks = looks(2)
    same = pictures.copy()
    same[:, 0] = same[:, 1, :, ::-1]
    seen = []
    network.encoder.register_forward_hook(lambda module, inputs, output: seen.append(output))
    activations(network, same, landmarks)
    torch.testing.assert_close(seen[0], seen[1])
    seen.clear()
    activations(network, pictures, landmarks)
    assert not torch.allclose(seen[0], seen[1])


def test_points_are_those_of_the_whole_network():
    network = OneEyeNetwork(OneEyeSettings("inception")).eval()
    pictures, landmarks = looks(1, number=5)
    features = activations(network, pictures, landmarks, batch=2)
    with torch.inference_mode():
        whole = network(torch.from_numpy(pictures), torch.from_numpy(landmarks)).numpy()
    np.testing.assert_allclose(points_cm(network, features), whole, atol=1e-5)


def test_what_cannot_be_is_named():
    with pytest.raises(OneEyeError, match="64 or 128 px, not 96"):
        make_encoder("resnet", 96)
    with pytest.raises(OneEyeError, match="cnn, resnet, inception, inception_resnet"):
        make_encoder("vgg", 64)
    with pytest.raises(OneEyeError, match="1 or 2 eyes, not 3"):
        OneEyeSettings(eyes=3)
    with pytest.raises(OneEyeError, match="sees 2 eye"):
        activations(OneEyeNetwork(OneEyeSettings("cnn", 2)), *looks(1))
