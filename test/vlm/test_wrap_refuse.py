"""What a wrapped model refuses: one line that names the thing and the remedy."""

import pytest
import torch
from tiny import tiny_model
from tiny_wrap import IMAGE, KINDS, frames_for, prompt, tiny_base, tiny_wrapped, words_of

from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.wrap.errors import WrapError


@pytest.fixture(scope="module")
def wrapped():
    return tiny_wrapped("internvl")


def refuses(what, *remedies):
    """The error of ``what``: one line that has every one of ``remedies`` in it."""
    with pytest.raises(WrapError) as caught:
        what()
    assert "\n" not in str(caught.value)
    for remedy in remedies:
        assert remedy in str(caught.value)


def test_an_unknown_family_is_named_with_those_that_exist():
    refuses(lambda: GazeVLM.wrap(tiny_model()[0].base), "'llava'", *KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_frame_sizes_that_do_not_fit(kind):
    refuses(lambda: GazeVLM.wrap(tiny_base(kind), heads=4, frame_size=(60, 61)), "(60, 61)", "px")


def test_an_encoder_whose_patches_cannot_be_merged():
    model = tiny_base("smolvlm")
    model.config.scale_factor = 3
    refuses(lambda: GazeVLM.wrap(model, heads=4), "3 x 3")


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"heads": 5}, "must divide the hidden size 32"),
        ({"heads": 0}, "heads must be a whole number"),
        ({"layers": 1.5}, "layers must be"),
        ({"mode": "both"}, "pool, tokens"),
        ({"frame_size": (64,)}, "(height, width)"),
    ],
)
def test_settings_that_cannot_work(settings, remedy):
    refuses(lambda: GazeVLM.wrap(tiny_base("internvl"), **settings), remedy)


@pytest.mark.parametrize(
    ("frames", "remedy"),
    [
        (torch.zeros(2, 3, 3, 32, 64), "resize"),
        (torch.zeros(2, 3, 1, 64, 64), "(B, T, 3, 64, 64)"),
        (torch.zeros(3, 64, 64), "got (3, 64, 64)"),
        (torch.zeros(2, 3, 49, 32), "tokens (B, T, 64, 32)"),
        (torch.zeros(2, 0, 3, 64, 64), "window is empty"),
        (torch.zeros(0, 3, 64, 32), "window is empty"),
        (torch.zeros(2, 3, 3, 64, 64, dtype=torch.uint8), "image processor"),
    ],
)
def test_frames_that_do_not_fit(wrapped, frames, remedy):
    refuses(lambda: wrapped.encode(frames), remedy)


@pytest.mark.parametrize("name", ["target", "gaze"])
@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda h: h * torch.nan, "NaN"),
        (lambda h: h[..., :49], "grid.heatmap"),
        (lambda h: h * 2, "sum to 1"),
        (lambda h: h * 2 - h.roll(1, -1), "sum to 1"),
    ],
)
def test_gaze_that_is_no_heatmap(wrapped, name, change, remedy):
    heatmap = torch.zeros(2, 3, 64)
    heatmap[..., 7] = 1.0
    frames, ids = frames_for(wrapped), prompt()
    refuses(lambda: wrapped(frames, ids, words_of(ids), **{name: change(heatmap)}), name, remedy)


@pytest.mark.parametrize("each", [0, 2, 63, 65, 5 * 64])
def test_prompts_with_another_number_of_placeholders(wrapped, each):
    ids = prompt(each=each) if each else prompt()[:, -6:]
    refuses(
        lambda: wrapped.generate(frames_for(wrapped), ids),
        "needs 3 placeholders (token 5), or 64 per frame",
        f"there are {3 * each};",
        "crop_to_patches=False",
    )


def test_prompts_whose_rows_differ(wrapped):
    ids = prompt()
    ids[1, 1] = 9
    refuses(lambda: wrapped.generate(frames_for(wrapped), ids), "there are 2 and 3")


def test_placeholders_of_one_frame_that_are_apart(wrapped):
    ids = prompt(each=64)
    ids[:, 64], ids[:, 65] = ids[:, 65].clone(), IMAGE  # the last of the first frame after the word
    refuses(lambda: wrapped.generate(frames_for(wrapped), ids), "stand together")


def test_frames_side_by_side_where_positions_have_three_axes():
    ids = torch.tensor([[7, IMAGE, IMAGE, IMAGE, 11, 12]] * 2)
    qwen, other = tiny_wrapped("qwen2_5_vl", mode="tokens"), tiny_wrapped("internvl", mode="tokens")
    refuses(lambda: qwen(frames_for(qwen), ids, words_of(ids)), "side by side", "vision_start")
    assert other(frames_for(other), ids, words_of(ids)).loss.isfinite()


@pytest.mark.parametrize(
    ("change", "remedy"),
    [
        (lambda ids: {"ids": ids[:1]}, "one prompt per window"),
        (lambda ids: {"ids": ids.float()}, "int64"),
        (lambda ids: {"mask": torch.ones(2, 3)}, "of ids"),
        (lambda ids: {"scored": words_of(ids).long()}, "bool"),
        (lambda ids: {"scored": words_of(ids)[:, 1:]}, "as ids"),
        (lambda ids: {"scored": ids < 0}, "no word is scored"),
    ],
)
def test_words_that_do_not_fit(wrapped, change, remedy):
    ids = prompt()
    given = {"ids": ids, "scored": words_of(ids)} | change(ids)
    if given["ids"].shape != given["scored"].shape and "ids" in change(ids):
        given["scored"] = words_of(given["ids"])
    refuses(lambda: wrapped(frames_for(wrapped), **given), remedy)


def test_prompts_padded_on_the_right_cannot_be_gone_on_from(wrapped):
    ids, mask = prompt(), torch.ones_like(prompt())
    mask[0, -1] = 0
    refuses(lambda: wrapped.generate(frames_for(wrapped), ids, mask=mask), "padding_side='left'")
