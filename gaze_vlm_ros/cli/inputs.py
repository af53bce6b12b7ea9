"""What a user names on the command line, tried once before any node starts: a fault is then said once, in one line."""

from __future__ import annotations

from collections.abc import Mapping


def check(given: Mapping[str, str]) -> None:
    """Tries the robot, the model, the recording and what one may hold; each node does so again.

    A camera is left to its node: only one process can have it open. Raises GazeVlmError.
    """
    if robot := given.get("robot"):
        _robot(robot)
    if checkpoint := given.get("checkpoint"):
        _checkpoint(checkpoint)
    if policy := given.get("policy"):
        _policy(policy, given.get("robot") or "jaco")
    if given.get("eye_cameras") == "true" or given.get("eye_source"):
        _eyes(given.get("eye_checkpoint", ""), given.get("calibration", ""))
    recording = given.get("path") or given.get("source")
    if recording and not recording.startswith("webcam:"):
        _recording(recording)
    _privacy(given.get("participant", ""), given.get("scene_image", ""))


def _policy(name: str, robot: str) -> None:
    from gaze_vlm_ros.policies.skills import load_skill
    from gaze_vlm_ros.robots.description import RobotDescription

    load_skill(name, RobotDescription.load(robot))


def _robot(name: str) -> None:
    from gaze_vlm_ros.robots.description import RobotDescription
    from gaze_vlm_ros.robots.kinematics import ArmKinematics

    ArmKinematics(RobotDescription.load(name))


def _checkpoint(folder: str) -> None:
    from gaze_vlm_ros.vlm.calibration import load_calibration
    from gaze_vlm_ros.vlm.checkpoint import load_checkpoint
    from gaze_vlm_ros.vlm.domain import load_domain

    model, _ = load_checkpoint(folder)
    load_domain(folder, model.config.hidden)
    load_calibration(folder)


def _eyes(folder: str, calibration: str) -> None:
    from pathlib import Path

    from gaze_vlm_ros.gaze.eyes.calibration import Calibration
    from gaze_vlm_ros.gaze.eyes.checkpoint import load_eye_checkpoint

    load_eye_checkpoint(folder or None)
    if calibration and Path(calibration).exists():
        Calibration.load(Path(calibration))


def _recording(location: str) -> None:
    from gaze_vlm_ros.sources.base import open_source

    open_source(location).close()


def _privacy(participant: str, scene_image: str) -> None:
    from gaze_vlm_ros.recording.privacy import FaceBlur, check_pseudonym

    check_pseudonym(participant)
    if scene_image == "faces_blurred":
        FaceBlur()
