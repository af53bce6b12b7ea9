"""What can be said, in how many ways, and that every way leads back to the same slots."""

from collections import Counter

import pytest

from gaze_vlm_ros.language import (
    ACTIVITIES,
    ACTIVITY_VERBS,
    EVENT_VERBS,
    EVENTS,
    OBJECT_KINDS,
    PLACES,
    ROBOT,
    TABLE,
    USES,
    LanguageError,
    Slots,
    makes_sense,
    parse,
    phrasings_of,
    plain,
    sentences,
    text_of,
    vocabulary,
)

SPLITS = ("train", "validation", "test")
KINDS = ("activity", "event")
ALL_PHRASINGS = [number for split in SPLITS for number in phrasings_of(split)]


def every_text():
    return [
        (slots, kind, number, text_of(slots, kind, number))
        for kind in KINDS
        for slots in sentences(kind)
        for number in ALL_PHRASINGS
    ]


def test_no_two_phrasings_are_one_text_and_each_leads_back_to_its_slots():
    texts = every_text()
    assert len({text for *_, text in texts}) == len(texts)
    assert [slots for slots, _, _, text in texts if parse(text) != slots] == []


def test_every_verb_has_six_phrasings_or_more_that_differ_before_the_slots_are_filled():
    for kind, verbs in zip(KINDS, (ACTIVITY_VERBS, EVENT_VERBS), strict=True):
        for verb in verbs:
            slots = next(slots for slots in sentences(kind) if slots.verb == verb)
            said = {text_of(slots, kind, number) for number in ALL_PHRASINGS}
            assert len(said) == len(ALL_PHRASINGS) >= 6, verb


def test_splits_share_no_phrasing_and_train_has_the_plain_one():
    assert len(ALL_PHRASINGS) == len(set(ALL_PHRASINGS))
    assert phrasings_of("train") == (0, 1, 2, 3)
    assert phrasings_of("validation") == (4,)
    assert min(phrasings_of("test")) == 5


@pytest.mark.parametrize(
    ("slots", "kind", "text"),
    [
        (Slots("look"), "activity", "looking around"),
        (Slots("move", "mug", "tray"), "activity", "moving the mug to the tray"),
        (Slots("hand over", "pen", ROBOT), "activity", "handing the pen to the robot"),
        (Slots("pour", "kettle", "mug"), "activity", "pouring from the kettle into the mug"),
        (Slots("stir", "spoon", "bowl"), "event", "stir the bowl with the spoon"),
        (Slots("put", "mug", "basket"), "event", "put the mug in the basket"),
        (Slots("put", "mug", TABLE), "event", "put the mug on the table"),
        (Slots("eat", "apple"), "activity", "eating the apple"),
        (Slots("eat", "spoon", "bowl"), "event", "eat from the bowl with the spoon"),
        (Slots("cut", "knife", "bread"), "activity", "cutting the bread with the knife"),
        (Slots("close", "jar"), "activity", "closing the jar"),
        (Slots("write", "pen", "letter"), "event", "write on the letter with the pen"),
    ],
)
def test_plain_sentences(slots, kind, text):
    assert text_of(slots, kind) == text
    assert parse(text) == slots


def test_parse_forgives_case_articles_spaces_and_a_full_stop():
    wanted = Slots("pour", "cereal box", "bowl")
    for text in (
        "Pouring from a cereal box into the bowl.",
        "  pouring  from cereal box   into bowl",
        "POUR FROM THE CEREAL BOX INTO THE BOWL",
    ):
        assert parse(text) == wanted


def test_plain_keeps_the_meaning_and_what_it_does_not_know():
    assert plain("grab the mug", "event") == "pick up the mug"
    assert plain("pick up the mug", "event") == "pick up the mug"
    assert plain("undoing the jar", "event") == "open the jar", "a use is one meaning, now or to come"
    assert plain("grab the mug", "activity") == "grab the mug"
    assert plain("nothing of the kind", "activity") == "nothing of the kind"


@pytest.mark.parametrize("text", ["", "the", "pour", "put the spoon", "pouring from the bread into the pen", "fly"])
def test_what_the_grammar_lacks_is_nothing(text):
    assert parse(text) is None


def test_only_what_makes_sense_can_be_said():
    assert sentences("activity") == ACTIVITIES
    assert sentences("event") == EVENTS
    assert max(Counter(ACTIVITIES + EVENTS).values()) == 2, "a use is one activity and one event"
    assert all(map(makes_sense, ACTIVITIES + EVENTS))
    assert not makes_sense(Slots("pour", "mug", "kettle"))
    assert not makes_sense(Slots("put", "mug"))
    assert not makes_sense(Slots("fly", "mug"))
    for slots in ACTIVITIES + EVENTS:
        assert slots.object in (*OBJECT_KINDS, "")
        assert slots.place in (*OBJECT_KINDS, *PLACES, ROBOT, TABLE, "")
        assert slots.object != slots.place or not slots.object
    used = {slots.object for slots in EVENTS if slots.verb in USES and slots.verb != "search"}
    used |= {slots.place for slots in EVENTS if slots.verb in USES}
    assert set(OBJECT_KINDS) <= used, "every kind is good for something"


def test_vocabulary_has_every_word_of_every_phrasing_and_no_other():
    assert vocabulary() == sorted({word for *_, text in every_text() for word in text.split()})


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: text_of(Slots("fly", "mug"), "event"), "no event verb 'fly'; there are pick up, put"),
        (lambda: text_of(Slots("look"), "event"), "no event verb 'look'"),
        (lambda: text_of(Slots("look"), "thought"), "no kind of sentence 'thought'; there are activity, event"),
        (lambda: text_of(Slots("look"), "activity", 7), "no phrasing 7"),
        (lambda: text_of(Slots("look"), "activity", -1), "no phrasing -1"),
        (lambda: text_of(Slots("put", "mug"), "event"), "no phrasing 0"),
        (lambda: phrasings_of("all"), "no split 'all'; there are train, validation, test"),
        (lambda: sentences("words"), "no kind of sentence 'words'"),
        (lambda: plain("pick up the mug", "words"), "no kind of sentence 'words'"),
    ],
)
def test_what_is_unknown_is_named_with_what_exists(call, words):
    with pytest.raises(LanguageError, match=words):
        call()
