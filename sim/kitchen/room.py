"""What stands still: floor, walls, cupboards, table, shelf unit, places, and unseen rims that keep things on them."""

from __future__ import annotations

import mujoco
import numpy as np

from gaze_vlm_ros.language import ROBOT
from gaze_vlm_ros.sim.kitchen.layout import Layout, Surface
from gaze_vlm_ros.sim.kitchen.placing import TABLE_TOP_M, Place
from gaze_vlm_ros.sim.things import SEEN_GROUP, add_mesh, add_texture
from gaze_vlm_ros.sim.things.body import HIDDEN_GROUP, RIM_CONTACT, THING_CONTACT
from gaze_vlm_ros.sim.things.mesh import ACCENT, DARK, MAIN, SECOND, STEEL, WHITE, Mesh, box, join, lathe, tube
from gaze_vlm_ros.sim.things.prints import PRINTS, texture

_BOX = mujoco.mjtGeom.mjGEOM_BOX
_TABLE_MIDDLE_Y_M = 0.02
_TABLE_RIM_M, _SHELF_RIM_M = 0.35, 0.2
"""Higher than a heap, from which things slide."""
_ROOM_HALF_M = (2.6, 2.6)
_WALL_Y_M = 1.75
_WALL_M = 0.006
"""Half the thickness of the rims that are seen."""


def add_room(spec: mujoco.MjSpec, layout: Layout) -> None:
    """Adds everything that stands still but the robot's base.

    Call it last: geoms are drawn in the order of their bodies, and what lies behind costs least when it comes last.
    """
    room = spec.worldbody.add_body(name="room")
    for name, surface in layout.surfaces.items():
        add_texture(spec, f"surface/{name}", _tile(surface, layout.print_seed), 0.15)
    main, second, accent = layout.surfaces["furniture"].colours
    add_texture(spec, "swatches", texture((main, second, accent), "plain", 0), 0.2)
    for place in layout.places.values():
        _add_place(spec, room, layout, place)
    _add_table(spec, room, layout)
    _add_furniture(spec, room, layout)
    _add_walls(spec, room, layout)


