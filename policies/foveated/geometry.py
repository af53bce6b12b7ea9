"""What the networks are told in numbers: everything relative to the gaze or to the hand, none to the room.

Turning a situation about the robot's base leaves these numbers as they are, so that what is learnt at one azimuth
holds at all of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

PLACE_SIZE = 7
"""A place: the tool's point there (3,) [m, base frame], then cosine and sine of twice and of four times its yaw."""
LOOKED_AT_M = 0.05
"""Height of what is usually looked at above the base's plane, on which the table lies."""
SIGHT_M = (0.3, 1.2)
_SCALES_M = (0.02, 0.1)
_SCALES_RAD = (0.04, 0.2)


def gaze_frame(direction: Tensor, eye_m: Tensor) -> tuple[Tensor, Tensor]:
    """The frame of a gaze: where its ray meets the height of things (..., 3), and ``base_R_gaze`` (..., 3, 3).

    ``direction`` (..., 3) unit vectors [base frame]; the frame's x axis lies along the gaze in the plane, z upwards.
    """
    down = (LOOKED_AT_M - eye_m[2]) / torch.clamp(direction[..., 2], max=-1e-3)
    along = torch.where(direction[..., 2] < -1e-3, down, torch.full_like(down, SIGHT_M[1]))
    point = eye_m + direction * along.clamp(*SIGHT_M)[..., None]
    return point, upright(torch.atan2(direction[..., 1], direction[..., 0]))


def upright(yaw_rad: Tensor) -> Tensor:
    """Rotations (..., 3, 3) about z."""
    c, s, zero = torch.cos(yaw_rad), torch.sin(yaw_rad), torch.zeros_like(yaw_rad)
    one = torch.ones_like(yaw_rad)
    return torch.stack([c, -s, zero, s, c, zero, zero, zero, one], dim=-1).unflatten(-1, (3, 3))


def to_frame(places: Tensor, origin: Tensor, base_R_frame: Tensor) -> Tensor:
    """Places (..., K, 7) of the base frame in an upright frame: ``origin`` (..., 3), ``base_R_frame`` (..., 3, 3)."""
    return _moved(places, origin, base_R_frame, into=True)


def from_frame(places: Tensor, origin: Tensor, base_R_frame: Tensor) -> Tensor:
    """The reverse of ``to_frame``."""
    return _moved(places, origin, base_R_frame, into=False)


def _moved(places: Tensor, origin: Tensor, turned: Tensor, into: bool) -> Tensor:
    yaw = torch.atan2(turned[..., 1, 0], turned[..., 0, 0])[..., None] * (-1.0 if into else 1.0)
    if into:
        points = (places[..., :3] - origin[..., None, :]) @ turned
    else:
        points = places[..., :3] @ turned.transpose(-1, -2) + origin[..., None, :]
    terms = [points]
    for number, folds in enumerate((2, 4)):
        c, s = torch.cos(folds * yaw), torch.sin(folds * yaw)
        x, y = places[..., 3 + 2 * number], places[..., 4 + 2 * number]
        terms.append(torch.stack([c * x - s * y, s * x + c * y], dim=-1))
    return torch.cat(terms, dim=-1)


def magnified(offset_m: Tensor) -> Tensor:
    """Offsets (..., 3) as (..., 9): coarse, finer, finest, so that millimetres and metres can both be told."""
    return torch.cat([offset_m / 0.3, *(torch.tanh(offset_m / scale) for scale in _SCALES_M)], dim=-1)


def belief_numbers(places: Tensor, spread: Tensor, direction: Tensor, eye_m: Tensor) -> Tensor:
    """How far the eye would have to turn to each of two places (..., 14): azimuth and elevation, coarsely and finely,
    and how sure the hand is of it. ``places`` (..., 2, 7), ``spread`` (..., 2) logarithms, ``direction`` (..., 3)."""
    ways = places[..., :3] - eye_m
    wanted = torch.atan2(ways[..., 1], ways[..., 0]), torch.atan2(ways[..., 2], ways[..., :2].norm(dim=-1))
    azimuth = torch.atan2(direction[..., 1], direction[..., 0])[..., None]
    elevation = torch.asin(direction[..., 2].clamp(-1.0, 1.0))[..., None]
    turns = torch.stack([wanted[0] - azimuth, wanted[1] - elevation], dim=-1)
    scaled = [turns, *(torch.tanh(turns / scale) for scale in _SCALES_RAD), (spread[..., None] + 3.0) / 2.0]
    return torch.cat(scaled, dim=-1).flatten(-2)


def hand_numbers(tool_m: Tensor, tool_R: Tensor, places: Tensor) -> Tensor:
    """Where the hand is and where both places are from it (..., 9 + 26): seen from the tool's azimuth."""
    azimuth = torch.atan2(tool_m[..., 1], tool_m[..., 0])
    turned = upright(azimuth)
    local_R = turned.transpose(-1, -2) @ tool_R
    reach = torch.hypot(tool_m[..., 0], tool_m[..., 1])
    own = [torch.stack([(reach - 0.5) / 0.1, (tool_m[..., 2] - 0.15) / 0.1, reach * 0 + 1.0], dim=-1)]
    own += [local_R[..., :, 0], local_R[..., :, 2]]
    tool_yaw = torch.atan2(tool_R[..., 1, 0], tool_R[..., 0, 0])
    seen = to_frame(places, tool_m, turned)
    gripped = to_frame(places, tool_m, upright(tool_yaw))
    for number in range(places.shape[-2]):
        own += [magnified(seen[..., number, :3]), gripped[..., number, 3:]]
    return torch.cat(own, dim=-1)


HAND_NUMBERS = 9 + 2 * (9 + 4)
