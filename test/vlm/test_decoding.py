"""Free-running decoding: the cache changes nothing, probabilities are products of the words', branches are real."""

import pytest
import torch
from tiny import tiny_model

from gaze_vlm_ros.vlm.decoding import MAX_WORDS, Decoder
from gaze_vlm_ros.vlm.tokenizer import KINDS

SEEDS = range(4)


def logits_of(model, tokenizer, features, kind, words):
    """Teacher-forced logits (L, V) after each of the prompt's last word and ``words``, without a cache."""
    prompt = torch.tensor([tokenizer.prompt(kind, model.config.frames)])
    said = model.base.get_input_embeddings()(torch.tensor([words], dtype=torch.long))
    embeds = torch.cat([model.embed(features[None], prompt), said], dim=1)
    return model.base(inputs_embeds=embeds, use_cache=False).logits[0, prompt.shape[1] - 1 :]


def spoken(model, tokenizer, features, kind):
    """The greedy sentence by the slow way: the whole sequence through the model for every word."""
    said = []
    for _ in range(MAX_WORDS):
        said.append(int(logits_of(model, tokenizer, features, kind, said)[-1].argmax()))
        if said[-1] == tokenizer.eos_id:
            break
    return tokenizer.decode(said)


def probability_of(model, tokenizer, features, kind, text):
    words = tokenizer.encode(text)
    words += [tokenizer.eos_id] if len(words) < MAX_WORDS else []
    log_probs = logits_of(model, tokenizer, features, kind, words)[:-1].log_softmax(-1)
    return log_probs.gather(-1, torch.tensor(words)[:, None]).sum().exp().item()


@pytest.fixture(params=SEEDS)
def world(request):
    model, tokenizer = tiny_model(request.param)
    features = torch.randn(3, 5, 32, generator=torch.Generator().manual_seed(request.param))
    with torch.no_grad():
        yield model, tokenizer, features


def test_the_greedy_sentence_is_the_same_without_a_cache(world):
    model, tokenizer, features = world
    for own, window in zip(features, Decoder(model, tokenizer).ranked(features), strict=True):
        for kind, sentences in zip(KINDS, window, strict=True):
            (greedy,) = [s.text for s in sentences if s.greedy]
            assert greedy == spoken(model, tokenizer, own, kind)


def test_probabilities_are_those_of_the_words_in_turn_and_ranked(world):
    model, tokenizer, features = world
    for own, window in zip(features, Decoder(model, tokenizer).ranked(features), strict=True):
        for kind, sentences in zip(KINDS, window, strict=True):
            assert [s.probability for s in sentences] == sorted((s.probability for s in sentences), reverse=True)
            assert sum(s.probability for s in sentences) <= 1.0 + 1e-5
            for sentence in sentences:
                expected = probability_of(model, tokenizer, own, kind, sentence.text)
                assert sentence.probability == pytest.approx(expected, rel=1e-3)


def test_alternatives_differ_from_one_another(world):
    model, tokenizer, features = world
    found = [sentences for window in Decoder(model, tokenizer).ranked(features) for sentences in window]
    assert any(len(sentences) == 3 for sentences in found)
    assert all(len({s.text for s in sentences}) == len(sentences) for sentences in found)


def test_windows_in_one_batch_do_not_touch_each_other(world):
    model, tokenizer, features = world
    decoder = Decoder(model, tokenizer)
    together = decoder.ranked(features)
    alone = [decoder.ranked(own[None])[0] for own in features]
    assert [[[s.text for s in k] for k in w] for w in together] == [[[s.text for s in k] for k in w] for w in alone]
