"""One end of an exchange of images under sensor-data QoS; `test_environment.py` starts several as processes.

    image_exchange.py send COUNT LISTENER...      prints, for each listener, how many images it has acknowledged
    image_exchange.py hear NAME                   acknowledges each image by its number until it is ended

Each image waits until all have acknowledged the one before, or for a second: what is counted is loss, not speed.
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

    both = len(listeners)
    wait(DISCOVERY_S, lambda: publisher.get_subscription_count() == both and node.count_publishers("heard") == both)
    for index in range(count):
        image = Image(height=HEIGHT, width=WIDTH, encoding="rgb8", step=WIDTH * CHANNELS)
        image.header.stamp.sec = index
        image.data = pixels
        publisher.publish(image)
        wait(PATIENCE_S, lambda index=index: all(index in numbers for numbers in heard.values()))
    for name in listeners:
        print(name, len(heard[name]), flush=True)


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
