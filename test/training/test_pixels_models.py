"""Models that can be trained from pixels: named ones of every family, and folders on this disk."""

import json

import pytest
import torch
from synthetic import write_data
from transformers import AutoModelForImageTextToText

from gaze_vlm_ros.training.pixels.evaluation import forward
from gaze_vlm_ros.training.pixels.models import PICTURES, open_model
from gaze_vlm_ros.training.pixels.questions import QUESTIONS, Questions, word_tokenizer
from gaze_vlm_ros.training.pixels.sizes import SIZES, configuration
from gaze_vlm_ros.training.pixels.stream import Batch, Source, first_windows
from gaze_vlm_ros.vlm.tokenizer import IMAGE, KINDS
from gaze_vlm_ros.vlm.trie import plain_sentences
from gaze_vlm_ros.vlm.wrap.errors import WrapCheckpointError
from gaze_vlm_ros.vlm.wrap.families import FAMILIES

TEMPLATE = (
    "{% for message in messages %}{% for part in message.content %}{% if part.type == 'image' %}<image> : "
    "{% else %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}{% if add_generation_prompt %} now{% endif %}"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("pixels") / "data", train=1, validation=1, test=1)


@pytest.fixture
def folder(tmp_path):
    """A model as transformers saves it."""
    tokenizer = word_tokenizer()
    config = configuration("smolvlm", SIZES["tiny"], len(tokenizer))
    AutoModelForImageTextToText.from_config(config).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    known = {"image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.25, 0.5]}
    (tmp_path / PICTURES).write_text(json.dumps(known))
    return tmp_path


@pytest.mark.parametrize("kind", FAMILIES)
@pytest.mark.parametrize("lora", [0, 2])
def test_every_family_learns_with_and_without_adapters(kind, lora, data):
    opened = open_model(f"tiny:{kind}", lora_rank=lora)
    questions = Questions(opened.tokenizer, opened.wrapped.model.config.image_token_id, 5)
    batch = Batch.of(first_windows(Source(data, "train", opened.wrapped.grid), 2))
    forward(opened.wrapped, opened, questions, batch, torch.tensor([True, False]), 1.0).loss.backward()
    moved = {name for name, p in opened.wrapped.named_parameters() if p.grad is not None and p.grad.any()}
    assert any("lora_" in name for name in moved) == bool(lora)
    assert any(".block." in f".{name}" for name in moved)
    assert any(name.endswith("gaze_scale") for name in moved)
    assert not any("vision" in name or "visual" in name for name in moved)


@pytest.mark.parametrize("kind", FAMILIES)
def test_the_2b_class_is_one(kind):
    with torch.device("meta"):
        model = AutoModelForImageTextToText.from_config(configuration(kind, SIZES["random-2b"], 400))
    assert 1.7e9 < sum(parameter.numel() for parameter in model.parameters()) < 2.6e9


def test_a_folder_keeps_its_weights_and_its_way_with_pictures(folder):
    opened = open_model(str(folder), "tokens")
    plain = AutoModelForImageTextToText.from_pretrained(folder).state_dict()
    assert all(torch.equal(tensor, plain[name]) for name, tensor in opened.wrapped.model.state_dict().items())
    frames = torch.tensor([[0, 51, 255]], dtype=torch.uint8).reshape(1, 3, 1, 1)
    assert opened.pixels(frames).flatten().tolist() == pytest.approx([-2.0, -1.2, 0.8])
    assert opened.wrapped.settings.mode == "tokens"


@pytest.mark.parametrize("file", ["config.json", "model.safetensors", PICTURES, "tokenizer.json"])
def test_a_folder_that_lacks_something_is_named(folder, file):
    (folder / file).unlink()
    with pytest.raises(WrapCheckpointError, match=str(folder)):
        open_model(str(folder))


def test_sentences_survive_the_tokens_and_prompts_hold_no_answer():
    questions = Questions(word_tokenizer(), 4, 5)
    for kind in KINDS:
        for text in plain_sentences(kind):
            rows = questions.rows([text], [""])
            (ids,), (scored,) = rows.ids, rows.scored
            assert questions.text(ids[scored].tolist()) == text
            assert ids[~scored].tolist() == questions.prompt(KINDS[0]).tolist()
    rows = questions.rows(["reaching for the mug", ""], ["", "pick up the bowl"])
    assert rows.window.tolist() == [0, 1]
    assert (rows.ids == 4).sum(1).tolist() == [5, 5]
    unknown = questions.tokenizer.unk_token_id
    assert not (rows.ids == unknown).any()


def test_a_chat_template_is_used_where_it_writes_a_placeholder_per_frame():
    tokenizer = word_tokenizer()
    tokenizer.chat_template = TEMPLATE
    prompt = Questions(tokenizer, 4, 5).prompt(KINDS[0])
    assert tokenizer.decode(prompt) == f"{f'{IMAGE} : ' * 5}{QUESTIONS[KINDS[0]]} now"
    tokenizer.chat_template = TEMPLATE.replace("<image>", "")
    assert (Questions(tokenizer, 4, 5).prompt(KINDS[0]) == 4).sum() == 5
