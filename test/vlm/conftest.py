"""Makes the rooms' small models and data importable, and keeps torch to one thread."""

import sys
from pathlib import Path

import pytest
import torch

for folder in ("vlm", "training"):
    sys.path.append(str(Path(__file__).parents[1] / folder))


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
