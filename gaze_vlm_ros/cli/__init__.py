"""The command line, gaze-vlm-ros."""
