"""Naming: the language model learns to read what the block is pointed at, and nothing of where anybody looks."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from arm_cache import LABELS, change_cache, look_elsewhere, write_cache

from gaze_vlm_ros.training.data import DataError
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.pretrain_language import Names, naming_losses, pretrain_language
from gaze_vlm_ros.training.provenance import NAMING, load_stages
from gaze_vlm_ros.training.token_set import TokenSet
from gaze_vlm_ros.training.train_vlm import SettingsError, starting_model
from gaze_vlm_ros.vlm.checkpoint import load_checkpoint

LOOP = LoopSettings(minutes=None, steps=150, learning_rate=1e-2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return write_cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def named(cache, tmp_path_factory):
    return pretrain_language(cache / "tokens", cache / "encoder", tmp_path_factory.mktemp("language"), LOOP)


def names_of(folder):
    model, tokenizer = load_checkpoint(folder / "encoder")
    data = TokenSet(folder / "tokens", model.config)
    return Names(data, tokenizer, model.config.image_tokens), data, tokenizer


def test_a_draw_points_at_the_things_it_names(cache):
    names, data, tokenizer = names_of(cache)
    windows = names.of_split("train")[:20]
    torch.manual_seed(3)
    maps, ids, scored = names.draw(windows)
    labels = torch.from_numpy(data.columns["patch_label"]).flatten(1)[torch.from_numpy(data.rows(windows))]
    assert maps.sum(-1) == pytest.approx(torch.ones(20, 5))
    shown = [[{LABELS[i] for i in labels[b, t][maps[b, t] > 0]} for t in range(5)] for b in range(20)]
    assert all(len(thing) == 1 for window in shown for thing in window)
    said = [tokenizer.decode(row[mark].tolist()).split() for row, mark in zip(ids, scored, strict=True)]
    assert said == [[next(iter(thing)) for thing in window] for window in shown]
    assert {word for window in said for word in window} == {"mug", "bowl", "hand"}, "all that is in sight, in turn"


def test_names_do_not_know_where_anybody_looks(cache, tmp_path):
    other = write_cache(tmp_path)
    change_cache(other, lambda columns: look_elsewhere(columns, np.arange(len(columns["episode"]))))
    draws = []
    for folder in (cache, other):
        names, _, _ = names_of(folder)
        torch.manual_seed(5)
        draws.append(names.draw(names.of_split("train")))
    assert all(torch.equal(a, b) for a, b in zip(*draws, strict=True))


def test_it_learns_to_read_what_it_is_pointed_at(cache, named):
    names, data, _ = names_of(cache)
    windows = names.of_split("test")
    for folder, least, most in ((named, 0.9, 1.0), (cache / "encoder", 0.0, 0.2)):
        torch.manual_seed(7)
        with torch.no_grad():
            _, right = naming_losses(load_checkpoint(folder)[0].eval(), data, names, windows)
        assert least <= right <= most
    draw = names.draw

    def elsewhere(windows):
        maps, *rest = draw(windows)
        return maps.roll(1, 0), *rest

    names.draw = elsewhere
    with torch.no_grad():
        _, right = naming_losses(load_checkpoint(named)[0].eval(), data, names, windows)
    assert right < 0.7, "pointed at another window's things it errs"


def test_the_next_stage_goes_on_from_it(cache, named):
    (fresh, _), (start, _) = load_checkpoint(cache / "encoder"), load_checkpoint(named)
    stages = load_stages(named)
    assert stages[-1].name == NAMING and stages[-1].validation["right"] > 0.9
    begun = starting_model(start, start.config, stages)
    for part in ("block", "base.model.language_model", "base.lm_head"):
        pairs = zip(begun.get_submodule(part).parameters(), start.get_submodule(part).parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs), part
    torch.manual_seed(0)
    again = starting_model(fresh, fresh.config, [])
    assert not torch.equal(again.base.lm_head.weight, fresh.base.lm_head.weight), "new without that stage"
    with pytest.raises(SettingsError, match="pretrain_language with --text-layers 3"):
        starting_model(start, replace(start.config, text_layers=3), stages)


def test_where_to_attend_is_not_learnt(cache, tmp_path):
    """Not even weight decay touches what decides it: what begins alike ends alike after any number of steps."""
    ends = [
        pretrain_language(cache / "tokens", cache / "encoder", tmp_path / str(count), replace(LOOP, steps=count))
        for count in (1, 30)
    ]
    first, second = (load_checkpoint(end)[0].block.attentions for end in ends)
    for a, b in zip(first, second, strict=True):
        for name in ("to_query", "to_key"):
            assert torch.equal(getattr(a, name).weight, getattr(b, name).weight)
        assert not torch.equal(a.to_value.weight, b.to_value.weight)


def test_a_cache_without_names_is_refused(tmp_path):
    folder = write_cache(tmp_path)
    change_cache(folder, lambda columns: columns["patch_label"].fill(0))
    with pytest.raises(DataError, match="no window of the split 'train' shows a thing with a name"):
        pretrain_language(folder / "tokens", folder / "encoder", tmp_path / "out", LOOP)
