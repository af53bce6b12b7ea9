"""What holds for every family that can be wrapped."""

import pytest
import torch
from tiny_wrap import HIDDEN, IMAGE, KINDS, QWEN, VOCABULARY, frames_for, prompt, tiny_base, tiny_wrapped, words_of

from gaze_vlm_ros.vlm.block import BlockOutput
from gaze_vlm_ros.vlm.model import GazeVLM

B, T = 2, 3
MODES = ("pool", "tokens")
SHAPES = {kind: (6, 8) if kind in QWEN else (8, 8) for kind in KINDS}
families = pytest.mark.parametrize("kind", KINDS)
modes = pytest.mark.parametrize("mode", MODES)


def gaze_at(wrapped, x: float, y: float) -> torch.Tensor:
    """Heatmaps (B, T, P) of a gaze point in shares of a picture of 640 x 480."""
    heatmap = wrapped.grid.heatmap([[x * 640, y * 480]], (640, 480), 20.0)
    return torch.from_numpy(heatmap).flatten().expand(B, T, -1)


def run(wrapped, frames, ids=None, **gaze):
    ids = prompt() if ids is None else ids
    return wrapped(frames, ids, words_of(ids), **gaze)


@families
@modes
def test_shapes_and_number_of_image_tokens(kind, mode):
    wrapped = tiny_wrapped(kind, mode=mode)
    rows, cols = SHAPES[kind]
    assert wrapped.grid.shape == (rows, cols)
    each = 1 if mode == "pool" else min(rows, 7) * min(cols, 7)
    frames, ids = frames_for(wrapped), prompt()
    assert wrapped.encode(frames).shape == (B, T, rows * cols, HIDDEN)
    output = run(wrapped, frames, ids)
    assert (output.prompt.ids == IMAGE).sum(1).tolist() == [T * each] * B
    assert output.prompt.ids[output.prompt.ids != IMAGE].tolist() == ids[ids != IMAGE].tolist()
    assert output.logits.shape == (B, ids.shape[1] + T * (each - 1), VOCABULARY)
    assert output.attention.shape == (B, T, rows * cols)
    assert torch.allclose(output.attention.sum(-1), torch.ones(B, T), atol=1e-5)


@families
@modes
def test_prompts_of_the_familys_processor_and_tokens_in_place_of_frames_give_the_same(kind, mode):
    wrapped = tiny_wrapped(kind, mode=mode)
    frames = frames_for(wrapped)
    expected = run(wrapped, frames).logits
    own = prompt(each=wrapped.family.own_count(wrapped.grid))
    assert torch.equal(run(wrapped, frames, own).logits, expected)
    assert torch.equal(run(wrapped, wrapped.encode(frames)).logits, expected)


@families
def test_every_token_sees_its_own_box_and_no_other(kind):
    """With the encoder's attention silenced nothing mixes places: a change in one box moves that token alone."""
    wrapped = tiny_wrapped(kind)
    silenced = [
        module.register_forward_hook(lambda _, __, out: (out[0] * 0, None) if isinstance(out, tuple) else out * 0)
        for name, module in wrapped.model.model.named_modules()
        if type(module).__name__.endswith("Attention") and not name.startswith(wrapped.family.language)
    ]
    assert len(silenced) == 2
    height, width = wrapped.grid.frame_size
    plain = torch.full((1, wrapped.grid.tokens, 3, height, width), 0.3)
    changed = plain.clone()
    for token, box in enumerate(wrapped.grid.boxes.tolist()):
        left, top, right, bottom = (round(v * s) for v, s in zip(box, (width, height) * 2, strict=True))
        generator = torch.Generator().manual_seed(token)
        changed[0, token, :, top:bottom, left:right] = torch.randn(3, bottom - top, right - left, generator=generator)
    moved = (wrapped.encode(changed) - wrapped.encode(plain))[0].norm(dim=-1)
    assert (moved.diagonal() > 1e-3).all()
    assert moved.fill_diagonal_(0.0).max() < 1e-5 * moved.shape[0]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "llava_onevision"])
