"""Messages to the types of ``gaze_vlm_ros.types`` and back; ``*_message`` makes a message, ``*_from`` reads one.

What a message must not hold raises ConversionError, which the node's base class counts and names.
"""
