"""The nodes of each deployment, as values that ``ros2 launch`` and ``gaze-vlm-ros up`` both read.

A deployment is built from ``name:=value`` arguments. What its nodes need beyond their own defaults stands here, and
complete in ``config/<deployment>.yaml``, which is made from it.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gaze_vlm_ros.environment import resource
from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.supervision import RESTARTS

PARENT_VARIABLE = "GAZE_VLM_ROS_PARENT"
"""Set for each node by ``gaze-vlm-ros up`` to its process id: the node ends when that process does."""
IMAGE_TRANSPORTS = ("raw", "compressed")
EYE_TOPICS = "topics"
"""An ``eye_source`` that is no device: a driver of the user's own publishes the pictures."""
SCENE_IMAGE_KEPT = ("as_is", "faces_blurred", "none")
_CHOICES = {"image_transport": IMAGE_TRANSPORTS, "scene_image": SCENE_IMAGE_KEPT}
POLICY_HELP = "trained policy: a shipped name, or a folder of ours or LeRobot's; empty: the arm only points"
Value = bool | int | float | str | tuple[str, ...]


class GraphError(GazeVlmError):
    """A deployment or an argument that does not exist, or whose value does not fit."""


@dataclass(frozen=True)
class NodeSpec:
    """One process: ``executable`` is a module of ``gaze_vlm_ros.nodes``, ``name`` the node's name in the graph.

    ``parameters`` are what the deployment sets and its parameter file shows; ``given`` are what arguments set, which
    wins over the file. ``remap`` gives topics of this node other names.
    """

    executable: str
    name: str
    parameters: Mapping[str, Value] = field(default_factory=dict)
    given: Mapping[str, Value] = field(default_factory=dict)
    remap: Mapping[str, str] = field(default_factory=dict)

    @property
    def module(self) -> str:
        return f"gaze_vlm_ros.nodes.{self.executable}"

    @property
    def enclave(self) -> str:
        """Where the node's keys and permissions lie in an SROS 2 key store; it says nothing where security is off."""
        return f"/gaze_vlm_ros/{self.name}"


@dataclass(frozen=True)
class Deployment:
    """Nodes in the order in which they are brought up, the life-cycle manager last.

    ``own_domain``: it runs in a ROS domain of its own that nothing outside this host hears. ``restarts``: how often in
    a row a node that died or failed is brought back.
    """

    name: str
    namespace: str
    own_domain: bool
    nodes: tuple[NodeSpec, ...]
    params: str = ""
    restarts: int = RESTARTS


@dataclass(frozen=True)
class CommonArguments:
    """Arguments of every deployment."""

    record: str = field(default="", metadata={"help": "path of the .mcap file to record to; empty: no recording"})
    scene_image: str = field(
        default="as_is", metadata={"help": "what a recording keeps of pictures: as_is, faces_blurred, none"}
    )
    participant: str = field(default="", metadata={"help": "pseudonym of the wearer in a recording, such as P07"})
    checkpoint: str = field(default="", metadata={"help": "folder of the model; empty: the shipped one"})
    eye_checkpoint: str = field(default="", metadata={"help": "folder of the eye estimator; empty: the shipped one"})
    calibration: str = field(default="", metadata={"help": "file of the wearer's eye calibration, read and written"})
    params: str = field(default="", metadata={"help": "parameter file to use instead of the deployment's own"})


@dataclass(frozen=True)
class SimArguments(CommonArguments):
    """Arguments of ``sim``."""

    seed: int = field(default=1, metadata={"help": "seed of the layout, the wearer and the noise"})
    robot: str = field(default="jaco", metadata={"help": "name or robot.yaml of the arm"})
    policy: str = field(default="", metadata={"help": POLICY_HELP})
    eye_cameras: bool = field(
        default=False, metadata={"help": "gaze from pictures of the eyes, not from an eye tracker"}
    )


@dataclass(frozen=True)
class ReplayArguments(CommonArguments):
    """Arguments of ``replay``."""

    path: str = field(default="", metadata={"help": "recording to replay: .vrs, Neon folder, .mcap", "needed": True})
    rate: float = field(default=1.0, metadata={"help": "speed of replay; 1 is as recorded"})
    robot: str = field(default="jaco", metadata={"help": "name or robot.yaml of the arm that would be commanded"})
    eye_cameras: bool = field(default=False, metadata={"help": "gaze from the recorded pictures of the eyes"})


