"""Gaze as words and gaze drawn in: they say where it was, and nothing where there was none."""

import numpy as np
import pytest

from gaze_vlm_ros.language import vocabulary
from gaze_vlm_ros.types import PredictionKind
from gaze_vlm_ros.vlm.gaze_inputs import GAZE_WORDS, UNKNOWN_GAZE, draw_gaze, gaze_words
from gaze_vlm_ros.vlm.tokenizer import SentenceTokenizer

SIZE = 90, 60
NAN = [np.nan, np.nan]


@pytest.mark.parametrize(
    ("point", "word"),
    [
        ([0, 0], "upper-left"),
        ([-0.5, -0.5], "upper-left"),
        ([45, 30], "middle-centre"),
        ([89.4, 59.4], "lower-right"),
        ([29.4, 0], "upper-left"),
        ([29.6, 0], "upper-centre"),
        ([0, 40], "lower-left"),
        (NAN, UNKNOWN_GAZE),
        ([np.nan, 3], UNKNOWN_GAZE),
        ([90, 30], UNKNOWN_GAZE),
        ([45, -1], UNKNOWN_GAZE),
    ],
)
def test_the_ninth_of_the_picture(point, word):
    assert gaze_words(np.array([point]), SIZE) == word


def test_one_word_for_each_frame_in_its_order():
    said = gaze_words(np.array([[0, 0], NAN, [89, 59]]), SIZE).split()
    assert said == ["upper-left", UNKNOWN_GAZE, "lower-right"]


def test_every_ninth_has_a_word_of_its_own_that_a_tokenizer_can_learn():
    centres = np.array([[x, y] for y in (10, 30, 50) for x in (15, 45, 75)])
    said = gaze_words(centres, SIZE)
    assert set(said.split()) == set(GAZE_WORDS) - {UNKNOWN_GAZE}
    tokenizer = SentenceTokenizer.of_words([*vocabulary(), *GAZE_WORDS])
    prompt = tokenizer.prompt(PredictionKind.EVENT, 5, said)
    assert tokenizer.unknown_id not in prompt
    plain = tokenizer.prompt(PredictionKind.EVENT, 5)
    assert [*plain[:6], *tokenizer.encode(said), *plain[6:]] == prompt


def test_the_ring_is_about_the_gaze_and_leaves_what_is_looked_at():
    rgb = np.full((60, 90, 3), 100, np.uint8)
    drawn = draw_gaze(rgb, np.array([40.0, 20.0]))
    assert (rgb == 100).all(), "the frame itself is not touched"
    rows, columns = np.nonzero((drawn != rgb).any(axis=2))
    assert (rows.mean(), columns.mean()) == (pytest.approx(20, abs=0.5), pytest.approx(40, abs=0.5))
    assert np.hypot(rows - 20, columns - 40).max() < 90 / 16
    assert (drawn[20, 40] == 100).all()


@pytest.mark.parametrize("point", [NAN, [-5.0, 3.0], [90.0, 10.0], [10.0, 60.0]])
def test_without_gaze_the_picture_is_as_it_was(point):
    rgb = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    assert np.array_equal(draw_gaze(rgb, np.array(point)), rgb)
