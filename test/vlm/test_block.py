"""The gaze block: its attention is one distribution per frame, its query is global, gaze enters only where given."""

import pytest
import torch

from gaze_vlm_ros.vlm.block import GazeAttention, GazeBlock

B, T, P, D, HEADS = 2, 5, 49, 32, 4


@pytest.fixture
def block():
    torch.manual_seed(0)
    return GazeBlock(D, layers=2, heads=HEADS)


@pytest.fixture
def patches():
    return torch.randn(B, T, P, D, generator=torch.Generator().manual_seed(1))


def peaked(at: int) -> torch.Tensor:
    heatmap = torch.zeros(B, T, P)
    heatmap[..., at] = 1.0
    return heatmap


def test_one_token_per_frame_and_attention_is_a_distribution_over_its_patches(block, patches):
    features, attention = block(patches)
    assert features.shape == (B, T, D)
    assert attention.shape == (B, T, P)
    assert torch.allclose(attention.sum(-1), torch.ones(B, T), atol=1e-5)
    assert (attention > 0).all()


def test_attention_equals_the_textbook_formula_with_projected_patches(patches):
    """The absorbed projections are a rearrangement: softmax(W_q q . W_k x / sqrt(d)) W_v x, head by head."""
    torch.manual_seed(2)
    layer, query = GazeAttention(D, HEADS), torch.randn(B, T, D)
    torch.nn.init.normal_(layer.norm_patches.weight)
    torch.nn.init.normal_(layer.norm_patches.bias)
    update, weights = layer(query, torch.nn.functional.layer_norm(patches, (D,)), None)
    x = layer.norm_patches(patches)
    q = layer.to_query(layer.norm_query(query)).view(B, T, HEADS, 1, -1)
    k, v = (m(x).view(B, T, P, HEADS, -1).transpose(2, 3) for m in (layer.to_key, layer.to_value))
    plain = (q @ k.transpose(-1, -2) / (D // HEADS) ** 0.5).softmax(-1)
    assert torch.allclose(weights, plain.squeeze(3), atol=1e-5)
    assert torch.allclose(update, layer.to_out((plain @ v).flatten(2)), atol=1e-5)


def test_the_query_is_global_so_frames_permute_with_their_tokens(block, patches):
    order = torch.tensor([3, 1, 4, 0, 2])
    assert torch.allclose(block(patches[:, order]).features, block(patches).features[:, order], atol=1e-5)


def test_every_frame_reaches_every_other_through_the_query(block, patches):
    changed = patches.clone()
    changed[:, 0] += 1.0 + torch.randn(P, D)
    assert not torch.allclose(block(changed).attention[:, 4], block(patches).attention[:, 4], atol=1e-4)


def test_gaze_pulls_attention_to_where_it_is(block, patches):
    given = torch.ones(B, T, dtype=torch.bool)
    for at in (3, 40):
        assert (block(patches, peaked(at), given).attention[..., at] > 2 * block(patches).attention[..., at]).all()


def test_gaze_that_is_not_given_cannot_be_told_from_none(block, patches):
    nothing = torch.zeros(B, T, dtype=torch.bool)
    without, withheld = block(patches), block(patches, peaked(3), nothing)
    assert torch.equal(without.features, withheld.features)
    assert torch.equal(without.attention, withheld.attention)


def test_only_frames_with_gaze_attend_by_it(block, patches):
    given = torch.zeros(B, T, dtype=torch.bool)
    given[:, 2] = True
    with_gaze, without = block(patches, peaked(3), given).attention, block(patches).attention
    assert torch.equal(with_gaze[:, [0, 1, 3, 4]], without[:, [0, 1, 3, 4]])
    assert not torch.allclose(with_gaze[:, 2], without[:, 2])


def test_the_default_size_is_the_papers():
    """Depth 2, feed-forward x 4: 12 D^2 per layer, and the projection of the query."""
    count = sum(p.numel() for p in GazeBlock(192).parameters() if p.ndim == 2)
    assert count == (2 * 12 + 1) * 192**2


def test_half_precision_gives_nearly_the_same_and_keeps_attention_in_float32(block, patches):
    given = torch.ones(B, T, dtype=torch.bool)
    expected = block(patches, peaked(3), given)
    features, attention = block.bfloat16()(patches.bfloat16(), peaked(3), given)
    assert features.dtype == torch.bfloat16
    assert attention.dtype == torch.float32
    torch.testing.assert_close(attention, expected.attention, atol=0.02, rtol=0)
    torch.testing.assert_close(features.float(), expected.features, atol=0.1, rtol=0)


def test_a_heatmap_may_take_the_place_of_the_attention(block, patches):
    """Only in frames with gaze; there it is the attention itself, whatever the patches show."""
    given = torch.tensor([[True, False, True, False, False]] * B)
    output, plain, biased = (
        block(patches, peaked(7), given, replaces=True),
        block(patches),
        block(patches, peaked(7), given),
    )
    assert torch.equal(output.attention[given], peaked(7)[given])
    assert torch.allclose(output.attention[~given], plain.attention[~given], atol=1e-6)
    assert not torch.allclose(biased.attention[given], peaked(7)[given], atol=1e-2)
    others = patches.clone()
    others[:, :, 8:] += torch.randn(P - 8, D)
    centred = others - others.mean((1, 2), keepdim=True) + patches.mean((1, 2), keepdim=True)
    assert torch.allclose(block(centred, peaked(7), given, replaces=True).attention[given], peaked(7)[given])
