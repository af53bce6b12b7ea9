import shutil

import numpy as np
import pytest
import yaml

from gaze_vlm_ros.robots.description import DATA_DIR, RobotDescription, RobotError


@pytest.fixture
def changed(six_axis_dir, tmp_path):
    """Loads a copy of the six-axis arm after ``change(raw)`` has altered its YAML."""

    def load(change) -> RobotDescription:
        shutil.copy(six_axis_dir / "arm.xml", tmp_path)
        raw = yaml.safe_load((six_axis_dir / "robot.yaml").read_text())
        change(raw)
        path = tmp_path / "robot.yaml"
        path.write_text(yaml.safe_dump(raw))
        return RobotDescription.load(path)

    return load


class TestLoad:
    def test_each_robot_is_whole(self, robot):
        assert len(robot.joint_names) == 6
        assert (robot.home_rad > robot.limits.lower_rad).all()
        assert (robot.home_rad < robot.limits.upper_rad).all()

    def test_by_name_and_by_path_are_the_same(self, jaco):
        by_path = RobotDescription.load(DATA_DIR / "jaco" / "robot.yaml")
        assert by_path.joint_names == jaco.joint_names
        np.testing.assert_array_equal(by_path.home_rad, jaco.home_rad)

    def test_unknown_name_lists_what_exists(self):
        with pytest.raises(RobotError, match=r"no robot 'jako'.*jaco"):
            RobotDescription.load("jako")
        with pytest.raises(RobotError, match="no robot"):
            RobotDescription.load("x" * 5000)

    def test_initial_positions_cover_the_gripper(self, jaco):
        assert set(jaco.initial_positions) == {*jaco.joint_names, "finger_1", "finger_2", "finger_3"}


class TestBadYaml:
    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda raw: raw.update(colour="red"), "unknown keys colour"),
            (lambda raw: raw.pop("workspace"), "lacks workspace"),
            (lambda raw: raw.update(builder="jaco"), "exactly one of builder and mjcf"),
            (lambda raw: raw["joints"][2].pop("home_rad"), "joint elbow lacks home_rad"),
            (lambda raw: raw["joints"][2].update(lower_rad=3.0), "elbow: lower_rad must be below"),
            (lambda raw: raw["joints"][2].update(home_rad=9.0), "elbow: home_rad must lie within"),
            (lambda raw: raw["joints"][2].update(velocity_rad_s=0.0), "elbow: velocity_rad_s must be positive"),
            (lambda raw: raw["joints"][2].update(braking_rad_s2=0.1), "elbow: braking_rad_s2 must reach"),
            (lambda raw: raw["joints"][2].update(torque_nm=-1.0), "torque_nm must be positive"),
            (lambda raw: raw["joints"][2].update(lower_rad="low"), "low"),
            (lambda raw: raw["joints"][2].update(name="lift"), "must be given and differ"),
            (lambda raw: raw["workspace"].update(upper_m=[0.0, 0.0, 0.0]), "must be below upper_m"),
            (lambda raw: raw.update(joints=[]), "joints must be a list"),
            (lambda raw: raw["joints"].insert(0, "yaw"), "joint must be a mapping"),
        ],
    )
    def test_is_refused_with_the_field(self, changed, change, message):
        with pytest.raises(RobotError, match=message):
            changed(change)

    @pytest.mark.parametrize("text", ["", "- 1\n", "name: [", "\x00"])
    def test_foreign_file_is_refused_with_its_path(self, tmp_path, text):
        path = tmp_path / "robot.yaml"
        path.write_text(text)
        with pytest.raises(RobotError, match=r"robot\.yaml"):
            RobotDescription.load(path)


class TestBadMjcf:
    def test_missing_file(self, changed):
        with pytest.raises(RobotError, match=r"no MJCF at .*absent\.xml"):
            changed(lambda raw: raw.update(mjcf="absent.xml")).build_spec()

    def test_wrong_element_is_named(self, changed, tmp_path):
        robot = changed(lambda raw: None)
        broken = (tmp_path / "arm.xml").read_text().replace('type="cylinder" size="0.07 0.05"', 'type="cone" size="1"')
        (tmp_path / "arm.xml").write_text(broken)
        with pytest.raises(RobotError, match=r"robot six_axis: its MJCF does not load: .*geom.*line \d+"):
            robot.build_spec()

    def test_wrong_size_is_named(self, changed, tmp_path):
        robot = changed(lambda raw: None)
        broken = (tmp_path / "arm.xml").read_text().replace('size="0.07 0.05"', 'size="-0.07 0.05"')
        (tmp_path / "arm.xml").write_text(broken)
        with pytest.raises(RobotError, match="its MJCF does not load"):
            robot.build_spec()

    def test_absent_joint_is_named(self, changed):
        with pytest.raises(RobotError, match="has no joint 'knee'"):
            changed(lambda raw: raw["joints"][1].update(name="knee")).build_spec()

    def test_absent_tool_is_named(self, changed):
        with pytest.raises(RobotError, match="has no site 'claw'"):
            changed(lambda raw: raw.update(tool_site="claw")).build_spec()

    def test_unknown_builder_lists_what_exists(self, changed):
        def change(raw):
            raw["builder"] = "franka"
            del raw["mjcf"]

        with pytest.raises(RobotError, match="unknown builder 'franka'; use one of: jaco"):
            changed(change).build_spec()
