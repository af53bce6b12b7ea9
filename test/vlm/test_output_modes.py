"""What the language model sees of a frame: one token, or a few that still say where things are."""

import numpy as np
import pytest
import torch
from tiny import CAMERA, frame_at, tiny_model

from gaze_vlm_ros.gaze.heatmap import heatmap
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint, save_checkpoint
from gaze_vlm_ros.vlm.config import ConfigError, GazeVLMConfig
from gaze_vlm_ros.vlm.gaze_inputs import GAZE_WORDS, gaze_words
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

FRAMES, PATCHES, WIDTH = 5, 16, 32


@pytest.mark.parametrize(("output", "tokens"), [("pool", 5), ("tokens", 5 * 16), ("words", 10)])
def test_as_many_tokens_as_the_prompt_has_places_for(output, tokens):
    model, tokenizer = tiny_model(output=output)
    attended = model.attend(torch.randn(2, FRAMES, PATCHES, WIDTH))
    assert attended.features.shape == (2, tokens, WIDTH) and attended.attention.shape == (2, FRAMES, PATCHES)
    assert model.config.image_tokens == tokens
    words = torch.randint(5, 20, (2, 4))
    places = torch.full((2, tokens), tokenizer.image_id)
    embedded = model.embed(attended.features, torch.cat([places, words], 1))
    assert torch.equal(embedded[:, :tokens], attended.features)


def test_at_most_forty_nine_tokens_for_a_frame():
    assert GazeVLMConfig(output="tokens").image_tokens == 5 * 49
    longest = GazeVLMConfig(output="tokens").base_config().text_config.max_position_embeddings
    assert longest >= 5 * 49 + 20


def test_tokens_say_where_things_are_and_the_pooled_token_does_not():
    """Swapping what lies in two patches of uniform attention moves two tokens; the pooled token stays as it is."""
    patches = torch.randn(1, FRAMES, PATCHES, WIDTH, generator=torch.Generator().manual_seed(0))
    swapped = patches[:, :, [3, 1, 2, 0, *range(4, PATCHES)]]
    for output, moves in (("pool", False), ("tokens", True)):
        model, _ = tiny_model(output=output)
        with torch.no_grad():
            for attention in model.block.attentions:
                attention.to_query.weight.zero_()
            before, after = (model.attend(given).features for given in (patches, swapped))
        assert torch.allclose(before, after, atol=1e-5) is not moves


def test_it_streams_and_comes_back_from_its_checkpoint(tmp_path):
    model, tokenizer = tiny_model(output="tokens")
    save_checkpoint(tmp_path, model, tokenizer)
    loaded, _ = load_checkpoint(tmp_path)
    assert loaded.config.output == "tokens" and loaded.modulation is not None
    one = StreamingPredictor(loaded, tokenizer)
    one.observe(frame_at(0.0), [], CAMERA)
    assert one.predict().activity.text


def test_words_say_the_ninth_of_the_picture_in_which_gaze_lies():
    model, _ = tiny_model(output="words")
    rows, columns = model.config.grid
    size = np.array((640, 480))
    patches = torch.randn(1, FRAMES, PATCHES, WIDTH)
    blind = model.attend(patches)
    with pytest.raises(ValueError, match="in words"):
        model.attend(patches, replaces=True)
    for point in ((20, 20), (600, 20), (20, 460), (600, 460)):
        looked = torch.from_numpy(heatmap(np.array(point, float), tuple(size), (rows, columns))).flatten()
        given = torch.tensor([[True] * (FRAMES - 1) + [False]])
        seen = model.attend(patches, looked.expand(1, FRAMES, PATCHES), given)
        assert torch.equal(seen.attention, blind.attention)
        assert torch.equal(seen.features[:, 0::2], blind.features[:, 0::2]), "the frames' own tokens stay as they are"
        word = model.spoken.words.weight[GAZE_WORDS.index(gaze_words(np.array([point]), tuple(size)))]
        assert torch.equal(seen.features[0, 1::2], torch.stack([word] * (FRAMES - 1) + [blind.features[0, 1]]))


def test_an_unknown_output_is_refused():
    with pytest.raises(ConfigError, match="pool, tokens"):
        GazeVLMConfig(output="some")
