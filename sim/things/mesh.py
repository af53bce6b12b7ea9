"""Small triangle meshes made in code: lathe, tube, box, slab. Metres; z up.

A mesh has one texture of 64 x 64: its first eight rows hold eight plain colours (swatches), the rest one print. A
vertex of a plain part lies in the middle of its swatch, so that a whole thing is one mesh with one texture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

MAIN, SECOND, ACCENT, WHITE, DARK, STEEL, WOOD, SHADE = range(8)
"""Swatches; SHADE is the main colour darkened."""
PRINT = -1
"""In place of a swatch: the print is laid over the part."""
TEXTURE_PX = 64
_STRIP_PX = 8
_CREASE_COS = 0.75


@dataclass(frozen=True)
class Mesh:
    """Vertices, unit normals (N, 3), texture coordinates (N, 2) and faces (F, 3), all for vertex indices."""

    vertices: np.ndarray
    normals: np.ndarray
    uv: np.ndarray
    faces: np.ndarray

    def moved(self, x: float = 0.0, y: float = 0.0, z: float = 0.0, turn: np.ndarray | None = None) -> Mesh:
        """Turned by ``turn`` (3, 3) about the origin, then moved [m]."""
        turn = np.eye(3) if turn is None else turn
        return Mesh(self.vertices @ turn.T + [x, y, z], self.normals @ turn.T, self.uv, self.faces)

    def stretched(self, x: float, y: float, z: float) -> Mesh:
        """Scaled along the axes, about the origin."""
        factors = np.array([x, y, z])
        normals = self.normals / factors
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        return Mesh(self.vertices * factors, normals, self.uv, self.faces)


def join(*meshes: Mesh) -> Mesh:
    """All ``meshes`` as one."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    return Mesh(
        np.concatenate([mesh.vertices for mesh in meshes]),
        np.concatenate([mesh.normals for mesh in meshes]),
        np.concatenate([mesh.uv for mesh in meshes]),
        np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]),
    )


def turn(axis: str, angle_rad: float) -> np.ndarray:
    """Rotation (3, 3) about the axis "x", "y" or "z"."""
    c, s = np.cos(angle_rad), np.sin(angle_rad)
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    rotation = np.eye(3)
    rotation[first, first] = rotation[second, second] = c
    rotation[first, second], rotation[second, first] = -s, s
    return rotation


def _swatch_uv(swatch: int) -> tuple[float, float]:
    return (swatch + 0.5) / 8, 0.5 * _STRIP_PX / TEXTURE_PX


