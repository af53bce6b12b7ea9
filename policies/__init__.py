"""The assistance decision, kinematics and baselines."""
