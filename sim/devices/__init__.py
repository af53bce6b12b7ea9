"""Simulated eye trackers: what a device reports of the wearer's eyes, and what its scene camera makes of a picture."""
