"""Robots as data: ``robot.yaml`` and MJCF, their limits, kinematics and timed joint motions."""
