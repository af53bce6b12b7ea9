"""Offscreen pictures of a MuJoCo scene: colour and depth in one pass, segmentation in another."""

from __future__ import annotations

import os

import mujoco
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError


class RenderError(GazeVlmError):
    """No OpenGL context could be made."""


class Offscreen:
    """Renders one fixed camera. Use it from the thread that made it.

    Shadows and reflections are off: in software they cost more than everything else together.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int, camera: str) -> None:
        self._model = model
        self._width, self._height = width, height
        try:
            self._gl = mujoco.GLContext(width, height)
            self._gl.make_current()
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_100)
        except Exception as error:
            raise RenderError(
                f"no OpenGL for rendering (MUJOCO_GL={os.environ.get('MUJOCO_GL', 'unset')}): {error}; "
                "install libegl1 or libosmesa6 and set MUJOCO_GL=egl or MUJOCO_GL=osmesa"
            ) from error
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        self._scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = 0
        self._scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_CAMERA, camera)
        self._viewport = mujoco.MjrRect(0, 0, width, height)
        self._rgb = np.empty((height, width, 3), np.uint8)
        self._depth = np.empty((height, width), np.float32)

    def _update(self, data: mujoco.MjData) -> None:
        self._gl.make_current()
        mujoco.mjv_updateScene(
            self._model, data, self._option, None, self._camera, mujoco.mjtCatBit.mjCAT_ALL.value, self._scene
        )

    def rgb_depth(self, data: mujoco.MjData, with_depth: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
        """Colour (H, W, 3) uint8, and depth along the optical axis (H, W) float32 [m] with NaN for the background."""
        self._update(data)
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        mujoco.mjr_readPixels(self._rgb, self._depth if with_depth else None, self._viewport, self._context)
        depth = self._metric(self._depth[::-1]) if with_depth else None
        return np.ascontiguousarray(self._rgb[::-1]), depth

    def segmentation(self, data: mujoco.MjData) -> np.ndarray:
        """Geom id of each pixel (H, W) int32, -1 for none."""
        self._update(data)
        flags = self._scene.flags
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = 1
        mujoco.mjr_render(self._viewport, self._scene, self._context)
        flags[mujoco.mjtRndFlag.mjRND_SEGMENT] = flags[mujoco.mjtRndFlag.mjRND_IDCOLOR] = 0
        mujoco.mjr_readPixels(self._rgb, None, self._viewport, self._context)
        codes = self._rgb[::-1].astype(np.int32) @ np.array([1, 256, 65536], np.int32)
        geom_of = np.full(self._scene.ngeom + 1, -1, np.int32)
        for index in range(self._scene.ngeom):
            geom = self._scene.geoms[index]
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM and geom.segid >= 0:
                geom_of[min(geom.segid + 1, self._scene.ngeom)] = geom.objid
        return geom_of[np.minimum(codes, self._scene.ngeom)]

    def _metric(self, buffer: np.ndarray) -> np.ndarray:
        """Depth buffer 0..1 -> metres (zfar/znear planes of the model); the far plane is NaN."""
        extent = self._model.stat.extent
        near, far = self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent
        depth = near / (1.0 - buffer * (1.0 - near / far))
        depth[buffer >= 1.0] = np.nan
        return depth.astype(np.float32, copy=False)

    def close(self) -> None:
        """Gives the OpenGL context back."""
        self._context.free()
        self._gl.free()
