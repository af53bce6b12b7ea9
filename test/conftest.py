"""For every test."""

import importlib
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("patient", deadline=None)  # a shared machine may stand still at any example
settings.load_profile("patient")


@pytest.fixture
def benchmark(monkeypatch):
    """Finds a module of benchmarks."""
    monkeypatch.syspath_prepend(str(Path(__file__).resolve().parents[1]))
    return lambda name: importlib.import_module(f"benchmarks.{name}")
