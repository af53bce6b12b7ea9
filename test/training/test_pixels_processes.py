"""Two processes by torchrun: each sees its own windows, both end with the same weights, divided or not."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from synthetic import write_data


@pytest.mark.slow
def test_two_processes_share_the_data_and_the_weights(tmp_path):
    data = write_data(tmp_path / "data", train=24, validation=1, test=1)
    weights = {}
    for way in ("copies", "fsdp"):
        out = tmp_path / way
        script = Path(__file__).with_name("pixel_process.py")
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
        done = subprocess.run([*command, script, data, out, way], capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr[-3000:]
        seen = [json.loads((out / f"seen-{rank}.json").read_text()) for rank in range(2)]
        assert [len(windows) for windows in seen] == [16, 16]
        assert len({tuple(window) for windows in seen for window in windows}) == 32
        weights[way] = [load_file(out / f"weights-{rank}.safetensors") for rank in range(2)]
    first = weights["copies"][0]
    for other in (weights["copies"][1], *weights["fsdp"]):
        assert first.keys() == other.keys()
        for name, tensor in first.items():
            torch.testing.assert_close(other[name], tensor, atol=1e-5, rtol=1e-4)
