"""Whole graphs as a user runs them: real processes, real messages, a domain of each test's own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

import rclpy
import torch
from patience import patience
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node

from gaze_vlm_ros.cli.processes import ProcessGraph
from gaze_vlm_ros.environment import DomainLease
from gaze_vlm_ros.graph import PARENT_VARIABLE, build
from gaze_vlm_ros.language import OBJECT_KINDS, vocabulary
from gaze_vlm_ros.nodes import qos
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


class Watcher:
    """A node of the test in the graph's domain and namespace."""

    def __init__(self, domain_id: int, namespace: str = "sim") -> None:
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain_id)
        self.node = Node("watcher", context=self._context, namespace=namespace)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self.heard: dict[str, list] = {}

    def listen(self, kind: type, topic: str, profile=qos.RESULT) -> list:
        """The list to which every message of ``topic`` is added."""
        self.heard[topic] = []
        self.node.create_subscription(kind, topic, self.heard[topic].append, profile)
        return self.heard[topic]

    def spin(self, seconds: float, until=lambda: False) -> bool:
        for _ in patience(seconds):
            self._executor.spin_once(timeout_sec=0.02)
            if until():
                return True
        return until()

    def call(self, kind: type, name: str, request=None, seconds: float = 10.0):
        client = self.node.create_client(kind, name)
        assert self.spin(seconds, client.service_is_ready), f"no service {name}"
        future = client.call_async(request or kind.Request())
        assert self.spin(seconds, future.done), f"{name} does not answer"
        self.node.destroy_client(client)
        return future.result()

    def close(self) -> None:
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.shutdown(context=self._context)


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
def _running(deployment: str, **arguments: str):
    """``Run`` of a deployment with arguments; every process is gone afterwards."""
    lines: list[str] = []
    # A lease in the environment, so that the watcher's own context is confined to this host too.
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    with DomainLease() as lease, ProcessGraph(build(deployment, arguments), lease.domain_id, lines.append) as graph:
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