def test_with_uniform_attention_tokens_mode_is_the_unwrapped_model(kind):
    """Up to 7 x 7 tokens nothing is pooled, so logits must be the model's own, positions and all.

    Not in it: LLaVA-OneVision, whose own prompts are longer by a newline, and DeepStack of Qwen3-VL; wrapping leaves
    out both on purpose.
    """
    side = 48
    wrapped = tiny_wrapped(kind, side=side, mode="tokens", **({"frame_size": (32, 48)} if kind in QWEN else {}))
    model = wrapped.model
    for attention in wrapped.block.attentions:
        torch.nn.init.zeros_(attention.to_key.weight)
    frames = frames_for(wrapped)
    ids = prompt(each=wrapped.grid.tokens)
    if kind in QWEN:
        if kind == "qwen3_vl":
            model.model.visual.deepstack_visual_indexes = []
        pixels, thw = qwen_pixels(frames.flatten(0, 1), patch=4)
        expected = model(input_ids=ids, pixel_values=pixels, image_grid_thw=thw, mm_token_type_ids=(ids == IMAGE).int())
    elif kind == "internvl":
        expected = model(input_ids=ids, pixel_values=frames.flatten(0, 1))
    else:
        expected = model(input_ids=ids, pixel_values=frames)
    torch.testing.assert_close(run(wrapped, frames, ids).logits, expected.logits, atol=1e-4, rtol=1e-4)


