"""Memory that runs out: fewer frames at once, then the processor, then an error, each said in words."""

import pytest
import torch
from test_predictor import stream
from tiny import tiny_model

from gaze_vlm_ros.vlm.encoding import EncodingError, FrameEncoder
from gaze_vlm_ros.vlm.predictor import StreamingPredictor

CPU = torch.device("cpu")


def on_cpu(where):
    return [CPU if isinstance(item, torch.device) else item for item in where]


class Cramped:
    """A model whose encoder runs out of memory beyond ``fits`` frames of a call on the GPU, ``fits_cpu`` elsewhere."""

    def __init__(self, model, fits, fits_cpu=99):
        self.base, self.calls, self.on = model.base, [], CPU
        self._model, self._fits, self._fits_cpu = model, fits, fits_cpu

    def encode(self, pixels):
        self.calls.append((self.on.type, len(pixels)))
        if self.on.type == "cuda" and len(pixels) > self._fits:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        if self.on.type == "cpu" and len(pixels) > self._fits_cpu:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")
        return self._model.encode(pixels)


@pytest.fixture
def on_gpu(monkeypatch):
    """``on_gpu(fits, fits_cpu)``: the encoder of a small model on a GPU that is none, the model, and its frames."""
    to = torch.Tensor.to

    def build(fits, fits_cpu=99):
        model = Cramped(tiny_model()[0].eval(), fits, fits_cpu)
        monkeypatch.setattr(FrameEncoder, "_move", lambda self, device: setattr(model, "on", device))
        monkeypatch.setattr(torch.Tensor, "to", lambda self, *where, **how: to(self, *on_cpu(where), **how))
        size = model._model.config.image_size
        pixels = torch.rand(5, 3, size, size, generator=torch.Generator().manual_seed(0))
        return FrameEncoder(model, "cuda"), model, pixels

    return build


@torch.inference_mode()
def test_with_memory_enough_all_frames_go_at_once(on_gpu):
    encoder, model, pixels = on_gpu(fits=5)
    encoder.encode(pixels)
    assert model.calls == [("cuda", 5)] and not encoder.notice


@torch.inference_mode()
def test_fewer_frames_at_once_give_the_same_tokens_and_it_stays_so(on_gpu):
    encoder, model, pixels = on_gpu(fits=1)
    tokens = encoder.encode(pixels)
    assert torch.allclose(tokens, model._model.encode(pixels), atol=1e-5)
    assert [count for _, count in model.calls] == [5, 2, 1, 1, 1, 1, 1]
    assert encoder.notice == "out of memory on cuda: frames are encoded 1 at a time"
    model.calls.clear()
    encoder.encode(pixels)
    assert model.calls == [("cuda", 1)] * 5


@torch.inference_mode()
def test_where_one_frame_is_too_many_the_processor_takes_over_for_good(on_gpu):
    encoder, model, pixels = on_gpu(fits=0)
    tokens = encoder.encode(pixels)
    assert torch.allclose(tokens, model._model.encode(pixels), atol=1e-5)
    assert encoder.device == CPU and "frames are encoded on the processor" in encoder.notice
    model.calls.clear()
    encoder.encode(pixels)
    assert model.calls == [("cpu", 5)]


@torch.inference_mode()
def test_where_the_processor_has_no_memory_either_it_is_an_error(on_gpu):
    encoder, model, pixels = on_gpu(fits=0, fits_cpu=0)
    with pytest.raises(EncodingError, match="not enough memory to encode a single frame"):
        encoder.encode(pixels)
    assert [call for call in model.calls if call[1] == 1] == [("cuda", 1), ("cpu", 1)]


def test_another_error_of_the_model_is_passed_on(on_gpu):
    encoder, model, pixels = on_gpu(fits=5)
    model.encode = lambda pixels: (_ for _ in ()).throw(RuntimeError("shapes do not match"))
    with pytest.raises(RuntimeError, match="shapes"):
        encoder.encode(pixels)


def test_a_device_that_is_not_there_is_named():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EncodingError, match=r"on cuda .*; use device cpu"):
        FrameEncoder(tiny_model()[0], "cuda")
    with pytest.raises(EncodingError, match=r"on warp .*; use device cpu"):
        FrameEncoder(tiny_model()[0], "warp")


def test_predictions_are_the_same_with_fewer_frames_at_once():
    plain, model = StreamingPredictor(*tiny_model()), tiny_model()
    cramped = StreamingPredictor(*model)
    cramped._encoder._at_once = 1
    one, other = stream(plain, 4.0), stream(cramped, 4.0)
    assert (one.activity.text, one.event.text) == (other.activity.text, other.event.text)
    assert other.activity.confidence == pytest.approx(one.activity.confidence, abs=1e-4)
