"""Offscreen pictures of a MuJoCo scene: colour and depth in one pass, labels in another."""

from __future__ import annotations

import atexit
import os
import threading

import mujoco
import numpy as np

from gaze_vlm_ros.errors import GazeVlmError

_FLAG = mujoco.mjtRndFlag
_STEAM_GROUP = 5
"""Drawn in colour pictures only: what the eye sees but no ray hits."""
_here = threading.local()


class RenderError(GazeVlmError):
    """No OpenGL context could be made, or a camera or size that the model does not have."""


class Offscreen:
    """Renders the cameras of one model at sizes up to ``width`` x ``height``. Use it from the thread that made it.

    Shadows and reflections are off: in software they cost more than everything else together. All of a thread share
    one OpenGL context, because making one takes longer than a hundred pictures. ``camera`` is the one that is meant
    when none is named.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int, camera: str = "") -> None:
        self._model = model
        self._size = width, height
        self._default_camera = camera
        self._thread = threading.get_ident()
        model.vis.global_.offwidth = max(model.vis.global_.offwidth, width)
        model.vis.global_.offheight = max(model.vis.global_.offheight, height)
        try:
            self._gl = _context_of_thread()
            self._gl.make_current()
            self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_50)
        except Exception as error:
            raise RenderError(
                f"no OpenGL for rendering (MUJOCO_GL={os.environ.get('MUJOCO_GL', 'unset')}): {error}; "
                "install libegl1 or libosmesa6 and set MUJOCO_GL=egl or MUJOCO_GL=osmesa"
            ) from error
        self._scene = mujoco.MjvScene(model, maxgeom=2000)
        for flag in (_FLAG.mjRND_SHADOW, _FLAG.mjRND_REFLECTION, _FLAG.mjRND_SKYBOX, _FLAG.mjRND_HAZE):
            self._scene.flags[flag] = 0
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._buffers: dict[tuple[int, int], tuple[np.ndarray, np.ndarray]] = {}

    def rgb_depth(
        self,
        data: mujoco.MjData,
        with_depth: bool = True,
        *,
        camera: str = "",
        size: tuple[int, int] | None = None,
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Colour (H, W, 3) uint8, and depth along the optical axis (H, W) float32 [m] with NaN for the background.

        As with a real depth camera, what is seen through glass is what has the depth. ``size`` is (width, height), by
        default that of the constructor.
        """
        rgb, depth = self._draw(data, camera, size, with_depth, steam=True)
        return np.ascontiguousarray(rgb[::-1]), self._metric(depth[::-1]) if with_depth else None

    def labels(
        self, data: mujoco.MjData, with_depth: bool = True, *, camera: str = "", size: tuple[int, int] | None = None
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Geom id of each pixel (H, W) int32, -1 for none, and the depth (H, W) float32 [m] of that very surface.

        Glass counts as a surface, steam does not.
        """
        flags = self._scene.flags
        flags[_FLAG.mjRND_SEGMENT] = flags[_FLAG.mjRND_IDCOLOR] = 1
        try:
            rgb, depth = self._draw(data, camera, size, with_depth, steam=False)
        finally:
            flags[_FLAG.mjRND_SEGMENT] = flags[_FLAG.mjRND_IDCOLOR] = 0
        codes = rgb[::-1, :, 0] + rgb[::-1, :, 1] * np.int32(256)
        return self._geom_of_code()[codes], self._metric(depth[::-1]) if with_depth else None

    def segmentation(self, data: mujoco.MjData, *, camera: str = "", size: tuple[int, int] | None = None) -> np.ndarray:
        """Geom id of each pixel (H, W) int32, -1 for none."""
        return self.labels(data, False, camera=camera, size=size)[0]

    def close(self) -> None:
        """Frees what this model took of its thread's OpenGL context; called from another, leaves it to its end."""
        if threading.get_ident() == self._thread:
            self._gl.make_current()
            self._context.free()

    def _draw(
        self, data: mujoco.MjData, camera: str, size: tuple[int, int] | None, with_depth: bool, steam: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Colour and raw depth, upside down, in buffers that the next call of the same size overwrites."""
        width, height = size or self._size
        rgb, depth = self._buffer(width, height)
        self._camera.fixedcamid = self._camera_id(camera or self._default_camera)
        self._option.geomgroup[_STEAM_GROUP] = steam
        every = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(self._model, data, self._option, None, self._camera, every, self._scene)
        viewport = mujoco.MjrRect(0, 0, width, height)
        self._gl.make_current()
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN, self._context)
        mujoco.mjr_render(viewport, self._scene, self._context)
        mujoco.mjr_readPixels(rgb, depth if with_depth else None, viewport, self._context)
        return rgb, depth

    def _camera_id(self, name: str) -> int:
        index = mujoco.mj_name2id(self._model, mujoco.mjtObj.mjOBJ_CAMERA, name)
        if index < 0:
            known = ", ".join(self._model.camera(i).name for i in range(self._model.ncam))
            raise RenderError(f"no camera {name!r}; use one of: {known}")
        return index

    def _buffer(self, width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
        if not (0 < width <= self._size[0] and 0 < height <= self._size[1]):
            raise RenderError(f"pictures are at most {self._size[0]}x{self._size[1]}, asked for {width}x{height}")
        if (width, height) not in self._buffers:
            self._buffers[width, height] = np.empty((height, width, 3), np.uint8), np.empty((height, width), np.float32)
        return self._buffers[width, height]

    def _geom_of_code(self) -> np.ndarray:
        """Geom id of each colour code of the scene as it was drawn (65536,) int32; code 0 is the background."""
        geom_of = np.full(1 << 16, -1, np.int32)
        for index in range(self._scene.ngeom):
            geom = self._scene.geoms[index]
            if geom.objtype == mujoco.mjtObj.mjOBJ_GEOM and geom.segid >= 0:
                geom_of[geom.segid + 1] = geom.objid
        return geom_of

    def _metric(self, buffer: np.ndarray) -> np.ndarray:
        """Depth buffer 0..1 -> metres (zfar/znear planes of the model); the far plane is NaN."""
        extent = self._model.stat.extent
        near, far = self._model.vis.map.znear * extent, self._model.vis.map.zfar * extent
        depth = near / (1.0 - buffer * (1.0 - near / far))
        depth[buffer >= 1.0] = np.nan
        return depth.astype(np.float32, copy=False)


def _context_of_thread() -> mujoco.GLContext:
    """This thread's one OpenGL context; its size does not matter, pictures are drawn to buffers of their own."""
    if not hasattr(_here, "gl"):
        _here.gl = mujoco.GLContext(16, 16)
        if threading.current_thread() is threading.main_thread():
            atexit.register(_here.gl.free)  # later, OSMesa's own clean-up fails with a message
    return _here.gl
