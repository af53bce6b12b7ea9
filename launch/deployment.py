"""What the three launch files share: a deployment of ``gaze_vlm_ros.graph`` as a launch description."""

import time

from launch.actions import (
    DeclareLaunchArgument,
    LogInfo,
    OpaqueFunction,
    SetEnvironmentVariable,
    Shutdown,
    TimerAction,
)
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from gaze_vlm_ros import graph
from gaze_vlm_ros.environment import PROFILE_VARIABLES, DomainLease, clear_shared_memory, resource
from gaze_vlm_ros.supervision import WRONG_INPUT, Restarts
from launch import LaunchContext, LaunchDescription

_leases = []
"""Kept until the launch process ends, so that no other run takes the same domain."""


def describe(name: str) -> LaunchDescription:
    """The launch description of the deployment ``name``."""
    arguments = [
        DeclareLaunchArgument(
            item.name, description=item.text, **({} if item.needed else {"default_value": item.default})
        )
        for item in graph.arguments_of(name)
    ]
    return LaunchDescription([*arguments, OpaqueFunction(function=_start, args=[name])])


def _start(context: LaunchContext, name: str) -> list:
    given = {item.name: LaunchConfiguration(item.name).perform(context) for item in graph.arguments_of(name)}
    deployment = graph.build(name, given)
    clear_shared_memory()
    return [
        *_environment(deployment),
        *(_node(spec, deployment, Restarts(deployment.restarts)) for spec in deployment.nodes),
    ]


def _environment(deployment: graph.Deployment) -> list:
    profile = str(resource("config/fastdds.xml"))
    actions = [SetEnvironmentVariable(variable, profile) for variable in PROFILE_VARIABLES]
    if deployment.own_domain:
        _leases.append(DomainLease())
        domain = str(_leases[-1].domain_id)
        actions += [
            SetEnvironmentVariable("ROS_DOMAIN_ID", domain),
            SetEnvironmentVariable("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST"),
            LogInfo(
                msg=f"ROS_DOMAIN_ID={domain} ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST namespace /{deployment.namespace}"
            ),
        ]
    return actions


def _node(spec: graph.NodeSpec, deployment: graph.Deployment, restarts: Restarts) -> Node:
    parameters = [str(graph.parameters_path(deployment))]
    given = {key: list(value) if isinstance(value, tuple) else value for key, value in spec.given.items()}
    is_manager = spec is deployment.nodes[-1]

    def on_exit(event, context) -> list:
        """Starts again what died, after a pause; ends the launch with what cannot start, and with the manager."""
        if context.is_shutdown:
            return []
        is_final = event.returncode == WRONG_INPUT or (is_manager and event.returncode >= 0)
        pause_s = None if is_final else restarts.pause_s(time.monotonic())
        if pause_s is None:
            return [Shutdown(reason=f"{restarts.in_words}{spec.name} ended with code {event.returncode}")]
        return [
            LogInfo(msg=f"{spec.name} ended with code {event.returncode}; it is started again in {pause_s:g} s"),
            TimerAction(period=pause_s, actions=[_node(spec, deployment, restarts)]),
        ]

    return Node(
        package="gaze_vlm_ros",
        executable=spec.executable,
        name=spec.name,
        namespace=deployment.namespace,
        parameters=[*parameters, given] if given else parameters,
        remappings=list(spec.remap.items()),
        ros_arguments=["--enclave", spec.enclave],
        output="screen",
        on_exit=on_exit,
    )
