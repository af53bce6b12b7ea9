"""Free-running decoding: as transformers' model says it word by word, and only what the grammar has."""

import math

import pytest
import torch
from tiny import tiny_model

from gaze_vlm_ros.vlm.decoding import BEAM, MIN_PROBABILITY, Decoder
from gaze_vlm_ros.vlm.tokenizer import KINDS
from gaze_vlm_ros.vlm.trie import SentenceTrie, plain_sentences

SEEDS = range(3)
FEW = [
    ["looking around", "reaching for the mug", "reaching for the pill box", "moving the mug to the tray"],
    ["put the mug on the tray", "put the mug in the basket", "put the jar on the tray", "open the jar", "open the can"],
]


def logits_of(model, tokenizer, features, kind, words):
    """Teacher-forced logits (L, V) after the prompt and after each of ``words``, without a cache, by transformers."""
    prompt = torch.tensor([tokenizer.prompt(kind, model.config.image_tokens)])
    said = model.base.get_input_embeddings()(torch.tensor([words], dtype=torch.long))
    embeds = torch.cat([model.embed(features[None], prompt), said], dim=1)
    return model.base(inputs_embeds=embeds, use_cache=False).logits[0, prompt.shape[1] - 1 :]


def next_words(texts, tokenizer, words):
    """What may follow ``words`` by a list of whole sentences."""
    whole = [[*tokenizer.encode(text), tokenizer.eos_id] for text in texts]
    return sorted({ids[len(words)] for ids in whole if ids[: len(words)] == words})


def slow_probability(model, tokenizer, features, kind, texts, text, temperatures=(1.0, 1.0)):
    """The product over all words of ``text`` of the softmax over what the list of sentences leaves."""
    words = [*tokenizer.encode(text), tokenizer.eos_id]
    logits, total, choices = logits_of(model, tokenizer, features, kind, words), 0.0, 0
    for place, word in enumerate(words):
        allowed = next_words(texts, tokenizer, words[:place])
        if len(allowed) > 1:
            scores = logits[place, allowed] / temperatures[min(choices, 1)]
            total += float(scores.log_softmax(-1)[allowed.index(word)])
            choices += 1
    return math.exp(total)


def slow_greedy(model, tokenizer, features, kind, texts):
    words = []
    while not words or words[-1] != tokenizer.eos_id:
        allowed = next_words(texts, tokenizer, words)
        best = allowed[0]
        if len(allowed) > 1:
            best = allowed[int(logits_of(model, tokenizer, features, kind, words)[-1, allowed].argmax())]
        words.append(best)
    return tokenizer.decode(words)


@pytest.fixture(params=SEEDS)
def world(request):
    model, tokenizer = tiny_model(request.param, output="tokens" if request.param == 2 else "pool")
    shape = 2, model.config.image_tokens, 32
    features = torch.randn(*shape, generator=torch.Generator().manual_seed(request.param))
    with torch.no_grad():
        yield model, tokenizer, features


def each(decoder, features, **settings):
    """(features of the window, number of the task, its sentences) of every window and task."""
    for own, window in zip(features, decoder.ranked(features, **settings), strict=True):
        yield from ((own, number, sentences) for number, sentences in enumerate(window))


def test_greedy_sentences_and_probabilities_are_those_of_the_slow_way(world):
    model, tokenizer, features = world
    for own, number, sentences in each(Decoder(model, tokenizer), features):
        kind, texts = KINDS[number], plain_sentences(KINDS[number])
        (greedy,) = [sentence.text for sentence in sentences if sentence.greedy]
        assert greedy == slow_greedy(model, tokenizer, own, kind, texts)
        for sentence in sentences:
            expected = slow_probability(model, tokenizer, own, kind, texts, sentence.text)
            assert sentence.probability == pytest.approx(expected, rel=1e-3)


def test_a_wide_beam_finds_every_sentence_and_their_probabilities_sum_to_one(world, monkeypatch):
    model, tokenizer, features = world
    monkeypatch.setattr("gaze_vlm_ros.vlm.decoding.MIN_PROBABILITY", 1e-30)
    decoder = Decoder(model, tokenizer, SentenceTrie.of(FEW, tokenizer))
    for own, number, sentences in each(decoder, features, beam=8):
        assert {sentence.text for sentence in sentences} == set(FEW[number])
        assert sum(sentence.probability for sentence in sentences) == pytest.approx(1.0, rel=1e-4)
        for sentence in sentences:
            expected = slow_probability(model, tokenizer, own, KINDS[number], FEW[number], sentence.text)
            assert sentence.probability == pytest.approx(expected, rel=1e-3)


def test_sentences_differ_are_ranked_and_of_the_grammar(world):
    model, tokenizer, features = world
    found = list(each(Decoder(model, tokenizer), features))
    assert any(len(sentences) == BEAM for _, _, sentences in found)
    for _, number, sentences in found:
        probabilities = [sentence.probability for sentence in sentences]
        assert probabilities == sorted(probabilities, reverse=True) and sum(probabilities) <= 1.0 + 1e-5
        assert len({sentence.text for sentence in sentences}) == len(sentences) <= BEAM
        assert {sentence.text for sentence in sentences} <= set(plain_sentences(KINDS[number]))
        assert all(s.greedy or s.probability >= MIN_PROBABILITY for s in sentences)
        assert sum(sentence.greedy for sentence in sentences) == 1


def test_windows_in_one_batch_do_not_touch_each_other(world):
    model, tokenizer, features = world
    decoder = Decoder(model, tokenizer)
    features = torch.cat([features, 2 * features, -features])
    together = decoder.ranked(features)
    for own, window in zip(features, together, strict=True):
        (alone,) = decoder.ranked(own[None])
        assert [[s.text for s in task] for task in alone] == [[s.text for s in task] for task in window]
        for task, other in zip(alone, window, strict=True):
            for one, two in zip(task, other, strict=True):
                assert one.probability == pytest.approx(two.probability, rel=1e-4)


def test_temperatures_change_probabilities_and_not_the_greedy_sentence(world):
    model, tokenizer, features = world
    decoder, temperatures = Decoder(model, tokenizer), torch.tensor([[2.0, 0.7], [0.5, 3.0]])
    plain = list(each(decoder, features))
    for (own, number, sentences), (_, _, before) in zip(
        each(decoder, features, temperatures=temperatures), plain, strict=True
    ):
        kind, texts = KINDS[number], plain_sentences(KINDS[number])
        assert [s.text for s in sentences if s.greedy] == [s.text for s in before if s.greedy]
        for sentence in sentences:
            given = tuple(temperatures[number].tolist())
            expected = slow_probability(model, tokenizer, own, kind, texts, sentence.text, given)
            assert sentence.probability == pytest.approx(expected, rel=1e-3)


def test_frames_are_read_once_for_both_questions(world):
    model, tokenizer, features = world
    decoder, fed = Decoder(model, tokenizer), []
    llama = decoder._llama

    class Counting:
        start = staticmethod(llama.start)

        def __call__(self, embedded, *rest):
            fed.append(embedded.shape[1])
            return llama(embedded, *rest)

    decoder._llama = Counting()
    decoder.ranked(features[:1])
    prompts = [tokenizer.prompt(kind, model.config.image_tokens) for kind in KINDS]
    assert fed[0] == 1 + model.config.image_tokens + sum(len(p) - 1 - model.config.image_tokens for p in prompts)
    longest = max(len(tokenizer.encode(text)) for kind in KINDS for text in plain_sentences(kind))
    assert len(fed) < longest, "words without a choice cost no call of their own"
