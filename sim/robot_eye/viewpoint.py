"""Pinhole pictures in any directions from one point of a scene, lit alike."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.sim.render import Offscreen

_SPOT = mujoco.mjtLightType.mjLIGHT_SPOT
"""With a cut-off of 180 degrees it shines everywhere; mjLIGHT_POINT would give no light at all."""


class Viewpoint(Offscreen):
    """Draws square pictures of up to ``largest_px``, for which the model needs no camera.

    The headlight shines from the point in every direction, so that the light on a thing does not change as the eye
    turns and the pictures of one point fit together.
    """

    def __init__(self, model: mujoco.MjModel, largest_px: int) -> None:
        super().__init__(model, largest_px, largest_px)
        self.model = model
        self._camera.type = mujoco.mjtCamera.mjCAMERA_USER
        extent = model.stat.extent
        self._near_m, self._far_m = model.vis.map.znear * extent, model.vis.map.zfar * extent

    def pictures(
        self,
        data: mujoco.MjData,
        at_m: np.ndarray,
        rotations: np.ndarray,
        half_widths: np.ndarray,
        sizes_px: np.ndarray,
    ) -> list[np.ndarray]:
        """One picture (size, size, 3) uint8 per entry, seen from (3,) ``at_m`` [world].

        ``rotations`` (K, 3, 3) are the optical frames (x right, y down, z forward) in the world; ``half_widths`` (K,)
        tangents of half the field of view. Each picture is valid until the next call.
        """
        every = mujoco.mjtCatBit.mjCAT_ALL.value
        self._aim(at_m, rotations[0], half_widths[0])
        mujoco.mjv_updateScene(self.model, data, self._option, None, self._camera, every, self._scene)
        self._spread_headlight(at_m)
        self._gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        found = []
        for index, size in enumerate(sizes_px):
            self._aim(at_m, rotations[index], half_widths[index])
            viewport = mujoco.MjrRect(0, 0, int(size), int(size))
            rgb = np.empty((size, size, 3), np.uint8)
            mujoco.mjr_render(viewport, self._scene, self._context)
            mujoco.mjr_readPixels(rgb, None, viewport, self._context)
            found.append(rgb[::-1])
        return found

    def _aim(self, at_m: np.ndarray, rotation: np.ndarray, half_width: float) -> None:
        for camera in self._scene.camera:
            camera.pos, camera.forward, camera.up = at_m, rotation[:, 2], -rotation[:, 1]
            camera.frustum_near, camera.frustum_far = self._near_m, self._far_m
            camera.frustum_top = half_width * self._near_m
            camera.frustum_bottom = -camera.frustum_top
            camera.frustum_center = camera.frustum_width = 0.0

    def _spread_headlight(self, at_m: np.ndarray) -> None:
        for light in self._scene.lights[: self._scene.nlight]:
            if light.headlight:
                light.type, light.cutoff, light.exponent = _SPOT, 180.0, 0.0
                light.pos, light.attenuation = at_m, (1.0, 0.0, 0.0)
