"""The deployments as values: what starts where, and what an argument may be."""

import pytest

from gaze_vlm_ros.graph import DEPLOYMENTS, GraphError, arguments_of, build, parameters_path

NEEDED = {"sim": {}, "replay": {"path": "x.vrs"}, "bringup": {"robot": "jaco"}}


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_manager_comes_last_and_brings_up_all_others_in_their_order(name):
    *nodes, manager = build(name, NEEDED[name]).nodes
    assert manager.name == "lifecycle_manager"
    assert manager.given["nodes"] == tuple(node.name for node in nodes)
    assert len({node.name for node in nodes}) == len(nodes)


@pytest.mark.parametrize("name", ["sim", "replay"])
def test_only_bringup_leaves_its_own_domain_and_namespace(name):
    deployment = build(name, NEEDED[name])
    assert deployment.own_domain and deployment.namespace == "sim"
    real = build("bringup", NEEDED["bringup"])
    assert not real.own_domain and real.namespace == ""


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_the_governor_is_a_process_of_its_own_that_is_up_before_the_policy(name):
    order = [node.name for node in build(name, NEEDED[name]).nodes]
    assert order.index("governor") < order.index("assist_policy")


def test_only_a_simulation_has_somebody_who_arms():
    arming = {name for name in DEPLOYMENTS if "simulator" in [node.name for node in build(name, NEEDED[name]).nodes]}
    assert arming == {"sim"}


def test_the_recorder_is_first_up_and_last_down():
    deployment = build("sim", {"record": "x.mcap"})
    assert deployment.nodes[0].name == "recorder" and deployment.nodes[0].given == {"path": "x.mcap"}
    assert "recorder" not in [node.name for node in build("sim").nodes]


def test_what_a_recording_may_hold_is_for_its_recorder_and_needs_one():
    given = {"scene_image": "faces_blurred", "participant": "P07"}
    recorder = build("sim", given | {"record": "x.mcap"}).nodes[0]
    assert recorder.given == {"path": "x.mcap"} | given
    with pytest.raises(GraphError, match="scene_image and participant without a recording; add record:="):
        build("sim", given)
    with pytest.raises(GraphError, match="scene_image must be one of as_is, faces_blurred, none"):
        build("sim", {"record": "x.mcap", "scene_image": "blur"})


def test_arguments_reach_their_nodes_and_defaults_are_left_to_the_file():
    nodes = {node.name: node for node in build("sim", {"seed": "7", "robot": "other"}).nodes}
    assert nodes["simulator"].given == {"seed": 7, "robot": "other"}
    assert all(nodes[name].given["robot"] == "other" for name in ("governor", "gaze_target", "assist_policy"))
    assert build("sim").nodes[-2].given == {}
    replay = {node.name: node for node in build("replay", {"path": "x.vrs", "rate": "2"}).nodes}
    assert replay["source"].given == {"location": "x.vrs", "rate": 2.0}
    assert replay["vlm"].parameters["mode"] == "replay"
    recorded = {node.name: node for node in build("replay", {"path": "x.vrs", "record": "y.mcap"}).nodes}
    assert recorded["source"].given == {"location": "x.vrs", "recorded": True}


def test_bringup_reads_the_image_topic_that_the_camera_has():
    given = {"robot": "jaco", "board": "true", "image_transport": "compressed"}
    nodes = {node.name: node for node in build("bringup", given).nodes}
    assert all(nodes[name].given["image_transport"] == "compressed" for name in ("vlm", "registration"))
    with pytest.raises(GraphError, match="image_transport must be one of raw, compressed"):
        build("bringup", given | {"image_transport": "theora"})


def test_the_optional_nodes_of_bringup():
    order = [node.name for node in build("bringup", {"robot": "jaco", "board": "True", "source": "webcam:0"}).nodes]
    assert {"registration", "source"} <= set(order)
    assert not {"registration", "source"} & {node.name for node in build("bringup", NEEDED["bringup"]).nodes}


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("fly", {}, "no deployment 'fly'; use one of sim, replay, bringup"),
        ("sim", {"sede": "1"}, "sim has no argument sede; it has .*seed"),
        ("sim", {"seed": "one"}, "seed must be of type int, got 'one'"),
        ("replay", {}, "replay needs path:=..."),
        ("bringup", {}, "bringup needs robot:=..."),
        ("bringup", {"robot": "jaco", "board": "maybe"}, "board must be true or false, got 'maybe'"),
    ],
)
def test_what_is_wrong_is_named(name, given, words):
    with pytest.raises(GraphError, match=words):
        build(name, given)


def test_the_parameter_file_is_the_deployments_or_the_users(tmp_path):
    assert parameters_path(build("sim")).name == "sim.yaml"
    own = tmp_path / "mine.yaml"
    own.touch()
    assert parameters_path(build("sim", {"params": str(own)})) == own
    with pytest.raises(GraphError, match=r"mine2\.yaml is no file"):
        parameters_path(build("sim", {"params": str(tmp_path / "mine2.yaml")}))
    with pytest.raises(GraphError, match="is no file"):
        parameters_path(build("sim", {"params": "x" * 5000}))


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_arguments_are_described(name):
    arguments = {argument.name: argument for argument in arguments_of(name)}
    assert all(argument.text for argument in arguments.values())
    assert [argument.name for argument in arguments.values() if argument.needed] == list(NEEDED[name])


def test_a_replay_is_whole_or_fails():
    deployment = build("replay", {"path": "a.mcap"})
    assert deployment.restarts == deployment.nodes[-1].parameters["restarts"] == 0
    assert build("sim").restarts == build("sim").nodes[-1].parameters["restarts"] > 0


def by_name(deployment, **given):
    return {node.name: node for node in build(deployment, NEEDED[deployment] | given).nodes}


@pytest.mark.parametrize("deployment", DEPLOYMENTS)
def test_without_eye_cameras_nothing_of_them_is_there(deployment):
    nodes = by_name(deployment)
    assert not {"eye_gaze", "eye_camera"} & set(nodes)
    assert not any({"eye_cameras", "eyes"} & set(node.given) for node in nodes.values())


@pytest.mark.parametrize(
    ("deployment", "given"),
    [
        ("sim", {"eye_cameras": "true"}),
        ("replay", {"eye_cameras": "true"}),
        ("bringup", {"eye_source": "webcam:1,webcam:2", "source": "webcam:0"}),
        ("bringup", {"eye_source": "topics"}),
    ],
)
def test_with_eye_cameras_gaze_has_one_publisher(deployment, given):
    nodes = by_name(deployment, **given)
    assert nodes["eye_gaze"].parameters["mode"] == ("replay" if deployment == "replay" else "live")
    for name in {"simulator", "source"} & set(nodes):
        assert nodes[name].given.get("eye_cameras") or nodes[name].given["eyes"] in ("pictures", "nothing")
    assert ("eye_camera" in nodes) == ("webcam" in given.get("eye_source", ""))


def test_what_belongs_to_the_eyes_reaches_them_and_needs_them():
    given = {"calibration": "me.json", "eye_checkpoint": "net"}
    assert by_name("sim", eye_cameras="true", **given)["eye_gaze"].given == {
        "checkpoint": "net",
        "calibration": "me.json",
    }
    assert by_name("bringup", eye_source="webcam:3")["eye_camera"].given == {"location": "webcam:3"}
    with pytest.raises(GraphError, match=r"calibration .*without eye cameras"):
        build("sim", given)
