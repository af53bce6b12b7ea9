"""A thing as a free body of a MuJoCo model, and its state shown by changing fields of its geoms.

Geoms of group 1 are seen and hit by rays; group 5 (steam) is only drawn in colour pictures; group 4 is not drawn: the
box that collides, and whatever the state hides.
"""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.sim.things.look import KINDS, ThingLook, kind_named
from gaze_vlm_ros.sim.things.mesh import Mesh
from gaze_vlm_ros.sim.things.shape import Content
from gaze_vlm_ros.sim.things.state import ThingError, ThingState

SEEN_GROUP, HIDDEN_GROUP, STEAM_GROUP = 1, 4, 5
CONTENT_USER = 6
"""Numbers kept with a geom (``nuser_geom``): of content floor and brim, radii there, column, middle of the thing."""
THING_CONTACT, RIM_CONTACT = 1, 4
"""Bits of contype and conaffinity: what everything touches, and the unseen rim that only things touch."""
_PUFFS = ((0.3, 0.0, 0.5), (-0.35, 0.25, 1.15), (0.15, -0.2, 1.9))
_NO_CONTACT = {"contype": 0, "conaffinity": 0, "mass": 0.0}


def add_mesh(spec: mujoco.MjSpec, name: str, mesh: Mesh, scale: float = 1.0) -> None:
    """Adds ``mesh`` as an asset."""
    asset = spec.add_mesh(name=name)
    asset.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    asset.uservert = (mesh.vertices * scale).ravel()
    asset.usernormal = mesh.normals.ravel()
    asset.usertexcoord = mesh.uv.ravel()
    asset.userface = mesh.faces.ravel()


def add_texture(spec: mujoco.MjSpec, name: str, pixels: np.ndarray, shine: float = 0.2) -> None:
    """Adds a texture of ``pixels`` (H, W, 3) uint8 and a material of the same name."""
    texture = spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D)
    texture.height, texture.width, texture.nchannel = *pixels.shape[:2], 3
    texture.data = pixels.tobytes()
    material = spec.add_material(name=name, specular=shine, shininess=0.4 + 0.4 * shine)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name


def add_thing(spec: mujoco.MjSpec, look: ThingLook, position: np.ndarray, yaw_rad: float) -> mujoco.MjsBody:
    """Adds a free body named after the kind, standing on ``position`` (3,) in the world [m].

    The body's origin is the middle of the thing. The spec needs ``nuser_geom`` of at least ``CONTENT_USER``.
    """
    kind, shape, half = kind_named(look.kind), look.shape, look.half_extents
    body = spec.worldbody.add_body(
        name=look.kind,
        pos=np.asarray(position) + [0, 0, half[2]],
        quat=[np.cos(yaw_rad / 2), 0, 0, np.sin(yaw_rad / 2)],
    )
    body.add_freejoint(name=f"{look.kind}/free")
    body.add_geom(
        name=f"{look.kind}/hull",
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=half,
        mass=kind.mass_kg,
        group=HIDDEN_GROUP,
        rgba=[0, 0, 0, 0],
        contype=THING_CONTACT,
        conaffinity=THING_CONTACT | RIM_CONTACT,
        friction=[1.0, 0.02, 0.002],
    )
    add_texture(spec, look.kind, look.texture(), shape.shine)
    meshes = {
        "body": shape.body,
        "closed": shape.closed,
        "open": shape.opened,
        "inside": shape.inside,
        "clear": shape.clear,
    }
    meshes |= {f"stage{i}": mesh for i, (_, mesh) in enumerate(shape.stages)}
    seen_at_start = ("body", "closed", "clear", "stage0")
    for part, mesh in meshes.items():
        if mesh is None:
            continue
        name = f"{look.kind}/{part}"
        add_mesh(spec, name, mesh, look.scale)
        geom = body.add_geom(
            name=name,
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            pos=[0, 0, -half[2]],
            group=SEEN_GROUP if part in seen_at_start else HIDDEN_GROUP,
            **_NO_CONTACT,
        )
        if part == "clear":
            geom.rgba = shape.clear_rgba
        else:
            geom.material = look.kind
        if part.startswith("stage"):
            geom.userdata = [shape.stages[int(part[5:])][0], *[0.0] * (CONTENT_USER - 1)]
    if shape.content is not None:
        _add_content(body, look, shape.content)
        if kind.can_be_hot:
            _add_steam(body, look, shape.content)
    return body


