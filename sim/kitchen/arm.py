"""The robot in the kitchen: its arm on its mount, with meshes thinned so that software rendering is fast."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.robots.description import RobotDescription
from gaze_vlm_ros.sim.kitchen.placing import Mount

ROBOT_PREFIX = "robot/"
_MOST_FACES = 260
_prepared: dict[str, mujoco.MjSpec] = {}


def add_robot(spec: mujoco.MjSpec, robot: RobotDescription, mount: Mount) -> None:
    """Attaches the arm at its mount; its names get ``ROBOT_PREFIX``."""
    key = repr(robot)
    if key not in _prepared:
        _prepared.clear()
        _prepared[key] = _thinned(robot.build_spec())
    turn = [np.cos(mount.yaw_rad / 2), 0, 0, np.sin(mount.yaw_rad / 2)]
    frame = spec.worldbody.add_frame(pos=mount.position_m, quat=turn)
    spec.attach(_prepared[key].copy(), prefix=ROBOT_PREFIX, frame=frame)


def _thinned(arm: mujoco.MjSpec) -> mujoco.MjSpec:
    """The arm with meshes of at most ``_MOST_FACES`` faces; masses and inertias stay those of the full ones."""
    model = arm.copy().compile()
    for body in arm.bodies[1:]:
        compiled = model.body(body.name)
        body.explicitinertial, body.mass = True, float(compiled.mass[0])
        body.ipos, body.iquat, body.inertia = compiled.ipos, compiled.iquat, compiled.inertia
    for geom in list(arm.geoms):
        if geom.type == mujoco.mjtGeom.mjGEOM_MESH:
            _thin(arm, geom, model)
    return arm


def _thin(arm: mujoco.MjSpec, geom: mujoco.MjsGeom, model: mujoco.MjModel) -> None:
    compiled = model.geom(geom.name)
    mesh = int(compiled.dataid[0])
    if model.mesh_facenum[mesh] <= _MOST_FACES:
        return
    name = f"{model.mesh(mesh).name}_thin"
    if arm.mesh(name) is None:
        vertices, faces = thin_mesh(*_mesh_of(model, mesh), _MOST_FACES)
        asset = arm.add_mesh(name=name)
        asset.uservert, asset.userface = vertices.ravel(), faces.ravel()
        asset.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    geom.meshname, geom.pos, geom.quat, geom.mass = name, compiled.pos, compiled.quat, 0.0


def _mesh_of(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    first, count = model.mesh_vertadr[mesh], model.mesh_vertnum[mesh]
    face, faces = model.mesh_faceadr[mesh], model.mesh_facenum[mesh]
    return model.mesh_vert[first : first + count], model.mesh_face[face : face + faces]


def thin_mesh(vertices: np.ndarray, faces: np.ndarray, most_faces: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (N, 3) and faces (F <= ``most_faces``, 3) of about the same surface: vertices of one cell are merged.

    The cells are the smallest cubes that give few enough faces.
    """
    fewest, most = 1, 64
    best = None
    while fewest <= most:
        cells = (fewest + most) // 2
        merged = _merge(vertices, faces, cells)
        if len(merged[1]) <= most_faces:
            best, fewest = merged, cells + 1
        else:
            most = cells - 1
    return best


def _merge(vertices: np.ndarray, faces: np.ndarray, cells: int) -> tuple[np.ndarray, np.ndarray]:
    low = vertices.min(0)
    edge = (vertices.max(0) - low).max() / cells * 1.0001
    _, cell = np.unique(((vertices - low) / edge).astype(int), axis=0, return_inverse=True)
    cell = cell.ravel()
    counts = np.bincount(cell)
    merged = np.column_stack([np.bincount(cell, vertices[:, axis]) / counts for axis in range(3)])
    kept = cell[faces]
    distinct = (kept[:, 0] != kept[:, 1]) & (kept[:, 1] != kept[:, 2]) & (kept[:, 0] != kept[:, 2])
    kept = kept[distinct]
    _, first = np.unique(np.sort(kept, axis=1), axis=0, return_index=True)
    return merged, kept[np.sort(first)]
