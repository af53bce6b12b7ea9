"""MCAP in and out: what the running graph said, kept with its message definitions.

This room knows neither rclpy nor the message packages; messages come as CDR bytes and go as decoded objects.
"""
