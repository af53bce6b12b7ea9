"""Sends pictures from one process to another as the graph does, and says how many arrive; used by ``doctor``."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import Image

from gaze_vlm_ros.nodes import qos
from gaze_vlm_ros.nodes.conversions.images import rgb_message

TOPIC = "doctor/image_raw"
PICTURES = 20
LEAST = 18
RATE_HZ = 15.0
FOUND_WITHIN_S = 8.0


def send() -> int:
    """The other process: waits for the listener, then sends."""
    node = Node("doctor_sender")
    publisher = node.create_publisher(Image, TOPIC, qos.SENSOR)
    until = time.monotonic() + FOUND_WITHIN_S
    while publisher.get_subscription_count() == 0 and time.monotonic() < until:
        time.sleep(0.05)
    picture = np.zeros((480, 640, 3), np.uint8)
    for number in range(1, PICTURES + 1):
        publisher.publish(rgb_message(picture, number, "doctor"))
        time.sleep(1.0 / RATE_HZ)
    return 0


def listen() -> int:
    """Starts the sender and counts. Exit code 1 where too few pictures arrive."""
    node = Node("doctor_listener")
    arrived: list[int] = []
    node.create_subscription(Image, TOPIC, lambda message: arrived.append(message.header.stamp.nanosec), qos.SENSOR)
    sender = subprocess.Popen([sys.executable, "-m", __spec__.name, "send"])
    try:
        until = time.monotonic() + FOUND_WITHIN_S + 2 * PICTURES / RATE_HZ
        while len(arrived) < PICTURES and time.monotonic() < until and (sender.poll() is None or not arrived):
            rclpy.spin_once(node, timeout_sec=0.2)
    finally:
        sender.kill()
        sender.wait()
    told = f"{len(arrived)} of {PICTURES} pictures of 640x480 arrived"
    if len(arrived) < LEAST:
        print(told, file=sys.stderr)
        return 1
    print(told)
    return 0


if __name__ == "__main__":
    rclpy.init()
    sys.exit(send() if sys.argv[1:] == ["send"] else listen())
