"""Training of the eye-image estimators: start at ``python -m gaze_vlm_ros.training.eyes.train``."""
