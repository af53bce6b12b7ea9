"""Deployments with nodes of the benchmarks among their own."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from gaze_vlm_ros.graph import Deployment, NodeSpec


class OwnNode(NodeSpec):
    """A process of the graph whose module lies in ``benchmarks``, the folder above which is the one worked in."""

    @property
    def module(self) -> str:
        return f"benchmarks.{self.executable}"


def with_nodes(deployment: Deployment, *added: NodeSpec, without: Collection[str] = ()) -> Deployment:
    """``deployment`` less the nodes named in ``without``; the ``added`` ones are brought up last."""
    *nodes, manager = deployment.nodes
    nodes = [node for node in nodes if node.name not in without] + list(added)
    manager = replace(manager, given={**manager.given, "nodes": tuple(node.name for node in nodes)})
    return replace(deployment, nodes=(*nodes, manager))
