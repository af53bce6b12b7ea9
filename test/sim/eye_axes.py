"""The robot eye's axes, by arithmetic of our own."""

import numpy as np
from scipy.spatial.transform import Rotation


def axes(azimuth_deg, elevation_deg):
    """The eye's axes in its mount, made from elementary turns: forward is x, left y, up z."""
    turn = Rotation.from_euler("ZY", [azimuth_deg, -elevation_deg], degrees=True).as_matrix()
    return np.column_stack([-turn[:, 1], -turn[:, 2], turn[:, 0]])
