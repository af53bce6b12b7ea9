"""From pictures of the eyes to gaze, small enough for a wearable: DFT Gaze (arXiv 2411.04335) and what runs it.

Start at :class:`gaze_vlm_ros.gaze.eyes.estimator.EyeEstimator`. Directions are in the *rig* frame, fixed to the glasses
as the scene camera is: x right, y down, z forward, as the wearer sees it.
"""
