"""What holds for each node of the graph."""

import ast
import importlib
import inspect
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

import rclpy

import gaze_vlm_ros.nodes
from gaze_vlm_ros.graph import build
from gaze_vlm_ros.nodes.base import ManagedNode
from gaze_vlm_ros.nodes.documentation import COMPLETE

MODULES = sorted(path.stem for path in Path(gaze_vlm_ros.nodes.__file__).parent.glob("*_node.py"))
MANAGED = [module for module in MODULES if module != "lifecycle_manager_node"]
HOOKS = {"Parameters", "_setup", "_teardown", "_start", "_stop", "_figures", "_warnings", "_dropped"}


def node_class(module):
    loaded = importlib.import_module(f"gaze_vlm_ros.nodes.{module}")
    found = [kind for _, kind in inspect.getmembers(loaded, inspect.isclass) if issubclass(kind, ManagedNode)]
    return next(kind for kind in found if kind is not ManagedNode)


@pytest.fixture(scope="module")
def names_of_the_base(domain):
    """Everything that a bare node already calls its own, rclpy's private attributes included."""
    rclpy.init()
    node = ManagedNode("bare")
    taken = set(dir(node))
    node.destroy_node()
    rclpy.shutdown()
    return taken


def test_every_node_stands_in_some_deployment():
    used = {node.executable for name, arguments in COMPLETE.items() for node in build(name, arguments).nodes}
    assert used == set(MODULES)


@pytest.mark.parametrize("module", MANAGED)
def test_a_node_overrides_nothing_but_the_hooks(module, names_of_the_base):
    kind = node_class(module)
    methods = {name for name in vars(kind) if not name.startswith("__")}
    tree = ast.parse(inspect.getsource(kind))
    assigned = {
        target.attr
        for target in ast.walk(tree)
        if isinstance(target, ast.Attribute) and isinstance(target.ctx, ast.Store)
        if ast.unparse(target.value) == "self"
    }
    assert (methods | assigned) & names_of_the_base <= HOOKS


@pytest.mark.parametrize("module", MODULES)
def test_a_node_is_short_and_can_be_run(module):
    loaded = importlib.import_module(f"gaze_vlm_ros.nodes.{module}")
    assert callable(loaded.main)
    assert len(inspect.getsource(loaded).splitlines()) < 220