@dataclass(frozen=True)
class BringupArguments(CommonArguments):
    """Arguments of ``bringup``."""

    robot: str = field(default="", metadata={"help": "name or robot.yaml of the arm to command", "needed": True})
    policy: str = field(default="", metadata={"help": POLICY_HELP})
    source: str = field(
        default="", metadata={"help": "webcam:N, which has no gaze; empty: camera and eye tracker publish themselves"}
    )
    eye_source: str = field(
        default="",
        metadata={
            "help": "eye cameras: webcam:N (both eyes side by side), webcam:L,webcam:R, or topics, where somebody else "
            "publishes eye_camera/*; empty: the eye tracker gives gaze itself"
        },
    )
    image_transport: str = field(
        default="raw", metadata={"help": "which image topic of the camera is read: raw, compressed"}
    )
    board: bool = field(default=False, metadata={"help": "find the scene camera's pose by the marker board"})


def _graph(
    name: str, arguments: CommonArguments, own_domain: bool, nodes: list[NodeSpec], mode: str = "live"
) -> Deployment:
    kept = _given(arguments, path="record", scene_image="scene_image", participant="participant")
    if arguments.record and Path(arguments.record).suffix != ".mcap":
        raise GraphError(f"record:={arguments.record} does not end in .mcap; name the file to record to")
    if kept and not arguments.record:
        raise GraphError(f"{' and '.join(kept)} without a recording; add record:=PATH")
    recorder = NodeSpec("recorder_node", "recorder", {"mode": mode}, kept)
    nodes = [recorder, *nodes] if arguments.record else nodes
    restarts = 0 if mode == "replay" else RESTARTS  # a replay with a gap is no replay
    manager = NodeSpec(
        "lifecycle_manager_node", "lifecycle_manager", {"ends_with_replay": mode == "replay", "restarts": restarts},
        {"nodes": tuple(node.name for node in nodes)},
    )  # fmt: skip
    return Deployment(name, "sim" if own_domain else "", own_domain, (*nodes, manager), arguments.params, restarts)


def _given(arguments: CommonArguments, **argument_of: str) -> dict[str, Value]:
    """By parameter, the values of those arguments that are not left at their defaults."""
    defaults = {item.name: item.default for item in dataclasses.fields(arguments)}
    values = {
        parameter: (getattr(arguments, argument), defaults[argument]) for parameter, argument in argument_of.items()
    }
    return {parameter: value for parameter, (value, default) in values.items() if value != default}


def _assistance(arguments: Any, mode: str, surface: str, **model: str) -> list[NodeSpec]:
    """What is the same everywhere between the sensors and the robot; ``model``: further parameters of the VLM node,
    each with the argument that sets it."""
    robot = _given(arguments, robot="robot")
    return [
        NodeSpec("governor_node", "governor", given=robot),
        NodeSpec("vlm_node", "vlm", {"mode": mode}, _given(arguments, checkpoint="checkpoint", **model)),
        NodeSpec("gaze_node", "gaze", {"mode": mode}),
        NodeSpec("gaze_target_node", "gaze_target", {"mode": mode, "surface": surface}, robot),
        NodeSpec("assist_policy_node", "assist_policy", given=robot | _policy(arguments)),
    ]


def _eye_gaze(arguments: Any, wanted: bool, mode: str, **more: str) -> list[NodeSpec]:
    """What makes gaze of the pictures of eye cameras; nothing where it is not ``wanted``. ``more`` as in ``_given``."""
    given = _given(arguments, checkpoint="eye_checkpoint", calibration="calibration", robot="robot", **more)
    if not wanted and (unused := {"checkpoint": "eye_checkpoint", "calibration": "calibration"}.keys() & given):
        raise GraphError(f"{' and '.join(sorted(unused))} of the eyes without eye cameras; turn them on as well")
    return [NodeSpec("eye_gaze_node", "eye_gaze", {"mode": mode}, given)] if wanted else []


def _policy(arguments: Any) -> dict[str, Value]:
    """A trained policy helps with what is wanted and out of the wearer's reach, as ``policies.wants`` decides."""
    given = _given(arguments, policy="policy") if hasattr(arguments, "policy") else {}
    return given | ({"decision": "gaze"} if given else {})


def sim(arguments: SimArguments) -> Deployment:
    """The simulated kitchen, wearer and robot; with a policy the robot's eye is drawn, and the wearer cannot reach
    everything."""
    given = _given(arguments, seed="seed", robot="robot", eye_cameras="eye_cameras")
    given |= {"robot_eye": True, "limited_reach": True} if arguments.policy else {}
    simulator = NodeSpec("simulator_node", "simulator", given=given)
    eyes = _eye_gaze(arguments, arguments.eye_cameras, "live")
    return _graph("sim", arguments, True, [*_assistance(arguments, "live", "depth"), *eyes, simulator])


