"""Answers inside a grammar are those of the plain model, choice by choice."""

import pytest
import torch
from tiny_wrap import KINDS, frames_for, prompt, tiny_wrapped

from gaze_vlm_ros.vlm.wrap.errors import WrapError
from gaze_vlm_ros.vlm.wrap.grammar import GrammarDecoder, TokenTree

END = 2
FIRST = {"a": (11, 12, 13, END), "ab": (11, 12, 14, 15, END), "c": (16, END), "d": (17, 18, 19, 20, 21, END)}
SECOND = {f"{i}{j}": (20 + i, 30, 25 + j, END) for i in range(4) for j in range(4)}


def stepwise(wrapped, tokens, ids, sentences: dict) -> tuple[str, float]:
    """The same without cache, batch and jumps: one token at a time, all else forbidden."""
    said, probability = [], 1.0
    while True:
        open_ones = {text: way for text, way in sentences.items() if list(way[: len(said)]) == said}
        if len(open_ones) == 1:
            return next(iter(open_ones)), probability
        row = torch.cat([ids, torch.tensor([said], dtype=torch.long)], dim=1)
        logits = wrapped(tokens, row, torch.ones_like(row, dtype=torch.bool)).logits[0, -1]
        choices = sorted({way[len(said)] for way in open_ones.values()})
        chances = logits[choices].softmax(-1)
        said.append(choices[int(chances.argmax())])
        probability *= float(chances.max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", ["pool", "tokens"])
def test_answers_are_those_of_the_plain_model(kind, mode):
    wrapped, said = tiny_wrapped(kind, mode=mode), set()
    for seed in range(3):
        tokens = wrapped.encode(frames_for(wrapped, batch=1, seed=seed))
        ids = prompt()
        ids[ids >= 10] += 5 * seed
        answers = GrammarDecoder(wrapped, [TokenTree(FIRST), TokenTree(SECOND)]).answers(tokens, ids)
        with torch.no_grad():
            for answer, row, sentences in zip(answers, ids, (FIRST, SECOND), strict=True):
                text, probability = stepwise(wrapped, tokens, row[None], sentences)
                assert answer.text == text
                assert answer.probability == pytest.approx(probability, abs=1e-4)
        said.add(tuple(answer.text for answer in answers))
    assert len(said) > 1


def test_prompts_of_unequal_length_and_gaze():
    wrapped = tiny_wrapped("qwen2_5_vl")
    tokens = wrapped.encode(frames_for(wrapped, batch=1))
    ids, mask = prompt(), torch.ones_like(prompt())
    ids[0] = torch.cat([torch.tensor([0, 0]), ids[0, :-2]])
    mask[0, :2] = 0
    trees = [TokenTree(SECOND), TokenTree(SECOND)]
    answers = GrammarDecoder(wrapped, trees).answers(tokens, ids, mask=mask)
    with torch.no_grad():
        assert answers[0].text == stepwise(wrapped, tokens, ids[:1, 2:], SECOND)[0]
    heatmap = torch.zeros(1, 3, wrapped.grid.tokens)
    heatmap[..., 0] = 1.0
    given = GrammarDecoder(wrapped, trees).answers(tokens, ids, gaze=heatmap, mask=mask)
    assert given[0].probability != answers[0].probability


def test_grammars_that_cannot_be_told_apart_are_refused():
    for sentences in ({}, {"a": (1, 2), "b": (1, 2)}, {"a": (1, 2), "b": (1, 2, 3)}):
        with pytest.raises(WrapError):
            TokenTree(sentences)