def qwen_pixels(frames, patch):
    """What Qwen's image processor gives, patch by patch: pairs of rows and columns of patches, each pixel twice."""
    _, _, height, width = frames.shape
    patches = []
    for frame in frames:
        for row in range(0, height, 2 * patch):
            for col in range(0, width, 2 * patch):
                for y in (row, row + patch):
                    for x in (col, col + patch):
                        part = frame[:, y : y + patch, x : x + patch]
                        patches.append(part[:, None].expand(-1, 2, -1, -1).flatten())
    return torch.stack(patches), torch.tensor([[1, height // patch, width // patch]] * len(frames))


@families
def test_attention_follows_the_gaze_that_it_is_trained_on(kind):
    wrapped = tiny_wrapped(kind)
    tokens = wrapped.encode(frames_for(wrapped))
    left, right = gaze_at(wrapped, 0.1, 0.2), gaze_at(wrapped, 0.9, 0.7)
    losses = [run(wrapped, tokens, target=target).gaze for target in (left, right)]
    assert losses[0] != losses[1]
    gradients = [torch.autograd.grad(loss, list(wrapped.block.parameters()), allow_unused=True) for loss in losses]
    at = [index for index, (name, _) in enumerate(wrapped.block.named_parameters()) if name.endswith("to_key.weight")]
    assert not torch.allclose(gradients[0][at[-1]], gradients[1][at[-1]], atol=1e-5)
    start = wrapped.block.state_dict()
    start = {name: tensor.clone() for name, tensor in start.items()}
    for target, other in ((left, right), (right, left)):
        wrapped.block.load_state_dict(start)
        before = run(wrapped, tokens, target=target).attention
        optimiser = torch.optim.Adam(wrapped.block.parameters(), 3e-3)
        for _ in range(5):
            optimiser.zero_grad()
            output = run(wrapped, tokens, target=target)
            output.gaze.backward()
            optimiser.step()
        after = run(wrapped, tokens).attention
        assert ((after - before) * target).sum() > ((after - before) * other).sum()
        assert ((after - before) * target).sum() > 0


@families
@modes
def test_words_reach_the_attention(kind, mode):
    wrapped = tiny_wrapped(kind, mode=mode)
    run(wrapped, frames_for(wrapped)).words.backward()
    gradient = wrapped.block.attentions[-1].to_query.weight.grad
    assert gradient.abs().max() > 0
    assert all(p.grad is None for n, p in wrapped.model.named_parameters() if "vis" in n or "project" in n)


@families
def test_without_gaze_as_input_nothing_but_the_regulariser_knows_of_gaze(kind):
    wrapped = tiny_wrapped(kind)
    frames, gaze = frames_for(wrapped), gaze_at(wrapped, 0.1, 0.2)
    plain = run(wrapped, frames)
    for other in (run(wrapped, frames, target=gaze), run(wrapped, frames, gaze=torch.zeros_like(gaze))):
        assert torch.equal(plain.logits, other.logits)
        assert torch.equal(plain.attention, other.attention)
    given = run(wrapped, frames, gaze=gaze, target=gaze)
    assert not torch.allclose(plain.logits, given.logits, atol=1e-5)
    assert given.gaze == 0.0  # what was given is not to be guessed


@families
@modes
def test_cached_generation_is_stepwise_forward(kind, mode):
    wrapped = tiny_wrapped(kind, mode=mode)
    tokens, ids, mask = wrapped.encode(frames_for(wrapped)), prompt(), torch.ones_like(prompt())
    ids[0] = torch.cat([torch.tensor([0, 0]), ids[0, :-2]])  # the first prompt is shorter, padded on the left
    mask[0, :2] = 0
    options = {"max_new_tokens": 5, "do_sample": False, "suppress_tokens": [IMAGE]}
    said = wrapped.generate(tokens, ids, mask=mask, output_logits=True, return_dict_in_generate=True, **options)
    assert torch.equal(said.sequences, wrapped.generate(tokens, ids, mask=mask, **options))
    for cached in said.logits:
        logits = wrapped(tokens, ids, torch.ones_like(ids, dtype=torch.bool), mask=mask).logits[:, -1]
        torch.testing.assert_close(cached, logits, atol=1e-4, rtol=1e-4)
        logits[:, IMAGE] = -torch.inf
        ids = torch.cat([ids, logits.argmax(-1, keepdim=True)], dim=1)
        mask = torch.cat([mask, torch.ones(B, 1, dtype=torch.long)], dim=1)
    assert torch.equal(ids[:, -5:], said.sequences)
    assert not torch.allclose(said.logits[0], said.logits[4], atol=1e-2)


@families
def test_padding_does_not_change_what_is_said(kind):
    wrapped = tiny_wrapped(kind)
    frames, ids = frames_for(wrapped), prompt()
    plain = run(wrapped, frames, ids).logits
    zeros = torch.zeros(B, 2, dtype=torch.long)
    for order in ((zeros, ids), (ids, zeros)):
        padded = torch.cat(order, dim=1)
        output = wrapped(frames, padded, words_of(padded), mask=(padded != 0).long())
        assert torch.allclose(output.logits[padded != 0], plain.flatten(0, 1), atol=1e-4)


@families
def test_in_pool_mode_nothing_passes_the_block(kind, monkeypatch):
    """Two windows whose block output is the same are the same to the language model; catches DeepStack and the like."""
    wrapped = tiny_wrapped(kind)
    first, second = frames_for(wrapped, seed=1), frames_for(wrapped, seed=2)
    assert not torch.allclose(run(wrapped, first).logits, run(wrapped, second).logits, atol=1e-3)
    fixed = BlockOutput(torch.randn(B, T, HIDDEN), torch.full((B, T, wrapped.grid.tokens), 1 / wrapped.grid.tokens))
    monkeypatch.setattr(wrapped.block, "forward", lambda *_: fixed)
    assert torch.equal(run(wrapped, first).logits, run(wrapped, second).logits)
    options = {"max_new_tokens": 3, "do_sample": False, "output_logits": True, "return_dict_in_generate": True}
    said = [wrapped.generate(frames, prompt(), **options).logits for frames in (first, second)]
    assert torch.equal(torch.stack(said[0]), torch.stack(said[1]))


@families
def test_gradient_checkpointing_leaves_gradients_as_they_are(kind):
    wrapped = tiny_wrapped(kind).train()
    tokens, calls = wrapped.encode(frames_for(wrapped)), []
    wrapped.language_model.layers[0].register_forward_pre_hook(lambda *_: calls.append(1))
    wrapped.language_model.layers[0].mlp.register_forward_pre_hook(lambda *_: calls.append(1))

    def gradients() -> dict:
        wrapped.zero_grad()
        calls.clear()
        run(wrapped, tokens, target=gaze_at(wrapped, 0.5, 0.5)).loss.backward()
        return {n: p.grad.clone() for n, p in wrapped.named_parameters() if p.grad is not None}

    plain, once = gradients(), len(calls)
    wrapped.enable_gradient_checkpointing()
    checkpointed, twice = gradients(), len(calls)
    assert twice > once  # the layers did run again
    assert plain.keys() == checkpointed.keys()
    for name, gradient in plain.items():
        torch.testing.assert_close(checkpointed[name], gradient)


@families
def test_the_model_keeps_its_class_and_loses_only_the_gradient_of_its_vision(kind):
    model = tiny_base(kind)
    kept = type(model), model.state_dict().keys()
    wrapped = GazeVLM.wrap(model, heads=4)
    assert wrapped.model is model
    assert (type(model), model.state_dict().keys()) == kept
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    language = {
        n for n, _ in model.named_parameters() if f".{wrapped.family.language}." in n or n.startswith("lm_head")
    }
    assert trained == language
