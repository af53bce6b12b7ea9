"""One frame to the members of a WebDataset sample and back: JPEG, PNG and JSON, the same bytes for the same frame.

The encoders are chosen for speed at 224x224: zlib's fastest level with the one filter that suits a picture.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, fields

import cv2
import numpy as np

from gaze_vlm_ros.recording.images import decompressed
from gaze_vlm_ros.training.shards.schema import POINTS, DataError, EpisodeHeader, FrameRecord, Labels, Pictures

RGB, DEPTH, SEGMENTATION, INSTANCE, FLOW, LABELS = MEMBERS = (
    "rgb.jpg",
    "depth.png",
    "segmentation.png",
    "instance.png",
    "flow.png",
    "labels.json",
)
"""Members of each sample, in the order in which they stand in the shard."""
MM_PER_M = 1000
FLOW_ZERO = 1 << 15
FLOW_PER_PX = 64
"""The flow format of the KITTI benchmark: 16-bit PNG, red and green = 64 px + 2^15, blue = 0 where unknown."""
_FLOW_STEP = 4
"""Of these 64ths of a pixel every fourth is used: 1/16 px is plenty, and the files are a third smaller."""
_FLOW_LIMIT_PX = 511.0
FLOW_UNKNOWN, FLOW_SEEN, FLOW_OCCLUDED = 0, 1, 2
_JPEG = [cv2.IMWRITE_JPEG_QUALITY, 92]
_PNG = [cv2.IMWRITE_PNG_COMPRESSION, 1, cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_SUB]
_DECIMALS = 5


def encode_frame(header: EpisodeHeader, index: int, frame: FrameRecord) -> dict[str, bytes]:
    """The members of frame ``index``; all of MEMBERS."""
    pictures = frame.pictures
    return {
        RGB: _image(".jpg", pictures.rgb[..., ::-1], _JPEG),
        DEPTH: _image(".png", _millimetres(pictures.depth_m), _PNG),
        SEGMENTATION: _image(".png", pictures.segmentation, _PNG),
        INSTANCE: _image(".png", pictures.instance, _PNG),
        FLOW: _image(".png", pack_flow(pictures), _PNG),
        LABELS: encode_labels(header, index, frame.labels),
    }


def _image(kind: str, picture: np.ndarray, parameters: list[int]) -> bytes:
    return cv2.imencode(kind, picture, parameters)[1].tobytes()


def _millimetres(depth_m: np.ndarray) -> np.ndarray:
    return np.nan_to_num(np.rint(depth_m * MM_PER_M), nan=0.0, posinf=0.0).clip(0, 65535).astype(np.uint16)


def pack_flow(pictures: Pictures) -> np.ndarray:
    """Flow as (H, W, 3) uint16 in OpenCV's order of channels (validity, y, x)."""
    packed = np.zeros((*pictures.rgb.shape[:2], 3), np.uint16)
    if pictures.flow_px is None:
        return packed
    x, y = cv2.split(pictures.flow_px)
    known = (np.abs(x) < _FLOW_LIMIT_PX) & (np.abs(y) < _FLOW_LIMIT_PX)
    for channel, way in ((2, x), (1, y)):
        np.rint(np.multiply(way, FLOW_PER_PX // _FLOW_STEP, out=way), out=way)
        np.add(np.multiply(way, _FLOW_STEP, out=way), FLOW_ZERO, out=way)
        way[~known] = 0.0
        packed[..., channel] = way
    packed[..., 0] = np.where(known, FLOW_SEEN + pictures.occluded, FLOW_UNKNOWN)
    return packed


def unpack_flow(packed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """``flow_px`` (H, W, 2) float32, NaN where unknown, and ``occluded`` (H, W) bool, of a packed picture."""
    flow = (packed[..., :0:-1].astype(np.float32) - FLOW_ZERO) / FLOW_PER_PX
    flow[packed[..., 0] == FLOW_UNKNOWN] = np.nan
    return flow, packed[..., 0] == FLOW_OCCLUDED


def decode_picture(member: str, data: bytes) -> np.ndarray | tuple[np.ndarray, np.ndarray]:
    """The picture of a member as ``Pictures`` has it; for the flow also what is occluded.

    Raises DataError where ``data`` is no picture.
    """
    picture = decompressed(data, cv2.IMREAD_COLOR if member == RGB else cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != (3 if member in (RGB, FLOW) else 2) or picture.shape[2:] not in ((), (3,)):
        raise DataError(f"{member} is no picture of its kind; generate the episode again")
    if member == RGB:
        return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    if member == DEPTH:
        return np.where(picture == 0, np.float32("nan"), picture.astype(np.float32) / MM_PER_M)
    return unpack_flow(picture) if member == FLOW else picture


def encode_labels(header: EpisodeHeader, index: int, labels: Labels) -> bytes:
    """Strict JSON with sorted keys; numbers to 1e-5, NaN as null."""
    values = {item.name: _plain(getattr(labels, item.name)) for item in fields(labels)}
    document = {"episode": asdict(header), "frame": index, **values}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _plain(value: object) -> object:
    """What JSON can hold of ``value``."""
    if isinstance(value, np.ndarray):
        return _plain(
            value.tolist() if value.dtype.kind in "iub" else np.round(value.astype(float), _DECIMALS).tolist()
        )
    if type(value) is float:
        return round(float(value), _DECIMALS) if np.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return _plain(value.item()) if isinstance(value, np.generic) else value


def decode_header(data: bytes) -> EpisodeHeader:
    """The episode's header in ``labels.json``. Raises DataError where ``data`` is no JSON or lacks something."""
    with _naming():
        known = json.loads(data)["episode"]
        return EpisodeHeader(**{item.name: _frozen(known[item.name]) for item in fields(EpisodeHeader)})


def decode_labels(data: bytes) -> Labels:
    """The labels in ``labels.json``. Raises DataError where ``data`` is no JSON or lacks one."""
    with _naming():
        document = json.loads(data)
        return Labels(**{item.name: _label(item.name, item.type, document[item.name]) for item in fields(Labels)})


@contextlib.contextmanager
def _naming() -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise DataError(f"labels.json lacks {error.args[0]!r}; generate the episode again") from None
    except (ValueError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise DataError(f"labels.json cannot be read ({error}); generate the episode again") from None


def _frozen(value: object) -> object:
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def _label(name: str, kind: str, value: object) -> object:
    if kind == "float":
        return float("nan") if value is None else float(value)
    if kind != "np.ndarray":
        return value
    if name == "patch_label":
        return np.array(value, np.uint8)
    array = np.array(value, dtype=float)
    return array.reshape(-1, 2) if name in POINTS else array
