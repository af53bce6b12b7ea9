"""The trie holds the sentences of the grammar, all of them and no other, and asks only where there is a choice."""

import pytest
import torch

from gaze_vlm_ros.language import parse, vocabulary
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer
from gaze_vlm_ros.vlm.trie import NOWHERE, GrammarError, SentenceTrie, plain_sentences

TOKENIZER = SentenceTokenizer.of_words(vocabulary())


@pytest.fixture(scope="module")
def trie():
    return SentenceTrie.of_grammar(TOKENIZER)


def walked(trie, node):
    """Every sentence behind ``node`` as the words that would be fed and chosen, by an independent way."""
    for word in range(trie.following.shape[1]):
        behind = int(trie.following[node, word])
        if behind == NOWHERE:
            continue
        fed = trie.path[node, word, : int(trie.path_length[node, word])].tolist()
        if behind >= trie.choices:
            assert not fed, "nothing is asked after the last choice, so nothing is fed"
            yield trie.text(behind), [word]
        else:
            assert fed[0] == word
            for text, words in walked(trie, behind):
                yield text, [*fed, *words]


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_every_sentence_is_reached_by_its_own_words(trie, number):
    found = dict(walked(trie, int(trie.roots[number])))
    assert sorted(found) == sorted(set(plain_sentences(KINDS[number])))
    for text, words in found.items():
        whole = [*TOKENIZER.encode(text), TOKENIZER.eos_id]
        assert words == whole[: len(words)], "what is left out behind the last choice is forced"


def test_every_choice_but_the_first_is_one(trie):
    ways = trie.allowed.sum(1)
    assert (ways > 1).all()


@pytest.mark.parametrize("number", range(len(KINDS)))
def test_decisions_lead_to_the_sentence(trie, number):
    for text in plain_sentences(KINDS[number])[::7]:
        node = int(trie.roots[number])
        for choice, word in trie.decisions(number, text):
            assert choice == node
            node = int(trie.following[node, word])
        assert trie.text(node) == text
    assert trie.decisions(number, "put the moon in orbit") == []


def test_a_sentence_may_go_on_where_another_ends():
    trie = SentenceTrie.of([["open the jar", "open the", "open"]], TOKENIZER)
    found = dict(walked(trie, 0))
    assert set(found) == {"open the jar", "open the", "open"}
    assert found["open"] == [*TOKENIZER.encode("open"), TOKENIZER.eos_id]


def test_a_single_sentence_is_no_choice_but_is_said():
    trie = SentenceTrie.of([["open the jar"]], TOKENIZER)
    assert dict(walked(trie, 0)) == {"open the jar": TOKENIZER.encode("open")}


def test_sentences_that_the_model_never_learnt_are_left_out():
    words = [word for word in vocabulary() if word != "teapot"]
    trie = SentenceTrie.of_grammar(SentenceTokenizer.of_words(words))
    assert trie.texts and not any("teapot" in text for text in trie.texts)
    assert all(parse(text) for text in trie.texts)


def test_a_tokenizer_of_another_language_is_named():
    with pytest.raises(GrammarError, match="train the model"):
        SentenceTrie.of_grammar(SentenceTokenizer.of_words(["bonjour"]))


def test_a_choice_is_no_sentence(trie):
    with pytest.raises(ValueError, match="no sentence"):
        trie.text(0)
    assert torch.equal(trie.allowed, trie.following != NOWHERE)
