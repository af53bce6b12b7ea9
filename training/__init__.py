"""Data sets, training and evaluation entry points."""
