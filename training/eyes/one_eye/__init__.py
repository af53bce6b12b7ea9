"""One Eye's data, training and evaluation: ``python -m gaze_vlm_ros.training.eyes.one_eye``."""
