"""How fast and how true to life the simulated world is, measured when asked."""
