"""Exact labels of every simulated frame: what is where, how it moves, what is looked at and what happens."""
