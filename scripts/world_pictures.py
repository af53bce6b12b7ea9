#!/usr/bin/env python3
"""Draws the pictures of docs/world.md from the code as it is.

.venv/bin/python scripts/world_pictures.py [--out docs/world]
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import cv2
import mujoco
import numpy as np

from gaze_vlm_ros.geometry.camera import project
from gaze_vlm_ros.geometry.transforms import invert_transform, transform_points
from gaze_vlm_ros.sim.eye_images.anatomy import EyePerson
from gaze_vlm_ros.sim.eye_images.render import render_eye
from gaze_vlm_ros.sim.eye_images.rig import EyeRig
from gaze_vlm_ros.sim.eye_images.scene import EyeScene
from gaze_vlm_ros.sim.simulation import Simulation, SimulationConfig
from gaze_vlm_ros.sim.things import CONTENT_USER, KINDS, ThingLook, ThingState, add_thing, apply_state
from gaze_vlm_ros.sources.vendor import require
from gaze_vlm_ros.training.people import data_folder
from gaze_vlm_ros.training.people import main as people

TILE = 120
GAZE_RGB = (255, 60, 160)


def scenes(count: int = 10, first_seed: int = 100) -> np.ndarray:
    """Random kitchens after 4 to 12 s, five a row, with the wearer's true gaze as a ring and the words beneath."""
    tiles = []
    for number in range(count):
        simulation = Simulation(SimulationConfig(seed=first_seed + number))
        simulation.advance(4.0 + 0.9 * number)
        rgb, truth = simulation.render(depth=False).rgb.copy(), simulation.truth()
        point = transform_points(invert_transform(simulation.base_T_camera()), truth.gaze_position_m)
        pixel = project(simulation.camera, point)[0]
        if np.isfinite(pixel).all():
            cv2.circle(rgb, tuple(int(value) for value in np.round(pixel)), 14, GAZE_RGB, 3, cv2.LINE_AA)
        words = np.full((70, rgb.shape[1], 3), 24, np.uint8)
        ahead_s = truth.event_time_s - simulation.time_s
        for row, text in enumerate((truth.activity, f"next: {truth.event}, in {ahead_s:.1f} s")):
            cv2.putText(words, text, (12, 27 + 30 * row), 0, 0.75, (235, 235, 235), 1, cv2.LINE_AA)
        tiles.append(cv2.resize(np.vstack([rgb, words]), None, fx=0.6, fy=0.6, interpolation=cv2.INTER_AREA))
        simulation.close()
    return _grid(tiles, 5)


def things() -> np.ndarray:
    """Every kind: six looks, then open and half used, two kinds a row."""
    rng = np.random.default_rng(0)
    rows = []
    for kind in KINDS:
        filled = ThingState(level=0.8 * KINDS[kind].holds_liquid)
        looks = [(ThingLook.of_variant(kind, variant, rng), filled) for variant in range(6)]
        used = ThingState(is_open=True, level=0.5, is_hot=KINDS[kind].can_be_hot, share=0.5)
        row = np.hstack([_portrait(look, state) for look, state in [*looks, (looks[0][0], used)]])
        cv2.putText(row, kind, (5, 16), 0, 0.5, (255, 255, 255), 1, cv2.LINE_AA)
        rows.append(row)
    return _grid(rows, 2)


def _portrait(look: ThingLook, state: ThingState) -> np.ndarray:
    spec = mujoco.MjSpec()
    spec.nuser_geom = CONTENT_USER
    spec.visual.quality.shadowsize = spec.visual.quality.offsamples = 0
    spec.visual.global_.offwidth = spec.visual.global_.offheight = TILE
    spec.visual.map.znear, spec.stat.extent = 0.01, 1
    spec.visual.headlight.ambient, spec.visual.headlight.diffuse = [0.45] * 3, [0.3] * 3
    spec.worldbody.add_light(pos=[0.4, -0.4, 2], dir=[0, 0, -1], diffuse=[0.6] * 3, specular=[0.2] * 3)
    spec.worldbody.add_geom(type=mujoco.mjtGeom.mjGEOM_PLANE, size=[1, 1, 0.1], rgba=[0.6, 0.45, 0.33, 1])
    add_thing(spec, look, np.zeros(3), 0.5)
    model = spec.compile()
    apply_state(model, look.kind, state)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    camera, option = mujoco.MjvCamera(), mujoco.MjvOption()
    camera.lookat = [0, 0, look.half_extents[2] * 0.9]
    camera.distance, camera.elevation, camera.azimuth = 0.42, -38, 90
    option.geomgroup[:] = [1, 1, 1, 0, 0, 1]
    with mujoco.Renderer(model, TILE, TILE) as renderer:
        renderer.update_scene(data, camera, option)
        return np.ascontiguousarray(renderer.render())


