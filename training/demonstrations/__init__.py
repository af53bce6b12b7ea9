"""Demonstrations of the robot's tasks by scripted experts: joints, truth, and what the robot's eye could have seen."""
