"""Thin ROS 2 nodes: parameters, topics, QoS, life cycle; a node holds no algorithm."""
