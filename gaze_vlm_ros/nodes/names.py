"""Every topic, service and action of the graph in one place; relative, so that namespaces and remaps work."""

from __future__ import annotations

SCENE_IMAGE = "scene_camera/image_raw"
SCENE_IMAGE_COMPRESSED = "scene_camera/image_raw/compressed"
SCENE_INFO = "scene_camera/camera_info"
SCENE_DEPTH = "scene_camera/depth/image_raw"
SCENE_DEPTH_COMPRESSED = "scene_camera/depth/image_raw/compressedDepth"
SCENE_POSE = "scene_camera/pose"
ROBOT_DEPTH = "robot_camera/depth/image_raw"
ROBOT_INFO = "robot_camera/camera_info"
EYE_IMAGES = {side: f"eye_camera/{side}/image_raw" for side in ("left", "right")}
"""Never recorded: pictures of eyes tell who somebody is."""
EYE_RIG = "eye_camera/rig"
"""With every camera_info: where the glasses' rig is in the scene camera's optical frame."""
EYE_TARGET = "eye_calibration/target"
"""Latched: the point that the wearer should look at now, in the robot's base; NaN for none."""
ROBOT_IMAGE = "robot_camera/image_raw"
ROBOT_EYE_VIEWS = "robot_eye/views"
ROBOT_EYE_DIRECTION = "robot_eye/direction"
ROBOT_EYE_COMMAND = "robot_eye/command"
GAZE_SAMPLE = "gaze/sample"
GAZE_FILTERED = "gaze/filtered"
EYE_MOVEMENT = "gaze/eye_movement"
WEARER_STATE = "wearer/state"
ACTIVITY = "gaze_vlm/activity"
EVENT = "gaze_vlm/event"
ATTENTION = "gaze_vlm/attention"
OBJECTS = "gaze_vlm/objects"
GAZE_TARGET = "gaze_vlm/gaze_target"
MARKERS = "gaze_vlm/markers"
JOINT_STATES = "joint_states"
POLICY_TRAJECTORY = "assist_policy/joint_trajectory"
POLICY_STATE = "assist_policy/state"
POLICY_OPENING = "assist_policy/opening"
"""How far the gripper should be open, 0 closed .. 1 open."""
CONTROLLER_TRAJECTORY = "joint_trajectory_controller/joint_trajectory"
GOVERNOR_STATE = "governor/state"
PROTECTIVE_STOP = "protective_stop"
STUDY_MARKER = "study/marker"
DIAGNOSTICS = "diagnostics"
SIM_TRUTH = "sim/truth"
SOURCE_DONE = "source/done"
"""Latched count of frames published, once a recording has been played to its end."""
PREDICTIONS_DONE = "gaze_vlm/done"
"""Latched count of predictions, once all frames of a finished recording have been used."""
MANAGER_READY = "manager/ready"

GOVERNOR_ARM = "governor/arm"
GOVERNOR_RESET = "governor/reset"
GOVERNOR_STOP = "governor/stop"
ASK_GAZE = "ask_gaze"
ASSIST = "assist"
CALIBRATE_EYES = "calibrate_eyes"

RECORDED = {
    SCENE_IMAGE_COMPRESSED: "sensor_msgs/msg/CompressedImage",
    SCENE_DEPTH_COMPRESSED: "sensor_msgs/msg/CompressedImage",
    SCENE_INFO: "sensor_msgs/msg/CameraInfo",
    SCENE_POSE: "geometry_msgs/msg/PoseWithCovarianceStamped",
    GAZE_SAMPLE: "gaze_vlm_msgs/msg/GazeSample",
    EYE_MOVEMENT: "gaze_vlm_msgs/msg/EyeMovement",
    WEARER_STATE: "gaze_vlm_msgs/msg/WearerState",
    ACTIVITY: "gaze_vlm_msgs/msg/Prediction",
    EVENT: "gaze_vlm_msgs/msg/Prediction",
    ATTENTION: "sensor_msgs/msg/Image",
    OBJECTS: "gaze_vlm_msgs/msg/ObjectMap",
    GAZE_TARGET: "gaze_vlm_msgs/msg/GazeTarget",
    MARKERS: "visualization_msgs/msg/MarkerArray",
    JOINT_STATES: "sensor_msgs/msg/JointState",
    POLICY_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    POLICY_STATE: "gaze_vlm_msgs/msg/AssistState",
    CONTROLLER_TRAJECTORY: "trajectory_msgs/msg/JointTrajectory",
    GOVERNOR_STATE: "gaze_vlm_msgs/msg/GovernorState",
    PROTECTIVE_STOP: "std_msgs/msg/Bool",
    STUDY_MARKER: "gaze_vlm_msgs/msg/StudyMarker",
    DIAGNOSTICS: "diagnostic_msgs/msg/DiagnosticArray",
    SIM_TRUTH: "gaze_vlm_msgs/msg/SimTruth",
}
"""What a recording holds, with its types: compressed images, never raw ones."""

LATCHED = frozenset({PROTECTIVE_STOP, EYE_TARGET, SOURCE_DONE, PREDICTIONS_DONE, MANAGER_READY})
"""Topics whose last message a late subscriber still gets."""

SHARED = frozenset({DIAGNOSTICS, STUDY_MARKER, PROTECTIVE_STOP})
"""Topics that several nodes may publish."""