def _add_content(body: mujoco.MjsBody, look: ThingLook, content: Content) -> None:
    heights = np.array([content.floor_m, content.brim_m, content.floor_radius_m, content.brim_radius_m]) * look.scale
    body.add_geom(
        name=f"{look.kind}/content",
        type=mujoco.mjtGeom.mjGEOM_CYLINDER,
        size=[heights[3], heights[1] / 2, 0],
        pos=[0, 0, 1e-4],
        rgba=[*content.colour, 1],
        group=HIDDEN_GROUP,
        userdata=[*heights, float(content.column), look.half_extents[2]],
        **_NO_CONTACT,
    )


def _add_steam(body: mujoco.MjsBody, look: ThingLook, content: Content) -> None:
    radius, top = content.brim_radius_m * look.scale, look.half_extents[2]
    for i, (x, y, z) in enumerate(_PUFFS):
        size = (0.35 + 0.15 * i) * min(radius, 0.04)
        body.add_geom(
            name=f"{look.kind}/steam{i}",
            type=mujoco.mjtGeom.mjGEOM_ELLIPSOID,
            size=[size, size, 1.5 * size],
            pos=[x * radius, y * radius, top + z * 0.028],
            rgba=[1, 1, 1, 0.3 - 0.07 * i],
            group=HIDDEN_GROUP,
            **_NO_CONTACT,
        )


def apply_state(model: mujoco.MjModel, thing: str, state: ThingState) -> None:
    """Makes ``thing`` look as ``state`` says. Changes only group, position and size of its geoms; about 20 us."""
    if _geom(model, thing, "hull") < 0:
        present = ", ".join(kind for kind in KINDS if _geom(model, kind, "hull") >= 0)
        raise ThingError(f"no {thing!r} in this kitchen; there are: {present}")
    _show(model, _geom(model, thing, "closed"), not state.is_open)
    _show(model, _geom(model, thing, "open"), state.is_open)
    _show(model, _geom(model, thing, "inside"), state.is_open and state.level > 0)
    _show_stage(model, thing, state.share)
    _show_content(model, _geom(model, thing, "content"), state.level)
    for i in range(len(_PUFFS)):
        _show(model, _geom(model, thing, f"steam{i}"), state.is_hot, STEAM_GROUP)


def _geom(model: mujoco.MjModel, thing: str, part: str) -> int:
    return mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, f"{thing}/{part}")


def _show(model: mujoco.MjModel, geom: int, seen: bool, group: int = SEEN_GROUP) -> None:
    if geom >= 0:
        model.geom_group[geom] = group if seen else HIDDEN_GROUP


def _show_stage(model: mujoco.MjModel, thing: str, share: float) -> None:
    stage, found = 0, False
    while (geom := _geom(model, thing, f"stage{stage}")) >= 0:
        fits = not found and share > model.geom_user[geom, 0]
        _show(model, geom, fits)
        found, stage = found or fits, stage + 1


def _show_content(model: mujoco.MjModel, geom: int, level: float) -> None:
    if geom < 0:
        return
    _show(model, geom, level > 0)
    floor, brim, low_radius, high_radius, column, middle = model.geom_user[geom]
    surface = floor + level * (brim - floor)
    bottom = floor if column else surface - 0.001
    model.geom_pos[geom, 2] = (surface + bottom) / 2 - middle
    model.geom_size[geom, :2] = low_radius + level * (high_radius - low_radius), max((surface - bottom) / 2, 5e-4)
