"""Writes what the parameter dataclasses say: ``config/<deployment>.yaml`` and ``docs/parameters.md``;
and what may be said by whom: ``config/sros2/<deployment>.policy.xml``.

    python -m gaze_vlm_ros.nodes.documentation

A test fails where the files and the dataclasses differ.
"""

from __future__ import annotations

import importlib
from pathlib import Path

import yaml

from gaze_vlm_ros.environment import ROOT
from gaze_vlm_ros.graph import DEPLOYMENTS, NodeSpec, Value, build
from gaze_vlm_ros.nodes.access import policy_xml
from gaze_vlm_ros.nodes.parameters import Parameters, Spec, limits_text, specs

COMPLETE = {
    "sim": {"record": "-.mcap", "eye_cameras": "true"},
    "replay": {"record": "-.mcap", "path": "-", "eye_cameras": "true"},
    "bringup": {"record": "-.mcap", "robot": "-", "source": "-", "board": "true", "eye_source": "-"},
}
"""Arguments with which each deployment has all of its nodes."""
_HEAD = (
    "# Parameters of `{name}`, complete with their defaults. Made by `python -m gaze_vlm_ros.nodes.documentation`.\n"
)


def parameters_of(spec: NodeSpec) -> type[Parameters]:
    """The parameter dataclass of a node: ``<Module>Parameters``."""
    name = spec.executable.removesuffix("_node").title().replace("_", "") + "Parameters"
    return getattr(importlib.import_module(spec.module), name)


def yaml_of(deployment: str) -> str:
    """The parameter file of a deployment."""
    parts = [_HEAD.format(name=deployment)]
    for node in build(deployment, COMPLETE[deployment]).nodes:
        lines = [
            f"    # {_sentence(spec)}\n    {name}: {_scalar(node.parameters.get(name, default))}"
            for name, (spec, default) in specs(parameters_of(node)).items()
            if not (node.name == "lifecycle_manager" and name == "nodes")
        ]
        parts.append("\n".join([f"/**/{node.name}:", "  ros__parameters:", *lines]) + "\n")
    return "\n".join(parts)


def table() -> str:
    """``docs/parameters.md``."""
    nodes: dict[str, NodeSpec] = {}
    for deployment, arguments in COMPLETE.items():
        nodes |= {node.name: node for node in build(deployment, arguments).nodes}
    parts = [
        "# Parameters of the nodes",
        "Made by `python -m gaze_vlm_ros.nodes.documentation`. They are read when a node is configured.",
    ]
    for name, node in sorted(nodes.items()):
        rows = [
            f"| `{key}` | `{_scalar(default)}` | {_range(spec, default)} | {spec.text}{' (live)' * spec.live} |"
            for key, (spec, default) in specs(parameters_of(node)).items()
        ]
        parts.append(
            "\n".join([f"## {name}", "", "| parameter | default | values | what it is |", "|---|---|---|---|", *rows])
        )
    return "\n\n".join(parts) + "\n"


def _sentence(spec: Spec) -> str:
    limits = limits_text(spec)
    return spec.text + (f" ({limits})" if limits else "")


def _range(spec: Spec, default: Value) -> str:
    limits = limits_text(spec)
    return limits or (spec.unit or type(default[0] if isinstance(default, tuple) else default).__name__)


def _scalar(value: Value) -> str:
    plain = list(value) if isinstance(value, tuple) else value
    return yaml.safe_dump(plain, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")


def files() -> dict[Path, str]:
    """Each file and what it must hold."""
    config = ROOT / "config"
    policies = {
        config / "sros2" / f"{name}.policy.xml": policy_xml(build(name, arguments))
        for name, arguments in COMPLETE.items()
    }
    return (
        {config / f"{name}.yaml": yaml_of(name) for name in DEPLOYMENTS}
        | policies
        | {ROOT / "docs" / "parameters.md": table()}
    )


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(path.relative_to(ROOT))
