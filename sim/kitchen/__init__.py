"""The kitchen: layouts drawn at random, and the MuJoCo model of table, places, things, wearer and robot."""

from gaze_vlm_ros.sim.kitchen.arm import ROBOT_PREFIX
from gaze_vlm_ros.sim.kitchen.build import CAMERA, FOVY_DEG, TIMESTEP_S, build_kitchen
from gaze_vlm_ros.sim.kitchen.grip import GRIP, grasp, grip_pose, held, release
from gaze_vlm_ros.sim.kitchen.hands import FOREARM_M, FOREARMS, HANDS, pose_hand
from gaze_vlm_ros.sim.kitchen.labels import LABELS, instance_of_geoms, label_of_geoms
from gaze_vlm_ros.sim.kitchen.layout import POSTURES, THINGS, Layout, sample_layout
from gaze_vlm_ros.sim.kitchen.placing import MOUNTS, TABLE_TOP_M, KitchenError, Mount, NoRoomError, Place
from gaze_vlm_ros.sim.kitchen.spots import free_spot, place_spots

__all__ = [
    "CAMERA",
    "FOREARMS",
    "FOREARM_M",
    "FOVY_DEG",
    "GRIP",
    "HANDS",
    "LABELS",
    "MOUNTS",
    "POSTURES",
    "ROBOT_PREFIX",
    "TABLE_TOP_M",
    "THINGS",
    "TIMESTEP_S",
    "KitchenError",
    "Layout",
    "Mount",
    "NoRoomError",
    "Place",
    "build_kitchen",
    "free_spot",
    "grasp",
    "grip_pose",
    "held",
    "instance_of_geoms",
    "label_of_geoms",
    "place_spots",
    "pose_hand",
    "release",
    "sample_layout",
]
