"""Streaming: windows, padding, gaze, clocks that jump, and that `off` lets no gaze through."""

import numpy as np
import pytest
from tiny import CAMERA, frame_at, gaze_at, tiny_model

from gaze_vlm_ros.language import parse
from gaze_vlm_ros.types import Frame, PredictionKind
from gaze_vlm_ros.vlm.frames import FrameError, check_shape
from gaze_vlm_ros.vlm.predictor import PredictorError, StreamingPredictor

RATE_HZ = 5


def predictor(gaze_input="auto", seed=0):
    return StreamingPredictor(*tiny_model(seed), gaze_input)


def stream(one, seconds, gaze=None, start_s=0.0):
    """Observes ``seconds`` at 5 Hz, predicts at the end. ``gaze(t)`` -> point or None."""
    for i in range(round(seconds * RATE_HZ) + 1):
        t = start_s + i / RATE_HZ
        one.observe(frame_at(t), [gaze_at(t, *gaze(t))] if gaze and gaze(t) else [], CAMERA)
    return one.predict()


def same(a, b):
    return (
        a.activity == b.activity
        and a.event == b.event
        and np.array_equal(a.attention, b.attention)
        and np.array_equal(a.objects.label_index, b.objects.label_index)
    )


def test_says_what_the_contract_promises():
    one = predictor()
    output = stream(one, 6.0)
    assert (output.activity.kind, output.event.kind) == (PredictionKind.ACTIVITY, PredictionKind.EVENT)
    for prediction in (output.activity, output.event):
        assert prediction.stamp_ns == 6_000_000_000
        assert prediction.text == prediction.hypotheses[0].text
        assert prediction.confidence == prediction.hypotheses[0].probability
        assert 1 <= len(prediction.hypotheses) <= 3
        assert prediction.window_s == 5.0
        assert not prediction.out_of_domain
        assert not prediction.used_gaze
    assert output.attention.shape == output.objects.label_index.shape == output.objects.probability.shape == one.grid
    assert output.attention.dtype == np.float32
    assert output.attention.sum() == pytest.approx(1.0, abs=1e-5)
    assert output.objects.labels == one.labels


def test_slots_are_those_of_the_grammar():
    for hypothesis in stream(predictor(), 5.0).activity.hypotheses:
        slots = parse(hypothesis.text)
        assert (hypothesis.verb, hypothesis.object, hypothesis.place) == (
            (slots.verb, slots.object, slots.place) if slots else ("", "", "")
        )


def test_every_frame_is_encoded_once(monkeypatch):
    one = predictor()
    model = one._model
    encoded, encode = [], model.encode
    monkeypatch.setattr(model, "encode", lambda pixels: encoded.append(len(pixels)) or encode(pixels))
    for i in range(40):
        one.observe(frame_at(i / RATE_HZ), [], CAMERA)
        one.predict()
    assert sum(encoded) == 40
    one.predict()
    assert sum(encoded) == 40


def test_a_frame_is_not_encoded_for_the_sake_of_a_few_milliseconds(monkeypatch):
    """Frames at 15 Hz, predictions at every second one: t - 1 s falls between encoded frames."""
    one = predictor()
    encoded, encode = [], one._model.encode
    monkeypatch.setattr(one._model, "encode", lambda pixels: encoded.append(len(pixels)) or encode(pixels))
    for i in range(120):
        one.observe(frame_at(i / 15), [], CAMERA)
        if i % 2 == 0:
            one.predict()
    assert sum(encoded) == 60


def test_the_window_is_made_of_the_frames_one_second_apart():
    """Changing a frame at t - 3 s matters; changing one at t - 2.4 s, which no window instant is near, does not."""
    frames = {t: frame_at(t) for t in np.arange(0, 6.01, 0.2).round(2)}

    def attention(changed=None):
        one = predictor()
        for t, frame in frames.items():
            one.observe(frame_at(t, seed=99) if t == changed else frame, [], CAMERA)
        return one.predict().attention

    assert not np.array_equal(attention(), attention(changed=3.0))
    assert np.array_equal(attention(), attention(changed=3.6))
    assert np.array_equal(attention(), attention(changed=0.4))


def test_off_lets_no_gaze_through():
    without = stream(predictor("off"), 6.0)
    for point in ((50.0, 50.0), (600.0, 400.0)):
        assert same(stream(predictor("off"), 6.0, lambda _, p=point: p), without)
    assert not without.activity.used_gaze


