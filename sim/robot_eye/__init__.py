"""The robot's eye: it turns, sees finely only where it looks, and can look around in a stored panorama."""

from gaze_vlm_ros.sim.robot_eye.camera_views import CameraViews
from gaze_vlm_ros.sim.robot_eye.eye import EYE_ACTIONS_RAD, STAY, RobotEye
from gaze_vlm_ros.sim.robot_eye.panorama import Panorama, PanoramaBuilder, PanoramaError
from gaze_vlm_ros.sim.robot_eye.pyramid import FIELDS_RAD, LEVELS, WINDOW_PX, level_rays, position_ids
from gaze_vlm_ros.sim.robot_eye.sampling import views_from_panorama

__all__ = [
    "EYE_ACTIONS_RAD",
    "FIELDS_RAD",
    "LEVELS",
    "STAY",
    "WINDOW_PX",
    "CameraViews",
    "Panorama",
    "PanoramaBuilder",
    "PanoramaError",
    "RobotEye",
    "level_rays",
    "position_ids",
    "views_from_panorama",
]
