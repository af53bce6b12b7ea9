"""BC-RL: the hand learns by imitation, the eye by reinforcement, rewarded where the hand predicts well (EyeRobot)."""
