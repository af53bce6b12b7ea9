"""What a robot's help is worth to a wearer who cannot reach everything: the closed loop, in simulation."""
