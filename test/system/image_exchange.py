"""One end of an exchange of images under sensor-data QoS; `test_environment.py` starts several as processes.

    image_exchange.py send COUNT LISTENER...      prints, for each listener, how many images it has acknowledged
    image_exchange.py hear NAME                   acknowledges each image by its number until it is ended

The first image is repeated until all have met and does not count. Each of the others waits until all have acknowledged
the one before, or for a second: what is counted is loss, not speed.
"""

import array
import sys
import time

import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
from std_msgs.msg import Header

WIDTH, HEIGHT, CHANNELS = 640, 480, 3
PATIENCE_S = 1.0
DISCOVERY_S = 20.0


def send(count: int, listeners: list[str]) -> None:
    node = rclpy.create_node("sender")
    heard = {name: set() for name in listeners}
    node.create_subscription(Header, "heard", lambda m: heard[m.frame_id].add(m.stamp.sec), 100)
    publisher = node.create_publisher(Image, "image", qos_profile_sensor_data)
    pixels = array.array("B", bytes(WIDTH * HEIGHT * CHANNELS))

    def wait(patience_s, arrived):
        end = time.monotonic() + patience_s
        while not arrived() and time.monotonic() < end:
            rclpy.spin_once(node, timeout_sec=0.05)

    def show(index):
        image = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=WIDTH * CHANNELS)
        image.header.stamp.sec = index
        image.data = pixels
        publisher.publish(image)
        wait(PATIENCE_S, lambda: all(index in numbers for numbers in heard.values()))

    end = time.monotonic() + DISCOVERY_S
    while not all(heard.values()) and time.monotonic() < end:
        show(0)
    for index in range(1, count + 1):
        show(index)
    for name in listeners:
        print(name, len(heard[name] - {0}), flush=True)


def hear(name: str) -> None:
    node = rclpy.create_node(f"listener_{name}")
    answers = node.create_publisher(Header, "heard", 100)

    def acknowledge(image):
        answers.publish(Header(frame_id=name, stamp=image.header.stamp))

    node.create_subscription(Image, "image", acknowledge, qos_profile_sensor_data)
    rclpy.spin(node)


if __name__ == "__main__":
    rclpy.init()
    if sys.argv[1] == "send":
        send(int(sys.argv[2]), sys.argv[3:])
    else:
        hear(sys.argv[2])
