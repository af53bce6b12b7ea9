"""Training from pixels in one process, on tiny models."""

import csv
import json
import re
import shutil
from dataclasses import replace

import pytest
import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file
from synthetic import write_data

from gaze_vlm_ros.training import train_pixels as command
from gaze_vlm_ros.training.loop import LoopSettings
from gaze_vlm_ros.training.pixels import devices
from gaze_vlm_ros.training.pixels.evaluation import forward, scores
from gaze_vlm_ros.training.pixels.loop import Every, Run
from gaze_vlm_ros.training.pixels.models import open_model
from gaze_vlm_ros.training.pixels.questions import Questions
from gaze_vlm_ros.training.pixels.stream import Batch, Source, first_windows
from gaze_vlm_ros.training.run_state import RunError
from gaze_vlm_ros.training.train_pixels import PixelSettings, train_pixels

MODEL = "tiny:internvl"
STEPS = 8
LOOP = LoopSettings(minutes=None, steps=STEPS, learning_rate=3e-3)
SETTINGS = PixelSettings(MODEL, batch=4, validation=3, dtype="float32")
EVERY = Every(row=2, evaluation=4, state=4)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data(tmp_path_factory.mktemp("pixels") / "data", train=10, validation=1, test=1)


@pytest.fixture(scope="module")
def run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("run")
    torch.set_num_threads(1)
    train_pixels(data, out, LOOP, SETTINGS, EVERY)
    return out


@pytest.fixture(autouse=True)
def no_accelerator_from_before():
    AcceleratorState._reset_state(True)


@pytest.fixture
def asked(data):
    """A fresh tiny model, its questions, and four windows."""
    opened = open_model(MODEL)
    questions = Questions(opened.tokenizer, opened.wrapped.model.config.image_token_id, 5)
    return opened, questions, first_windows(Source(data, "train", opened.wrapped.grid), 4)


def curve(out) -> list[dict]:
    rows = list(csv.DictReader((out / "curve.csv").read_text().splitlines()))
    return [{name: value for name, value in row.items() if name != "elapsed_s"} for row in rows]


def test_the_loss_falls_on_a_handful_of_windows(asked):
    opened, questions, windows = asked
    batch, none = Batch.of(windows), torch.zeros(len(windows), dtype=torch.bool)
    optimiser, losses = torch.optim.Adam(opened.wrapped.parameters(), 3e-3), []
    for _ in range(25):
        output = forward(opened.wrapped, opened, questions, batch, none, 1.0)
        losses.append((output.words.item(), output.gaze.item()))
        optimiser.zero_grad()
        output.loss.backward()
        optimiser.step()
    (first_words, first_gaze), (last_words, last_gaze) = losses[0], losses[-1]
    assert last_words < 0.3 * first_words
    assert last_gaze < 0.5 * first_gaze


def test_the_gaze_loss_follows_the_gaze_point_and_words_do_not(asked):
    opened, questions, windows = asked
    none = torch.zeros(len(windows), dtype=torch.bool)
    grid = opened.wrapped.grid
    found = []
    for x in (100.0, 500.0):
        moved = torch.from_numpy(grid.heatmap([[x, 200.0]], (640, 480), 20.0)).flatten().expand(5, -1)
        batch = Batch.of([replace(window, target=moved) for window in windows])
        found.append(forward(opened.wrapped, opened, questions, batch, none, 1.0))
    assert found[0].words == found[1].words
    assert abs(found[0].gaze - found[1].gaze) > 1e-3
    gradients = [torch.autograd.grad(o.gaze, opened.wrapped.block.attentions[-1].to_key.weight)[0] for o in found]
    assert not torch.allclose(*gradients, atol=1e-4)


def test_gaze_reaches_no_score_from_frames_alone(asked):
    opened, questions, windows = asked
    opened.wrapped.eval()
    with torch.no_grad():  # so large that what is said depends on what the block hands on
        for attention in opened.wrapped.block.attentions:
            attention.gaze_scale.fill_(50.0)
            attention.to_value.weight.mul_(30.0)
    corner = torch.zeros_like(windows[0].gaze)
    corner[:, 0] = 1.0
    said = []
    generate = opened.wrapped.generate

    def noted(*arguments, **options):
        logits = generate(*arguments, **options, output_logits=True, return_dict_in_generate=True).logits
        said.append((options["gaze"] is not None, logits[0]))
        return generate(*arguments, **options)

    opened.wrapped.generate = noted
    found = []
    for gaze in (None, corner):
        poured = windows if gaze is None else [replace(window, gaze=gaze) for window in windows]
        found.append(scores(opened.wrapped, opened, questions, poured, 4))
    for name in ("words", "gaze_kl", "activity_rgb", "event_rgb"):
        assert found[0][name] == found[1][name]
    half = len(said) // 2
    pairs = list(zip(said[:half], said[half:], strict=True))
    assert {told for (told, _), _ in pairs} == {True, False}
    assert all(torch.equal(a, b) != told for (told, a), (_, b) in pairs)  # but with gaze as input it is another


