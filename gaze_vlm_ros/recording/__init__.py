"""MCAP in and out."""