def test_auto_uses_gaze_and_follows_it():
    one, other, none = (stream(predictor(), 6.0, g) for g in (lambda _: (50, 50), lambda _: (600, 400), None))
    assert one.activity.used_gaze and one.event.used_gaze
    assert one.attention[0:2, 0:2].sum() > other.attention[0:2, 0:2].sum()
    assert not np.array_equal(one.attention, none.attention)


@pytest.mark.parametrize("gaze", [lambda _: (np.nan, np.nan), lambda _: (np.nan, 100.0)])
def test_invalid_gaze_is_no_gaze(gaze):
    assert same(stream(predictor(), 6.0, gaze), stream(predictor(), 6.0))


@pytest.mark.parametrize("age_s", [0.25, -0.01])
def test_gaze_outside_the_200_ms_before_the_frame_is_not_its_own(age_s):
    one = predictor()
    one.observe(frame_at(1.0), [gaze_at(1.0, 100, 100, age_s)], CAMERA)
    assert not one.predict().activity.used_gaze


def test_gaze_in_some_frames_only_is_used_there():
    assert stream(predictor(), 6.0, lambda t: (100, 100) if t < 3.5 else None).activity.used_gaze


def test_a_replay_says_the_same_twice():
    one = predictor()
    first = stream(one, 6.0, lambda t: (300 + t, 200))
    one.reset()
    assert same(first, stream(one, 6.0, lambda t: (300 + t, 200)))
    assert same(first, stream(predictor(), 6.0, lambda t: (300 + t, 200)))


@pytest.mark.parametrize(("seconds", "out_of_domain"), [(0.0, True), (1.0, True), (2.0, False), (5.0, False)])
def test_a_window_padded_by_more_than_half_is_out_of_domain(seconds, out_of_domain):
    assert stream(predictor(), seconds).activity.out_of_domain is out_of_domain


def test_a_camera_that_paused_puts_the_window_out_of_domain():
    one = predictor()
    stream(one, 1.0)
    assert stream(one, 0.4, start_s=5.0).activity.out_of_domain


def test_order_and_repetition_of_frames_do_not_matter():
    frames = [frame_at(i / RATE_HZ) for i in range(31)]
    late = sorted(range(31), key=lambda i: i + 3 * (i % 4 == 1))
    shuffled = predictor()
    for i in [*late, 30, 29]:
        shuffled.observe(frames[i], [], CAMERA)
    assert same(shuffled.predict(), stream(predictor(), 6.0))


def test_time_that_jumps_back_starts_afresh():
    one = predictor()
    stream(one, 6.0, start_s=100.0)
    assert same(stream(one, 6.0), stream(predictor(), 6.0))


def test_memory_is_bounded():
    one = predictor()
    stream(one, 30.0)
    assert len(one._history) <= 5 * RATE_HZ + 1


@pytest.mark.parametrize("size", [(480, 640), (1080, 1920), (64, 64), (17, 3)])
def test_frames_of_any_size_are_taken(size):
    one = predictor()
    one.observe(Frame(1, np.zeros((*size, 3), np.uint8)), [], (size[1], size[0]))
    assert one.predict().activity.stamp_ns == 1


@pytest.mark.parametrize("rgb", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(rgb):
    with pytest.raises(FrameError, match="uint8"):
        predictor().observe(Frame(1, rgb), [], CAMERA)


@pytest.mark.parametrize("size", [(640, 480), (1280, 960), (321, 240)])
def test_a_scaled_picture_is_of_its_camera(size):
    check_shape(np.zeros((480, 640, 3), np.uint8), size)


@pytest.mark.parametrize("size", [(1280, 1280), (480, 640), (640, 360)])
def test_a_picture_of_another_camera_is_refused(size):
    with pytest.raises(FrameError, match=rf"640x480.*{size[0]}x{size[1]}.*camera_info"):
        check_shape(np.zeros((480, 640, 3), np.uint8), size)


def test_without_a_frame_there_is_no_prediction():
    one = predictor()
    with pytest.raises(PredictorError, match="no frame"):
        one.predict()
    stream(one, 1.0)
    one.reset()
    with pytest.raises(PredictorError, match="no frame"):
        one.predict()


def test_an_unknown_gaze_input_is_refused():
    with pytest.raises(PredictorError, match="auto, off"):
        predictor("maybe")
