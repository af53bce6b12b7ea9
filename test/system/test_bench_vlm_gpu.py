"""The benchmark for GPU owners runs on a CPU with a tiny model, and its lanes say the same words."""

import json

import pytest
import torch

from gaze_vlm_ros.language import parse
from gaze_vlm_ros.training.pixels.models import open_model


@pytest.fixture
def bench(benchmark):
    return benchmark("vlm_gpu")


def test_the_lanes_answer_the_same_window_alike(bench):
    opened = open_model("tiny:qwen3_vl")
    opened.wrapped.eval()
    lanes = bench.Lanes(opened, torch.device("cpu"))
    for _ in range(7):
        lanes.show(torch.randint(0, 256, (3, *opened.wrapped.grid.frame_size), dtype=torch.uint8))
    plain, shared = lanes.generate(bench.WORDS), lanes.shared()
    assert plain.shape == (2, bench.WORDS)
    assert torch.equal(plain, shared)
    assert all(parse(answer.text) for answer in lanes.grammar())


@pytest.mark.slow
def test_one_line_with_all_keys(bench, capsys):
    bench.main(["--quick", "--cpu", "--dtype", "float32"])
    line = json.loads(capsys.readouterr().out)
    assert line["predictions"] == 4
    for name in ("generate", "generate_sentence", "shared", "grammar"):
        assert 0 < line[name]["ms"]["p50"] <= line[name]["ms"]["p95"]
        assert line[name]["per_s"] > 0
    assert {"speedup_shared", "speedup_grammar", "speedup_grammar_sentence", "weights"} <= set(line)
