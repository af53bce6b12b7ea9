"""The five scripts."""

from __future__ import annotations

import numpy as np

from gaze_vlm_ros.policies.experts.skills import (
    CLOSED,
    HOVER_M,
    OPEN,
    Actions,
    Expert,
    any_yaw,
    square_yaws,
    wrapped,
)

_BRUSH_GRIP_M = 0.07
_LOWEST_GRIP_M = 0.013
_GRIPPED_M, _GRIPPED_NARROW_M, _NARROW_HALF_M = 0.035, 0.055, 0.034
"""So much of a thing's height goes between the fingers: further up they would push a wide thing out of their grip."""
_WIDEST_HALF_M = 0.048
_ROUND_M = 0.003
"""A thing whose two sides differ by less is gripped alike from everywhere."""


class PressButtonExpert(Expert):
    """A fist above the button, straight down until it gives, and up again."""

    def script(self) -> Actions:
        self.closing = CLOSED
        for _ in range(2):
            button = self.focus_m = self.state["button_m"]
            yaw = yield from self.over(button, self.any_yaw(button), button[2] + 0.09)
            # A tool point may lie in the air before the flange, so that the way down is longer than it looks.
            yield from self.line(button - [0, 0, 0.1], yaw, 0.12, until=lambda: self.state["depth_m"][0] > 0.0085)
            yield from self.line(button + [0, 0, 0.09], yaw, 0.2)


class PickPlaceExpert(Expert):
    """The block by two of its sides, squared with the holder, lowered and let go."""

    def script(self) -> Actions:
        block_lift = self.state["block_m"][2] + 0.1
        yield from self.pick(
            lambda: (self.state["block_m"], square_yaws(self.state["block_R"])),
            0.05,
            held=lambda: self.near_tool(self.state["block_m"]) and self.state["block_m"][2] > block_lift,
        )
        holder = self.focus_m = self.state["holder_m"]
        yaw = yield from self.over(holder, square_yaws(self.state["holder_R"]))
        offset = self.state["block_m"] - self.state["tool_m"]
        above = np.array([*(holder - offset)[:2], HOVER_M])
        yield from self.line(above, yaw, 0.1)
        yield from self.wait(2)
        yield from self.line(np.array([*above[:2], 0.065]), yaw, 0.15)
        yield from self.grip(OPEN)
        yield from self.line(above, yaw, 0.25)


class TowelExpert(Expert):
    """The towel by its ridge, the two halves hanging, lowered along the tray's longer side and let go."""

    def script(self) -> Actions:
        start_z = self.state["ridge_m"][2]
        yield from self.pick(self._ridge, 0.03, held=lambda: self.state["ridge_m"][2] > start_z + 0.1)
        tray = self.focus_m = self.state["tray_m"]
        yaw = yield from self.over(tray, square_yaws(self.state["tray_R"])[::2])
        yield from self.line(np.array([*tray[:2], 0.095]), yaw, 0.15)
        yield from self.grip(OPEN)
        yield from self.line(np.array([*tray[:2], HOVER_M]), yaw, 0.25)
        yield from self.wait(10)

    def _ridge(self) -> tuple[np.ndarray, list[float]]:
        across = self.state["across"]
        yaw = float(np.arctan2(-across[0], across[1]))
        return self.state["ridge_m"], [yaw, yaw - np.pi if yaw > 0 else yaw + np.pi]


