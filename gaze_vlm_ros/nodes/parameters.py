"""Parameters of a node as one frozen dataclass: defaults, units, ranges, words, and ROS descriptors made of them."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from gaze_vlm_ros.errors import GazeVlmError

_KEY = "parameter"
_OF_RCLPY = ("use_sim_time", "start_type_description_service", "qos_overrides.")


class ParameterError(GazeVlmError):
    """A parameter that is unknown, of the wrong type or out of range."""


@dataclass(frozen=True)
class Spec:
    """What is known of one parameter beside its default. ``live``: may change while the node is configured."""

    text: str
    unit: str = ""
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False


def parameter(
    default: Any,
    text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: Sequence[str] = (),
    live: bool = False,
) -> Any:
    """A field of a parameter dataclass. The default's type is the parameter's type."""
    return dataclasses.field(default=default, metadata={_KEY: Spec(text, unit, low, high, tuple(choices), live)})


@dataclass(frozen=True)
class Parameters:
    """Base of every node's parameters; construction checks each value and raises ParameterError."""

    def __post_init__(self) -> None:
        for name, (spec, default) in specs(type(self)).items():
            object.__setattr__(self, name, _checked(name, spec, default, getattr(self, name)))


P = TypeVar("P", bound=Parameters)


def specs(kind: type[Parameters]) -> dict[str, tuple[Spec, Any]]:
    """Of each parameter: its spec and its default."""
    return {field.name: (field.metadata[_KEY], field.default) for field in dataclasses.fields(kind)}


def _checked(name: str, spec: Spec, default: Any, value: Any) -> Any:
    """``value`` as the type of ``default``; integers are accepted for floats."""
    if isinstance(default, tuple):
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise ParameterError(f"parameter {name} must be a list, got {value!r}")
        return tuple(_checked(name, spec, default[0], item) for item in value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not type(default):
        raise ParameterError(f"parameter {name} must be of type {type(default).__name__}, got {value!r}")
    if spec.choices and value not in spec.choices:
        raise ParameterError(f"parameter {name} must be one of {', '.join(spec.choices)}; got {value!r}")
    outside = (spec.low is not None and not value >= spec.low) or (spec.high is not None and not value <= spec.high)
    if outside or (isinstance(value, float) and math.isnan(value)):
        raise ParameterError(f"parameter {name} must be {limits_text(spec) or 'a number'}, got {value!r}")
    return value


def limits_text(spec: Spec) -> str:
    """The range in words, with its unit; empty where there is none."""
    unit = f" {spec.unit}" if spec.unit else ""
    if spec.choices:
        return ", ".join(spec.choices)
    if spec.low is not None and spec.high is not None:
        return f"{spec.low:g} to {spec.high:g}{unit}"
    if spec.low is not None:
        return f"at least {spec.low:g}{unit}"
    return f"at most {spec.high:g}{unit}" if spec.high is not None else ""


def descriptor(spec: Spec, default: Any) -> ParameterDescriptor:
    """For people and tools; ``Parameters`` itself does the checking, so that integers pass for floats."""
    result = ParameterDescriptor(
        description=spec.text + (f" [{spec.unit}]" if spec.unit else ""),
        additional_constraints=f"one of {', '.join(spec.choices)}" if spec.choices else "",
        dynamic_typing=True,
    )
    if spec.low is not None and spec.high is not None:
        if isinstance(default, float):
            result.floating_point_range = [FloatingPointRange(from_value=float(spec.low), to_value=float(spec.high))]
        elif isinstance(default, int):
            result.integer_range = [IntegerRange(from_value=int(spec.low), to_value=int(spec.high), step=1)]
    return result


def declare(node: Node, kind: type[P]) -> P:
    """Declares every field of ``kind`` and returns the values in force.

    Raises ParameterError for a value out of range and for overrides that the node does not know.
    """
    known = specs(kind)
    given = {name: value.value for name, value in node._parameter_overrides.items()}  # rclpy has no public access
    unknown = sorted(name for name in given if name not in known and not name.startswith(_OF_RCLPY))
    if unknown:
        raise ParameterError(f"unknown parameter {', '.join(unknown)}; this node knows {', '.join(sorted(known))}")
    values = kind(**{name: value for name, value in given.items() if name in known})
    for name, (spec, default) in known.items():
        value = getattr(values, name)
        node.declare_parameter(
            name, list(value) if isinstance(value, tuple) else value, descriptor(spec, default), ignore_override=True
        )
    return values


def changed(values: P, changes: Sequence[Parameter], configured: bool) -> tuple[P, SetParametersResult]:
    """``values`` with ``changes``, or ``values`` as they were and the reason for which the change is refused."""
    known = specs(type(values))
    mine = {change.name: change.value for change in changes if not change.name.startswith(_OF_RCLPY)}
    try:
        for name in mine:
            if name not in known:
                raise ParameterError(f"unknown parameter {name}; this node knows {', '.join(sorted(known))}")
        after = dataclasses.replace(values, **mine)
        for name in mine:
            if configured and not known[name][0].live and getattr(after, name) != getattr(values, name):
                raise ParameterError(
                    f"parameter {name} takes effect on configure: deactivate and clean up the node first"
                )
    except ParameterError as error:
        return values, SetParametersResult(successful=False, reason=str(error))
    return after, SetParametersResult(successful=True)
