"""Encoding frames where there is memory for it: fewer at once, then on the processor, then not at all."""

from __future__ import annotations

import torch
from torch import Tensor

from gaze_vlm_ros.errors import GazeVlmError
from gaze_vlm_ros.vlm.model import GazeVLM

_CPU = torch.device("cpu")
_NO_HOST_MEMORY = "can't allocate memory"
"""What torch's allocator of the processor says, in a plain RuntimeError."""


class EncodingError(GazeVlmError):
    """There is no such device, or no memory is left to encode a single frame."""


class FrameEncoder:
    """The model's frame encoder on ``device``; everything after it stays on the processor, where its tokens go.

    What was given up for lack of memory stays given up until a new encoder is made. Not thread-safe.
    """

    def __init__(self, model: GazeVLM, device: str = "cpu") -> None:
        """Raises EncodingError where there is no ``device``, such as ``cuda`` or ``cuda:1``."""
        self._model = model
        self._at_once: int | None = None
        self.notice = ""
        """What was given up for lack of memory, in words; empty while nothing was."""
        try:
            self._device = torch.device(device)
            self._move(self._device)
        except torch.cuda.OutOfMemoryError:
            self._leave_gpu()
        except (RuntimeError, AssertionError) as error:
            reason = str(error).splitlines()[0]
            raise EncodingError(f"frames cannot be encoded on {device} ({reason}); use device cpu") from error

    @property
    def device(self) -> torch.device:
        return self._device

    def encode(self, pixels: Tensor) -> Tensor:
        """Frames (F, 3, S, S) in [-1, 1] on the processor -> patch tokens (F, P, D) there.

        Raises EncodingError where one frame alone does not fit into the processor's memory.
        """
        while True:
            at_once = min(self._at_once or len(pixels), len(pixels))
            try:
                return torch.cat([self._encode(part) for part in pixels.split(at_once)])
            except torch.cuda.OutOfMemoryError:
                self._give_up(at_once)
            except (MemoryError, RuntimeError) as error:
                if isinstance(error, RuntimeError) and _NO_HOST_MEMORY not in str(error):
                    raise
                self._give_up(at_once)

    def _encode(self, pixels: Tensor) -> Tensor:
        return self._model.encode(pixels.to(self._device)).to(_CPU)

    def _give_up(self, at_once: int) -> None:
        """The next step down; raises EncodingError where there is none."""
        if at_once > 1:
            self._at_once = at_once // 2
            self.notice = f"out of memory on {self._device}: frames are encoded {self._at_once} at a time"
            _free(self._device)
        elif self._device != _CPU:
            self._leave_gpu()
        else:
            raise EncodingError(
                "there is not enough memory to encode a single frame; free some, or take a smaller model"
            )

    def _leave_gpu(self) -> None:
        left, self._device, self._at_once = self._device, _CPU, None
        self._move(_CPU)
        _free(left)
        self.notice = f"out of memory on {left}: frames are encoded on the processor until the node is configured anew"

    def _move(self, device: torch.device) -> None:
        base = self._model.base.model
        base.vision_tower.to(device)
        base.multi_modal_projector.to(device)


def _free(device: torch.device) -> None:
    """Gives what torch keeps for later back to the device."""
    if device.type == "cuda" and torch.cuda.is_available():
        torch.cuda.empty_cache()