def eyes() -> np.ndarray:
    """Left: real frames of Project Aria's eye cameras; right of them two of our people with the same gaze; below
    people of the preset of Neon.
    """
    rows = [np.hstack([frame, *(_aria_pair(number, gaze) for number in (1, 4))]) for frame, gaze in _aria_frames()]
    rng = np.random.default_rng(3)
    rig, tiles = EyeRig.preset("neon"), []
    for number in range(15):
        yaw, pitch = np.radians([rng.normal(0, 12), rng.normal(-4, 8)])
        ray = np.array([np.sin(yaw) * np.cos(pitch), -np.sin(pitch), np.cos(yaw) * np.cos(pitch)])
        opening = (1.0, 0.9, 0.45, 1.0, 0.0)[number % 5]
        scene = EyeScene.looking_along(ray, pupil_diameter_mm=float(rng.uniform(2.5, 6)), openness=opening)
        person = EyePerson.create(number, "test")
        tiles += [render_eye(person, rig, side, scene, rng).image for side in ("right", "left")]
    ours = _grid(tiles, 10)
    top = np.vstack(rows)
    width = max(top.shape[1], ours.shape[1])
    picture = np.vstack([cv2.copyMakeBorder(part, 6, 0, 0, width - part.shape[1], 0, value=24) for part in (top, ours)])
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2RGB)


def _aria_frames() -> list[tuple[np.ndarray, np.ndarray]]:
    """The recording's eye pictures (240, 640), and the direction [x right, y down, z forward] that Aria found."""
    folder = data_folder() / "aria_everyday_activities"
    provider = require("projectaria_tools.core.data_provider", "The picture", "aria")
    recording = provider.create_vrs_data_provider(str(folder / "recording.vrs"))
    stream = recording.get_stream_id_from_label("camera-et")
    with open(folder / "mps" / "eye_gaze" / "general_eye_gaze.csv", encoding="utf-8") as file:
        angles = [(float(row["yaw_rads_cpf"]), float(row["pitch_rads_cpf"])) for row in csv.DictReader(file)]
    count = min(recording.get_num_data(stream), len(angles))
    pictures = [recording.get_image_data_by_index(stream, index)[0].to_numpy_array() for index in range(count)]
    # The central pupil frame has x to the left and y up.
    gazes = [np.array([-np.tan(yaw), -np.tan(pitch), 1.0]) for yaw, pitch in angles[:count]]
    return list(zip(pictures, gazes, strict=True))


def _aria_pair(number: int, gaze: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(number)
    scene, rig = EyeScene(2.0 * gaze, pupil_diameter_mm=2.5), EyeRig.preset("aria")
    person = EyePerson.create(number, "test")
    return np.hstack([render_eye(person, rig, side, scene, rng).image for side in ("left", "right")])


def _grid(tiles: list[np.ndarray], columns: int) -> np.ndarray:
    tiles = [*tiles, *[np.full_like(tiles[0], 24)] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(tiles[start : start + columns]) for start in range(0, len(tiles), columns)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("docs/world"))
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in (("scenes", scenes), ("things", things), ("eyes", eyes)):
        print(f"{folder / name}.jpg", flush=True)
        cv2.imwrite(str(folder / f"{name}.jpg"), draw()[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])
    people(["--picture", str(folder / "people.png")])


if __name__ == "__main__":
    main()
