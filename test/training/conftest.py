"""Keeps torch to one thread; trains the tiny model once for all that look at it."""

import pytest
import torch
from one_thread import one_thread
from tiny_run import train_squares

__all__ = ["one_thread", "runs"]


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("runs")
    train_squares(folder)
    return folder
