"""One spelling for one address."""

import pytest

from app.domain.accounts.service.accounts import normalised_email


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("Ada@Example.COM", "ada@example.com"),
        ("  ada@example.com\n", "ada@example.com"),
        ("\uff41da@example.com", "ada@example.com"),
        ("ada+tag@localhost", "ada+tag@localhost"),
        ("x" * 64 + "@example.com", "x" * 64 + "@example.com"),
    ],
)
def test_what_is_one_address_is_spelt_alike(typed: str, kept: str) -> None:
    assert normalised_email(typed) == kept


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "@",
        "ada",
        "ada@",
        "@example.com",
        "ada@example..com",
        "ada@.com",
        "ada@exam ple.com",
        "ada@ex\u00a0ample.com",
        "a\0da@example.com",
        "a@b@example.com",
        "x" * 65 + "@example.com",
        "ada@" + "x" * 251,
        "ada@example.com\x7f",
        "\ud800da@example.com",
    ],
)
def test_what_cannot_be_an_address_is_none(typed: str) -> None:
    assert normalised_email(typed) is None
