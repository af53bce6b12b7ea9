"""The parts of wrapping that need no whole model: grids, prompts, the modulation of tokens, and half precision."""

import numpy as np
import pytest
import torch
from tiny_wrap import IMAGE, frames_for, prompt, tiny_wrapped, words_of
from transformers import AutoConfig

from gaze_vlm_ros.vlm.block import BlockOutput
from gaze_vlm_ros.vlm.wrap.families import family_of
from gaze_vlm_ros.vlm.wrap.grid import TokenGrid
from gaze_vlm_ros.vlm.wrap.modulation import AttentionModulation, cell_shape
from gaze_vlm_ros.vlm.wrap.prompt import rewrite_placeholders

PLAIN = torch.Generator().manual_seed(0)


@pytest.mark.parametrize(
    ("kind", "vision", "more", "shape", "cell"),
    [
        ("smolvlm", {"image_size": 512, "patch_size": 16}, {"scale_factor": 4}, (8, 8), 64),
        ("smolvlm", {"image_size": 384, "patch_size": 14}, {"scale_factor": 3}, (9, 9), 42),
        ("idefics3", {"image_size": 364, "patch_size": 14}, {"scale_factor": 2}, (13, 13), 28),
        ("internvl", {"image_size": [448, 448], "patch_size": [14, 14]}, {"downsample_ratio": 0.5}, (16, 16), 28),
        (
            "llava_onevision",
            {"model_type": "siglip_vision_model", "image_size": 384, "patch_size": 14},
            {},
            (27, 27),
            14,
        ),
        ("qwen2_5_vl", {"patch_size": 14, "spatial_merge_size": 2}, {}, (16, 16), 28),
        ("qwen3_vl", {"patch_size": 16, "spatial_merge_size": 2}, {}, (16, 16), 32),
    ],
)
def test_grids_of_the_published_models(kind, vision, more, shape, cell):
    """The shapes of the configurations on the models' pages, with no frame size asked for."""
    config = AutoConfig.for_model(kind, vision_config=vision, **more)
    grid = family_of(config).grid(config, None)
    assert (grid.shape, grid.cell) == (shape, cell)


def test_boxes_are_shares_of_the_frame_and_leave_out_the_strip_that_no_token_covers():
    boxes = TokenGrid((20, 34), 8).boxes  # 2 x 4 tokens of 8 px in a frame of 34 x 20 px
    assert boxes.shape == (8, 4)
    assert torch.allclose(boxes[0], torch.tensor([0, 0, 8 / 34, 8 / 20]))
    assert torch.allclose(boxes[5], torch.tensor([8 / 34, 8 / 20, 16 / 34, 16 / 20]))
    assert torch.allclose(boxes[-1], torch.tensor([24 / 34, 8 / 20, 32 / 34, 16 / 20]))


@pytest.mark.parametrize("frame", [(64, 64), (66, 66), (48, 80)])
def test_gaze_in_the_middle_of_a_box_falls_on_its_token(frame):
    grid = TokenGrid(frame, 8)
    for token, (left, top, right, bottom) in enumerate(grid.boxes.tolist()):
        point = [(left + right) / 2 * 640 - 0.5, (top + bottom) / 2 * 480 - 0.5]
        heatmap = grid.heatmap(np.array([point]), (640, 480), sigma_px=10.0)
        assert heatmap.argmax() == token
        assert heatmap.sum() == pytest.approx(1.0)


def test_gaze_on_the_strip_or_nowhere_counts_nothing():
    grid = TokenGrid((66, 66), 8)
    for x in (639.0, np.nan, 700.0):
        assert not grid.heatmap(np.array([[x, 100.0]]), (640, 480), 10.0).any()
    assert grid.heatmap(np.array([[600.0, 100.0]]), (640, 480), 10.0).any()


def test_rewriting_keeps_the_words_and_says_where_each_came_from():
    ids = torch.tensor([[7, IMAGE, IMAGE, 8, IMAGE, IMAGE, 9], [IMAGE, IMAGE, IMAGE, IMAGE, 7, 8, 9]])
    mask = torch.tensor([[0, 1, 1, 1, 1, 1, 1], [1] * 7])
    one = rewrite_placeholders(ids, mask, IMAGE, 2, 2, 1, "")
    assert one.ids.tolist() == [[7, IMAGE, 8, IMAGE, 9], [IMAGE, IMAGE, 7, 8, 9]]
    assert one.mask.tolist() == [[0, 1, 1, 1, 1], [1] * 5]
    three = rewrite_placeholders(ids, mask, IMAGE, 2, 2, 3, "")
    assert three.ids[0].tolist() == [7, IMAGE, IMAGE, IMAGE, 8, IMAGE, IMAGE, IMAGE, 9]
    assert three.source[0].tolist() == [0, 1, 1, 1, 3, 4, 4, 4, 6]


