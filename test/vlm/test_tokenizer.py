"""Words to ids and back, for every sentence of the grammar."""

from gaze_vlm_ros.language import phrasings_of, sentences, text_of, vocabulary
from gaze_vlm_ros.vlm.config import IMAGE_TOKEN_ID, GazeVLMConfig
from gaze_vlm_ros.vlm.decoding import MAX_WORDS
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer


def every_text() -> list[str]:
    phrasings = [number for split in ("train", "validation", "test") for number in phrasings_of(split)]
    return [
        text_of(slots, kind.value, number) for kind in KINDS for slots in sentences(kind.value) for number in phrasings
    ]


def test_every_sentence_comes_back_and_fits(tmp_path):
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    tokenizer.save(tmp_path / "tokenizer.json")
    for words in (tokenizer, SentenceTokenizer.load(tmp_path / "tokenizer.json")):
        for text in every_text():
            ids = words.encode(text)
            assert words.decode([*ids, words.eos_id, 7]) == text
            assert len(ids) < MAX_WORDS


def test_prompts_have_one_placeholder_per_frame_and_one_length():
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    prompts = [tokenizer.prompt(kind, 5) for kind in KINDS]
    assert [prompt.count(tokenizer.image_id) for prompt in prompts] == [5, 5]
    assert len({len(prompt) for prompt in prompts}) == 1, "both tasks are decoded as one batch without padding"
    assert prompts[0] != prompts[1]
    assert tokenizer.image_id == IMAGE_TOKEN_ID
    text = GazeVLMConfig().base_config().text_config
    assert text.pad_token_id == tokenizer.pad_id
    assert text.bos_token_id == tokenizer.bos_id
    assert text.eos_token_id == tokenizer.eos_id
