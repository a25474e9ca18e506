"""Values that are shown to nobody: in what spellings, and in how many pieces they come."""

import random
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest

from app.lib.observability.hiding import HEAD, Hidden, Passage
from app.lib.observability.redaction import REDACTED

KEY = 'sk-proj-Ab/9+xY"z0123456789qwertyuiop'
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": str,
    "in a URL": lambda key: quote(key, safe=""),
    "in a URL, small": lambda key: quote(key, safe="").lower(),
    "in JSON": lambda key: key.replace('"', '\\"'),
    "in hexadecimal": lambda key: key.encode().hex(),
    "in HEXADECIMAL": lambda key: key.encode().hex().upper(),
    "in base64": lambda key: b64encode(key.encode()).decode(),
    "in base64 after a byte": lambda key: b64encode(b":" + key.encode() + b"\n").decode(),
    "in base64 after a name": lambda key: b64encode(b"no" + key.encode()).decode(),
    "in base64 of URLs": lambda key: urlsafe_b64encode(b"user:" + key.encode()).decode(),
}


@pytest.fixture
def hidden() -> Hidden:
    hidden = Hidden()
    hidden.add(KEY)
    return hidden


def passed(hidden: Hidden, *pieces: str) -> str:
    passage = Passage(hidden)
    return "".join([*map(passage.passed, pieces), passage.rest()])


def cut(text: str, seed: int, longest: int) -> list[str]:
    chance = random.Random(seed)  # noqa: S311 - it shall be the same each time
    pieces = []
    while text:
        size = chance.randint(1, longest)
        pieces.append(text[:size])
        text = text[size:]
    return pieces


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_found_in_every_spelling(hidden: Hidden, form: str) -> None:
    spelled = FORMS[form](KEY)
    value = {"a": [{"b": f"It is {spelled}!"}], spelled: 1, "c": 7}

    told = hidden.without(value)

    assert hidden.is_in(f"<{spelled}>")
    assert told["a"][0]["b"].startswith("It is ")
    assert told["a"][0]["b"].endswith("!")
    assert REDACTED in told["a"][0]["b"]
    assert spelled not in str(told)
    assert told["c"] == 7


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("longest", [1, 2, 5, 40])
def test_a_key_that_comes_in_pieces_is_not_told(hidden: Hidden, form: str, longest: int) -> None:
    spelled = FORMS[form](KEY)
    text = f"Here: {spelled}, {spelled}{spelled} and sk-proj-."

    for seed in range(20):
        told = passed(hidden, *cut(text, seed, longest))

        assert spelled not in told
        assert told.count(REDACTED) == 3
        assert told.startswith("Here: ")
        assert told.endswith(" and sk-proj-.")


def test_no_more_than_its_beginning_gets_through(hidden: Hidden) -> None:
    assert passed(hidden, *KEY) == KEY[: HEAD - 1] + REDACTED
    assert passed(hidden, *KEY[:-1]) == KEY[: HEAD - 1] + REDACTED
    assert passed(hidden, *KEY[:6]) == KEY[:6]


def test_text_without_a_key_is_let_through_as_it_comes(hidden: Hidden) -> None:
    passage = Passage(hidden)

    assert [passage.passed(piece) for piece in ("one ", "task", " sk-", "pro", "be")] == [
        "one ",
        "task",
        " sk-",
        "",
        "probe",
    ]
    assert passage.rest() == ""


def test_what_was_held_back_may_become_void(hidden: Hidden) -> None:
    passage = Passage(hidden)
    assert passage.passed("sk-proj-") == ""

    passage.forget()

    assert passage.passed(" and on") == " and on"


def test_of_keys_that_begin_alike_all_of_the_longer_one_is_hidden(hidden: Hidden) -> None:
    hidden.add(f"{KEY}-and-more")

    assert hidden.without(f"{KEY}-and-more") == REDACTED
    assert passed(hidden, *f"{KEY}-and-less ") == f"{KEY[: HEAD - 1]}{REDACTED}-and-less "


@pytest.mark.parametrize("word", ["", "ollama", "EMPTY", "x"])
def test_words_that_stand_for_a_key_are_words(word: str) -> None:
    hidden = Hidden()
    hidden.add(word)

    assert passed(hidden, "ollama is not EMPTY, x.") == "ollama is not EMPTY, x."


def test_a_key_is_not_in_what_is_logged_of_it(hidden: Hidden) -> None:
    assert KEY not in repr(hidden)