class WipeExpert(Expert):
    """The brush by its handle, down at one end of the path and along the stains; once more for those that are left."""

    def script(self) -> Actions:
        lift = self.state["brush_m"][2] + 0.1
        for _ in range(2):
            if not self.near_tool(self.state["brush_m"], 0.1):
                yield from self.pick(
                    lambda: (self.state["brush_m"], self._grips()),
                    _BRUSH_GRIP_M,
                    held=lambda: self.state["brush_m"][2] > lift,
                )
            yield from self._wipe(self._stains())

    def _stains(self) -> np.ndarray:
        """Those that are left (k, 2), the nearer end first; with ``keeps_yaw`` the left end, wherever the hand is."""
        stains = self.state["path_m"].reshape(-1, 2)[self.state["wiped"] < 0.5]
        if self.keeps_yaw:
            return stains[np.argsort(-np.arctan2(stains[:, 1], stains[:, 0]))]
        first, last = np.linalg.norm(stains[[0, -1]] - self.state["tool_m"][:2], axis=1)
        return stains[::-1] if last < first else stains

    def _grips(self) -> list[float]:
        """All four, or with ``keeps_yaw`` the two with which the sole lies along the line of the fingers."""
        yaws = square_yaws(self.state["brush_R"])
        return yaws[::2] if self.keeps_yaw else yaws

    def _wipe(self, stains: np.ndarray) -> Actions:
        if self.keeps_yaw:
            yield from self._sweep(stains)
            return
        self.focus_m = np.array([*stains[0], 0.0])
        yaw = yield from self.over(self.focus_m, any_yaw())
        yield from self.line(np.array([*stains[0], _BRUSH_GRIP_M + 0.03]), yaw, 0.2)
        yield from self.line(np.array([*stains[0], _BRUSH_GRIP_M - 0.002]), yaw, 0.06)
        for stain in stains[1:]:
            self.focus_m = np.array([*stain, 0.0])
            yield from self.line(np.array([*stain, _BRUSH_GRIP_M - 0.002]), yaw, 0.12)
        yield from self.wait(2)
        yield from self.line(np.array([*stains[-1], HOVER_M]), yaw, 0.25)

    def _sweep(self, stains: np.ndarray) -> Actions:
        """Along the arc in the stains' middle, the sole's longer side across it, wide enough for their wave."""
        middle = self.state["path_m"].reshape(-1, 2)
        radius = float(np.linalg.norm(middle, axis=1).mean())
        azimuths = np.arctan2(stains[:, 1], stains[:, 0])
        points = radius * np.stack([np.cos(azimuths), np.sin(azimuths)], axis=1)
        self.focus_m = np.array([*middle.mean(axis=0), 0.0])
        yaw = yield from self.over(np.array([*points[0], 0.0]), [azimuths[0], wrapped(azimuths[0] + np.pi)])
        yield from self.line(np.array([*points[0], _BRUSH_GRIP_M + 0.03]), yaw, 0.2)
        for point, azimuth in zip(points, azimuths, strict=True):
            yield from self.line(np.array([*point, _BRUSH_GRIP_M - 0.002]), yaw + azimuth - azimuths[0], 0.12)
        yield from self.wait(2)
        yield from self.line(np.array([*points[-1], HOVER_M]), yaw + azimuths[-1] - azimuths[0], 0.25)


class HandOverExpert(Expert):
    """The asked-for thing from above, over the wearer's palm, down onto it, and let go once it has been taken."""

    def script(self) -> Actions:
        half, palm = self.state["asked_half_m"], self.state["palm_m"]
        gripped = _GRIPPED_M if half[:2].min() > _NARROW_HALF_M else _GRIPPED_NARROW_M
        grip = max(_LOWEST_GRIP_M, 2 * half[2] - gripped)
        # What hangs from the hand has to pass over the palm.
        carry = max(HOVER_M, palm[2] + grip + 0.03)
        lift = self.state["asked_m"][2] + 0.06
        yield from self.pick(
            lambda: (self.state["asked_m"], self._yaws()), grip, lambda: self.state["asked_m"][2] > lift, carry
        )
        self.focus_m = palm
        yaw = yield from self.over(palm, self.any_yaw(palm), carry)
        offset = self.state["asked_m"] - self.state["tool_m"]
        above = np.array([*(palm - offset)[:2], carry])
        yield from self.line(above, yaw, 0.1)
        rest = palm[2] + half[2] - offset[2] - 0.004
        yield from self.line(np.array([*above[:2], rest]), yaw, 0.12, until=lambda: self.state["taken"][0] > 0.5)
        yield from self.wait(3)
        yield from self.grip(OPEN)
        yield from self.line(above, yaw, 0.2)

    def _yaws(self) -> list[float]:
        """Across the sides that fit between the fingers."""
        half, yaws = self.state["asked_half_m"], square_yaws(self.state["asked_R"])
        if self.keeps_yaw and abs(half[0] - half[1]) < _ROUND_M:
            return self.any_yaw(self.state["asked_m"])
        return [yaw for i, yaw in enumerate(yaws) if half[i % 2] < _WIDEST_HALF_M]
