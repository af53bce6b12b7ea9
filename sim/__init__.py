"""MuJoCo worlds, robots, and the simulated wearer."""
