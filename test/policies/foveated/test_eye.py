import pytest
import torch

from gaze_vlm_ros.policies.foveated import FoveatedConfig
from gaze_vlm_ros.policies.foveated.blocks import Block, rotary, turn
from gaze_vlm_ros.policies.foveated.eye import EyePolicy
from gaze_vlm_ros.policies.foveated.tokens import nested_positions

STEPS, CHANGED = 24, 5
ACTOR, CRITIC, DIRECTION, TARGET, BELIEF, PROPRIO = range(6)


@pytest.fixture(scope="module")
def one_layer() -> EyePolicy:
    torch.manual_seed(1)
    return EyePolicy(FoveatedConfig(dim=32, heads=2, eye_blocks=1)).eval()


@pytest.fixture(scope="module")
def inputs() -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(2)
    return torch.randn(2, STEPS, 48, 32), torch.randn(2, STEPS, 6, 32)


def touched(eye, images, own, changed_images, changed_own) -> list[int]:
    """At which steps the logits change."""
    with torch.no_grad():
        before, _ = eye(images, nested_positions(64, 16), own)
        after, _ = eye(changed_images, nested_positions(64, 16), changed_own)
    return torch.nonzero((before - after).abs().amax((0, 2)) > 1e-6).flatten().tolist()


@pytest.mark.parametrize("token", [ACTOR, CRITIC, DIRECTION, TARGET, BELIEF])
def test_remembered_tokens_reach_exactly_the_window(one_layer, inputs, token):
    images, own = inputs
    changed = own.clone()
    changed[:, CHANGED, token] += torch.linspace(-2, 2, 32)
    assert touched(one_layer, images, own, images, changed) == list(range(CHANGED, CHANGED + one_layer.window))


def test_past_proprioception_cannot_be_seen(one_layer, inputs):
    images, own = inputs
    changed = own.clone()
    changed[:, CHANGED, PROPRIO] += torch.linspace(-2, 2, 32)
    assert touched(one_layer, images, own, images, changed) == [CHANGED]


def test_past_images_cannot_be_seen(one_layer, inputs):
    images, own = inputs
    changed = images.clone()
    changed[:, CHANGED] += torch.linspace(-2, 2, 32)
    assert touched(one_layer, images, own, changed, own) == [CHANGED]


def test_the_future_cannot_be_seen(inputs):
    eye = EyePolicy(FoveatedConfig(dim=32, heads=2)).eval()
    images, own = inputs
    changed = own.clone()
    changed[:, CHANGED:] += torch.linspace(-2, 2, 32)
    assert min(touched(eye, images, own, images, changed)) == CHANGED


def test_step_by_step_is_the_whole_sequence(inputs):
    torch.manual_seed(3)
    eye = EyePolicy(FoveatedConfig(dim=32, heads=2, eye_blocks=3, memory_steps=4)).eval()
    images, own = inputs
    positions, memory = nested_positions(64, 16), eye.empty_memory(2)
    with torch.no_grad():
        logits, values = eye(images, positions, own)
        for step in range(STEPS):
            one, value = eye.step(images[:, step], positions, own[:, step], memory)
            torch.testing.assert_close(one, logits[:, step], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(value, values[:, step], atol=1e-4, rtol=1e-4)


def test_a_rotary_product_depends_on_the_difference_alone():
    torch.manual_seed(4)
    first, second = torch.randn(1, 1, 16), torch.randn(1, 1, 16)
    positions = torch.tensor([[3.0, 60.0, 41.0], [1.0, 58.0, 50.0]])
    products = []
    for shift in (torch.zeros(3), torch.tensor([40.0, -7.0, 11.0])):
        cosine, sine = rotary(positions + shift, 16)
        products.append((turn(first, cosine[:1], sine[:1]) * turn(second, cosine[1:], sine[1:])).sum())
    torch.testing.assert_close(products[0], products[1], atol=1e-4, rtol=1e-4)


def test_images_of_a_layer_attend_to_nothing():
    block = Block(32, 2, 4)
    images = torch.randn(1, 7, 32)
    others = images.clone()
    others[:, 1:] = 0.0
    passed, alone = block.pass_images(images, block.norm(images)), block.pass_images(others, block.norm(others))
    torch.testing.assert_close(passed[:, 0], alone[:, 0])


def test_the_hands_embeddings_learn_nothing_from_the_eye(policy):
    policy.zero_grad()
    proprio, direction = torch.zeros(1, 7), torch.tensor([[0.8, 0.0, -0.6]])
    told = policy.tell(proprio, direction, torch.zeros(1, 32), torch.zeros(1, 3))
    places, spread = policy.see(torch.zeros(1, 48, 32), told)
    own = policy.eye_tokens(told, policy.believe(places, spread, direction))
    logits, values = policy.eye(torch.zeros(1, 1, 48, 32), policy.tokens.positions, own[:, None])
    (logits.sum() + values.sum()).backward()
    assert policy.eye.target.weight.grad.abs().sum() > 0
    hand = (policy.proprio, policy.direction, policy.sight)
    assert all(p.grad is None for part in hand for p in part.parameters())
