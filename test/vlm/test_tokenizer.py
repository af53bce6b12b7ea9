"""Words to ids and back, for every sentence of the grammar."""

from gaze_vlm_ros.language import phrasings_of, sentences, text_of, vocabulary
from gaze_vlm_ros.vlm.config import IMAGE_TOKEN_ID, MOST_WORDS, GazeVLMConfig
from gaze_vlm_ros.vlm.tokenizer import KINDS, SentenceTokenizer


def every_text() -> list[str]:
    phrasings = [number for split in ("train", "validation", "test") for number in phrasings_of(split)]
    return [
        text_of(slots, kind.value, number) for kind in KINDS for slots in sentences(kind.value) for number in phrasings
    ]


def test_every_sentence_comes_back_and_fits(tmp_path):
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    tokenizer.save(tmp_path / "tokenizer.json")
    longest_question = max(len(tokenizer.prompt(kind, 0)) for kind in KINDS)
    for words in (tokenizer, SentenceTokenizer.load(tmp_path / "tokenizer.json")):
        for text in every_text():
            ids = words.encode(text)
            assert words.decode([*ids, words.eos_id, 7]) == text
            assert longest_question + len(ids) < MOST_WORDS


def test_prompts_have_the_placeholders_asked_for_and_one_length():
    tokenizer = SentenceTokenizer.of_words(vocabulary())
    prompts = [tokenizer.prompt(kind, 5) for kind in KINDS]
    assert [prompt.count(tokenizer.image_id) for prompt in prompts] == [5, 5]
    assert len({len(prompt) for prompt in prompts}) == 1, "training cuts the prompt off both alike"
    assert prompts[0] != prompts[1]
    assert tokenizer.image_id == IMAGE_TOKEN_ID
    text = GazeVLMConfig().base_config().text_config
    assert text.pad_token_id == tokenizer.pad_id
    assert text.bos_token_id == tokenizer.bos_id
    assert text.eos_token_id == tokenizer.eos_id
