"""Fuzzed readers of recordings: our own, those of vendors, and the pictures within."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from benchmarks.fuzz_mutation import Random, Target, damaged, refusable
from gaze_vlm_ros.environment import ROOT

DATA = Path(os.environ.get("GAZE_VLM_TEST_DATA", ROOT.parent / "shared" / "data"))


def _recording(folder: Path) -> Path:
    """A small recording of gaze, a camera and a picture, as this package writes it."""
    from rosbags.typesys import Stores, get_types_from_msg, get_typestore

    from gaze_vlm_ros.recording.definitions import MessageDefinitions
    from gaze_vlm_ros.recording.writer import McapWriter, WriterSettings

    store, share = get_typestore(Stores.ROS2_JAZZY), folder / "share"
    for file in sorted((ROOT / "gaze_vlm_msgs" / "msg").glob("*.msg")):
        store.register(get_types_from_msg(file.read_text(), f"gaze_vlm_msgs/msg/{file.stem}"))
    for kind in (
        "std_msgs/msg/Header", "builtin_interfaces/msg/Time", "sensor_msgs/msg/Image", "sensor_msgs/msg/CameraInfo",
        "sensor_msgs/msg/RegionOfInterest", "geometry_msgs/msg/Point",
    ):  # fmt: skip
        package, _, name = kind.split("/")
        (share / package / "msg").mkdir(parents=True, exist_ok=True)
        text = store.generate_msgdef(kind, ros_version=2)[0].split("=" * 80)[0]
        (share / package / "msg" / f"{name}.msg").write_text(text)
    path = folder / "whole.mcap"
    writer = McapWriter(path, MessageDefinitions([share, ROOT]), WriterSettings(compression="none", chunk_bytes=2000))
    kind = store.types
    for index in range(20):
        stamp = kind["builtin_interfaces/msg/Time"](sec=1, nanosec=index * 5_000_000)
        header = kind["std_msgs/msg/Header"](stamp=stamp, frame_id="scene_camera_optical")
        eye = kind["gaze_vlm_msgs/msg/Eye"](ray=np.array([0, 0, 1], np.float32), valid=True, pupil_diameter_mm=3.0)
        gaze = kind["gaze_vlm_msgs/msg/GazeSample"](
            header=header, sequence=index, point_px=np.ones(2, np.float32), ray=np.array([0, 0, 1], np.float32),
            distance_m=1.0, sigma_rad=np.ones(2, np.float32), confidence=1.0, worn=True, left=eye, right=eye,
        )  # fmt: skip
        image = kind["sensor_msgs/msg/Image"](
            header=header, height=4, width=6, encoding="rgb8", is_bigendian=0, step=18, data=np.zeros(72, np.uint8)
        )
        roi = kind["sensor_msgs/msg/RegionOfInterest"](x_offset=0, y_offset=0, height=0, width=0, do_rectify=False)
        info = kind["sensor_msgs/msg/CameraInfo"](
            header=header, height=4, width=6, distortion_model="plumb_bob", d=np.zeros(5),
            k=np.array([4.0, 0, 3, 0, 4, 2, 0, 0, 1]), r=np.eye(3).ravel(), p=np.zeros(12), binning_x=0, binning_y=0,
            roi=roi,
        )  # fmt: skip
        for topic, name, message in (
            ("gaze/sample", "gaze_vlm_msgs/msg/GazeSample", gaze),
            ("scene_camera/image_raw", "sensor_msgs/msg/Image", image),
            ("scene_camera/camera_info", "sensor_msgs/msg/CameraInfo", info),
        ):
            writer.write(f"/sim/{topic}", name, bytes(store.serialize_cdr(message, name)), index, index)
    writer.close()
    return path


def mcap(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.recording.reader import summarize
    from gaze_vlm_ros.recording.recovery import recover
    from gaze_vlm_ros.sources.base import open_source

    whole, path, again = _recording(folder).read_bytes(), folder / "a.mcap", folder / "again"

    def once() -> None:
        path.write_bytes(damaged(whole, random))
        if random.random() < 0.2:
            shutil.rmtree(again, ignore_errors=True)
            recover(path, again)
            return
        summarize(path)
        for _ in open_source(path):
            pass

    return once


def bag_metadata(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.recording.bag import recording_files, write_metadata
    from gaze_vlm_ros.recording.reader import summarize
    from gaze_vlm_ros.recording.summary import TopicQos

    text = write_metadata(summarize(_recording(folder))).read_bytes()
    qos = json.dumps([TopicQos().as_rosbag2()]).encode()

    def once() -> None:
        (folder / "metadata.yaml").write_bytes(damaged(text, random))
        TopicQos.from_rosbag2(damaged(qos, random).decode(errors="replace"))
        recording_files(folder)

    return once


def pictures(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.recording.images import decode_depth, decode_rgb, encode_depth, encode_jpeg

    encoded = [encode_jpeg(np.zeros((8, 8, 3), np.uint8)), encode_depth(np.ones((8, 8), np.float32))]
    encodings = ("rgb8", "bgr8", "mono8", "32FC1", "16UC1", "", "yuv", "rgba8")
    sizes = (0, 1, 3, 8, 2**16, 2**31, 2**32 - 1)

    def once() -> None:
        if random.random() < 0.5:
            name = str(random.choice(["jpeg", "32FC1; compressedDepth png", "16UC1; compressedDepth", ""]))
            message = SimpleNamespace(format=name, data=damaged(encoded[random.integers(2)], random))
        else:
            message = SimpleNamespace(
                encoding=str(random.choice(encodings)), height=int(random.choice(sizes)),
                width=int(random.choice(sizes)), step=int(random.choice(sizes)), is_bigendian=int(random.integers(2)),
                data=bytes(int(random.choice([0, 1, 24, 192, 1000]))),
            )  # fmt: skip
        refusable(lambda: decode_rgb(message))
        decode_depth(message)

    return once


def neon(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.sources.base import open_source

    original, copy = DATA / "neon_recording", folder / "neon"
    files = sorted(file for file in original.iterdir() if file.stat().st_size < 200_000)

    def once() -> None:
        shutil.rmtree(copy, ignore_errors=True)
        copy.mkdir()
        for file in files:
            (copy / file.name).write_bytes(file.read_bytes())
        broken = files[random.integers(len(files))]
        (copy / broken.name).write_bytes(damaged(broken.read_bytes(), random))
        for _ in open_source(copy):
            pass

    return once


def vrs(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.sources.base import open_source

    whole, path = (DATA / "aria_everyday_activities" / "recording.vrs").read_bytes(), folder / "a.vrs"

    def once() -> None:
        path.write_bytes(damaged(whole, random))
        for number, _ in enumerate(open_source(path)):
            if number > 3:
                break

    return once


def gaze_table(folder: Path, random: Random) -> Target:
    from gaze_vlm_ros.sources.aria_gaze import read_gaze_table
    from gaze_vlm_ros.types import CameraModel

    text = (DATA / "aria_everyday_activities" / "mps" / "eye_gaze" / "general_eye_gaze.csv").read_bytes()
    camera = CameraModel(640, 480, np.array([[400.0, 0, 320], [0, 400, 240], [0, 0, 1]]))
    view, path = SimpleNamespace(camera=camera, camera_T_cpf=np.eye(4)), folder / "gaze.csv"

    def once() -> None:
        path.write_bytes(damaged(text, random))
        read_gaze_table(path, view)

    return once