def attended(attention: torch.Tensor) -> BlockOutput:
    return BlockOutput(torch.randn(1, 1, 6, generator=PLAIN), attention)


def test_uniform_attention_leaves_the_cells_as_they_are():
    tokens = torch.randn(1, 1, 12, 6, generator=PLAIN)
    out = AttentionModulation()(tokens, attended(torch.full((1, 1, 12), 1 / 12)), (3, 4))
    torch.testing.assert_close(out, tokens)


def test_larger_grids_are_averaged_to_cells():
    tokens = torch.randn(1, 1, 14 * 21, 6, generator=PLAIN)
    assert cell_shape((14, 21)) == (7, 7)
    assert cell_shape((5, 9)) == (5, 7)
    out = AttentionModulation()(tokens, attended(torch.full((1, 1, 14 * 21), 1 / (14 * 21))), (14, 21))
    blocks = tokens.unflatten(2, (7, 2, 7, 3)).mean(dim=(3, 5)).flatten(2, 3)
    torch.testing.assert_close(out, blocks)


def test_patches_that_get_no_attention_say_nothing():
    attention = torch.zeros(1, 1, 12)
    attention[..., 5] = 1.0
    tokens = torch.randn(1, 1, 12, 6, generator=PLAIN)
    other = torch.randn(1, 1, 12, 6, generator=PLAIN)
    other[:, :, 5] = tokens[:, :, 5]
    block, modulation = attended(attention), AttentionModulation()
    out = modulation(tokens, block, (3, 4))
    torch.testing.assert_close(out, modulation(other, block, (3, 4)))
    torch.testing.assert_close(out, tokens[:, :, 5:6].expand(-1, -1, 12, -1))


def test_the_blocks_feature_comes_in_by_the_learned_gain():
    tokens, block = torch.randn(1, 1, 12, 6, generator=PLAIN), attended(torch.full((1, 1, 12), 1 / 12))
    modulation = AttentionModulation()
    torch.nn.init.constant_(modulation.feature_gain, 0.5)
    torch.testing.assert_close(modulation(tokens, block, (3, 4)), tokens + 0.5 * block.features[:, :, None])


@pytest.mark.parametrize("mode", ["pool", "tokens"])
def test_half_precision_keeps_the_attention_in_float32(mode):
    single = tiny_wrapped("internvl", mode=mode)
    frames, ids = frames_for(single), prompt()
    expected = single(frames, ids, words_of(ids))
    wrapped = single.bfloat16()
    gaze = torch.zeros(2, 3, wrapped.grid.tokens)
    gaze[..., 3] = 1.0
    output = wrapped(frames, ids, words_of(ids), target=gaze, gaze=gaze.flip(1) * torch.tensor([1, 0, 0])[:, None])
    assert output.logits.dtype == torch.bfloat16
    assert output.attention.dtype == torch.float32
    torch.testing.assert_close(output.attention.sum(-1), torch.ones(2, 3), atol=1e-5, rtol=0)
    output.loss.backward()
    assert wrapped.block.attentions[0].to_key.weight.grad.isfinite().all()
    plain = wrapped(frames, ids, words_of(ids))
    assert abs(plain.words - expected.words) < 0.1 * expected.words


@pytest.mark.parametrize("kind", ["smolvlm", "idefics3"])
def test_a_frame_of_plain_mid_grey_is_a_frame(kind):
    """After normalisation it is all zeros, which these models take for padding."""
    wrapped = tiny_wrapped(kind)
    frames = frames_for(wrapped)
    frames[0, 1] = 0.0
    tokens = wrapped.encode(frames)
    assert tokens.shape == (2, 3, 64, 32)
    nearly = frames.clone()
    nearly[0, 1] = 2e-4
    torch.testing.assert_close(tokens, wrapped.encode(nearly), atol=1e-2, rtol=1e-2)
    assert torch.equal(tokens[1], wrapped.encode(frames[1:])[0])


def test_what_is_scored_is_neither_a_frame_nor_padding():
    wrapped = tiny_wrapped("internvl")
    tokens, ids = wrapped.encode(frames_for(wrapped)), prompt()
    everything = torch.ones_like(ids, dtype=torch.bool)
    some = wrapped(tokens, ids, everything).words
    assert torch.equal(some, wrapped(tokens, ids, everything & (ids != IMAGE)).words)
    padded = torch.cat([ids, torch.zeros(2, 3, dtype=torch.long)], dim=1)
    scored = torch.ones_like(padded, dtype=torch.bool)
    torch.testing.assert_close(wrapped(tokens, padded, scored, mask=(padded != 0).long()).words, some)
