"""A policy plays the robot's tasks: episodes, ways to look, measures."""
