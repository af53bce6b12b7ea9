"""What each node of a deployment may publish, hear, answer and ask: SROS 2 policies with no more than it needs.

``python -m gaze_vlm_ros.nodes.documentation`` writes them to ``config/sros2/``; a whole-graph test compares them with
what the nodes have. Structure: version 0.2.0 of the ROS 2 access control policy (design.ros2.org, article 181).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from xml.etree import ElementTree

from gaze_vlm_ros.graph import Deployment, NodeSpec
from gaze_vlm_ros.nodes import names

_PICTURES = (names.SCENE_IMAGE, names.SCENE_IMAGE_COMPRESSED, names.SCENE_DEPTH, names.SCENE_DEPTH_COMPRESSED)
_SCENE = (names.SCENE_INFO, names.SCENE_POSE, *_PICTURES)
_EYE_CAMERAS = (names.EYE_RIG, *names.EYE_IMAGES.values())
_OF_EYES = {"gaze": (names.GAZE_SAMPLE,), "pictures": _EYE_CAMERAS, "nothing": ()}
"""What a source or the simulator publishes of the eyes."""
_SURFACES = {"depth": (names.SCENE_DEPTH,), "plane": (), "robot_depth": (names.ROBOT_DEPTH, names.ROBOT_INFO)}
_SEEN_BY_EYE = {
    "views": (names.ROBOT_EYE_VIEWS, names.ROBOT_EYE_DIRECTION), "camera": (names.ROBOT_IMAGE, names.ROBOT_INFO)
}  # fmt: skip
_OF_EVERY_NODE = ("/rosout", "/parameter_events")
_PARAMETERS = tuple(
    f"~/{name}"
    for name in (
        "describe_parameters", "get_parameter_types", "get_parameters", "get_type_description", "list_parameters",
        "set_parameters", "set_parameters_atomically",
    )
)  # fmt: skip
_LIFE_CYCLE = tuple(
    f"~/{name}"
    for name in (
        "change_state", "get_available_states", "get_available_transitions", "get_state", "get_transition_graph",
    )
)  # fmt: skip


@dataclass(frozen=True)
class Access:
    """Names of topics, services and actions, as a node writes them."""

    publishes: tuple[str, ...] = ()
    subscribes: tuple[str, ...] = ()
    serves: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    executes: tuple[str, ...] = ()


_ACCESS = {
    "simulator": Access(
        (*_SCENE, names.JOINT_STATES, names.WEARER_STATE, names.SIM_TRUTH),
        (names.CONTROLLER_TRAJECTORY,),
        calls=(names.GOVERNOR_ARM,),
    ),
    "source": Access((*_SCENE, names.SOURCE_DONE), (names.EVENT,)),
    "eye_camera": Access(_EYE_CAMERAS),
    "eye_gaze": Access(
        (names.GAZE_SAMPLE, names.EYE_TARGET),
        (
            *_EYE_CAMERAS, names.SCENE_INFO, names.SCENE_POSE, names.SCENE_IMAGE, names.SCENE_IMAGE_COMPRESSED,
            names.WEARER_STATE, names.JOINT_STATES,
        ),
        executes=(names.CALIBRATE_EYES,),
    ),
    "registration": Access((names.SCENE_POSE,), (names.SCENE_INFO, names.SCENE_IMAGE, names.SCENE_IMAGE_COMPRESSED)),
    "recorder": Access((), tuple(names.RECORDED)),
    "gaze": Access(
        (names.GAZE_FILTERED, names.EYE_MOVEMENT), (names.SCENE_INFO, names.GAZE_SAMPLE, names.WEARER_STATE)
    ),
    "vlm": Access(
        (names.ACTIVITY, names.EVENT, names.ATTENTION, names.OBJECTS, names.PREDICTIONS_DONE),
        (names.SCENE_IMAGE, names.SCENE_IMAGE_COMPRESSED, names.SCENE_INFO, names.GAZE_SAMPLE, names.SOURCE_DONE),
    ),
    "gaze_target": Access(
        (names.GAZE_TARGET, names.MARKERS),
        (names.OBJECTS, names.SCENE_INFO, names.SCENE_POSE, names.GAZE_FILTERED),
        (names.ASK_GAZE,),
    ),
    "assist_policy": Access(
        (names.POLICY_TRAJECTORY, names.POLICY_STATE),
        (names.JOINT_STATES, names.WEARER_STATE, names.GAZE_TARGET, names.EVENT),
        executes=(names.ASSIST,),
    ),
    "governor": Access(
        (names.CONTROLLER_TRAJECTORY, names.GOVERNOR_STATE, names.PROTECTIVE_STOP),
        (
            names.JOINT_STATES, names.GAZE_SAMPLE, names.SCENE_INFO, names.EVENT, names.WEARER_STATE,
            names.POLICY_STATE, names.POLICY_TRAJECTORY, names.PROTECTIVE_STOP,
        ),
        (names.GOVERNOR_ARM, names.GOVERNOR_RESET, names.GOVERNOR_STOP),
    ),
}  # fmt: skip


def access_of(spec: NodeSpec, deployment: Deployment) -> Access:
    """All that the node ``spec`` of ``deployment`` may do, the interfaces of every ROS 2 node included."""
    if spec.name == "lifecycle_manager":
        others = [node.name for node in deployment.nodes if node is not spec]
        asked = tuple(f"{name}/{service}" for name in others for service in ("change_state", "get_state"))
        heard = tuple(f"{name}/transition_event" for name in others)
        done = (names.PREDICTIONS_DONE,) if spec.parameters["ends_with_replay"] else ()
        return Access((names.MANAGER_READY, *_OF_EVERY_NODE), (names.DIAGNOSTICS, *heard, *done), _PARAMETERS, asked)
    own = _ACCESS[spec.name]
    says, reads = own.publishes, own.subscribes
    if spec.name in ("simulator", "source"):
        says += _OF_EYES["pictures" if spec.given.get("eye_cameras") else str(spec.given.get("eyes", "gaze"))]
        reads += (names.EYE_TARGET,) if spec.given.get("eye_cameras") else ()
    if spec.given.get("policy"):
        says += (names.POLICY_OPENING, names.ROBOT_EYE_COMMAND)
        reads += _SEEN_BY_EYE[str(spec.parameters.get("eye_source", "views"))]
    if spec.given.get("robot_eye"):
        says += (names.ROBOT_EYE_VIEWS, names.ROBOT_EYE_DIRECTION)
        reads += (names.ROBOT_EYE_COMMAND,)
    if spec.given.get("limited_reach"):
        reads += (names.POLICY_OPENING,)
    if spec.name == "gaze_target":
        reads += _SURFACES[str(spec.parameters["surface"])]
    return Access(
        (*says, names.DIAGNOSTICS, "~/transition_event", *_OF_EVERY_NODE),
        reads,
        (*own.serves, *_PARAMETERS, *_LIFE_CYCLE),
        own.calls,
        own.executes,
    )


def policy_xml(deployment: Deployment) -> str:
    """The policy file of a deployment, one enclave for each node; what it publishes of the eyes is left open."""
    policy = ElementTree.Element("policy", version="0.2.0")
    enclaves = ElementTree.SubElement(policy, "enclaves")
    for spec in deployment.nodes:
        enclave = ElementTree.SubElement(enclaves, "enclave", path=spec.enclave)
        profiles = ElementTree.SubElement(enclave, "profiles")
        profile = ElementTree.SubElement(profiles, "profile", ns=f"/{deployment.namespace}", node=spec.name)
        allowed = _either(access_of(spec, deployment), access_of(replace(spec, given={}), deployment))
        _allow(profile, "topic", "publish", allowed.publishes)
        _allow(profile, "topic", "subscribe", allowed.subscribes)
        _allow(profile, "service", "reply", allowed.serves)
        _allow(profile, "service", "request", allowed.calls)
        _allow(profile, "action", "execute", allowed.executes)
    ElementTree.indent(policy)
    return ElementTree.tostring(policy, encoding="unicode", xml_declaration=True) + "\n"


def _either(one: Access, other: Access) -> Access:
    return Access(*(tuple({*getattr(one, item.name), *getattr(other, item.name)}) for item in fields(Access)))


def _allow(profile: ElementTree.Element, kind: str, what: str, expressions: Iterable[str]) -> None:
    if expressions := sorted(expressions):
        listed = ElementTree.SubElement(profile, f"{kind}s", {what: "ALLOW"})
        for expression in expressions:
            ElementTree.SubElement(listed, kind).text = expression