def _tile(surface: Surface, seed: int) -> np.ndarray:
    colours = (np.asarray(colour, float) for colour in surface.colours)
    picture = PRINTS[surface.print](np.random.default_rng(seed), *colours)
    return (np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _panel(origin, right, up, tile_m: float, cells: int = 1) -> Mesh:
    """A parallelogram from ``origin`` along ``right`` and ``up`` (3,), cut in cells for the light, tiled with a print.

    It gets a point behind it, because a mesh must not be flat.
    """
    origin, right, up = (np.asarray(vector, float) for vector in (origin, right, up))
    s, t = (grid.ravel() for grid in np.meshgrid(np.linspace(0, 1, cells + 1), np.linspace(0, 1, cells + 1)))
    vertices = origin + s[:, None] * right + t[:, None] * up
    normal = np.cross(right, up) / np.linalg.norm(np.cross(right, up))
    uv = np.column_stack([s * np.linalg.norm(right), t * np.linalg.norm(up)]) / tile_m
    corner = (np.arange(cells)[:, None] * (cells + 1) + np.arange(cells)).ravel()
    a, b, c, d = corner, corner + 1, corner + cells + 2, corner + cells + 1
    faces = np.concatenate([np.column_stack([a, b, c]), np.column_stack([a, c, d])])
    behind = len(vertices)
    vertices = np.vstack([vertices, origin - 0.01 * normal, origin - 0.01 * normal + 0.01 * right])
    faces = np.vstack([faces, [0, behind, behind + 1]])
    return Mesh(vertices, np.tile(normal, (behind + 2, 1)), np.vstack([uv, [0, 0], [0, 0]]), faces)


def _block(half, middle, tile_m: float, cells: int = 1) -> Mesh:
    """A box whose faces are panels."""
    x, y, z = half
    panels = (
        _panel((-x, -y, z), (2 * x, 0, 0), (0, 2 * y, 0), tile_m, cells),
        _panel((-x, -y, -z), (2 * x, 0, 0), (0, 0, 2 * z), tile_m),
        _panel((x, y, -z), (-2 * x, 0, 0), (0, 0, 2 * z), tile_m),
        _panel((x, -y, -z), (0, 2 * y, 0), (0, 0, 2 * z), tile_m),
        _panel((-x, y, -z), (0, -2 * y, 0), (0, 0, 2 * z), tile_m),
        _panel((-x, y, -z), (2 * x, 0, 0), (0, -2 * y, 0), tile_m),
    )
    return join(*panels).moved(*middle)


def _add_seen(spec: mujoco.MjSpec, room: mujoco.MjsBody, name: str, mesh: Mesh, material: str) -> None:
    add_mesh(spec, name, mesh)
    room.add_geom(
        name=name,
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        material=material,
        group=SEEN_GROUP,
        contype=0,
        conaffinity=0,
    )


def _add_solid(room: mujoco.MjsBody, name: str, half, middle, contype: int = THING_CONTACT) -> None:
    """An unseen box that things rest on or are kept in by."""
    room.add_geom(
        name=name,
        type=_BOX,
        size=half,
        pos=middle,
        group=HIDDEN_GROUP,
        rgba=[0, 0, 0, 0],
        contype=contype,
        conaffinity=THING_CONTACT if contype == THING_CONTACT else 0,
        friction=[1.0, 0.02, 0.002],
    )


def _add_rim(room: mujoco.MjsBody, name: str, middle, half, top_m: float, height_m: float, thick: float = 0.02) -> None:
    """Four unseen walls about a rectangle, which nothing but things feel: a person would catch what rolls off.

    ``thick`` is half their thickness [m].
    """
    for side, (sx, sy) in enumerate(((1, 0), (-1, 0), (0, 1), (0, -1))):
        size = [thick, half[1] + 2 * thick, height_m / 2] if sx else [half[0] + 2 * thick, thick, height_m / 2]
        at = [middle[0] + sx * (half[0] + thick), middle[1] + sy * (half[1] + thick), top_m + height_m / 2]
        _add_solid(room, f"{name}/rim{side}", size, at, RIM_CONTACT)


def _add_walls(spec: mujoco.MjSpec, room: mujoco.MjsBody, layout: Layout) -> None:
    wide, deep = _ROOM_HALF_M
    tile = layout.surfaces["floor"].tile_m
    _add_seen(
        spec, room, "floor", _panel((-wide, -deep, 0), (2 * wide, 0, 0), (0, 2 * deep, 0), tile, 4), "surface/floor"
    )
    tile, high = layout.surfaces["wall"].tile_m, 2.6
    walls = (
        _panel((-wide, _WALL_Y_M, 0), (2 * wide, 0, 0), (0, 0, high), tile, 4),
        _panel((wide, _WALL_Y_M, 0), (0, -2 * deep, 0), (0, 0, high), tile, 4),
        _panel((-wide, -deep, 0), (0, 2 * deep, 0), (0, 0, high), tile, 4),
        _panel((wide, -deep, 0), (-2 * wide, 0, 0), (0, 0, high), tile),
    )
    _add_seen(spec, room, "wall", join(*walls), "surface/wall")
    room.add_geom(
        name="floor/ground", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[4, 4, 0.1], group=HIDDEN_GROUP, rgba=[0, 0, 0, 0]
    )


def _add_table(spec: mujoco.MjSpec, room: mujoco.MjsBody, layout: Layout) -> None:
    x, y = layout.table_half_m
    half, middle = (x, y, 0.02), (0, _TABLE_MIDDLE_Y_M, TABLE_TOP_M - 0.02)
    tile = layout.surfaces["table"].tile_m
    legs = [
        _block((0.03, 0.03, 0.34), (sx * (x - 0.05), _TABLE_MIDDLE_Y_M + sy * (y - 0.05), 0.34), tile)
        for sx in (-1, 1)
        for sy in (-1, 1)
    ]
    _add_seen(spec, room, "table", join(_block(half, middle, tile, cells=6), *legs), "surface/table")
    _add_solid(room, "table/solid", half, middle)
    _add_rim(room, "table", (0, _TABLE_MIDDLE_Y_M), (x, y), TABLE_TOP_M, _TABLE_RIM_M)


def _add_furniture(spec: mujoco.MjSpec, room: mujoco.MjsBody, layout: Layout) -> None:
    """Cupboards along the far wall, and for an arm on a wheelchair the wheelchair."""
    rng = np.random.default_rng(layout.print_seed)
    parts = []
    if rng.random() < 0.8:
        parts.append(box((1.8, 0.3, 0.02), SECOND).moved(0, _WALL_Y_M - 0.3, 0.92))
        parts += [_door(-1.5 + 0.6 * i, _WALL_Y_M - 0.58, 0.45, 0.42) for i in range(6)]
        parts += [_clutter(rng, x) for x in rng.uniform(-1.6, 1.6, 4)]
    if rng.random() < 0.6:
        start = rng.uniform(-1.8, -0.6)
        parts += [_door(start + 0.5 * i, _WALL_Y_M - 0.3, 1.75, 0.35) for i in range(int(rng.integers(2, 5)))]
    if layout.mount.name == "wheelchair":
        parts.append(_wheelchair(layout))
    else:
        parts.append(
            lathe([(0.085, 0), (0.085, 0.004), (0, 0.004)], DARK, 12).moved(*layout.mount.position_m[:2], TABLE_TOP_M)
        )
    _add_seen(spec, room, "furniture", join(*parts), "swatches")


def _door(x: float, y: float, z: float, high: float) -> Mesh:
    return join(
        box((0.28, 0.28, high), MAIN).moved(x, y + 0.28, z),
        box((0.25, 0.008, high - 0.05), MAIN, left=DARK, right=DARK, top=DARK, bottom=DARK).moved(x, y - 0.005, z),
        box((0.012, 0.015, 0.07), ACCENT).moved(x + 0.2, y - 0.02, z),
    )


def _clutter(rng: np.random.Generator, x: float) -> Mesh:
    """A pot or a box far behind, for the eye only."""
    swatch = int(rng.choice((MAIN, ACCENT, WHITE, DARK, STEEL)))
    size, high = rng.uniform(0.05, 0.1), rng.uniform(0.06, 0.16)
    at = {"x": x, "y": _WALL_Y_M - rng.uniform(0.2, 0.42), "z": 0.94}
    if rng.random() < 0.5:
        return box((size, 0.06, high), swatch).moved(at["x"], at["y"], at["z"] + high)
    return lathe([(size * 0.8, 0), (size, high), (size * 0.9, 2 * high), (0, 2 * high)], swatch, 10).moved(**at)


def _wheelchair(layout: Layout) -> Mesh:
    """Arm rest, post and wheel under the arm's base."""
    x, y, z = layout.mount.position_m
    rim = [(x - 0.12, y + 0.3 * np.cos(a), 0.3 + 0.3 * np.sin(a)) for a in np.linspace(0, 2 * np.pi, 13)]
    return join(
        box((0.06, 0.07, z / 2 - 0.01), DARK).moved(x, y, z / 2),
        box((0.035, 0.2, 0.02), DARK).moved(x + 0.02, y - 0.2, z - 0.06),
        tube(rim, 0.02, DARK, 5),
        tube(rim, 0.008, STEEL, 4).moved(x=-0.03),
    )


def _add_place(spec: mujoco.MjSpec, room: mujoco.MjsBody, layout: Layout, place: Place) -> None:
    """The board of a place with its rim; the shelf also gets its unit."""
    tile = layout.surfaces[place.name].tile_m
    x, y, z = place.half_m
    middle = place.top_m - [0, 0, z]
    mesh = _block(place.half_m, middle, tile)
    if place.rim_m:
        mesh = join(mesh, *_wall_meshes(place, tile))
    _add_seen(spec, room, place.name, mesh, f"surface/{place.name}")
    _add_solid(room, f"{place.name}/solid", place.half_m, middle)
    if place.name == "basket":
        _add_rim(
            room, place.name, place.top_m, (x - 2 * _WALL_M, y - 2 * _WALL_M), place.top_m[2], place.rim_m, _WALL_M
        )
    if place.name == "shelf":
        _add_rim(room, place.name, place.top_m, (x, y), place.top_m[2], _SHELF_RIM_M, _WALL_M)
        _add_shelf_unit(spec, room, layout, place)
    if place.name == ROBOT:
        mark = lathe([(0.02, 0), (0.045, 0.0008), (0.04, 0.001), (0.02, 0.001)], WHITE, 14).moved(*place.top_m)
        add_mesh(spec, "robot/mark", mark)
        room.add_geom(
            name="robot pad mark",
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname="robot/mark",
            material="swatches",
            group=SEEN_GROUP,
            contype=0,
            conaffinity=0,
        )


def _wall_meshes(place: Place, tile_m: float) -> list[Mesh]:
    x, y, _ = place.half_m
    thick, high = _WALL_M, place.rim_m / 2
    at = place.top_m + [0, 0, high]
    return [
        *(_block((thick, y, high), at + [s * (x - thick), 0, 0], tile_m) for s in (-1, 1)),
        *(_block((x, thick, high), at + [0, s * (y - thick), 0], tile_m) for s in (-1, 1)),
    ]


def _add_shelf_unit(spec: mujoco.MjSpec, room: mujoco.MjsBody, layout: Layout, place: Place) -> None:
    """Sides and an upper board with books, out of reach; only for the eye."""
    rng = np.random.default_rng(layout.print_seed + 1)
    x, y, z = place.half_m
    tile = layout.surfaces["shelf"].tile_m
    upper = place.top_m[2] + 0.27
    side = (0.008, y, (upper - TABLE_TOP_M) / 2)
    sides = [
        _block(side, (place.top_m[0] + s * (x + 0.008), place.top_m[1], TABLE_TOP_M + side[2]), tile) for s in (-1, 1)
    ]
    board = _block((x + 0.016, y, z), (place.top_m[0], place.top_m[1], upper), tile)
    _add_seen(spec, room, "shelf unit", join(board, *sides), "surface/shelf")
    books, at = [], place.top_m[0] - x + 0.02
    while at < place.top_m[0] + x - 0.04:
        thick, high = rng.uniform(0.01, 0.025), rng.uniform(0.07, 0.11)
        swatch = int(rng.choice((MAIN, SECOND, ACCENT, WHITE, DARK)))
        books.append(box((thick, 0.06, high), swatch).moved(at + thick, place.top_m[1], upper + z + high))
        at += 2 * thick + 0.003
    _add_seen(spec, room, "books", join(*books), "swatches")
