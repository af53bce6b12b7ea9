"""Textures of 64 x 64 made in code: eight plain swatches over one print."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gaze_vlm_ros.sim.things.mesh import TEXTURE_PX

Colour = tuple[float, float, float]
_STRIP_PX = 8
_HEIGHT, _WIDTH = TEXTURE_PX - _STRIP_PX, TEXTURE_PX
_FIXED = ((0.93, 0.92, 0.9), (0.1, 0.1, 0.11), (0.68, 0.69, 0.71), (0.55, 0.37, 0.2))
_ROWS, _COLUMNS = np.mgrid[0:_HEIGHT, 0:_WIDTH]


def texture(colours: Sequence[Colour], name: str, seed: int) -> np.ndarray:
    """(64, 64, 3) uint8 for ``colours`` main, second, accent; the print's small details follow ``seed``."""
    main = np.asarray(colours[0])
    swatches = [*colours[:3], *_FIXED, tuple(0.55 * main)]
    strip = np.repeat(np.repeat(np.asarray(swatches)[None], _STRIP_PX, 0), TEXTURE_PX // 8, 1)
    picture = PRINTS[name](np.random.default_rng(seed), *(np.asarray(colour, float) for colour in colours[:3]))
    return (np.clip(np.concatenate([strip, picture]), 0, 1) * 255).astype(np.uint8)


def _fill(colour: np.ndarray) -> np.ndarray:
    return np.tile(colour, (_HEIGHT, _WIDTH, 1)).astype(float)


def _choose(mask: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.where(mask[..., None], one, other)


def _scribble(picture: np.ndarray, rng: np.random.Generator, rows: slice, columns: slice, ink, every: int = 6) -> None:
    """Lines of something like writing."""
    for row in range(rows.start, rows.stop - 2, every):
        column = columns.start
        end = int(rng.integers((columns.start + columns.stop) // 2, columns.stop))
        while column < end:
            word = int(rng.integers(3, 9))
            picture[row : row + 2, column : min(column + word, end)] = ink
            column += word + 2


def _plain(rng, main, second, accent):
    return _fill(main)


def _stripes(rng, main, second, accent):
    return _choose(_COLUMNS // int(rng.integers(4, 7)) % 2 == 0, main, second)


def _bands(rng, main, second, accent):
    picture = _fill(main)
    top = int(rng.integers(12, 20))
    picture[top : top + 16] = second
    picture[top + 20 : top + 24] = accent
    return picture


def _dots(rng, main, second, accent):
    return _choose((_ROWS % 16 - 8) ** 2 + (_COLUMNS % 16 - 8) ** 2 < 18, second, main)


def _checks(rng, main, second, accent):
    cell = int(rng.integers(6, 9))
    across, down = _COLUMNS // cell % 2, _ROWS // cell % 2
    weight = ((across + down) / 2)[..., None]
    return second * (1 - weight) + main * weight


def _wood(rng, main, second, accent):
    wave = np.sin(_ROWS * 0.9 + 1.6 * np.sin(_COLUMNS * 0.12 + rng.uniform(0, 6)) + rng.normal(0, 0.5, _ROWS.shape))
    return main * (0.9 + 0.1 * wave[..., None])


def _weave(rng, main, second, accent):
    over = (_ROWS // 4 + _COLUMNS // 4) % 2 == 0
    shade = 0.75 + 0.25 * np.where(
        over, np.sin(np.pi * (_COLUMNS % 4 + 0.5) / 4), np.sin(np.pi * (_ROWS % 4 + 0.5) / 4)
    )
    return _choose(over, main, second) * shade[..., None]


def _speckle(rng, main, second, accent):
    return _choose(rng.random(_ROWS.shape) < 0.12, second, main)


def _label(rng, main, second, accent):
    """A label of the second colour with an emblem and writing, twice round."""
    picture = _fill(main)
    picture[10:48] = second
    picture[10:12] = picture[46:48] = accent
    for middle in (16, 48):
        disc = (_ROWS - 22) ** 2 + (_COLUMNS - middle) ** 2 < 70
        picture = _choose(disc, accent, picture)
        _scribble(picture, rng, slice(34, 46), slice(middle - 12, middle + 12), main * 0.5, 5)
    return picture


def _cover(rng, main, second, accent):
    """The front of a packet: a title, a bowl-like emblem, writing."""
    picture = _fill(main)
    picture[4:14, 6:58] = second
    _scribble(picture, rng, slice(6, 12), slice(10, 54), accent, 5)
    picture = _choose(((_ROWS - 32) / 13) ** 2 + ((_COLUMNS - 32) / 20) ** 2 < 1, second, picture)
    picture = _choose(((_ROWS - 32) / 8) ** 2 + ((_COLUMNS - 32) / 14) ** 2 < 1, accent, picture)
    _scribble(picture, rng, slice(48, 56), slice(8, 56), second, 5)
    return picture


def _page(rng, main, second, accent):
    """Writing on paper of the second colour."""
    picture = _fill(second)
    _scribble(picture, rng, slice(6, 52), slice(6, 60), accent * 0.5, 7)
    return picture


def _envelope(rng, main, second, accent):
    """Seams of an envelope, an address and a stamp."""
    picture = _fill(main)
    seam = np.abs(_ROWS - np.abs(_COLUMNS - 32) * -0.75 - 24) < 1.0
    picture = _choose(seam & (_ROWS < 26), main * 0.65, picture)
    _scribble(picture, rng, slice(34, 52), slice(18, 50), np.array([0.2, 0.2, 0.35]), 6)
    picture[4:16, 50:61] = accent
    picture[7:13, 53:58] = second
    return picture


def _book(rng, main, second, accent):
    """A cover with a framed name plate."""
    picture = _fill(main)
    picture[:, 4:8] = accent
    picture[12:28, 18:56] = second
    _scribble(picture, rng, slice(16, 27), slice(22, 52), main * 0.5, 6)
    return picture


def _screen(rng, main, second, accent):
    """A lit screen with icons in a dark frame."""
    picture = _fill(np.array([0.06, 0.06, 0.07]))
    picture[4:52, 4:60] = second * (1.0 - 0.5 * (_ROWS[4:52, 4:60] / _HEIGHT)[..., None])
    for row in range(10, 44, 12):
        for column in range(9, 52, 12):
            picture[row : row + 7, column : column + 8] = rng.uniform(0.2, 1.0, 3)
    return picture


def _keys(rng, main, second, accent):
    """Rows of buttons, one of them red."""
    picture = _fill(main)
    for row in range(12, 52, 8):
        for column in range(8, 56, 18):
            picture[row : row + 5, column : column + 11] = second
    picture[2:8, 8:22] = np.array([0.85, 0.1, 0.1])
    picture[20:34, 14:50] = accent
    return picture


def _tiles(rng, main, second, accent):
    return _choose(
        (_ROWS % 14 == 0) | (_COLUMNS % 16 == 0), second, main * rng.uniform(0.96, 1.0, _ROWS.shape)[..., None]
    )


def _slice(rng, main, second, accent):
    """Flesh with radial segments, as of a cut orange."""
    angle = np.arctan2(_ROWS - _HEIGHT / 2, _COLUMNS - _WIDTH / 2)
    return _choose(np.abs(np.sin(4 * angle)) < 0.18, second, accent)


PRINTS: dict[str, Callable[..., np.ndarray]] = {
    "plain": _plain,
    "stripes": _stripes,
    "bands": _bands,
    "dots": _dots,
    "checks": _checks,
    "wood": _wood,
    "weave": _weave,
    "speckle": _speckle,
    "label": _label,
    "cover": _cover,
    "page": _page,
    "envelope": _envelope,
    "book": _book,
    "screen": _screen,
    "keys": _keys,
    "tiles": _tiles,
    "slice": _slice,
}
"""Each draws (56, 64, 3) in 0..1 from a generator and the colours main, second, accent."""