def replay(arguments: ReplayArguments) -> Deployment:
    """A recording through the same nodes, frame by frame, with nothing lost; it ends by itself."""
    given = _given(arguments, location="path", rate="rate")
    if arguments.eye_cameras:
        given["eyes"] = "pictures"
    if arguments.record:
        given["recorded"] = True
    source = NodeSpec("source_node", "source", given=given)
    eyes = _eye_gaze(arguments, arguments.eye_cameras, "replay")
    return _graph("replay", arguments, True, [*_assistance(arguments, "replay", "depth"), *eyes, source], "replay")


def bringup(arguments: BringupArguments) -> Deployment:
    """A real robot; it moves only after ``governor/arm`` was called."""
    transport = {"image_transport": "image_transport"}
    nodes = _assistance(arguments, "live", "plane", **transport)
    if arguments.board:
        given = _given(arguments, robot="robot", **transport)
        nodes.append(NodeSpec("registration_node", "registration", given=given))
    nodes += _eye_gaze(arguments, bool(arguments.eye_source), "live", **transport)
    if arguments.eye_source not in ("", EYE_TOPICS):
        nodes.append(NodeSpec("eye_camera_node", "eye_camera", given=_given(arguments, location="eye_source")))
    if arguments.source:
        eyes = {"eyes": "nothing"} if arguments.eye_source else {}
        nodes.append(NodeSpec("source_node", "source", given=_given(arguments, location="source") | eyes))
    return _graph("bringup", arguments, False, nodes)


DEPLOYMENTS: dict[str, tuple[type[CommonArguments], Callable[[Any], Deployment]]] = {
    "sim": (SimArguments, sim),
    "replay": (ReplayArguments, replay),
    "bringup": (BringupArguments, bringup),
}


@dataclass(frozen=True)
class Argument:
    """One ``name:=value`` argument of a deployment, for help texts and launch declarations."""

    name: str
    default: str
    text: str
    needed: bool


def arguments_of(deployment: str) -> list[Argument]:
    """The arguments that ``build`` takes. Raises GraphError for an unknown deployment."""
    return [
        Argument(item.name, _written(item.default), item.metadata["help"], item.metadata.get("needed", False))
        for item in dataclasses.fields(_entry(deployment)[0])
    ]


def build(deployment: str, given: Mapping[str, str] | None = None) -> Deployment:
    """The deployment with ``given`` arguments. Raises GraphError that names what is unknown, missing or unfit."""
    kind, make = _entry(deployment)
    given = dict(given or {})
    known = {item.name: item for item in dataclasses.fields(kind)}
    if unknown := sorted(set(given) - set(known)):
        raise GraphError(f"{deployment} has no argument {', '.join(unknown)}; it has {', '.join(known)}")
    values = {name: _read(name, text, known[name].default) for name, text in given.items()}
    arguments = kind(**values)
    for item in known.values():
        if item.metadata.get("needed") and not getattr(arguments, item.name):
            raise GraphError(f"{deployment} needs {item.name}:=... ({item.metadata['help']})")
    return make(arguments)


def parameters_path(deployment: Deployment) -> Path:
    """The user's parameter file, else the deployment's own. Raises GraphError or ResourceMissing without one."""
    if not deployment.params:
        return resource(f"config/{deployment.name}.yaml")
    path = Path(deployment.params)
    if not os.path.isfile(path):  # false, not an error, for what can be no path
        raise GraphError(f"params:={path} is no file; config/{deployment.name}.yaml is one to start from")
    return path


def _entry(deployment: str) -> tuple[type[CommonArguments], Callable[[Any], Deployment]]:
    if deployment not in DEPLOYMENTS:
        raise GraphError(f"there is no deployment {deployment!r}; use one of {', '.join(DEPLOYMENTS)}")
    return DEPLOYMENTS[deployment]


def _read(name: str, text: str, default: Value) -> Value:
    if not text.isprintable():
        raise GraphError(f"{name} must not hold control characters, got {text!r}")
    if isinstance(default, bool):
        if text.lower() not in ("true", "false"):
            raise GraphError(f"{name} must be true or false, got {text!r}")
        return text.lower() == "true"
    if text not in (choices := _CHOICES.get(name, (text,))):
        raise GraphError(f"{name} must be one of {', '.join(choices)}, got {text!r}")
    try:
        return type(default)(text)
    except ValueError as error:
        raise GraphError(f"{name} must be of type {type(default).__name__}, got {text!r}") from error


def _written(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
