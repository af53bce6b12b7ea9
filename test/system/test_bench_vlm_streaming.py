"""The streaming benchmark compares like with like, and its figures are of the run itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tiny import CAMERA, frame_at, gaze_at, tiny_model

from gaze_vlm_ros.vlm.checkpoint import save_checkpoint
from gaze_vlm_ros.vlm.predictor import StreamingPredictor
from gaze_vlm_ros.vlm.tokenizer import KINDS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def checkpoint(tmp_path):
    save_checkpoint(tmp_path, *tiny_model())
    return tmp_path


@pytest.mark.slow
def test_all_keys_of_the_process_are_printed_as_one_line(checkpoint):
    command = [sys.executable, "-m", "benchmarks.vlm_streaming", "--quick", "--seed", "3", "--only", "process"]
    done = subprocess.run([*command, "--checkpoint", str(checkpoint)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    line = json.loads(done.stdout)
    assert set(line) == {"seed", "speedup_vs_generate", "generate_threads", "block_overhead", "predict_ms"}
    assert line["seed"] == 3 and line["predict_ms"]["n"] == 3
    assert line["speedup_vs_generate"] > 1.0
    assert 1 <= line["generate_threads"] <= len(os.sched_getaffinity(0))


def test_ratios_are_those_within_a_window_and_of_the_rivals_best_threads(benchmark):
    took = {
        "ours": [0.01, 0.02, 0.10],
        "mean_pool": [0.008, 0.02, 0.08],
        "generate_1": [0.10, 0.10, 0.60],
        "generate_2": [0.08, 0.20, 0.70],
    }
    found = benchmark("vlm_lanes").ratios(took)
    assert (found["generate_threads"], found["speedup_vs_generate"]) == (1, 6.0)
    assert found["block_overhead"] == pytest.approx(0.25)


def test_the_rival_says_what_a_plain_greedy_model_says(benchmark, checkpoint):
    """Its words are the argmax of the whole sequence, over and over: nothing of ours speaks for it."""
    rival = benchmark("vlm_lanes").PlainGenerate(checkpoint)
    model, tokenizer = rival._model, tiny_model()[1]
    one = StreamingPredictor(model, tokenizer)
    for i in range(26):
        one.observe(frame_at(i / 5), [gaze_at(i / 5, 300, 200)], CAMERA)
    pixels, heatmap, given = benchmark("vlm_lanes").window_of(one)
    assert pixels.shape == (5, 3, 64, 64) and given.all()
    with torch.inference_mode():
        features = model.attend(model.encode(pixels)[None], heatmap[None], given[None]).features
        for kind, words in zip(KINDS, rival(pixels, heatmap, given), strict=True):
            ids = tokenizer.prompt(kind, 5)
            for word in words:
                assert word == int(model.logits(features, torch.tensor([ids]))[0, -1].argmax())
                ids = [*ids, word]


def test_the_mean_does_its_work_and_leads_to_the_same_words(benchmark):
    lanes, (model, tokenizer) = benchmark("vlm_lanes"), tiny_model()
    one, other = (StreamingPredictor(model if i == 0 else tiny_model()[0], tokenizer) for i in range(2))
    for predictor in (one, other):
        predictor.observe(frame_at(0.0), [], CAMERA)
    mean = lanes.MeanPool(model.block.norm_out)
    mean.output = lanes._block_output(one, model.block, lanes.window_of(one))
    seen = []
    mean._norm.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    other._model.block = mean
    assert other.predict().event.text == one.predict().event.text
    assert seen[0].shape == (1, 5, 32)


def test_another_one_begins_at_every_window(benchmark):
    lanes = benchmark("vlm_lanes")
    order = []
    works = {name: (1, lambda name=name: order.append(name)) for name in "abc"}
    for number in range(3):
        assert set(lanes._timed(works, number)) == set("abc")
    assert "".join(order) == "abcbcacab"


def test_memory_is_that_of_the_process_asked_for(benchmark):
    resident_mib = benchmark("memory").resident_mib
    assert 20 < resident_mib(os.getpid()) < 20_000
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    with pytest.raises((ProcessLookupError, FileNotFoundError)):
        resident_mib(ended.pid)
