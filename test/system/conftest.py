"""Whole graphs as a user runs them: real processes, real messages, a domain of each test's own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

import torch
from watcher import Watcher

from gaze_vlm_ros.cli.processes import ProcessGraph
from gaze_vlm_ros.environment import DomainLease
from gaze_vlm_ros.graph import PARENT_VARIABLE, build
from gaze_vlm_ros.language import OBJECT_KINDS, vocabulary
from gaze_vlm_ros.vlm.checkpoint import save_checkpoint
from gaze_vlm_ros.vlm.config import BACKGROUND, GazeVLMConfig
from gaze_vlm_ros.vlm.model import GazeVLM
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

READY_WITHIN_S = 90.0


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> str:
    """A small model that was never trained: whole-graph tests are about the graph."""
    torch.manual_seed(0)
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    config = GazeVLMConfig(
        vocabulary_size=len(tokenizer), labels=(BACKGROUND, *OBJECT_KINDS), hidden=48, vision_layers=1, vision_ff=48,
        text_layers=1, text_ff=48, block_layers=1,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("model") / "untrained"
    save_checkpoint(folder, GazeVLM(config), tokenizer)
    return str(folder)


class Run:
    """A running graph, what it says, and a watcher in it."""

    def __init__(self, graph: ProcessGraph, lines: list[str], watcher: Watcher) -> None:
        self.graph, self.lines, self.watcher = graph, lines, watcher

    def said(self, words: str) -> bool:
        return any(words in line for line in self.lines)

    def wait_ready(self) -> None:
        assert self.graph.wait(READY_WITHIN_S, until=lambda: self.said("ready:")), "\n".join(self.lines)
        assert self.said("ready:"), "\n".join(self.lines)


@contextmanager
def _running(deployment: str, remap: dict[str, dict[str, str]] | None = None, **arguments: str):
    """``Run`` of a deployment with arguments; every process is gone afterwards. ``remap``: topics of nodes, by name."""
    lines: list[str] = []
    # A lease in the environment, so that the watcher's own context is confined to this host too.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    built = build(deployment, arguments)
    nodes = tuple(replace(node, remap=(remap or {}).get(node.name, {})) for node in built.nodes)
    built = replace(built, nodes=nodes)
    with DomainLease() as lease, ProcessGraph(built, lease.domain_id, lines.append) as graph:
        watcher = Watcher(lease.domain_id)
        try:
            yield Run(graph, lines, watcher)
        finally:
            watcher.close()
    assert not any(alive(pid) for pid in graph.pids.values())


@pytest.fixture(scope="session")
def running():
    """``with running("sim", seed="3") as run``: see ``Run``."""
    return _running


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and " Z " not in Path(f"/proc/{pid}/stat").read_text()


@pytest.fixture(scope="session")
def children_of():
    return _children_of


def _children_of(parent: int) -> list[int]:
    """Processes that a graph started for ``parent``, whether or not that one still lives."""
    mark = f"{PARENT_VARIABLE}={parent}\0".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:  # ended meanwhile, or not ours
            continue
    return found
