"""Passwords: what is stored, what matches, and what everybody tries first."""

import pytest
from argon2 import PasswordHasher

from app.lib.crypto.passwords import Passwords, common_passwords, default_hasher, is_common


@pytest.fixture
def passwords() -> Passwords:
    return Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))


async def test_only_the_same_password_matches(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")

    assert await passwords.matches("correct horse", stored)
    assert not await passwords.matches("Correct horse", stored)
    assert not await passwords.matches("", stored)
    assert stored != await passwords.hash("correct horse")


async def test_nothing_matches_where_nothing_is_stored(passwords: Passwords) -> None:
    assert not await passwords.matches("", None)
    assert not await passwords.matches("correct horse", None)
    assert not await passwords.matches("correct horse", "not a hash")


async def test_the_same_letters_from_another_keyboard_match(passwords: Passwords) -> None:
    assert await passwords.matches("cafe\u0301 au lait", await passwords.hash("caf\u00e9 au lait"))


async def test_old_parameters_are_noticed(passwords: Passwords) -> None:
    stored = await passwords.hash("correct horse")

    assert not passwords.is_outdated(stored)
    assert Passwords(default_hasher()).is_outdated(stored)


def test_the_first_guesses_are_known() -> None:
    assert len(common_passwords()) > 10_000
    assert all(is_common(word) for word in ("password", "Password", "12345678", "qwertyuiop", "iloveyou", "sunshine"))
    assert not is_common("correct horse battery staple")


@pytest.mark.parametrize(
    "word", ["aaaaaaaa", "AaAaAaAa", "........", "23456789", "hgfedcba", "cdefghijklmnop", "abcdabcdab", "xyzxyzxyz"]
)
def test_a_pattern_is_a_first_guess(word: str) -> None:
    assert is_common(word)


@pytest.mark.parametrize("word", ["aaaaaaab", "abcdefgi", "tea for two", "abcdeabcde"])
def test_what_only_begins_as_a_pattern_is_not(word: str) -> None:
    assert not is_common(word)
