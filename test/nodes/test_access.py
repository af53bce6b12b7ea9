"""The SROS 2 policies: their structure, and that nobody may do what only one node is there for."""

from collections import Counter
from xml.etree import ElementTree

import pytest

pytest.importorskip("rclpy")

from gaze_vlm_ros.graph import DEPLOYMENTS, build
from gaze_vlm_ros.nodes import names
from gaze_vlm_ros.nodes.access import access_of, policy_xml
from gaze_vlm_ros.nodes.documentation import COMPLETE

QUALIFIERS = {
    "topics": {"publish", "subscribe"},
    "services": {"request", "reply"},
    "actions": {"call", "execute"},
}


@pytest.fixture(params=DEPLOYMENTS)
def deployment(request):
    return build(request.param, COMPLETE[request.param])


def granted(deployment, what):
    """How many nodes have each name among ``what``."""
    return Counter(name for spec in deployment.nodes for name in set(getattr(access_of(spec, deployment), what)))


def test_the_file_has_the_structure_of_a_policy(deployment):
    policy = ElementTree.fromstring(policy_xml(deployment))
    assert (policy.tag, policy.attrib) == ("policy", {"version": "0.2.0"})
    (enclaves,) = policy
    assert enclaves.tag == "enclaves" and {enclave.tag for enclave in enclaves} == {"enclave"}
    assert [enclave.get("path") for enclave in enclaves] == [spec.enclave for spec in deployment.nodes]
    for enclave, spec in zip(enclaves, deployment.nodes, strict=True):
        (profiles,) = enclave
        (profile,) = profiles
        assert (profiles.tag, profile.tag) == ("profiles", "profile")
        assert profile.attrib == {"ns": f"/{deployment.namespace}", "node": spec.name}
        for rule in profile:
            ((qualifier, value),) = rule.attrib.items()
            assert qualifier in QUALIFIERS[rule.tag] and value == "ALLOW"
            assert len(rule) and {item.tag for item in rule} == {rule.tag.removesuffix("s")}
            assert all(item.text and "*" not in item.text for item in rule)


def test_what_moves_the_robot_has_one_publisher(deployment):
    publishers = granted(deployment, "publishes")
    assert publishers[names.CONTROLLER_TRAJECTORY] == publishers[names.POLICY_TRAJECTORY] == 1
    assert publishers[names.PROTECTIVE_STOP] == publishers[names.GOVERNOR_STATE] == 1
    governor = next(spec for spec in deployment.nodes if spec.name == "governor")
    assert names.CONTROLLER_TRAJECTORY in access_of(governor, deployment).publishes


def test_only_the_simulator_arms_and_nobody_resets(deployment):
    calls = granted(deployment, "calls")
    assert calls[names.GOVERNOR_ARM] == (1 if deployment.name == "sim" else 0)
    assert calls[names.GOVERNOR_RESET] == calls[names.GOVERNOR_STOP] == 0


def test_a_topic_of_the_graph_has_one_publisher_unless_it_is_shared(deployment):
    ours = {topic: count for topic, count in granted(deployment, "publishes").items() if topic[0] not in "/~"}
    twice = {topic for topic, count in ours.items() if count > 1} - names.SHARED
    assert twice <= ({names.SCENE_POSE} if deployment.name == "bringup" else set())


def test_the_recorder_says_nothing_about_the_world_and_hears_what_it_records(deployment):
    recorder = access_of(deployment.nodes[0], deployment)
    assert set(recorder.subscribes) == set(names.RECORDED) and not recorder.calls
    assert {topic for topic in recorder.publishes if topic[0] not in "/~"} == {names.DIAGNOSTICS}
