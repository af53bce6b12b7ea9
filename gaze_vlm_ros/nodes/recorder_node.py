"""Writes the graph's topics to an MCAP file, as they come off the wire."""

from __future__ import annotations

import os
import sys
import threading
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rosidl_runtime_py_utilities import get_message  # noqa: F401
