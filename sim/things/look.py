"""Which looks there are: the table of kinds, and one thing's look drawn from it."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gaze_vlm_ros.language import OBJECT_KINDS
from gaze_vlm_ros.sim.things.containers import CONTAINERS
from gaze_vlm_ros.sim.things.food import FOOD
from gaze_vlm_ros.sim.things.packets import PACKETS
from gaze_vlm_ros.sim.things.prints import texture
from gaze_vlm_ros.sim.things.shape import PALETTES, Colour, Shape, ThingKind
from gaze_vlm_ros.sim.things.small_things import SMALL_THINGS
from gaze_vlm_ros.sim.things.state import ThingError
from gaze_vlm_ros.sim.things.tools import TOOLS
from gaze_vlm_ros.sim.things.vessels import VESSELS

_BY_NAME = {kind.name: kind for kind in (*VESSELS, *CONTAINERS, *PACKETS, *SMALL_THINGS, *FOOD, *TOOLS)}
KINDS: dict[str, ThingKind] = {name: _BY_NAME[name] for name in OBJECT_KINDS}
"""Every kind of thing, in the order of the language."""
VARIANTS_OF_LOOKS = {"known": (0, 1, 2, 3, 4), "new": (5,)}
"""Variants of each kind that a kitchen may show: "new" ones are kept for what was never trained on."""
_SCALE = (0.93, 1.08)
_TRUE_COLOURS = 0.5


def kind_named(name: str) -> ThingKind:
    """The kind; raises ThingError that lists the kinds for an unknown one."""
    if name not in KINDS:
        raise ThingError(f"no kind of thing {name!r}; use one of: {', '.join(KINDS)}")
    return KINDS[name]


@dataclass(frozen=True)
class ThingLook:
    """One look of a kind: its variant, the three colours (0..1), a size factor, and a seed for the print's details."""

    kind: str
    variant: int
    colours: tuple[Colour, Colour, Colour]
    scale: float = 1.0
    print_seed: int = 0

    @classmethod
    def sample(cls, kind: str, rng: np.random.Generator, looks: str = "known") -> ThingLook:
        """Draws one of the ``looks`` ("known" or "new")."""
        if looks not in VARIANTS_OF_LOOKS:
            raise ThingError(f"no looks {looks!r}; use one of: {', '.join(VARIANTS_OF_LOOKS)}")
        look = cls.of_variant(kind, int(rng.choice(VARIANTS_OF_LOOKS[looks])), rng)
        return look._recoloured() if looks == "known" else look

    @classmethod
    def of_variant(cls, kind: str, variant: int, rng: np.random.Generator) -> ThingLook:
        """Draws colours, size and print for one variant of ``kind``."""
        palettes = kind_named(kind).variants[variant].palettes
        colours = tuple(sample_colour(name, rng) for name in palettes)
        return cls(kind, variant, colours, float(rng.uniform(*_SCALE)), int(rng.integers(1 << 30)))

    def _recoloured(self) -> ThingLook:
        """Half of what is not food gets colours of any palette: from four looks one would learn colours, not shapes."""
        rng = np.random.default_rng([self.print_seed, 1])
        if kind_named(self.kind).is_eaten or rng.random() < _TRUE_COLOURS:
            return self
        palettes = rng.choice(list(PALETTES), size=len(self.colours))
        return replace(self, colours=tuple(sample_colour(str(name), rng) for name in palettes))

    @cached_property
    def shape(self) -> Shape:
        """The shape at scale 1."""
        kind = kind_named(self.kind)
        return kind.make(**kind.variants[self.variant].sizes)

    @property
    def half_extents(self) -> np.ndarray:
        """(3,) of the box that collides [m]."""
        return np.asarray(self.shape.half_extents) * self.scale

    @cached_property
    def bounds(self) -> np.ndarray:
        """(2, 3) lowest and highest corner of all that is seen of the closed thing, standing on z = 0 [m]."""
        shape = self.shape
        meshes = (shape.body, shape.closed, shape.clear, *(mesh for _, mesh in shape.stages[:1]))
        points = np.concatenate([mesh.vertices for mesh in meshes if mesh is not None])
        x, y, z = shape.half_extents
        points = np.vstack([points, [-x, -y, 0], [x, y, 2 * z]])
        return np.stack([points.min(0), points.max(0)]) * self.scale

    def texture(self) -> np.ndarray:
        """(64, 64, 3) uint8."""
        return texture(self.colours, KINDS[self.kind].variants[self.variant].print, self.print_seed)


def sample_colour(palette: str, rng: np.random.Generator) -> Colour:
    """One colour of a palette of ``PALETTES`` (0..1)."""
    hue, saturation, value = (float(rng.uniform(*span)) for span in PALETTES[palette])
    return colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
