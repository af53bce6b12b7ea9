"""Two processes by torchrun: each has episodes of its own, both end with the same weights, and one of them writes."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from demonstrations import demonstration
from safetensors.torch import load_file


@pytest.mark.slow
def test_two_processes_train_one_eye(tmp_path):
    demonstration().save(tmp_path / "shown.npz")
    script = Path(__file__).with_name("eye_process.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    done = subprocess.run(
        [*command, script, tmp_path / "shown.npz", tmp_path], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-3000:]
    first, second = (load_file(tmp_path / f"weights-{rank}.safetensors") for rank in range(2))
    for name, tensor in first.items():
        torch.testing.assert_close(second[name], tensor, atol=0, rtol=0)
    assert (tmp_path / "run-0" / "curve.csv").exists() and not (tmp_path / "run-1" / "curve.csv").exists()