def _print_uv(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """(N, 2) texture coordinates of a place in the print: u to the right, v up, both 0..1."""
    top, bottom = (_STRIP_PX + 1.5) / TEXTURE_PX, (TEXTURE_PX - 0.5) / TEXTURE_PX
    return np.column_stack([u, bottom + np.asarray(v) * (top - bottom)])


def _uv(swatch: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _print_uv(u, v) if swatch == PRINT else np.tile(_swatch_uv(swatch), (len(u), 1))


def lathe(profile: Sequence[tuple[float, float]], swatches: int | Sequence[int] = MAIN, sides: int = 14) -> Mesh:
    """The (radius, z) ``profile`` turned about z, the outside on its right when walking along it.

    ``swatches`` is one for all or one for each stretch between two points. Stretches that meet at a flat angle are
    shaded smoothly. A print runs once round and from the bottom of its stretch to the top.
    """
    points = np.asarray(profile, dtype=float)
    along = np.diff(points, axis=0)
    out = np.column_stack([along[:, 1], -along[:, 0]]) / np.linalg.norm(along, axis=1)[:, None]
    stretches = len(out)
    swatch_of = [swatches] * stretches if isinstance(swatches, int) else swatches

    def shaded(stretch: int, neighbour: int) -> np.ndarray:
        if not 0 <= neighbour < stretches or out[stretch] @ out[neighbour] < _CREASE_COS:
            return out[stretch]
        both = out[stretch] + out[neighbour]
        return both / np.linalg.norm(both)

    return join(
        *(
            _cone(points[i], points[i + 1], shaded(i, i - 1), shaded(i, i + 1), swatch_of[i], sides)
            for i in range(stretches)
        )
    )


def _cone(
    low: np.ndarray, high: np.ndarray, low_out: np.ndarray, high_out: np.ndarray, swatch: int, sides: int
) -> Mesh:
    """One stretch of a lathe between two (radius, z), with the (radial, axial) normal (2,) at each."""
    angles = np.linspace(0, 2 * np.pi, sides + 1)
    ring, ones = np.column_stack([np.cos(angles), np.sin(angles)]), np.ones(sides + 1)
    ends = [np.column_stack([ring * radius, z * ones]) for radius, z in (low, high)]
    normals = [np.column_stack([ring * radial, axial * ones]) for radial, axial in (low_out, high_out)]
    uv = [_uv(swatch, angles / (2 * np.pi), share * ones) for share in (0, 1)]
    a = np.arange(sides)
    faces = []
    if low[0] > 0:
        faces.append(np.column_stack([a, a + 1, a + sides + 2]))
    if high[0] > 0 or low[0] <= 0:
        faces.append(np.column_stack([a, a + sides + 2, a + sides + 1]))
    return Mesh(*(np.concatenate(rows) for rows in (ends, normals, uv, faces)))


def ball(radius_m: float, swatch: int = MAIN, sides: int = 12, rings: int = 7) -> Mesh:
    """A sphere about the origin."""
    angles = np.linspace(-np.pi / 2, np.pi / 2, rings + 1)
    radii = np.cos(angles) * radius_m
    radii[[0, -1]] = 0.0
    return lathe(np.column_stack([radii, np.sin(angles) * radius_m]), swatch, sides)


def tube(path: Sequence[Sequence[float]], radii: float | Sequence[float], swatch: int = MAIN, sides: int = 6) -> Mesh:
    """A round bar along ``path`` (N, 3) with the radius of each point, closed at both ends."""
    points = np.asarray(path, dtype=float)
    radii = np.broadcast_to(np.asarray(radii, dtype=float), len(points))
    tangent = np.gradient(points, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    side = np.cross(tangent[0], [0.0, 0.0, 1.0] if abs(tangent[0, 2]) < 0.8 else [0.0, 1.0, 0.0])
    angles = np.linspace(0, 2 * np.pi, sides, endpoint=False)
    vertices, normals = [], []
    for point, ahead, radius in zip(points, tangent, radii, strict=True):
        side = side - ahead * (side @ ahead)
        side /= np.linalg.norm(side)
        up = np.cross(side, ahead)
        normal = np.cos(angles)[:, None] * side + np.sin(angles)[:, None] * up
        vertices.append(point + radius * normal)
        normals.append(normal)
    for end, ahead in ((0, -tangent[0]), (-1, tangent[-1])):
        vertices.append((points[end] + 0.6 * radii[end] * ahead)[None])
        normals.append(ahead[None])
    a = np.arange(sides)
    b = (a + 1) % sides
    faces = []
    for i in range(len(points) - 1):
        low, high = i * sides, (i + 1) * sides
        faces += [np.column_stack([low + a, high + b, low + b]), np.column_stack([low + a, high + a, high + b])]
    first, last = len(points) * sides, len(points) * sides + 1
    top = (len(points) - 1) * sides
    faces += [np.column_stack([a, b, np.full(sides, first)]), np.column_stack([top + b, top + a, np.full(sides, last)])]
    count = last + 1
    uv = _uv(swatch, np.linspace(0, 1, count), np.linspace(0, 1, count))
    return Mesh(np.concatenate(vertices), np.concatenate(normals), uv, np.concatenate(faces))


_BOX_FACES = {
    "right": ((0, 1, 0), (0, 0, 1)),
    "left": ((0, -1, 0), (0, 0, 1)),
    "back": ((-1, 0, 0), (0, 0, 1)),
    "front": ((1, 0, 0), (0, 0, 1)),
    "top": ((1, 0, 0), (0, 1, 0)),
    "bottom": ((-1, 0, 0), (0, 1, 0)),
}
"""Each face's directions to the right and up for who looks at it from outside; the front looks to -y."""


def box(half_m: Sequence[float], swatch: int = MAIN, **faces: int) -> Mesh:
    """A box about the origin; ``faces`` gives right, left, back, front, top or bottom its own swatch (or PRINT)."""
    half = np.asarray(half_m, dtype=float)
    parts = []
    for name, (to_right, to_up) in _BOX_FACES.items():
        right, up = np.asarray(to_right, float), np.asarray(to_up, float)
        normal = np.cross(right, up)
        corners = np.array([normal + r * right + u * up for r, u in ((-1, -1), (1, -1), (1, 1), (-1, 1))]) * half
        uv = _uv(faces.get(name, swatch), np.array([0.01, 0.99, 0.99, 0.01]), np.array([0.0, 0.0, 1.0, 1.0]))
        parts.append(Mesh(corners, np.tile(normal, (4, 1)), uv, np.array([[0, 1, 2], [0, 2, 3]])))
    return join(*parts)


def slab(
    outline: Sequence[Sequence[float]], low_m: float, high_m: float, swatch: int = MAIN, top: int | None = None
) -> Mesh:
    """A flat piece: a star-shaped ``outline`` (N, 2), counter-clockwise, between two heights; ``top`` is its swatch."""
    rim = np.asarray(outline, dtype=float)
    count = len(rim)
    u, v = ((rim - rim.min(0)) / (rim.max(0) - rim.min(0)) * 0.98 + 0.01).T
    middle = rim.mean(0)
    parts = []
    for z, sign, face_swatch in ((high_m, 1, swatch if top is None else top), (low_m, -1, swatch)):
        vertices = np.vstack([np.column_stack([rim, np.full(count, z)]), [*middle, z]])
        a, b = np.arange(count), (np.arange(count) + 1) % count
        order = (a, b) if sign > 0 else (b, a)
        uv = _uv(face_swatch, np.append(u, u.mean()), np.append(v, v.mean()))
        faces = np.column_stack([*order, np.full(count, count)])
        parts.append(Mesh(vertices, np.tile([0.0, 0.0, sign], (count + 1, 1)), uv, faces))
    edge = np.roll(rim, -1, 0) - rim
    flat = np.column_stack([edge[:, 1], -edge[:, 0], np.zeros(count)]) / np.linalg.norm(edge, axis=1)[:, None]
    low, high = np.column_stack([rim, np.full(count, low_m)]), np.column_stack([rim, np.full(count, high_m)])
    quad = np.stack([low, np.roll(low, -1, 0), np.roll(high, -1, 0), high], 1).reshape(-1, 3)
    first = 4 * np.arange(count)
    faces = np.concatenate(
        [np.column_stack([first, first + 1, first + 2]), np.column_stack([first, first + 2, first + 3])]
    )
    parts.append(Mesh(quad, np.repeat(flat, 4, 0), _uv(swatch, np.zeros(4 * count), np.zeros(4 * count)), faces))
    return join(*parts)


def arc(radius_m: float, start_rad: float, end_rad: float, points: int) -> np.ndarray:
    """(points, 2) places on a circle about the origin."""
    angles = np.linspace(start_rad, end_rad, points)
    return radius_m * np.column_stack([np.cos(angles), np.sin(angles)])


def rounded(half_x: float, half_y: float, corner_m: float, points: int = 3) -> np.ndarray:
    """Outline (4 * points, 2) of a rectangle with round corners, counter-clockwise."""
    corners = ((1, 1, 0.0), (-1, 1, 0.5), (-1, -1, 1.0), (1, -1, 1.5))
    return np.concatenate(
        [
            arc(corner_m, start * np.pi, (start + 0.5) * np.pi, points)
            + [sx * (half_x - corner_m), sy * (half_y - corner_m)]
            for sx, sy, start in corners
        ]
    )


def oval(half_x: float, half_y: float, points: int = 10) -> np.ndarray:
    """Outline (points, 2) of an ellipse, counter-clockwise."""
    return arc(1.0, 0, 2 * np.pi, points + 1)[:-1] * [half_x, half_y]