def test_the_truth_reaches_no_free_score(asked):
    opened, questions, windows = asked
    opened.wrapped.eval()
    said = []
    generate = opened.wrapped.generate
    opened.wrapped.generate = lambda *a, **k: said.append(generate(*a, **k)) or said[-1]
    for texts in ({}, {"activity": "reaching for the bowl", "event": "read the mug"}):
        scores(opened.wrapped, opened, questions, [replace(window, **texts) for window in windows], 4)
    half = len(said) // 2
    assert half == 4  # two questions, with and without gaze
    assert all(torch.equal(a, b) for a, b in zip(said[:half], said[half:], strict=True))


def test_a_killed_run_ends_as_one_that_was_not(run, data, tmp_path, monkeypatch):
    save = Run._save

    def save_and_die(self):
        save(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "_save", save_and_die)
    with pytest.raises(KeyboardInterrupt):
        train_pixels(data, tmp_path, LOOP, SETTINGS, EVERY)
    monkeypatch.undo()
    (tmp_path / "state.safetensors.partial").write_bytes(b"half")  # what a kill in the midst of writing leaves
    assert len(curve(tmp_path)) == 2
    train_pixels(data, tmp_path, LOOP, SETTINGS, EVERY)
    assert curve(tmp_path) == curve(run)
    assert [row["step"] for row in curve(run)] == ["2", "4", "6", "8"]
    one, other = (load_file(folder / "state.safetensors") for folder in (run, tmp_path))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_a_run_of_other_settings_is_not_continued(run, data):
    with pytest.raises(RunError, match=r"batch: 4 -> 2"):
        train_pixels(data, run, LOOP, replace(SETTINGS, batch=2), EVERY)


def test_the_checkpoint_says_what_the_run_learnt(run):
    opened = open_model(str(run / "checkpoint"))
    weights = load_file(run / "state.safetensors")
    for name, parameter in opened.wrapped.named_parameters():
        if parameter.requires_grad:
            assert torch.equal(parameter, weights[f"weight.{name}"])
    (stage,) = json.loads((run / "checkpoint" / "training.json").read_text())
    assert (stage["steps"], stage["settings"]["model"]) == (STEPS, MODEL)
    card = (run / "checkpoint" / "README.md").read_text()
    assert f"{stage['validation']['words']:.3f}" in card
    assert "teacher-forced" in card


def test_damage_is_said_and_counted_in_the_curve(data, tmp_path, capsys):
    folder = shutil.copytree(data, tmp_path / "data")
    first, *rest = sorted(folder.glob("train-*.tar"))
    assert rest
    first.write_bytes(first.read_bytes()[:20_000])
    loop = replace(LOOP, steps=16)
    train_pixels(folder, tmp_path / "out", loop, replace(SETTINGS, buffer=8, validation=1), Every(16, 16, 16))
    assert float(curve(tmp_path / "out")[-1]["skipped"]) >= 1
    assert "cut off" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nowhere"], "nowhere is no folder"),
        (["--model", "tiny:gpt"], "no model tiny:gpt.*smolvlm"),
        (["--model", MODEL, "--dtype", "float16"], "cpu.*no float16.*float32"),
        (["--model", MODEL, "--fsdp"], "FSDP.*one; use torchrun"),
        (["--model", MODEL, "--gaze-dropout", "2"], "gaze_dropout"),
        (["--model", MODEL, "--data", "nowhere"], "nowhere does not exist"),
    ],
)
def test_what_is_wrong_is_named(arguments, message, data, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command.main(["--data", str(data), "--cpu", "--threads", "1", *arguments]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert re.search(message, error)


def test_bfloat16_is_taken_where_it_is_and_refused_where_not(monkeypatch):
    cpu = torch.device("cpu")
    monkeypatch.setattr(devices, "bfloat16_pays", lambda: True)
    assert devices.chosen_dtype("auto", cpu) == "bfloat16"
    monkeypatch.setattr(devices, "bfloat16_pays", lambda: False)
    assert devices.chosen_dtype("auto", cpu) == "float32"
    with pytest.raises(devices.DeviceError, match="no bfloat16; use --dtype float32"):
        devices.chosen_dtype("bfloat16", cpu)
